"""What was told of things, in order: their own events, those of what they were in, and handoffs of both."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import attrgetter, itemgetter
from typing import Final, NamedTuple
from uuid import UUID

from wayproof.model.errors import InvalidInput
from wayproof.model.graph import EVER_AFTER
from wayproof.store import graph, whereabouts
from wayproof.store.pool import Conn
from wayproof.store.whereabouts import EventPart, HandedOver, ToldEvent, ToldRow
from wayproof.trace.facts import Role
from wayproof.trace.graph.names import party_uri
from wayproof.trace.graph.pieces import Happening
from wayproof.trace.graph.stays import Stay, Stays, find_stays
from wayproof.trace.graph.steps import Kind, contents_effect, effect_of, handed_to
from wayproof.trace.identifiers import Level, parse

_LOTS: Final = frozenset({Level.CLASS, Level.LOT, Level.PATTERN})
_PLACE: Final = 0
_EVENT_ID: Final = 1
_QUANTITY: Final = 3
_TIME: Final = ToldEvent._fields.index("at")
_READ_POINT: Final = ToldEvent._fields.index("read_point")
_LOCATION: Final = ToldEvent._fields.index("biz_location")
_ENDS: Final = slice(ToldEvent._fields.index("sources"), ToldEvent._fields.index("destinations") + 1)
_AT: Final = attrgetter("at")
_SSCC: Final = "https://id.gs1.org/00/"
_GTIN: Final = "https://id.gs1.org/01/"
_SERIAL: Final = "/21/"


class History(NamedTuple):
    """What was told alike of some things, in order."""

    keys: tuple[UUID, ...]
    is_single: bool
    happenings: Sequence[Happening]


class Thing(NamedTuple):
    """A thing or container with what was told of it."""

    key: UUID
    uri: str
    parts: Sequence[EventPart] = ()
    stays: tuple[Stay, ...] = ()
    handoffs: tuple[HandedOver, ...] = ()

    def is_in(self, container: UUID, at: datetime) -> bool:
        """Whether it was in a container then: its stays are in order, and those in one container apart."""
        stay = next(iter(self.stays[bisect_right(self.stays, (container, at, EVER_AFTER)) - 1 :]), None)
        return stay is not None and stay.container == container and stay.low <= at <= stay.high


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Everything that was told of some things and of what they were in."""

    things: Sequence[Thing]
    containers: Mapping[UUID, Thing]
    stays: Stays
    events: Mapping[int, ToldRow]
    _of_stays: dict[Stay, list[Happening]] = field(default_factory=dict)
    _in_time: dict[UUID, tuple[list[datetime], list[EventPart]]] = field(default_factory=dict)

    def histories(self) -> Iterator[History]:
        """The histories of the things. Those of one batch mostly share theirs, so each is told once."""
        told = Counter(part[_EVENT_ID] for thing in self.things for part in thing.parts)
        alike: defaultdict[tuple[object, ...], list[Thing]] = defaultdict(list)
        for thing in self.things:
            if told[thing.parts[0][_EVENT_ID]] == 1:
                yield self._history([thing])
            else:
                handoffs = tuple(each.digest for each in thing.handoffs)
                parts = tuple(part[1:] for part in thing.parts)
                alike[_is_single(thing), parts, thing.stays, handoffs].append(thing)
        for things in alike.values():
            yield self._history(things)

    def said(self) -> tuple[set[str], set[str]]:
        """All places where something happened, and all parties that are named."""
        places = {row[_LOCATION] or row[_READ_POINT] for row in self.events.values()}
        lists = (entries for row in self.events.values() for entries in row[_ENDS] if entries)
        ends = (entry for entries in lists for entry in entries)
        return places - {None}, {uri for entry in ends for name, uri in entry.items() if name != "type"}

    def receivers(self) -> dict[str, str]:
        """Names of those who received something, by URI: they may be parties of another tenant."""
        handed = (each for thing in (*self.things, *self.containers.values()) for each in thing.handoffs)
        return {party_uri(each.receiver_party_id): each.receiver_name for each in handed}

    def _history(self, things: Sequence[Thing]) -> History:
        thing = things[0]
        happenings = self._own(thing)
        if thing.stays or thing.handoffs:
            happenings += self._inherited(thing)
        return History(tuple(each.key for each in things), _is_single(thing), self._in_order(happenings))

    def _own(self, thing: Thing) -> list[Happening]:
        told = []
        for _, event_id, role, quantity, unit, hub_id in thing.parts:
            event = ToldEvent._make(self.events[event_id])
            if role == Role.CHILD and hub_id is not None:
                # What comes out at the instant at which it went in was never inside.
                container = hub_id if event.action == "DELETE" or thing.is_in(hub_id, event.at) else None
                told.append(Happening(event.at, effect_of(event, role), event_id, container, quantity, unit))
            elif role != Role.EMPTIED:
                # What belongs to another thing is not in it.
                effect = effect_of(event, Role.OBJECT if role == Role.CHILD else role)
                told.append(Happening(event.at, effect, event_id, None, quantity, unit))
        return told

    def _inherited(self, thing: Thing) -> Iterator[Happening]:
        yield from (_handed(each, None) for each in thing.handoffs)
        for stay in thing.stays:
            if stay not in self._of_stays:
                self._of_stays[stay] = list(self._of_stay(stay))
            yield from self._of_stays[stay]

    def _of_stay(self, stay: Stay) -> Iterator[Happening]:
        """What bears on everything that was in a container during a stay."""
        heard: set[int] = set()
        for around in self.stays.around(stay):
            container = self.containers[around.container]
            for _, event_id, role, *_ in self._during(around):
                event = ToldEvent._make(self.events[event_id])
                if role == Role.EMPTIED and event.at == around.end:
                    yield from _emptied(event, stay, around)
                elif around.low <= event.at <= around.high and event_id not in heard:
                    heard.add(event_id)
                    yield Happening(event.at, contents_effect(event, role), event_id, via=stay.container)
            for each in container.handoffs:
                if around.low <= each.at <= around.high:
                    yield _handed(each, stay.container)

    def _during(self, stay: Stay) -> Sequence[EventPart]:
        """The parts of a container in events of a stay and of the instant at which it ends."""
        if stay.container not in self._in_time:
            told = [(self.events[part[_EVENT_ID]][_TIME], part) for part in self.containers[stay.container].parts]
            told.sort(key=itemgetter(0))
            self._in_time[stay.container] = [at for at, _ in told], [part for _, part in told]
        times, parts = self._in_time[stay.container]
        return parts[bisect_left(times, stay.low) : bisect_right(times, stay.end)]

    def _in_order(self, happenings: list[Happening]) -> list[Happening]:
        """By time. Of one instant: what leaves a place before what comes to another, else by `Kind`; then by name."""
        if len({each.at for each in happenings}) == len(happenings):
            return sorted(happenings, key=_AT)
        arrivals = {(each.at, each.effect.place) for each in happenings if each.effect.kind is Kind.ARRIVE}
        return sorted(happenings, key=partial(self._rank, arrivals))

    def _rank(self, arrivals: Collection[tuple[datetime, str | None]], each: Happening) -> tuple[object, ...]:
        name = each.effect.holder if each.event_id is None else ToldEvent._make(self.events[each.event_id]).epcis_id
        comes = (each.at, each.effect.place) in arrivals
        return each.at, comes, each.effect.kind, each.via is None, name, each.quantity or 0.0, each.unit or ""


