"""What was in a container at a time, out of the aggregation events at hand."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeAlias

from wayproof.trace.exports.history import Event, Line
from wayproof.trace.graph.amounts import converted, measure_of

_MOST_LEVELS: Final = 20
_CHILDREN: Final = ("childEPCs", "childQuantityList")
_NOTHING: Final = Decimal("1e-9")
"""Of what was inside: a pound has no end in kilograms' decimals."""
_Held: TypeAlias = dict[tuple[str, str], Line]
"""By thing and what its amount measures: what was put in by the kilogram can be taken out by the pound."""


class Cargo:
    """Contents of containers. Events must come in order of time; asked about in that order, they are read once."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._loads: dict[str, _Load] = {}
        for event in events:
            if event.event_type == "AggregationEvent" and event.parent:
                self._loads.setdefault(event.parent, _Load()).events.append(event)

    def moved(self, event: Event, *lists: str) -> list[Line]:
        """The things in lists of an event, containers replaced by what was in them then, whatever their nesting.

        An aggregation that names only its parent is of everything in it.
        """
        lines = event.lines(*lists) or ([Line(uri=event.parent)] if event.parent else [])
        return self._opened(lines, event.at, set(), _MOST_LEVELS)

    def _opened(self, lines: Iterable[Line], at: datetime, opened: set[str], levels: int) -> list[Line]:
        """Each container is opened once, though events say that it was in two at a time, or even in itself."""
        found: list[Line] = []
        for line in lines:
            load = self._loads.get(line.uri)
            inside = load.at(at) if load and levels else []
            if not inside:
                found.append(line)
            elif line.uri not in opened:
                opened.add(line.uri)
                found += self._opened(inside, at, opened, levels - 1) or [line]
        return found


class _Load:
    """What was in one container. Its state moves on with the time that is asked for."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._held: _Held = {}
        self._done = 0

    def at(self, at: datetime) -> list[Line]:
        if self._done and self.events[self._done - 1].at > at:
            self._held, self._done = {}, 0
        while self._done < len(self.events) and self.events[self._done].at <= at:
            self._apply(self.events[self._done])
            self._done += 1
        return list(self._held.values())

    def _apply(self, event: Event) -> None:
        if event.action == "ADD":
            _put_in(self._held, event.lines(*_CHILDREN))
        elif event.action == "OBSERVE":  # what is seen inside and nobody put in has been there from then on
            known = {uri for uri, _ in self._held}
            _put_in(self._held, [line for line in event.lines(*_CHILDREN) if line.uri not in known])
        elif event.action == "DELETE":
            _take_out(self._held, event.lines(*_CHILDREN))


def _put_in(held: _Held, lines: Iterable[Line]) -> None:
    for line in lines:
        there = held.get(_key(line))
        held[_key(line)] = line if there is None else _sum(there, line, 1)


def _take_out(held: _Held, lines: Sequence[Line]) -> None:
    if not lines:
        held.clear()  # without children an aggregation's end is everything's (EPCIS 2.0 §7.4.2)
    for line in lines:
        there = held.pop(_key(line), None)
        rest = None if there is None else _sum(there, line, -1)
        if there and rest and rest.quantity is not None and rest.quantity > there.quantity * _NOTHING:
            held[_key(line)] = rest


def _key(line: Line) -> tuple[str, str]:
    return line.uri, measure_of(line.unit)


def _sum(one: Line, other: Line, sign: int) -> Line:
    """In the unit of the first."""
    if one.quantity is None or other.quantity is None:
        return Line(uri=one.uri, unit=one.unit)
    quantity = Decimal(one.quantity) + sign * converted(Decimal(other.quantity), other.unit, one.unit)
    return Line(uri=one.uri, quantity=quantity, unit=one.unit)
