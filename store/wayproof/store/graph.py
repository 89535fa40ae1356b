"""Rows of the graph of things. What they mean is decided in `wayproof.trace.graph`."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from wayproof.model.graph import EVER_AFTER, Containment, Packing, ThingRow
from wayproof.store.arrays import Float8Array, Int4Array, Int8Array, TextArray, TimestamptzArray, UuidArray
from wayproof.store.microseconds import to_microseconds
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import fetch_tuples
from wayproof.store.violations import domain_errors

_SQL: Final = load("graph")
NOW: Final = EVER_AFTER
"""For `as_of`: everything that has been recorded."""


class Front(NamedTuple):
    """Things from which a search goes on, each with the time in which it counts."""

    nodes: Sequence[UUID]
    lows: Sequence[datetime]
    highs: Sequence[datetime]


class Contained(NamedTuple):
    """A container or content of the thing at `place` of a front (from 0), within the time in which that counts."""

    place: int
    node_id: UUID
    #: Whether they only belong together.
    is_association: bool
    low: datetime
    high: datetime
    quantity: float | None
    unit: str | None
    #: By which it came in; None: nobody told.
    event_id: int | None
    #: By which it came out; None: it is inside still.
    closed_by: int | None


class Part(NamedTuple):
    """A part in a transformation: of the thing at `place` of a front (from 0)."""

    place: int
    hub_id: UUID
    at: datetime
    quantity: float | None
    unit: str | None
    event_id: int


class HubPart(NamedTuple):
    """A thing's part in a transformation."""

    hub_id: UUID
    node_id: UUID
    at: datetime
    quantity: float | None
    unit: str | None
    event_id: int


class Happened(NamedTuple):
    """An event in which a thing has a part."""

    node_id: UUID
    role: str
    action: str | None
    at: datetime
    quantity: float | None
    unit: str | None
    event_id: int
    epcis_id: str
    event_type: str
    biz_step: str | None
    disposition: str | None
    read_point: str | None
    biz_location: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Parts of things in events as the database takes them, but for what is known of events once they are stored."""

    nodes: Mapping[str, Any]
    columns: Mapping[str, Any]
    #: Of which event each is, from 0.
    places: NDArray[np.int64]


def prepare(uris: Mapping[UUID, str], rows: Sequence[ThingRow]) -> Parts:
    """Parts of things, and the identifiers of these, in the form in which they are added."""
    nodes = sorted(uris)  # one order, so that writers of two tenants never wait for each other in a ring
    return Parts(
        nodes={"node_id": UuidArray(nodes), "uri": TextArray([uris[node] for node in nodes])},
        columns={
            "node_id": UuidArray([row.node_id for row in rows]),
            "role": TextArray([row.role for row in rows]),
            "hub_id": UuidArray([row.hub_id for row in rows]),
            "is_association": Int4Array(np.array([row.is_association for row in rows], int)),
            "action": TextArray([row.action for row in rows]),
            "event_time": _times(row.event_time for row in rows),
            "quantity": _floats(row.quantity for row in rows),
            "unit": TextArray([row.unit for row in rows]),
        },
        places=np.array([row.place for row in rows], np.int64),
    )


def add_parts(
    conn: Conn, tenant_id: UUID, parts: Parts, event_ids: Sequence[int], record_times: Sequence[datetime]
) -> None:
    """Adds parts of things in these events, and keeps identifiers that are new."""
    ids, times = np.array(event_ids, np.int64), np.array([to_microseconds(each) for each in record_times], np.int64)
    of_events = {
        "event_id": Int8Array(ids[parts.places]),
        "record_time": TimestamptzArray(times[parts.places]),
    }
    with domain_errors():
        conn.execute(_SQL["add_nodes"], {"tenant_id": tenant_id, **parts.nodes})
        conn.execute(_SQL["add_things"], {"tenant_id": tenant_id, **parts.columns, **of_events})


def void(conn: Conn, tenant_id: UUID, epcis_ids: Collection[str]) -> set[UUID]:
    """Marks the events of these eventIDs, which are declared wrong; returns the containers that this touches."""
    params = {"tenant_id": tenant_id, "epcis_ids": TextArray(list(epcis_ids))}
    return {hub_id for (hub_id,) in fetch_tuples(conn, _SQL["void"], params)}


def packings(conn: Conn, parents: Collection[UUID], *, as_of: datetime = NOW) -> list[Packing]:
    """Everything that was packed into these containers or taken out, as it was recorded at `as_of`."""
    params = {"parents": UuidArray(parents), "as_of": as_of}
    return [Packing(*row) for row in fetch_tuples(conn, _SQL["packings"], params)]


def replace_containments(
    conn: Conn, tenant_id: UUID, parents: Collection[UUID], containments: Sequence[Containment]
) -> None:
    """Puts these in the place of all that is known of the containers."""
    params = {
        "tenant_id": tenant_id,
        "parent_id": UuidArray([each.parent_id for each in containments]),
        "child_id": UuidArray([each.child_id for each in containments]),
        "is_association": Int4Array(np.array([each.is_association for each in containments], int)),
        "since": _times(each.since for each in containments),
        "until": _times(each.until for each in containments),
        "quantity": _floats(each.quantity for each in containments),
        "unit": TextArray([each.unit for each in containments]),
        "opened_by": Int8Array(np.array([each.opened_by or 0 for each in containments], int)),
        "closed_by": Int8Array(np.array([each.closed_by or 0 for each in containments], int)),
    }
    with domain_errors():
        conn.execute(_SQL["drop_containments"], {"parents": UuidArray(parents)})
        conn.execute(_SQL["add_containments"], params)


def clear(conn: Conn, tenant_id: UUID) -> None:
    """Forgets the tenant's graph. The caller holds the journal's lock."""
    with domain_errors():
        for name in ("clear_containments", "clear_things", "clear_nodes"):
            conn.execute(_SQL[name], {"tenant_id": tenant_id})


def list_declared(conn: Conn, tenant_id: UUID) -> set[str]:
    """EventIDs of events that are declared wrong."""
    return {epcis_id for (epcis_id,) in fetch_tuples(conn, _SQL["list_declared"], {"tenant_id": tenant_id})}


def count_journal(conn: Conn, tenant_id: UUID) -> int:
    """How many events the tenant has."""
    return int(fetch_tuples(conn, _SQL["count_journal"], {"tenant_id": tenant_id})[0][0])


def journal(
    conn: Conn, tenant_id: UUID, *, batch: int = 2_000
) -> Iterator[list[tuple[int, datetime, str, datetime | None, str]]]:
    """The tenant's events in order of capture: number, record time, eventID, declaration, canonical JSON."""
    after = 0
    while True:
        rows = fetch_tuples(conn, _SQL["journal"], {"tenant_id": tenant_id, "after": after, "limit": batch})
        if not rows:
            return
        yield [(row[0], row[1], row[2], row[3], row[4]) for row in rows]
        after = rows[-1][0]


