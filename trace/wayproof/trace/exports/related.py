"""Which lots an export about some things must tell of: what they were made of, what they became, what carried them."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from wayproof.model.errors import InvalidInput
from wayproof.store.journal import JournalEvent
from wayproof.store.pool import Conn
from wayproof.trace.epcis.formats import untold
from wayproof.trace.exports.carriers import Carried, told_of_carriers
from wayproof.trace.exports.history import Event, is_valid, recorded_as, recorded_of, told
from wayproof.trace.graph.questions import Direction, EdgeKind, Question, Traced, trace
from wayproof.trace.graph.windows import Window

MOST_THINGS: Final = 50_000
"""Beyond this a file is no help; a narrower question is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Related:
    """Things with what was told of them."""

    #: What was asked for, and everything upstream and downstream of it.
    things: frozenset[str]
    #: Of things that only contained others, between which times they did, both included and in order.
    stays: Mapping[str, Sequence[Window]]
    #: Every valid event of things, by time; of what only contained them those of that time.
    events: Sequence[Event]

    def tells_of(self, uri: str, at: datetime) -> bool:
        """Whether what happened to a thing then belongs here: by these events a crate seems empty at other times."""
        stays = self.stays.get(uri)
        if stays is None:
            return uri in self.things
        place = bisect_right(stays, at, key=lambda stay: stay[0]) - 1
        return place >= 0 and at <= stays[place][1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded(Related):
    """The same with everything that was recorded."""

    #: Every event, by time; declarations and those declared wrong among them.
    stored: Sequence[JournalEvent]


def related(conn: Conn, tenant_id: UUID, uris: Iterable[str], *, as_of: datetime | None = None) -> Related:
    """What is valid about these things (canonical URIs), as recorded up to `as_of`; None: up to now.

    Raises:
        NotFound: no event names any of them.
        InvalidInput: more things are related than fit a file.
    """
    scope = _scope(conn, tenant_id, uris, as_of)
    carried = {event_id for event_id, is_void in scope.carried.events.items() if not is_void}
    events = told(conn, scope.own, also=carried, as_of=as_of)
    if not (events or recorded_of(conn, scope.starts, as_of=as_of)):
        raise untold(*scope.starts)
    events.sort(key=lambda event: (event.at, event.record_time, event.event_id))
    return Related(things=scope.things, stays=scope.stays, events=events)


def recorded(conn: Conn, tenant_id: UUID, uris: Iterable[str]) -> Recorded:
    """Everything about these things (canonical URIs); raises as `related` does."""
    scope = _scope(conn, tenant_id, uris, None)
    own = recorded_of(conn, list(scope.own.values()))
    carried = recorded_as(conn, scope.carried.events.keys() - {each.event_id for each, _ in own})
    found = {each.event_id: (each, event) for each, event in (*own, *carried)}
    if not found:
        raise untold(*scope.starts)
    in_time = sorted(found.values(), key=lambda pair: (pair[0].event_time, pair[0].record_time, pair[0].event_id))
    return Recorded(
        things=scope.things,
        stays=scope.stays,
        events=[event for each, event in in_time if is_valid(each)],
        stored=[each for each, _ in in_time],
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scope:
    starts: tuple[str, ...]
    things: frozenset[str]
    #: Things of which everything is told, by key: those that did not only contain others.
    own: Mapping[UUID, str]
    carried: Carried
    stays: Mapping[str, Sequence[Window]]


def _scope(conn: Conn, tenant_id: UUID, uris: Iterable[str], as_of: datetime | None) -> _Scope:
    starts = tuple(dict.fromkeys(uris))
    up = _traced(conn, tenant_id, starts, Direction.UPSTREAM, as_of)
    down = _traced(conn, tenant_id, starts, Direction.DOWNSTREAM, as_of)
    made = {edge.target for edge in down.edges if edge.kind is EdgeKind.OUTPUT}
    own = {node.key: node.uri for node in (*up.nodes, *(node for node in down.nodes if node.key in made))}
    carried = told_of_carriers(conn, own.keys(), as_of=as_of)
    return _Scope(
        starts=starts,
        things=frozenset(node.uri for node in (*up.nodes, *down.nodes)),
        own=own,
        carried=carried,
        stays={node.uri: carried.stays.get(node.key, ()) for node in down.nodes if node.key not in own},
    )


def _traced(
    conn: Conn, tenant_id: UUID, starts: tuple[str, ...], direction: Direction, as_of: datetime | None
) -> Traced:
    question = Question(starts=starts, direction=direction, as_of=as_of, enough=MOST_THINGS)
    traced = trace(conn, tenant_id, question)
    if not traced.is_complete:
        raise InvalidInput(
            f"expected at most {MOST_THINGS:,} things {direction} of these, got more; ask for fewer lots"
        )
    return traced
