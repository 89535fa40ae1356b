"""Things that events name, in the order in which they were first named (the resource `epcs`, EPCIS 2.0 §12.8).

Where a thing was named before is asked of the index on terms, so that a page costs the same in any journal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wayproof.store.event_queries import Naming, named_before, naming_events
from wayproof.store.pool import Conn
from wayproof.trace.query.words import term

Place = tuple[int, int]
"""An event's place in the journal, and which of its things."""

FIRST: Final[Place] = (0, 0)

_FIELDS: Final = ("epc", "parentID", "inputEPC", "outputEPC")
_EVENTS: Final = 50
_AT_ONCE: Final = 100
_MOST_ASKED: Final = 2_000
_END_OF_EVENT: Final = 2**31


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedThings:
    """Some of the things."""

    uris: Sequence[str]
    #: After which the next ones come; None where there are none. A page may be short, or empty, and not be the last.
    next: Place | None


def named_things(conn: Conn, *, after: Place, limit: int) -> NamedThings:
    """Things first named after a place, as far as one request may look."""
    found: list[str] = []
    for _ in range(_MOST_ASKED // _AT_ONCE):
        events = naming_events(conn, from_id=after[0], limit=_EVENTS)
        ahead = [place for place in _places(events) if place[:2] > after]
        asked = ahead[:_AT_ONCE]
        known = named_before(conn, [(event_id, _words(uri)) for event_id, _, uri in asked])
        for number, (event_id, which, uri) in enumerate(asked):
            if number not in known:
                found.append(uri)
            if len(found) == limit:
                return NamedThings(uris=found, next=(event_id, which))
        if len(events) < _EVENTS and len(asked) == len(ahead):
            return NamedThings(uris=found, next=None)
        # A page of events without things is passed by as a whole.
        after = asked[-1][:2] if asked else (events[-1].event_id, _END_OF_EVENT)
    return NamedThings(uris=found, next=after)


def _places(events: Sequence[Naming]) -> list[tuple[int, int, str]]:
    return [
        (event.event_id, which, uri) for event in events for which, uri in enumerate(dict.fromkeys(event.uris), start=1)
    ]


def _words(uri: str) -> str:
    return " | ".join(term(field, uri) for field in _FIELDS)
