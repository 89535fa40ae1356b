"""The journal of EPCIS events: appended to, never changed (EPCIS 2.0 §6.1, §7.4.1.2)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import numpy as np
from msgspec import Struct

from wayproof.store.arrays import NEVER, Float8Array, Int8Array, TextArray, TimestamptzArray
from wayproof.store.microseconds import to_microseconds
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import fetch_all, fetch_tuples
from wayproof.store.violations import domain_errors

_SQL: Final = load("events")
_BATCH: Final = 2_000


class NewEvent(Struct, frozen=True, kw_only=True):
    """One event on its way into the journal."""

    epcis_id: str
    event_type: str
    action: str | None
    event_time: datetime
    biz_step: str | None
    disposition: str | None
    read_point: str | None
    biz_location: str | None
    #: Set for an error declaration.
    declared_at: datetime | None
    #: JSON as it was sent.
    body: str
    #: JSON in the words in which it is indexed.
    canonical: str
    #: Words without spaces.
    terms: Sequence[str]
    #: Field, dimension and value of each number.
    numbers: Sequence[tuple[str, str, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredEvent:
    """One event out of the journal."""

    event_id: int
    epcis_id: str
    record_time: datetime
    #: JSON as it was sent.
    body: str
    #: JSON of the document's `@context`; None where it had none.
    context: str | None


class Vocabulary(StrEnum):
    """What can be listed of the journal."""

    EVENT_TYPES = "event_types"
    BIZ_STEPS = "biz_steps"
    BIZ_LOCATIONS = "biz_locations"
    READ_POINTS = "read_points"
    DISPOSITIONS = "dispositions"


_LISTED: Final = {
    Vocabulary.EVENT_TYPES: "event_type",
    Vocabulary.BIZ_STEPS: "biz_step",
    Vocabulary.BIZ_LOCATIONS: "biz_location",
    Vocabulary.READ_POINTS: "read_point",
    Vocabulary.DISPOSITIONS: "disposition",
}
_TEXTS: Final = (
    "epcis_id",
    "event_type",
    "action",
    "biz_step",
    "disposition",
    "read_point",
    "biz_location",
    "body",
    "canonical",
)


def lock_journal(conn: Conn, tenant_id: UUID) -> datetime:
    """Keeps other writers of the tenant out until the transaction ends; when that came about, by the database's clock.

    With it events become visible in the order of their numbers, and of two events with one id the second is seen.
    """
    _, _, locked_at = fetch_tuples(conn, _SQL["lock_journal"], {"tenant_id": str(tenant_id)})[0]
    at: datetime = locked_at
    return at


def find_known(conn: Conn, tenant_id: UUID, epcis_ids: Collection[str]) -> set[tuple[str, datetime | None]]:
    """What the journal has of these ids: each with None for an event, with its time for an error declaration."""
    params = {"tenant_id": tenant_id, "epcis_ids": TextArray(list(epcis_ids))}
    return {(epcis_id, declared_at) for epcis_id, declared_at in fetch_tuples(conn, _SQL["find_known"], params)}


def add_context(conn: Conn, content: str) -> int:
    """The number of a context, which is kept if it is new."""
    digest = sha256(content.encode()).digest()
    with domain_errors():
        found = fetch_tuples(conn, _SQL["get_context"], {"digest": digest})
        if not found:
            conn.execute(_SQL["add_context"], {"digest": digest, "content": content})
            found = fetch_tuples(conn, _SQL["get_context"], {"digest": digest})
    return int(found[0][0])


def add_events(
    conn: Conn,
    tenant_id: UUID,
    events: Sequence[NewEvent],
    *,
    capture_id: UUID | None,
    context_id: int | None,
    record_time: datetime,
) -> list[int]:
    """Appends events and their numbers; their places in the journal, ascending. The caller holds the journal's lock."""
    event_ids: list[int] = []
    common = {
        "tenant_id": tenant_id,
        "capture_id": capture_id,
        "context_id": context_id,
        "record_time": record_time,
    }
    for start in range(0, len(events), _BATCH):
        batch = events[start : start + _BATCH]
        places = [int(place) for (place,) in fetch_tuples(conn, _SQL["reserve"], {"count": len(batch)})]
        with domain_errors():
            conn.execute(_SQL["add_events"], {**common, **_columns(places, batch)})
        _add_numbers(conn, tenant_id, places, batch)
        _add_values(conn, tenant_id, batch)
        event_ids += places
    return event_ids


def get_events(conn: Conn, epcis_id: str) -> list[StoredEvent]:
    """What the tenant has under an eventID, in order of capture: an event, declarations of its error, or nothing."""
    return fetch_all(conn, StoredEvent, _SQL["get_events"], {"epcis_id": epcis_id})


def _columns(places: Sequence[int], events: Sequence[NewEvent]) -> dict[str, Any]:
    texts = {name: TextArray([getattr(event, name) for event in events]) for name in _TEXTS}
    declared = [NEVER if event.declared_at is None else to_microseconds(event.declared_at) for event in events]
    return {
        **texts,
        "event_id": Int8Array(np.array(places)),
        "event_time": TimestamptzArray(np.array([to_microseconds(event.event_time) for event in events])),
        "declared_at": TimestamptzArray(np.array(declared)),
        "terms": TextArray([" ".join(event.terms) for event in events]),
    }


def _add_numbers(conn: Conn, tenant_id: UUID, places: Sequence[int], events: Sequence[NewEvent]) -> None:
    rows = [(place, *number) for place, event in zip(places, events, strict=True) for number in event.numbers]
    if not rows:
        return
    event_id, field, dimension, value = zip(*rows, strict=True)
    params = {
        "tenant_id": tenant_id,
        "event_id": Int8Array(np.array(event_id)),
        "field": TextArray(field),
        "dimension": TextArray(dimension),
        "value": Float8Array(np.array(value, float)),
    }
    with domain_errors():
        conn.execute(_SQL["add_numbers"], params)


def _add_values(conn: Conn, tenant_id: UUID, events: Sequence[NewEvent]) -> None:
    rows = {(vocabulary, getattr(event, field)) for vocabulary, field in _LISTED.items() for event in events}
    vocabularies, values = zip(*(row for row in rows if row[1] is not None), strict=True)
    params = {"tenant_id": tenant_id, "vocabulary": TextArray(vocabularies), "value": TextArray(values)}
    with domain_errors():
        conn.execute(_SQL["add_values"], params)