def containers(conn: Conn, front: Front) -> list[Contained]:
    """In what the things were, or to what they belonged."""
    return [Contained(row[0] - 1, *row[1:]) for row in fetch_tuples(conn, _SQL["containers"], _front(front))]


def contents(conn: Conn, front: Front) -> list[Contained]:
    """What was in the things, or belonged to them."""
    return [Contained(row[0] - 1, *row[1:]) for row in fetch_tuples(conn, _SQL["contents"], _front(front))]


def changed(conn: Conn, nodes: Collection[UUID], *, as_of: datetime, is_around: bool) -> set[UUID]:
    """Of which containers something was told, or declared wrong, after `as_of`: these, or those around these things."""
    params = {"nodes": UuidArray(nodes), "as_of": as_of}
    return {node for (node,) in fetch_tuples(conn, _SQL["changed_around" if is_around else "changed"], params)}


def transformations(conn: Conn, front: Front, *, role: str, as_of: datetime) -> list[Part]:
    """Transformations that the things are inputs or outputs of."""
    params = {**_front(front), "role": role, "as_of": as_of}
    return [Part(row[0] - 1, *row[1:]) for row in fetch_tuples(conn, _SQL["transformations"], params)]


def parts(conn: Conn, hubs: Collection[UUID], *, role: str, as_of: datetime) -> list[HubPart]:
    """Inputs or outputs of transformations."""
    params = {"hubs": UuidArray(hubs), "role": role, "as_of": as_of}
    return [HubPart(*row) for row in fetch_tuples(conn, _SQL["parts"], params)]


def uris(conn: Conn, nodes: Collection[UUID]) -> dict[UUID, str]:
    """Identifiers of nodes; those that nobody has told of are missing."""
    return dict(fetch_tuples(conn, _SQL["uris"], {"nodes": UuidArray(nodes)}))


def happened(conn: Conn, nodes: Collection[UUID], *, as_of: datetime = NOW) -> list[Happened]:
    """The events in which things have a part, thing by thing in time."""
    return [Happened(*row) for row in fetch_tuples(conn, _SQL["happened"], {"nodes": UuidArray(nodes), "as_of": as_of})]


def told_within(conn: Conn, front: Front, *, as_of: datetime = NOW) -> dict[int, bool]:
    """Events in which the things have a part while they count, and whether they had been declared wrong by `as_of`."""
    return dict(fetch_tuples(conn, _SQL["told_within"], {**_front(front), "as_of": as_of}))


def _front(front: Front) -> dict[str, Any]:
    return {
        "node_id": UuidArray(front.nodes),
        "low": _times(iter(front.lows)),
        "high": _times(iter(front.highs)),
    }


def _times(values: Iterator[datetime]) -> TimestamptzArray:
    return TimestamptzArray(np.array([to_microseconds(value) for value in values], np.int64))


def _floats(values: Iterator[float | None]) -> Float8Array:
    return Float8Array(np.array([np.nan if value is None else value for value in values], float))
