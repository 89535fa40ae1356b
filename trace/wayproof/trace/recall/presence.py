"""What was at a place, and from when until when: by its own events, and by those of what it was in.

An event's bizLocation says where things are from then on, until an event contradicts; its readPoint says only where
they were at that moment (EPCIS 2.0 §7.3.5.3). What is shipped has left.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from wayproof.model.graph import EVER_AFTER, EVER_BEFORE
from wayproof.store import exposures, graph
from wayproof.store.graph import Happened
from wayproof.store.pool import Conn
from wayproof.trace.facts import Role
from wayproof.trace.graph.windows import Window
from wayproof.trace.query.words import term
from wayproof.trace.recall.stays import Stay, containers, opened

PLACE: Final = "https://id.gs1.org/414/"
_STEP: Final = "https://ref.gs1.org/cbv/BizStep-"
LEAVES: Final = frozenset(_STEP + word for word in ("shipping", "departing", "transporting"))
_ENDS: Final = frozenset(_STEP + word for word in ("destroying", "decommissioning", "retail_selling", "consigning"))

Presence = tuple[UUID, datetime, datetime]


def present(
    conn: Conn,
    place: str,
    *,
    since: datetime,
    until: datetime,
    as_of: datetime | None,
    journal_as_of: datetime,
) -> list[Presence]:
    """Things, containers and what was in them at a place within [since, until), each time with both ends included."""
    candidates = exposures.list_seen_at(
        conn, place, words=place_words(place), since=since, until=until, as_of=journal_as_of
    )
    told = _told(conn, candidates, as_of=as_of, journal_as_of=journal_as_of)
    there = [
        Stay(0, node, max(low, since), min(high, until))
        for node in candidates
        for low, high in intervals(told[node], place)
        if low < until and high >= since
    ]
    return [(stay.node, stay.low, stay.high) for stay in opened(conn, there, as_of)]


def place_words(place: str) -> list[str]:
    """The words of events that name a place, or a part of it, as their bizLocation or readPoint."""
    fields = ("bizLocation", "readPoint")
    return [term(prefix + field, place) for prefix in ("", "WD_") for field in fields]


def intervals(events: Iterable[Happened], place: str) -> Iterator[Window]:
    """When a thing was at a place by events in order of time, its own or those of what it was in."""
    here: datetime | None = None
    for event in events:
        stays = _stays(event, place)
        if here is not None and stays is not None:
            yield here, event.at
            here = None
        if stays:
            here = event.at
        elif is_within(event.read_point, place):
            yield event.at, event.at
    if here is not None:
        yield here, EVER_AFTER


def is_within(uri: str | None, place: str) -> bool:
    """Whether a place is another or a part of it (a GLN's extension)."""
    return uri is not None and (uri == place or uri.startswith(f"{place}/254/"))


def _stays(event: Happened, place: str) -> bool | None:
    """Whether a thing is there after an event; None: the event does not tell."""
    is_gone = event.role == Role.INPUT or (event.role == Role.OBJECT and event.action == "DELETE")
    if is_gone or event.biz_step in LEAVES or event.biz_step in _ENDS:
        return False
    if event.biz_location is not None:
        return is_within(event.biz_location, place)
    return None if event.read_point is None or is_within(event.read_point, place) else False


def _told(
    conn: Conn, nodes: Sequence[UUID], *, as_of: datetime | None, journal_as_of: datetime
) -> dict[UUID, list[Happened]]:
    """Events of things, and of what they were in while they were in it, in order of time."""
    ever = [Stay(number, node, EVER_BEFORE, EVER_AFTER) for number, node in enumerate(nodes)]
    around = containers(conn, ever, as_of)
    events: defaultdict[UUID, list[Happened]] = defaultdict(list)
    for event in graph.happened(conn, {stay.node for stay in [*ever, *around]}, as_of=journal_as_of):
        events[event.node_id].append(event)
    told: defaultdict[UUID, list[Happened]] = defaultdict(list)
    for stay in [*ever, *around]:
        own = events[stay.node]
        told[nodes[stay.origin]] += own[bisect_left(own, stay.low, key=_at) : bisect_right(own, stay.high, key=_at)]
    for each in told.values():
        each.sort(key=lambda event: (event.at, event.event_id))
    return told


def _at(event: Happened) -> datetime:
    return event.at
