"""Which lots an export about some things must tell of: what they were made of, what they became, what carried them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wayproof.model.clock import LATEST
from wayproof.model.errors import InvalidInput, NotFound
from wayproof.store.journal import JournalEvent
from wayproof.store.pool import Conn
from wayproof.trace.exports.history import Event, histories, valid

MOST_THINGS: Final = 50_000
"""Beyond this a file is no help; a narrower question is."""

_INPUTS: Final = ("inputEPCList", "inputQuantityList")
_OUTPUTS: Final = ("outputEPCList", "outputQuantityList")
_CHILDREN: Final = ("childEPCs", "childQuantityList")


@dataclass(frozen=True, kw_only=True, slots=True)
class Related:
    """Things with their whole histories."""

    #: What was asked for, and everything upstream and downstream of it; containers are not among them.
    things: frozenset[str]
    #: Every event of things and of what contained them, by time; declarations and voided ones among them.
    stored: Sequence[JournalEvent]

    @property
    def events(self) -> list[Event]:
        """Those that nobody has declared wrong."""
        return valid(self.stored)


def related(conn: Conn, uris: Iterable[str], *, as_of: datetime = LATEST) -> Related:
    """Everything about these things as recorded up to `as_of`.

    Raises:
        NotFound: no event names any of them.
        InvalidInput: more things are related than fit a file.
    """
    start = list(dict.fromkeys(uris))
    reader = _Reader(conn, as_of)
    reader.read(start)
    if not reader.stored:
        raise NotFound(f"no event names {', '.join(start)}")
    things = {*start, *_reached(reader, start, _made_of), *_reached(reader, start, _became)}
    _reached(reader, sorted(things), _carried_in)
    stored = sorted(reader.stored.values(), key=lambda each: (each.event_time, each.record_time, each.event_id))
    return Related(things=frozenset(things), stored=stored)


class _Reader:
    """Reads histories once each."""

    def __init__(self, conn: Conn, as_of: datetime) -> None:
        self._conn = conn
        self._as_of = as_of
        self._read: set[str] = set()
        self._events: dict[int, Event] = {}
        self.stored: dict[int, JournalEvent] = {}

    def read(self, uris: Iterable[str]) -> None:
        wanted = [uri for uri in uris if uri not in self._read]
        self._read.update(wanted)
        if len(self._read) > MOST_THINGS:
            raise InvalidInput(f"expected at most {MOST_THINGS:,} related things, got more; ask for fewer lots")
        new = [each for each in histories(self._conn, wanted, as_of=self._as_of) if each.event_id not in self.stored]
        self.stored |= {each.event_id: each for each in new}
        self._events |= {event.event_id: event for event in valid(new)}

    def events(self) -> Iterable[Event]:
        return self._events.values()


_Step = Callable[[Event], tuple[set[str], set[str]]]


def _reached(reader: _Reader, start: Sequence[str], step: _Step) -> set[str]:
    """What is reached from things by steps that each lead from one set to another, however many; cycles end."""
    found, frontier = set(start), set(start)
    while frontier:
        reader.read(sorted(frontier))
        steps = [step(event) for event in reader.events()]
        frontier = {uri for known, further in steps if known & frontier for uri in further} - found
        found |= frontier
    return found


def _made_of(event: Event) -> tuple[set[str], set[str]]:
    return _uris(event, _OUTPUTS), _uris(event, _INPUTS)


def _became(event: Event) -> tuple[set[str], set[str]]:
    return _uris(event, _INPUTS), _uris(event, _OUTPUTS)


def _carried_in(event: Event) -> tuple[set[str], set[str]]:
    is_packing = event.event_type == "AggregationEvent" and event.parent is not None
    return (_uris(event, _CHILDREN), {event.parent or ""}) if is_packing else (set(), set())


def _uris(event: Event, lists: tuple[str, ...]) -> set[str]:
    return {line.uri for line in event.lines(*lists)}
