"""The journal of EPCIS events: appended to, never changed (EPCIS 2.0 §6.1, §7.4.1.2)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
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
    *_, locked_at = fetch_tuples(conn, _SQL["lock_journal"], {"tenant_id": str(tenant_id)})[0]
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Events as the database takes them, but for what only it can tell: who holds the journal's lock need not wait."""

    count: int
    columns: Mapping[str, Any]
    values: Mapping[str, Any]
    #: How many numbers each event has, and the columns of them all.
    numbers_of: Sequence[int]
    numbers: Mapping[str, Any]


def prepare(events: Sequence[NewEvent]) -> list[Batch]:
    """Events in the form in which they are appended."""
    return [_prepared(events[start : start + _BATCH]) for start in range(0, len(events), _BATCH)]


def add_events(
    conn: Conn,
    tenant_id: UUID,
    batches: Iterable[Batch],
    *,
    capture_id: UUID | None,
    context_id: int | None,
    record_time: datetime,
) -> list[int]:
    """Appends events and their numbers; their places in the journal, ascending. The caller holds the journal's lock."""
    event_ids: list[int] = []
    owner = {"tenant_id": tenant_id}
    common = {**owner, "capture_id": capture_id, "context_id": context_id, "record_time": record_time}
    for batch in batches:
        reserved = fetch_tuples(conn, _SQL["reserve"], {"count": batch.count})
        places = np.fromiter((place for (place,) in reserved), np.int64, batch.count)
        with domain_errors():
            conn.execute(_SQL["add_events"], {**common, **batch.columns, "event_id": Int8Array(places)})
            if batch.numbers:
                of_numbers = Int8Array(places.repeat(batch.numbers_of))
                conn.execute(_SQL["add_numbers"], {**owner, **batch.numbers, "event_id": of_numbers})
            conn.execute(_SQL["add_values"], {**owner, **batch.values})
        event_ids += places.tolist()
    return event_ids


def get_events(conn: Conn, epcis_id: str) -> list[StoredEvent]:
    """What the tenant has under an eventID, in order of capture: an event, declarations of its error, or nothing."""
    return fetch_all(conn, StoredEvent, _SQL["get_events"], {"epcis_id": epcis_id})


def _prepared(events: Sequence[NewEvent]) -> Batch:
    numbers = [number for event in events for number in event.numbers]
    values = {(vocabulary, getattr(event, field)) for vocabulary, field in _LISTED.items() for event in events}
    vocabularies, listed = zip(*(each for each in values if each[1] is not None), strict=True)
    return Batch(
        count=len(events),
        columns=_columns(events),
        values={"vocabulary": TextArray(vocabularies), "value": TextArray(listed)},
        numbers_of=[len(event.numbers) for event in events],
        numbers=_number_columns(numbers) if numbers else {},
    )


def _columns(events: Sequence[NewEvent]) -> dict[str, Any]:
    texts = {name: TextArray([getattr(event, name) for event in events]) for name in _TEXTS}
    declared = [NEVER if event.declared_at is None else to_microseconds(event.declared_at) for event in events]
    return {
        **texts,
        "event_time": TimestamptzArray(np.array([to_microseconds(event.event_time) for event in events])),
        "declared_at": TimestamptzArray(np.array(declared)),
        "terms": TextArray([" ".join(event.terms) for event in events]),
    }


def _number_columns(numbers: Sequence[tuple[str, str, float]]) -> dict[str, Any]:
    field, dimension, value = zip(*numbers, strict=True)
    return {
        "field": TextArray(field),
        "dimension": TextArray(dimension),
        "value": Float8Array(np.array(value, float)),
    }
