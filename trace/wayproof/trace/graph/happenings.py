"""What was told of things, in order: their own events, those of what they were in, and handoffs of both."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from wayproof.model.errors import InvalidInput
from wayproof.store import graph, whereabouts
from wayproof.store.pool import Conn
from wayproof.store.whereabouts import EventPart, HandedOver, ToldEvent
from wayproof.trace.facts import Role
from wayproof.trace.graph.names import party_uri
from wayproof.trace.graph.stays import Stay, Stays, find_stays
from wayproof.trace.graph.steps import Effect, Kind, contents_effect, effect_of, handed_to
from wayproof.trace.graph.stock import Happening
from wayproof.trace.identifiers import Level, parse

_LOTS: Final = frozenset({Level.CLASS, Level.LOT, Level.PATTERN})


class Heard(NamedTuple):
    """A happening, and what orders those of one instant the same in every journal."""

    happening: Happening
    name: str


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
    uris: dict[UUID, str]
    parts: dict[UUID, list[EventPart]]
    events: dict[int, ToldEvent]
    handoffs: dict[UUID, list[HandedOver]]
    _effects: dict[tuple[int, str], Effect] = field(default_factory=dict)
    _of_stays: dict[Stay, list[Heard]] = field(default_factory=dict)

    def histories(self) -> Iterator[History]:
        """The histories of the things. Those of one batch mostly share theirs, so each is told once."""
        alike: defaultdict[object, list[UUID]] = defaultdict(list)
        for key in self.keys:
            parts = tuple(part[1:] for part in self.parts.get(key, ()))
            handoffs = tuple(each.digest for each in self.handoffs.get(key, ()))
            alike[self._is_single(key), parts, handoffs, self.stays.of[key]].append(key)
        for keys in alike.values():
            heard = [*self._own(keys[0]), *self._inherited(keys[0])]
            yield History(tuple(keys), self._is_single(keys[0]), _in_order(heard))

    def receivers(self) -> dict[str, str]:
        """Names of those who received something, by URI: they may be parties of another tenant."""
        handed = (each for told in self.handoffs.values() for each in told)
        return {party_uri(each.receiver_party_id): each.receiver_name for each in handed}

    def _is_single(self, key: UUID) -> bool:
        """Whether it is in one place; a URI of somebody else's does not tell, but a quantity does."""
        if any(part.quantity is not None for part in self.parts.get(key, ())):
            return False
        try:
            return parse(self.uris[key]).level not in _LOTS
        except InvalidInput:  # a lenient import keeps these
            return True

    def _own(self, key: UUID) -> Iterator[Heard]:
        for part in self.parts.get(key, ()):
            if part.role != Role.EMPTIED:
                # What belongs to another thing is not in it.
                role = Role.OBJECT if part.role == Role.CHILD and part.hub_id is None else part.role
                container = part.hub_id if role == Role.CHILD else None
                yield self._heard(part.event_id, role, container=container, quantity=part.quantity, unit=part.unit)
        yield from (_handed(each, None) for each in self.handoffs.get(key, ()))

    def _inherited(self, key: UUID) -> Iterator[Heard]:
        for stay in self.stays.of[key]:
            if stay not in self._of_stays:
                self._of_stays[stay] = list(self._of_stay(stay))
            yield from self._of_stays[stay]

    def _of_stay(self, stay: Stay) -> Iterator[Heard]:
        """What bears on everything that was in a container during a stay."""
        heard: set[int] = set()
        for around in self.stays.around(stay):
            for part in self.parts.get(around.container, ()):
                at = self.events[part.event_id].at
                if part.role == Role.EMPTIED and at == around.end:
                    if around == stay:
                        yield self._heard(part.event_id, Role.EMPTIED, container=stay.container)
                    elif at <= stay.high:
                        yield self._heard(part.event_id, Role.PARENT, via=stay.container)
                elif around.low <= at <= around.high and part.event_id not in heard:
                    heard.add(part.event_id)
                    yield self._heard(part.event_id, part.role, via=stay.container)
            for each in self.handoffs.get(around.container, ()):
                if around.low <= each.at <= around.high:
                    yield _handed(each, stay.container)

    def _heard(
        self,
        event_id: int,
        role: str,
        *,
        container: UUID | None = None,
        via: UUID | None = None,
        quantity: float | None = None,
        unit: str | None = None,
    ) -> Heard:
        event = self.events[event_id]
        known = (event_id, role if via is None else f"{role} of container")
        effect = self._effects.get(known)
        if effect is None:
            effect = effect_of(event, role) if via is None else contents_effect(event, role)
            self._effects[known] = effect
        return Heard(Happening(event.at, effect, event_id, container, quantity, unit, via), event.epcis_id)


def told_of(conn: Conn, keys: Collection[UUID], *, as_of: datetime | None) -> Told:
    """Reads what was told of things: a few queries, and one or two for each level of nesting."""
    then = as_of or graph.NOW
    stays = find_stays(conn, keys, as_of=as_of)
    nodes = list(dict.fromkeys((*keys, *sorted(stays.containers))))
    uris = graph.uris(conn, nodes)
    nodes = [node for node in nodes if node in uris]
    parts: defaultdict[UUID, list[EventPart]] = defaultdict(list)
    for part in whereabouts.parts(conn, nodes, as_of=then):
        parts[nodes[part.place]].append(part)
    handoffs: defaultdict[UUID, list[HandedOver]] = defaultdict(list)
    for each in whereabouts.handed_over(conn, [uris[node] for node in nodes], as_of=then):
        handoffs[nodes[each.place]].append(each)
    events = whereabouts.events(conn, {part.event_id for told in parts.values() for part in told})
    known = tuple(key for key in dict.fromkeys(keys) if parts.get(key))
    return Told(keys=known, stays=stays, uris=uris, parts=parts, events=events, handoffs=handoffs)


def _handed(each: HandedOver, via: UUID | None) -> Heard:
    return Heard(Happening(each.at, handed_to(party_uri(each.receiver_party_id)), None, via=via), each.digest.hex())


_Order: TypeAlias = tuple[object, ...]


def _in_order(heard: Iterable[Heard]) -> tuple[Happening, ...]:
    """By time. Of one instant: what leaves a place before what comes to another, else by `Kind`; then by name."""
    found = list(heard)
    arrivals = {(each.at, each.effect.place) for each, _ in found if each.effect.kind is Kind.ARRIVE}

    def order(heard: Heard) -> _Order:
        each, name = heard
        comes = (each.at, each.effect.place) in arrivals
        return each.at, comes, each.effect.kind, each.via is None, name, each.quantity or 0.0, each.unit or ""

    return tuple(each for each, _ in sorted(found, key=order))
