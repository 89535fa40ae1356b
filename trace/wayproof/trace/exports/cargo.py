"""What was in a container at a time, out of the aggregation events at hand."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from wayproof.trace.exports.history import Event, Line

_MOST_LEVELS: Final = 20


class Cargo:
    """Contents of containers. Events must come in order of time."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._by_parent: dict[str, list[Event]] = {}
        for event in events:
            if event.event_type == "AggregationEvent" and event.parent:
                self._by_parent.setdefault(event.parent, []).append(event)

    def moved(self, event: Event, *lists: str) -> list[Line]:
        """The things in lists of an event, containers replaced by what was in them then, whatever their nesting.

        An aggregation that names only its parent is of everything in it.
        """
        lines = event.lines(*lists) or ([Line(uri=event.parent)] if event.parent else [])
        return self._opened(lines, event.at, _MOST_LEVELS)

    def _opened(self, lines: Sequence[Line], at: datetime, levels: int) -> list[Line]:
        found: list[Line] = []
        for line in lines:
            inside = self._inside(line.uri, at) if levels else []
            found += self._opened(inside, at, levels - 1) if inside else [line]
        return found

    def _inside(self, parent: str, at: datetime) -> list[Line]:
        held: dict[tuple[str, str | None], Line] = {}
        for event in self._by_parent.get(parent, ()):
            if event.at > at:
                break
            if event.action == "ADD":
                _put_in(held, event.lines("childEPCs", "childQuantityList"))
            elif event.action == "DELETE":
                _take_out(held, event.lines("childEPCs", "childQuantityList"))
        return list(held.values())


_Held = dict[tuple[str, str | None], Line]


def _put_in(held: _Held, lines: Iterable[Line]) -> None:
    for line in lines:
        there = held.get((line.uri, line.unit))
        held[line.uri, line.unit] = line if there is None else _sum(there, line, 1)


def _take_out(held: _Held, lines: Sequence[Line]) -> None:
    if not lines:
        held.clear()  # without children an aggregation's end is everything's (EPCIS 2.0 §7.4.2)
    for line in lines:
        there = held.pop((line.uri, line.unit), None)
        rest = None if there is None else _sum(there, line, -1)
        if rest is not None and rest.quantity is not None and rest.quantity > 0:
            held[line.uri, line.unit] = rest


def _sum(one: Line, other: Line, sign: int) -> Line:
    if one.quantity is None or other.quantity is None:
        return Line(uri=one.uri, unit=one.unit)
    quantity = Decimal(one.quantity) + sign * Decimal(other.quantity)
    return Line(uri=one.uri, quantity=quantity, unit=one.unit)
