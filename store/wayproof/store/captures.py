"""Capture jobs: a document is stored before its caller is told so, and kept until it has been worked off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import after, fetch_all, fetch_one, fetch_optional, fetch_tuples
from wayproof.store.violations import domain_errors

_SQL: Final = load("captures")


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptureJob:
    """A job and how it stands."""

    capture_id: UUID
    created_at: datetime
    #: None: it waits, or runs.
    finished_at: datetime | None
    #: Whether good events are captured although others are at fault.
    is_proceeding: bool
    is_lenient: bool
    #: Whether every event was captured; None: not finished.
    is_success: bool | None
    #: How many were.
    events: int
    #: `asdict` of each `wayproof.trace.epcis.validate.Fault`.
    errors: Sequence[Mapping[str, Any]]
    #: The same, of what was captured nevertheless.
    forgiven: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingDocument:
    """A document that is to be captured."""

    content: bytes
    is_proceeding: bool
    is_lenient: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a job ended."""

    is_success: bool
    events: int
    errors: Sequence[Mapping[str, Any]]
    forgiven: Sequence[Mapping[str, Any]]
    #: JSON of the document without its events; None where nothing was captured.
    envelope: str | None


def create_capture(conn: Conn, tenant_id: UUID, *, is_proceeding: bool, is_lenient: bool) -> UUID:
    """A job that is not finished."""
    params = {"tenant_id": tenant_id, "is_proceeding": is_proceeding, "is_lenient": is_lenient}
    return UUID(str(fetch_tuples(conn, _SQL["create_capture"], params)[0][0]))


def keep_document(conn: Conn, tenant_id: UUID, capture_id: UUID, content: bytes) -> None:
    """Stores the document that a job is to capture."""
    with domain_errors():
        params = {"capture_id": capture_id, "tenant_id": tenant_id, "content": content}
        conn.execute(_SQL["keep_document"], params)


def list_waiting(conn: Conn, limit: int) -> list[tuple[UUID, UUID]]:
    """Tenant and job of documents: of each tenant in turn, and those last that have failed before."""
    with domain_errors():
        conn.execute(_SQL["see_waiting"])
    return [(tenant_id, job) for tenant_id, job in fetch_tuples(conn, _SQL["list_waiting"], {"limit": limit})]


def count_try(conn: Conn, capture_id: UUID) -> int | None:
    """Notes that work on a document begins; how often it has begun, or None where another worker has it."""
    rows = fetch_tuples(conn, _SQL["count_try"], {"capture_id": capture_id})
    return int(rows[0][0]) if rows else None


def forgive_tries(conn: Conn, capture_id: UUID, *, most: int) -> None:
    """Counts no more than `most` tries of a document."""
    with domain_errors():
        conn.execute(_SQL["forgive_tries"], {"capture_id": capture_id, "most": most})


def commit_lazily(conn: Conn) -> None:
    """Lets this transaction end before it is on disk: after a crash the document waits again, as if never begun.

    Whatever commits later takes it along, so nothing that is on disk can rest on events that are not.
    """
    conn.execute(_SQL["commit_lazily"])


def take_document(conn: Conn, capture_id: UUID) -> WaitingDocument | None:
    """The document for this transaction alone; None where another worker has it or has done it."""
    return fetch_optional(conn, WaitingDocument, _SQL["take_document"], {"capture_id": capture_id})


def drop_document(conn: Conn, capture_id: UUID) -> None:
    """Forgets the document of a job."""
    with domain_errors():
        conn.execute(_SQL["drop_document"], {"capture_id": capture_id})


def finish_capture(conn: Conn, capture_id: UUID, outcome: Outcome) -> None:
    """Writes down how a job ended."""
    params = {
        "capture_id": capture_id,
        "is_success": outcome.is_success,
        "events": outcome.events,
        "errors": Jsonb(outcome.errors),
        "forgiven": Jsonb(outcome.forgiven),
        "envelope": outcome.envelope,
    }
    with domain_errors():
        conn.execute(_SQL["finish_capture"], params)


def get_capture(conn: Conn, capture_id: UUID) -> CaptureJob:
    """One job of the tenant; NotFound where it has none of that id."""
    return fetch_one(conn, CaptureJob, _SQL["get_capture"], {"capture_id": capture_id}, f"capture job {capture_id}")


def list_captures(conn: Conn, *, position: tuple[datetime, UUID] | None, limit: int) -> list[CaptureJob]:
    """Jobs of the tenant, newest first, from after `position` (creation time and id) on."""
    return fetch_all(conn, CaptureJob, _SQL["list_captures"], {**after(position), "limit": limit})
