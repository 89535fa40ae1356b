"""What is told of where things are. What it means is decided in `wayproof.trace.graph.whereabouts`."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

import numpy as np

from wayproof.store.arrays import Int8Array, TextArray, UuidArray
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import fetch_tuples

_SQL: Final = load("whereabouts")


EventPart: TypeAlias = tuple[int, int, str, float | None, str | None, UUID | None]
"""A part in an event: the place (from 0) of the thing among those that were asked for, the number of the event, the
role (a letter: `wayproof.trace.facts.Role`), quantity, unit, and the container or transformation (None for the rest,
and for what belongs to another thing by association). A bare tuple: the garbage collector need not look at these, and
there are tens of thousands."""

ToldRow: TypeAlias = tuple[Any, ...]
"""A `ToldEvent`, bare for the same reason."""


class ToldEvent(NamedTuple):
    """An event, as far as it tells of where things are. Words and identifiers are canonical."""

    event_id: int
    epcis_id: str
    at: datetime
    event_type: str
    action: str | None
    biz_step: str | None
    disposition: str | None
    read_point: str | None
    biz_location: str | None
    sources: Sequence[dict[str, str]] | None
    destinations: Sequence[dict[str, str]] | None


class HandedOver(NamedTuple):
    """An accepted handoff of the item at `place` (from 0) of those that were asked for."""

    place: int
    at: datetime
    digest: bytes
    receiver_party_id: UUID
    receiver_name: str


class PartyName(NamedTuple):
    """A party of the tenant."""

    party_id: UUID
    gln: str | None
    name: str


def names(conn: Conn, nodes: Sequence[UUID]) -> dict[int, str]:
    """Identifiers of nodes, by their places (from 0); those that nobody has told of are missing."""
    return dict(fetch_tuples(conn, _SQL["names"], {"node_id": UuidArray(nodes)}))


def stays(conn: Conn, nodes: Sequence[UUID]) -> list[tuple[int, UUID, datetime, datetime]]:
    """In what things ever were: the place (from 0) of the thing, the container, since when, and until before when."""
    return [
        (row[0], row[1], row[2], row[3]) for row in fetch_tuples(conn, _SQL["stays"], {"node_id": UuidArray(nodes)})
    ]


def parts(conn: Conn, nodes: Sequence[UUID], *, as_of: datetime) -> list[EventPart]:
    """Which parts things have in events that nobody had declared wrong."""
    found: Sequence[Any] = fetch_tuples(conn, _SQL["parts"], {"node_id": UuidArray(nodes), "as_of": as_of})
    return list(found)


def events(conn: Conn, event_ids: Collection[int]) -> dict[int, ToldRow]:
    """These events by number."""
    params = {"event_ids": Int8Array(np.array(sorted(event_ids), np.int64))}
    return {row[0]: row for row in fetch_tuples(conn, _SQL["events"], params)}


def handed_over(conn: Conn, items: Sequence[str], *, as_of: datetime) -> list[HandedOver]:
    """Accepted handoffs of items."""
    params: dict[str, Any] = {"items": TextArray(items), "as_of": as_of}
    return list(map(HandedOver._make, fetch_tuples(conn, _SQL["handed_over"], params)))


def list_parties(conn: Conn, tenant_id: UUID, *, glns: Collection[str], party_ids: Collection[UUID]) -> list[PartyName]:
    """Parties of the tenant; of two with one GLN the older is last."""
    params = {"tenant_id": tenant_id, "glns": list(glns), "party_ids": list(party_ids)}
    return list(map(PartyName._make, fetch_tuples(conn, _SQL["list_parties"], params)))