def told_of(conn: Conn, keys: Collection[UUID], *, as_of: datetime | None) -> Told:
    """Reads what was told of things: a few queries, and one or two for each level of nesting."""
    then = as_of or graph.NOW
    stays = find_stays(conn, keys, as_of=as_of)
    own = list(dict.fromkeys(keys))
    nodes = [*own, *sorted(stays.containers)]
    parts: defaultdict[int, list[EventPart]] = defaultdict(list)
    for part in whereabouts.parts(conn, nodes, as_of=then):
        parts[part[_PLACE]].append(part)
    names = whereabouts.names(conn, nodes)  # after the parts: of whatever has one, the name is there
    handoffs: defaultdict[str, list[HandedOver]] = defaultdict(list)
    uris = list(set(names.values()))
    for each in whereabouts.handed_over(conn, uris, as_of=then):
        handoffs[uris[each.place]].append(each)

    def thing(place: int) -> Thing:
        key, uri = nodes[place], names[place]
        return Thing(key, uri, parts.get(place, ()), stays.of.get(key, ()), tuple(handoffs.get(uri, ())))

    return Told(
        things=[thing(place) for place in range(len(own)) if place in parts],
        containers={nodes[place]: thing(place) for place in range(len(own), len(nodes))},
        stays=stays,
        events=whereabouts.events(conn, {part[_EVENT_ID] for told in parts.values() for part in told}),
    )


def _is_single(thing: Thing) -> bool:
    """Whether a thing is in one place; a URI of somebody else's does not tell, but a quantity does."""
    for part in thing.parts:
        if part[_QUANTITY] is not None:
            return False
    if thing.uri.startswith(_SSCC) or (thing.uri.startswith(_GTIN) and _SERIAL in thing.uri):
        return True
    try:
        return parse(thing.uri).level not in _LOTS
    except InvalidInput:  # a lenient import keeps these
        return True


def _emptied(event: ToldEvent, stay: Stay, around: Stay) -> Iterator[Happening]:
    """Everything was taken out at the end of a stay: of what was in it, or of a container around that."""
    if around == stay:
        yield Happening(event.at, effect_of(event, Role.EMPTIED), event.event_id, stay.container)
    elif event.at <= stay.high:
        yield Happening(event.at, contents_effect(event, Role.PARENT), event.event_id, via=stay.container)


def _handed(each: HandedOver, via: UUID | None) -> Happening:
    return Happening(each.at, handed_to(party_uri(each.receiver_party_id)), None, via=via)
