"""What else went into the transformations and containers that a search downstream has met."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import accumulate
from uuid import UUID

from wayproof.model.graph import EVER_AFTER, EVER_BEFORE
from wayproof.store import graph
from wayproof.store.graph import Front
from wayproof.store.pool import Conn
from wayproof.trace.facts import Role
from wayproof.trace.graph import holding
from wayproof.trace.graph.questions import Edge, EdgeKind, Traced


def inflows(conn: Conn, traced: Traced, *, as_of: datetime | None = None) -> list[Edge]:
    """All edges into the things and transformations of a search, and into containers as long as its things were inside.

    Those that the search itself has found are among them. In four queries; the search must have had the same `as_of`.
    """
    return [*_inputs(conn, traced, as_of), *_makings(conn, traced, as_of), *_contents(conn, traced, as_of)]


def _inputs(conn: Conn, traced: Traced, as_of: datetime | None) -> Iterator[Edge]:
    hubs = {edge.target for edge in traced.edges if edge.kind is EdgeKind.INPUT}
    for put in graph.parts(conn, hubs, role=Role.INPUT, as_of=as_of or graph.NOW) if hubs else ():
        yield Edge(EdgeKind.INPUT, put.node_id, put.hub_id, put.at, put.quantity, put.unit, put.event_id)


def _makings(conn: Conn, traced: Traced, as_of: datetime | None) -> Iterator[Edge]:
    made = list(dict.fromkeys(edge.target for edge in traced.edges if edge.kind is EdgeKind.OUTPUT))
    ever = Front(made, [EVER_BEFORE] * len(made), [EVER_AFTER] * len(made))
    for part in graph.transformations(conn, ever, role=Role.OUTPUT, as_of=as_of or graph.NOW) if made else ():
        yield Edge(EdgeKind.OUTPUT, part.hub_id, made[part.place], part.at, part.quantity, part.unit, part.event_id)


def _contents(conn: Conn, traced: Traced, as_of: datetime | None) -> Iterator[Edge]:
    packed = [edge for edge in traced.edges if edge.kind is EdgeKind.PACKED]
    if not packed:
        return
    ends: dict[tuple[UUID, datetime], datetime] = {}
    stays = _stays(conn, packed, as_of)
    for edge in packed:
        since, until = stays.get((edge.source, edge.target), ((), ()))
        place = bisect_right(since, edge.at)
        end = until[place - 1] if place else edge.at
        ends[edge.target, edge.at] = max(end, edge.at, ends.get((edge.target, edge.at), edge.at))
    loads = sorted((*load, end) for load, end in ends.items())
    front = Front(*map(list, zip(*loads, strict=True)))
    for held in holding.contents(conn, front, as_of):
        if not held.is_association:
            container = loads[held.place][0]
            yield Edge(EdgeKind.PACKED, held.node_id, container, held.low, held.quantity, held.unit, held.event_id)


def _stays(
    conn: Conn, packed: Sequence[Edge], as_of: datetime | None
) -> dict[tuple[UUID, UUID], tuple[list[datetime], list[datetime]]]:
    """Since when, in order, each thing was in each container; and the latest end of all stays that began by then.

    Asked for once a thing, not once a stay: a lot that goes into one pallet again and again has thousands of them.
    """
    first: dict[UUID, datetime] = {}
    for edge in packed:
        first[edge.source] = min(edge.at, first.get(edge.source, edge.at))
    front = Front(list(first), list(first.values()), [EVER_AFTER] * len(first))
    inside: defaultdict[tuple[UUID, UUID], list[tuple[datetime, datetime]]] = defaultdict(list)
    for stay in holding.containers(conn, front, as_of):
        if not stay.is_association:
            inside[front.nodes[stay.place], stay.node_id].append((stay.low, stay.high))
    found = {}
    for key, windows in inside.items():
        windows.sort()
        found[key] = [low for low, _ in windows], list(accumulate((high for _, high in windows), max))
    return found
