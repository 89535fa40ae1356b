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


class Recorded(Struct, frozen=True):
    """An event of the journal."""

    event_id: int
    record_time: datetime
    epcis_id: str
    #: Set for an error declaration, which says nothing of things.
    declared_at: datetime | None
    facts: Facts


@lru_cache(maxsize=_REMEMBERED)
def key_of(tenant_id: UUID, uri: str) -> UUID:
    """The key of a thing, or of a transformation, in the graph of a tenant."""
    return UUID(bytes=sha256(tenant_id.bytes + uri.encode()).digest()[:_KEY_BYTES])


def add_events(conn: Conn, tenant_id: UUID, recorded: Sequence[Recorded], declared: Collection[str]) -> None:
    """Adds events that are in the journal already; `declared` are those of their eventIDs that are declared wrong.

    The caller holds the journal's lock.
    """
    uris: dict[UUID, str] = {}
    rows = [row for each in recorded if each.declared_at is None for row in _rows(tenant_id, each, uris)]
    if rows:
        graph.add_nodes(conn, tenant_id, uris)
        graph.add_things(conn, tenant_id, rows)
    touched = {row.hub_id for row in rows if row.hub_id and row.role in _PACKED}
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
        recorded = [Recorded(*row[:4], facts_of(read_stored(row[4]))) for row in batch]
        add_events(conn, tenant_id, recorded, declared & {each.epcis_id for each in recorded})
        count += len(batch)
        progress(len(batch))
    return count


def _rows(tenant_id: UUID, recorded: Recorded, uris: dict[UUID, str]) -> Iterator[ThingRow]:
    facts = recorded.facts
    for thing in facts.things:
        node_id = key_of(tenant_id, thing.uri)
        uris[node_id] = thing.uri
        hub_id = _hub(tenant_id, recorded, thing.role)
        # What is seen in a container that nobody names is just seen.
        role = Role.OBJECT if hub_id is None and thing.role is Role.CHILD else thing.role
        yield ThingRow(
            recorded.event_id,
            node_id,
            role,
            hub_id,
            facts.is_association,
            facts.action,
            facts.event_time,
            recorded.record_time,
            thing.quantity,
            thing.unit,
        )


def _hub(tenant_id: UUID, recorded: Recorded, role: Role) -> UUID | None:
    facts = recorded.facts
    if role in _PACKED:
        return key_of(tenant_id, facts.parent) if facts.parent else None
    if role in _TRANSFORMED:
        name = facts.transformation_id or f"event {recorded.epcis_id}"
        return key_of(tenant_id, f"transformation {name}")
    return None
