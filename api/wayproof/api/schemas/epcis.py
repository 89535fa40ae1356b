"""Capture jobs as the standard tells them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import Field, RootModel

from wayproof.api.epcis import ALREADY_EXISTS, FAULT_OF_OURS, VALIDATION
from wayproof.api.schemas.base import View
from wayproof.store.captures import CaptureJob
from wayproof.trace.epcis.rules import Rule

_JOB: Final = "0b8f7c1e-54f5-4a0f-9b39-6ad0f7f1c5a1"
_KINDS: Final = {Rule.DUPLICATE: ALREADY_EXISTS, Rule.INTERNAL: FAULT_OF_OURS}
_POINTER: Final = "/epcisBody/eventList/0/action"
_DETAIL: Final = 'action does not fit: expected ADD, OBSERVE or DELETE, got "CREATE"'


class FaultView(View):
    """Something wrong with a document: a problem (RFC 9457) with its place."""

    type: str = Field(examples=["epcisException:ValidationException"])
    title: str = Field(examples=[VALIDATION.title])
    status: int = Field(examples=[400])
    detail: str = Field(examples=[_DETAIL])
    instance: str = Field(description="JSON pointer (RFC 6901) into the document", examples=[_POINTER])
    event: int | None = Field(description="Which event, counted from 0; null: the document itself", examples=[0])
    rule: str = Field(description="What it breaks, in one word", examples=["structure"])

    @classmethod
    def of(cls, fault: Mapping[str, Any]) -> "FaultView":
        """Out of the fields of a `Fault`."""
        kind = _KINDS.get(fault["rule"], VALIDATION)
        return cls(
            type=kind.uri,
            title=kind.title,
            status=kind.status,
            detail=f"{fault['said']}: expected {fault['expected']}, got {fault['got']}",
            instance=fault["pointer"],
            event=fault["event"],
            rule=fault["rule"],
        )


class CaptureJobView(View):
    """How a capture job stands. Names are the standard's."""

    capture_id: UUID = Field(serialization_alias="captureID", examples=[_JOB])
    created_at: datetime = Field(serialization_alias="createdAt", examples=["2026-03-02T08:00:00Z"])
    finished_at: datetime | None = Field(serialization_alias="finishedAt", examples=["2026-03-02T08:00:01Z"])
    running: bool = Field(description="Whether it waits or is worked on", examples=[False])
    success: bool = Field(description="Whether no error has occurred so far", examples=[False])
    behaviour: Literal["rollback", "proceed"] = Field(
        serialization_alias="captureErrorBehaviour", examples=["rollback"]
    )
    events: int = Field(description="How many events were captured", examples=[0])
    errors: list[FaultView] = Field(description="Why events were not captured; at most the first 1,000")
    warnings: list[FaultView] = Field(description="What was captured nevertheless, and should be looked at")

    @classmethod
    def of(cls, job: CaptureJob) -> "CaptureJobView":
        """Out of a stored job."""
        return cls(
            capture_id=job.capture_id,
            created_at=job.created_at,
            finished_at=job.finished_at,
            running=job.finished_at is None,
            success=job.is_success is not False,
            behaviour="proceed" if job.is_proceeding else "rollback",
            events=job.events,
            errors=[FaultView.of(fault) for fault in job.errors],
            warnings=[FaultView.of(fault) for fault in job.forgiven],
        )


class CaptureJobList(RootModel[list[CaptureJobView]]):
    """Capture jobs, newest first: an array, as the standard has it."""
