"""Where a thing comes from, and where it went: a search through the graph, level by level.

A thing feeds a transformation as an input, or inside of an input. Downstream of a thing are the containers that it was
in, what they were in at that time, and what comes out of transformations that it feeds; upstream is exactly the
converse: b is upstream of a if and only if a is downstream of b. What only shared a container with a thing is neither,
and a pallet that is used again does not mix its loads: through a container a search goes on only within the time in
which the thing was inside.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

from wayproof.model.graph import EVER_AFTER, EVER_BEFORE
from wayproof.store import graph
from wayproof.store.graph import Contained, Front, HubPart
from wayproof.store.pool import Conn
from wayproof.trace.facts import Role
from wayproof.trace.graph import holding
from wayproof.trace.graph.build import key_of
from wayproof.trace.graph.windows import Window, Windows

MOST_NODES: Final = 200_000
"""A search ends here, and says so."""


class Direction(StrEnum):
    """Which way to look."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"


class EdgeKind(StrEnum):
    """How two things hang together. Goods flow from source to target."""

    PACKED = "packed"
    """The source was in the target."""
    INPUT = "input"
    """The source, a thing, went into the target, a transformation."""
    OUTPUT = "output"
    """The target, a thing, came out of the source, a transformation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What somebody wants to know."""

    #: Canonical URIs.
    starts: tuple[str, ...]
    direction: Direction
    #: Steps from a start: into a container or out of one, or through a transformation.
    max_depth: int = 100
    #: Only what happened from then until then.
    since: datetime = EVER_BEFORE
    until: datetime = EVER_AFTER
    #: For each start, from when on it counts; none: from `since` on.
    from_each: tuple[datetime, ...] = ()
    #: As it was recorded then; None: as it is now.
    as_of: datetime | None = None
    #: A search may stop once it has found so many things, at the end of a level.
    enough: int = MOST_NODES


class Node(Struct, frozen=True):
    """A thing that was found."""

    key: UUID
    #: Canonical.
    uri: str
    #: Least number of steps from a start.
    depth: int


