"""Which lots an export about some things must tell of: what they were made of, what they became, what carried them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from wayproof.model.errors import InvalidInput, NotFound
from wayproof.store.journal import JournalEvent
from wayproof.store.pool import Conn
from wayproof.trace.exports.history import Event, histories, valid
from wayproof.trace.graph.questions import Direction, Question, trace

MOST_THINGS: Final = 50_000
"""Beyond this a file is no help; a narrower question is."""

_CHILDREN: Final = ("childEPCs", "childQuantityList")


@dataclass(frozen=True, kw_only=True, slots=True)
class Related:
    """Things with their whole histories."""

    #: What was asked for, and everything upstream and downstream of it.
    things: frozenset[str]
    #: Every event of things and of what contained them, by time; declarations and voided ones among them.
    stored: Sequence[JournalEvent]
    #: Those that nobody has declared wrong.
    events: Sequence[Event]


def related(conn: Conn, tenant_id: UUID, uris: Iterable[str], *, as_of: datetime | None = None) -> Related:
    """Everything about these things (canonical URIs), as recorded up to `as_of`; None: up to now.

    Raises:
        NotFound: no event names any of them.
        InvalidInput: more things are related than fit a file.
    """
    starts = tuple(dict.fromkeys(uris))
    things = {uri for direction in Direction for uri in _traced(conn, tenant_id, starts, direction, as_of)}
    stored, events = _with_containers(conn, things, as_of)
    if not stored:
        raise NotFound(f"no event names {', '.join(starts)}")
    return Related(things=frozenset(things), stored=stored, events=events)


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


def _with_containers(
    conn: Conn, things: Iterable[str], as_of: datetime | None
) -> tuple[list[JournalEvent], list[Event]]:
    """The histories of things, of what they were ever in, of what that was in, and so on; and the valid events."""
    stored: dict[int, JournalEvent] = {}
    events: dict[int, Event] = {}
    asked: set[str] = set()
    wanted = set(things)
    while wanted:
        found = [each for each in histories(conn, sorted(wanted), as_of=as_of) if each.event_id not in stored]
        fresh = valid(found)
        asked |= wanted
        stored |= {each.event_id: each for each in found}
        events |= {event.event_id: event for event in fresh}
        wanted = {
            event.parent
            for event in fresh
            if event.event_type == "AggregationEvent" and event.parent and _holds(event, asked)
        } - asked
    ordered = sorted(stored.values(), key=lambda each: (each.event_time, each.record_time, each.event_id))
    return ordered, [events[each.event_id] for each in ordered if each.event_id in events]


def _holds(event: Event, things: set[str]) -> bool:
    return any(line.uri in things for line in event.lines(*_CHILDREN))
