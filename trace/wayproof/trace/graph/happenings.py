"""What was told of things, in order: their own events, those of what they were in, and handoffs of both."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Final
from uuid import UUID

from wayproof.model.errors import InvalidInput
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
_AT: Final = attrgetter("at")
_SSCC: Final = "https://id.gs1.org/00/"
_GTIN: Final = "https://id.gs1.org/01/"
_SERIAL: Final = "/21/"


@dataclass(frozen=True, slots=True)
class History:
    """What was told alike of some things, in order."""

    keys: tuple[UUID, ...]
    is_single: bool
    happenings: tuple[Happening, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Everything that was told of some things and of what they were in."""

    keys: tuple[UUID, ...]
    stays: Stays
    uris: Mapping[UUID, str]
    parts: Mapping[UUID, list[EventPart]]
    events: Mapping[int, ToldRow]
    handoffs: Mapping[UUID, list[HandedOver]]
    _of_stays: dict[Stay, list[Happening]] = field(default_factory=dict)

    def histories(self) -> Iterator[History]:
        """The histories of the things. Those of one batch mostly share theirs, so each is told once."""
        told = Counter(part[_EVENT_ID] for key in self.keys for part in self.parts[key])
        alike: defaultdict[tuple[object, ...], list[UUID]] = defaultdict(list)
        for key in self.keys:
            parts = self.parts[key]
            if all(told[part[_EVENT_ID]] > 1 for part in parts):
                handoffs = tuple(each.digest for each in self.handoffs.get(key, ()))
                is_single = _is_single(self.uris[key], parts)
                alike[is_single, tuple(part[1:] for part in parts), self.stays.of.get(key), handoffs].append(key)
            else:
                yield self._history(key)
        for keys in alike.values():
            yield self._history(*keys)

    def _history(self, key: UUID, *others: UUID) -> History:
        happenings = self._in_order([*self._own(key), *self._inherited(key)])
        return History((key, *others), _is_single(self.uris[key], self.parts[key]), happenings)

    def receivers(self) -> dict[str, str]:
        """Names of those who received something, by URI: they may be parties of another tenant."""
        handed = (each for told in self.handoffs.values() for each in told)
        return {party_uri(each.receiver_party_id): each.receiver_name for each in handed}

    def _own(self, key: UUID) -> list[Happening]:
        told = []
        for _, event_id, role, quantity, unit, hub_id in self.parts[key]:
            event = ToldEvent._make(self.events[event_id])
            if role == Role.CHILD and hub_id is not None:
                told.append(Happening(event.at, effect_of(event, role), event_id, hub_id, quantity, unit))
            elif role != Role.EMPTIED:
                # What belongs to another thing is not in it.
                effect = effect_of(event, Role.OBJECT if role == Role.CHILD else role)
                told.append(Happening(event.at, effect, event_id, None, quantity, unit))
        return told

    def _inherited(self, key: UUID) -> Iterator[Happening]:
        yield from (_handed(each, None) for each in self.handoffs.get(key, ()))
        for stay in self.stays.of.get(key, ()):
            if stay not in self._of_stays:
                self._of_stays[stay] = list(self._of_stay(stay))
            yield from self._of_stays[stay]

    def _of_stay(self, stay: Stay) -> Iterator[Happening]:
        """What bears on everything that was in a container during a stay."""
        heard: set[int] = set()
        for around in self.stays.around(stay):
            for _, event_id, role, *_ in self.parts.get(around.container, ()):
                event = ToldEvent._make(self.events[event_id])
                if role == Role.EMPTIED and event.at == around.end:
                    yield from _emptied(event, stay, around)
                elif around.low <= event.at <= around.high and event_id not in heard:
                    heard.add(event_id)
                    yield Happening(event.at, contents_effect(event, role), event_id, via=stay.container)
            for each in self.handoffs.get(around.container, ()):
                if around.low <= each.at <= around.high:
                    yield _handed(each, stay.container)

    def _in_order(self, happenings: list[Happening]) -> tuple[Happening, ...]:
        """By time. Of one instant: what leaves a place before what comes to another, else by `Kind`; then by name."""
        if len({each.at for each in happenings}) == len(happenings):
            return tuple(sorted(happenings, key=_AT))
        arrivals = {(each.at, each.effect.place) for each in happenings if each.effect.kind is Kind.ARRIVE}
        return tuple(sorted(happenings, key=partial(self._rank, arrivals)))

    def _rank(self, arrivals: Collection[tuple[datetime, str | None]], each: Happening) -> tuple[object, ...]:
        name = each.effect.holder if each.event_id is None else ToldEvent._make(self.events[each.event_id]).epcis_id
        comes = (each.at, each.effect.place) in arrivals
        return each.at, comes, each.effect.kind, each.via is None, name, each.quantity or 0.0, each.unit or ""


def told_of(conn: Conn, keys: Collection[UUID], *, as_of: datetime | None) -> Told:
    """Reads what was told of things: a few queries, and one or two for each level of nesting."""
    then = as_of or graph.NOW
    stays = find_stays(conn, keys, as_of=as_of)
    nodes = list(dict.fromkeys((*keys, *sorted(stays.containers))))
    names = whereabouts.names(conn, nodes)
    of_node: defaultdict[int, list[EventPart]] = defaultdict(list)
    for part in whereabouts.parts(conn, nodes, as_of=then):
        of_node[part[_PLACE]].append(part)
    handoffs: defaultdict[UUID, list[HandedOver]] = defaultdict(list)
    places = list(names)
    for each in whereabouts.handed_over(conn, [names[place] for place in places], as_of=then):
        handoffs[nodes[places[each.place]]].append(each)
    return Told(
        keys=tuple(nodes[place] for place in range(len(set(keys))) if place in of_node),
        stays=stays,
        uris={nodes[place]: uri for place, uri in names.items()},
        parts={nodes[place]: parts for place, parts in of_node.items()},
        events=whereabouts.events(conn, {part[_EVENT_ID] for parts in of_node.values() for part in parts}),
        handoffs=handoffs,
    )


def _is_single(uri: str, parts: Iterable[EventPart]) -> bool:
    """Whether a thing is in one place; a URI of somebody else's does not tell, but a quantity does."""
    if any(part[_QUANTITY] is not None for part in parts):
        return False
    if uri.startswith(_SSCC) or (uri.startswith(_GTIN) and _SERIAL in uri):
        return True
    try:
        return parse(uri).level not in _LOTS
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
