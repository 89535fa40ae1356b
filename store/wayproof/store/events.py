"""The journal of EPCIS events: appended to, never changed (EPCIS 2.0 §6.1, §7.4.1.2)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import fetch_all, fetch_tuples
from wayproof.store.violations import domain_errors

_SQL: Final = load("events")
_BATCH: Final = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEvent:
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


_TEXTS: Final = (
    "epcis_id",
    "event_type",
    "action",
    "event_time",
    "biz_step",
    "disposition",
    "read_point",
    "biz_location",
    "declared_at",
    "body",
    "canonical",
)


def lock_journal(conn: Conn, tenant_id: UUID) -> None:
    """Keeps other writers of the tenant out until the transaction ends.

    With it events become visible in the order of their numbers, and of two events with one id the second is seen.
    """
    with domain_errors():
        conn.execute(_SQL["lock_journal"], {"tenant_id": str(tenant_id)})


def find_known(conn: Conn, tenant_id: UUID, epcis_ids: Collection[str]) -> set[tuple[str, datetime | None]]:
    """What the journal has of these ids: each with None for an event, with its time for an error declaration."""
    params = {"tenant_id": tenant_id, "epcis_ids": list(epcis_ids)}
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
        columns = {name: [getattr(event, name) for event in batch] for name in _TEXTS}
        terms = [" ".join(event.terms) for event in batch]
        with domain_errors():
            conn.execute(_SQL["add_events"], {**common, **columns, "event_id": places, "terms": terms})
        _add_numbers(conn, tenant_id, places, batch)
        event_ids += places
    return event_ids


def get_events(conn: Conn, epcis_id: str) -> list[StoredEvent]:
    """What the tenant has under an eventID, in order of capture: an event, declarations of its error, or nothing."""
    return fetch_all(conn, StoredEvent, _SQL["get_events"], {"epcis_id": epcis_id})


def _add_numbers(conn: Conn, tenant_id: UUID, places: Sequence[int], events: Sequence[NewEvent]) -> None:
    rows = [(place, *number) for place, event in zip(places, events, strict=True) for number in event.numbers]
    if not rows:
        return
    event_id, field, dimension, value = map(list, zip(*rows, strict=True))
    params = {"tenant_id": tenant_id, "event_id": event_id, "field": field, "dimension": dimension, "value": value}
    with domain_errors():
        conn.execute(_SQL["add_numbers"], params)
