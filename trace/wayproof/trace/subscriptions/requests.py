"""What somebody must say who wants to be told (EPCIS 2.0 §12.7.3)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from wayproof.model.errors import InvalidInput
from wayproof.model.graph import EVER_BEFORE
from wayproof.store.subscriptions import NewSubscription
from wayproof.trace.epcis.formats import EpcFormat
from wayproof.trace.epcis.times import parse_instant
from wayproof.trace.subscriptions.schedule import Schedule, read_schedule
from wayproof.trace.subscriptions.webhook import Reach, check_dest

_FIELDS: Final = {"dest", "signatureToken", "stream", "schedule", "reportIfEmpty", "initialRecordTime"}
_LONGEST_TOKEN: Final = 500


def read_subscription(given: Any, *, query_name: str, epcs: EpcFormat, reach: Reach, newest_id: int) -> NewSubscription:
    """The subscriber that a JSON object describes.

    Args:
        given: the object.
        query_name: what it is subscribed to.
        epcs: how identifiers are to be written.
        reach: where webhooks may go.
        newest_id: place of the journal's last event: without `initialRecordTime` only what comes later is told.

    Raises:
        InvalidInput: a member that is unknown, missing or malformed; `pointer` names it.
    """
    if not isinstance(given, Mapping):
        raise InvalidInput(f"subscription: expected an object, got {type(given).__name__}", pointer="")
    unknown = sorted(given.keys() - _FIELDS)
    if unknown:
        raise InvalidInput(f"subscription: expected {', '.join(sorted(_FIELDS))}, got {unknown[0][:80]!r}", pointer="")
    now = datetime.now(UTC)
    schedule = read_when(given)
    begin = given.get("initialRecordTime")
    check_dest(_text(given, "dest", ""), reach)
    return NewSubscription(
        query_name=query_name,
        dest=given["dest"],
        signature_token=_text(given, "signatureToken", ""),
        schedule=None if schedule is None else {name: str(value) for name, value in given["schedule"].items()},
        report_if_empty=read_flag(given, "reportIfEmpty"),
        epc_format=epcs.value,
        # The place in the journal tells what is new; clocks of several processes would not.
        initial_record_time=_instant(begin) if begin is not None else EVER_BEFORE,
        last_seen_id=newest_id if begin is None else 0,
        due_at=now if schedule is None else schedule.next_after(now),
    )


def read_when(given: Mapping[str, Any]) -> Schedule | None:
    """The schedule; None for a stream. One of the two must be asked for."""
    is_stream = read_flag(given, "stream")
    if is_stream == ("schedule" in given):
        raise InvalidInput('subscription: expected either "stream": true or a schedule', pointer="/stream")
    return None if is_stream else read_schedule(given["schedule"])


def read_flag(given: Mapping[str, Any], name: str) -> bool:
    """True or false; false where it is not given."""
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise InvalidInput(f"{name}: expected true or false, got {str(value)[:80]!r}", pointer=f"/{name}")
    return value


def _text(given: Mapping[str, Any], name: str, default: str) -> str:
    value = given.get(name, default)
    if not isinstance(value, str) or (name == "signatureToken" and len(value) > _LONGEST_TOKEN):
        raise InvalidInput(f"{name}: expected a text of up to {_LONGEST_TOKEN} characters", pointer=f"/{name}")
    return value


def _instant(text: Any) -> datetime:
    if not isinstance(text, str):
        raise InvalidInput("initialRecordTime: expected a time (RFC 3339)", pointer="/initialRecordTime")
    try:
        return parse_instant(text)
    except InvalidInput as error:
        raise InvalidInput(f"initialRecordTime: {error}", pointer="/initialRecordTime") from error
