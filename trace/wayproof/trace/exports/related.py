"""Which lots an export about some things must tell of: what they were made of, what they became, what carried them."""

from collections.abc import Callable, Collection, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from wayproof.model.errors import InvalidInput, NotFound
from wayproof.store.journal import JournalEvent
from wayproof.store.pool import Conn
from wayproof.trace.exports.history import Event, is_valid, recorded_of, told
from wayproof.trace.graph.questions import Direction, Question, trace

MOST_THINGS: Final = 50_000
"""Beyond this a file is no help; a narrower question is."""

_CHILDREN: Final = ("childEPCs", "childQuantityList")


@dataclass(frozen=True, kw_only=True, slots=True)
class Related:
    """Things with what was told of them."""

    #: What was asked for, and everything upstream and downstream of it.
    things: frozenset[str]
    #: Every valid event of things and of what contained them, by time.
    events: Sequence[Event]


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
    starts = tuple(dict.fromkeys(uris))
    things = _things(conn, tenant_id, starts, as_of)

    def find(wanted: Collection[str], known: Container[int]) -> list[Event]:
        return told(conn, tenant_id, wanted, known=known, as_of=as_of)

    events = _with_containers(things, find)
    if not (events or recorded_of(conn, starts, as_of=as_of)):
        raise _unnamed(starts)
    return Related(things=things, events=events)


def recorded(conn: Conn, tenant_id: UUID, uris: Iterable[str]) -> Recorded:
    """Everything about these things (canonical URIs); raises as `related` does."""
    starts = tuple(dict.fromkeys(uris))
    things = _things(conn, tenant_id, starts, None)
    stored: dict[int, JournalEvent] = {}

    def find(wanted: Collection[str], known: Container[int]) -> list[Event]:
        found = recorded_of(conn, wanted)
        stored.update({each.event_id: each for each, _ in found})
        return [event for each, event in found if is_valid(each) and each.event_id not in known]

    events = _with_containers(things, find)
    if not stored:
        raise _unnamed(starts)
    in_time = sorted(stored.values(), key=lambda each: (each.event_time, each.record_time, each.event_id))
    return Recorded(things=things, events=events, stored=in_time)


def _unnamed(uris: Iterable[str]) -> NotFound:
    return NotFound(f"no event names {', '.join(uris)}; events name lots and things, seldom their class")


def _things(conn: Conn, tenant_id: UUID, starts: tuple[str, ...], as_of: datetime | None) -> frozenset[str]:
    return frozenset(uri for direction in Direction for uri in _traced(conn, tenant_id, starts, direction, as_of))


def _traced(
    conn: Conn, tenant_id: UUID, starts: tuple[str, ...], direction: Direction, as_of: datetime | None
) -> list[str]:
    question = Question(starts=starts, direction=direction, as_of=as_of, enough=MOST_THINGS)
    traced = trace(conn, tenant_id, question)
    if not traced.is_complete:
        raise InvalidInput(
            f"expected at most {MOST_THINGS:,} things {direction} of these, got more; ask for fewer lots"
        )
    return [node.uri for node in traced.nodes]


_Find = Callable[[Collection[str], Container[int]], list[Event]]


def _with_containers(things: Collection[str], find: _Find) -> list[Event]:
    """Valid events of things, of what they were ever in, of what that was in, and so on, by time.

    `find` finds those of some things but for those with known ids.
    """
    events: dict[int, Event] = {}
    asked: set[str] = set()
    wanted = set(things)
    while wanted:
        fresh = find(wanted, events)
        asked |= wanted
        events |= {event.event_id: event for event in fresh}
        wanted = {
            event.parent
            for event in fresh
            if event.event_type == "AggregationEvent" and event.parent and _holds(event, asked)
        } - asked
    return sorted(events.values(), key=lambda event: (event.at, event.record_time, event.event_id))


def _holds(event: Event, things: set[str]) -> bool:
    return any(line.uri in things for line in event.lines(*_CHILDREN))