class Edge(Struct, frozen=True):
    """How two things hang together, or a thing and a transformation."""

    kind: EdgeKind
    source: UUID
    target: UUID
    #: Since when, or when.
    at: datetime
    quantity: float | None
    unit: str | None
    #: The event that tells; None: nobody told, it was unpacked only.
    event_id: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Traced:
    """What was found: starts first, then by depth and URI."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    #: False: there is more, further away.
    is_complete: bool


def trace(conn: Conn, tenant_id: UUID, question: Question) -> Traced:
    """Answers a question. Starts that nobody has told of are in the answer alone."""
    starts = {key_of(tenant_id, uri): uri for uri in question.starts}
    search = _Search(conn, question)
    lows = question.from_each or (question.since,) * len(question.starts)
    search.admit({key: [(low, question.until)] for key, low in zip(starts, lows, strict=True)})
    nodes = sorted((Node(key, uri, 0) for key, uri in starts.items()), key=_by_uri)
    for depth in range(1, question.max_depth + 1):
        if not search.front or len(nodes) >= min(question.enough, MOST_NODES):
            break
        nodes += search.name(search.step(), depth=depth)
    return Traced(nodes=tuple(nodes), edges=tuple(search.edges), is_complete=not search.front)


def merged(answers: Sequence[Traced]) -> Traced:
    """What searches from the same starts found together, with each thing at its least depth.

    Each answer holds `enough` things or all there are: so the first `enough` here are final.
    """
    least: dict[UUID, Node] = {}
    for node in (node for found in answers for node in found.nodes):
        if node.key not in least or node.depth < least[node.key].depth:
            least[node.key] = node
    return Traced(
        nodes=tuple(sorted(least.values(), key=lambda node: (node.depth, node.uri))),
        edges=tuple(dict.fromkeys(edge for found in answers for edge in found.edges)),
        is_complete=all(found.is_complete for found in answers),
    )


def edges_towards(keys: Collection[UUID], edges: Sequence[Edge], direction: Direction) -> list[Edge]:
    """The edges by which a search reached these things; through a transformation both of its sides."""
    is_down = direction is Direction.DOWNSTREAM
    near = EdgeKind.OUTPUT if is_down else EdgeKind.INPUT

    def reached(edge: Edge) -> bool:
        return edge.kind in {EdgeKind.PACKED, near} and (edge.target if is_down else edge.source) in keys

    hubs = {edge.source if is_down else edge.target for edge in edges if edge.kind is near and reached(edge)}
    far = EdgeKind.INPUT if is_down else EdgeKind.OUTPUT
    return [
        edge
        for edge in edges
        if reached(edge) or (edge.kind is far and (edge.target if is_down else edge.source) in hubs)
    ]


@dataclass
class _Search:
    """A search on its way. `front` is what was found last and has not been asked yet."""

    conn: Conn
    question: Question
    front: list[tuple[UUID, Window]] = field(default_factory=list)
    edges: dict[Edge, None] = field(default_factory=dict)
    _seen: Windows = field(default_factory=Windows)
    _hubs: set[UUID] = field(default_factory=set)

    @property
    def _all_time(self) -> Window:
        return self.question.since, self.question.until

    @property
    def _as_of(self) -> datetime:
        return self.question.as_of or graph.NOW

    def admit(self, found: dict[UUID, list[Window]]) -> list[UUID]:
        """Makes the next front of what is new in `found`; returns the things that were never seen before."""
        fresh = [node for node in found if node not in self._seen]
        self.front = [(node, window) for node, each in found.items() for window in each if self._seen.add(node, window)]
        return fresh

    def step(self) -> list[UUID]:
        """Goes one step on; returns the things that were never seen before."""
        found: dict[UUID, list[Window]] = {}
        steps = self._downstream() if self.question.direction is Direction.DOWNSTREAM else self._upstream()
        for node, window in steps:
            found.setdefault(node, []).append(window)
        return self.admit(found)

    def name(self, keys: Sequence[UUID], *, depth: int) -> list[Node]:
        """The nodes of keys, by URI."""
        uris = graph.uris(self.conn, keys) if keys else {}
        return sorted((Node(key, uris[key], depth) for key in keys), key=_by_uri)

    def _downstream(self) -> Iterator[tuple[UUID, Window]]:
        for held, source in self._held(holding.containers(self.conn, _front(self.front), self.question.as_of)):
            self._note(Edge(EdgeKind.PACKED, source, held.node_id, held.low, held.quantity, held.unit, held.event_id))
            yield held.node_id, (held.low, held.high)
        fed = graph.transformations(self.conn, _front(self.front), role=Role.INPUT, as_of=self._as_of)
        for part in fed:
            source = self.front[part.place][0]
            self._note(Edge(EdgeKind.INPUT, source, part.hub_id, part.at, part.quantity, part.unit, part.event_id))
        for output in self._others({part.hub_id for part in fed}, Role.OUTPUT):
            self._note(
                Edge(
                    EdgeKind.OUTPUT,
                    output.hub_id,
                    output.node_id,
                    output.at,
                    output.quantity,
                    output.unit,
                    output.event_id,
                )
            )
            yield output.node_id, self._all_time

    def _upstream(self) -> Iterator[tuple[UUID, Window]]:
        for held, target in self._held(holding.contents(self.conn, _front(self.front), self.question.as_of)):
            self._note(Edge(EdgeKind.PACKED, held.node_id, target, held.low, held.quantity, held.unit, held.event_id))
            yield held.node_id, (held.low, held.high)
        # When a thing was made has nothing to do with when it was in a container.
        front = [(node, self._all_time) for node, _ in self.front]
        made = graph.transformations(self.conn, _front(front), role=Role.OUTPUT, as_of=self._as_of)
        for part in made:
            target = front[part.place][0]
            self._note(Edge(EdgeKind.OUTPUT, part.hub_id, target, part.at, part.quantity, part.unit, part.event_id))
        for put in self._others({part.hub_id for part in made}, Role.INPUT):
            self._note(Edge(EdgeKind.INPUT, put.node_id, put.hub_id, put.at, put.quantity, put.unit, put.event_id))
            yield put.node_id, (put.at, put.at)

    def _others(self, hubs: Iterable[UUID], role: Role) -> Iterator[HubPart]:
        """What has the other part in transformations that were not met before, within the question's time."""
        fresh = set(hubs) - self._hubs
        self._hubs |= fresh
        if fresh:
            for part in graph.parts(self.conn, fresh, role=role, as_of=self._as_of):
                if self.question.since <= part.at <= self.question.until:
                    yield part

    def _held(self, found: Iterable[Contained]) -> Iterator[tuple[Contained, UUID]]:
        for held in found:
            if not held.is_association:
                yield held, self.front[held.place][0]

    def _note(self, edge: Edge) -> None:
        self.edges[edge] = None


def _by_uri(node: Node) -> str:
    return node.uri


def _front(front: Sequence[tuple[UUID, Window]]) -> Front:
    return Front([node for node, _ in front], [window[0] for _, window in front], [window[1] for _, window in front])
