"""The graph out of the journal: with each capture, and all over again."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final
from uuid import UUID

from msgspec import Struct

from wayproof.model.graph import ThingRow
from wayproof.store import events, graph
from wayproof.store.pool import Conn
from wayproof.trace.epcis.reading import read_stored
from wayproof.trace.facts import Facts, Role, facts_of
from wayproof.trace.graph.containment import containments

_KEY_BYTES: Final = 16
_REMEMBERED: Final = 1 << 15
_PACKED: Final = frozenset({Role.CHILD, Role.EMPTIED})
_TRANSFORMED: Final = frozenset({Role.INPUT, Role.OUTPUT})


class Told(Struct, frozen=True):
    """An event as the graph takes it."""

    epcis_id: str
    #: Set for an error declaration, which says nothing of things.
    declared_at: datetime | None
    facts: Facts


class Ready(Struct, frozen=True):
    """What events add to the graph, but for what is known of them once they are in the journal."""

    #: None: nothing.
    parts: graph.Parts | None
    #: What was packed or unpacked.
    containers: frozenset[UUID]


@lru_cache(maxsize=_REMEMBERED)
def key_of(tenant_id: UUID, uri: str) -> UUID:
    """The key of a thing, or of a transformation, in the graph of a tenant."""
    return UUID(bytes=sha256(tenant_id.bytes + uri.encode()).digest()[:_KEY_BYTES])


def prepare(tenant_id: UUID, told: Sequence[Told]) -> Ready:
    """What these events add: all that need not be done under the journal's lock."""
    uris: dict[UUID, str] = {}
    rows = [
        row
        for place, each in enumerate(told)
        if each.declared_at is None
        for row in _rows(tenant_id, place, each, uris)
    ]
    containers = frozenset(row.hub_id for row in rows if row.hub_id and row.role in _PACKED)
    return Ready(graph.prepare(uris, rows) if rows else None, containers)


def add_events(
    conn: Conn,
    tenant_id: UUID,
    ready: Ready,
    *,
    event_ids: Sequence[int],
    record_times: Sequence[datetime],
    declared: Collection[str],
) -> None:
    """Adds events that are in the journal already; `declared` are those of their eventIDs that are declared wrong.

    The caller holds the journal's lock.
    """
    if ready.parts:
        graph.add_parts(conn, tenant_id, ready.parts, event_ids, record_times)
    touched = ready.containers
    if declared:
        touched |= graph.void(conn, tenant_id, declared)
    if touched:
        graph.replace_containments(conn, tenant_id, touched, containments(graph.packings(conn, touched)))


def rebuild(conn: Conn, tenant_id: UUID, *, progress: Callable[[int], None] = lambda _count: None) -> int:
    """Makes the tenant's graph again from its journal, in the caller's transaction; how many events there are."""
    events.lock_journal(conn, tenant_id)
    graph.clear(conn, tenant_id)
    declared = graph.list_declared(conn, tenant_id)
    count = 0
    for batch in graph.journal(conn, tenant_id):
        event_ids, record_times, epcis_ids, declared_at, bodies = zip(*batch, strict=True)
        told = map(Told, epcis_ids, declared_at, (facts_of(read_stored(body)) for body in bodies))
        ready = prepare(tenant_id, list(told))
        add_events(
            conn,
            tenant_id,
            ready,
            event_ids=event_ids,
            record_times=record_times,
            declared=declared & set(epcis_ids),
        )
        count += len(batch)
        progress(len(batch))
    return count


def _rows(tenant_id: UUID, place: int, told: Told, uris: dict[UUID, str]) -> Iterator[ThingRow]:
    facts = told.facts
    for thing in facts.things:
        node_id = key_of(tenant_id, thing.uri)
        uris[node_id] = thing.uri
        hub_id = _hub(tenant_id, told, thing.role)
        # What is seen in a container that nobody names is just seen.
        role = Role.OBJECT if hub_id is None and thing.role is Role.CHILD else thing.role
        yield ThingRow(
            place,
            node_id,
            role,
            hub_id,
            facts.is_association,
            facts.action,
            facts.event_time,
            thing.quantity,
            thing.unit,
        )


def _hub(tenant_id: UUID, told: Told, role: Role) -> UUID | None:
    facts = told.facts
    if role in _PACKED:
        return key_of(tenant_id, facts.parent) if facts.parent else None
    if role in _TRANSFORMED:
        name = facts.transformation_id or f"event {told.epcis_id}"
        return key_of(tenant_id, f"transformation {name}")
    return None
