"""Where the parts of a lot are: what its events say, one after the other.

Each event tells of so much of a lot somewhere. That much is taken from where it can have been, nearest first: from the
same place, from what was on its way there, from what was on its way nobody knows where; at last from the only other
part that has enough. Where that is nothing or more than one, nothing is taken: then more is told of than there was, and
the balance of the lot says so. A quantity that is not told is all there is; what is left after a quantity in a unit
that cannot be compared is unknown. A single thing, and a container, is one part that is wherever it was told of last.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from wayproof.trace.graph.amounts import factor
from wayproof.trace.graph.shelf import Piece, Shelf
from wayproof.trace.graph.steps import ENDED, ONWARD, Effect, Kind, State, is_arrival

_WHOLE: Final = 1.0 - 1e-9
"""Sums of decimal fractions."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event as it bears on a thing."""

    at: datetime
    effect: Effect
    #: None: no event tells, a handoff does.
    event_id: int | None
    #: The container of what is packed or unpacked.
    container: UUID | None = None
    #: None: all of it.
    quantity: float | None = None
    unit: str | None = None
    #: The container by which the event bears on what is in it.
    via: UUID | None = None


class Stock:
    """The parts of a thing, up to some event."""

    def __init__(self, *, is_single: bool) -> None:
        self._is_single = is_single
        self._live = Shelf()
        self._ended = Shelf()

    @property
    def pieces(self) -> list[Piece]:
        """All there are."""
        return [*self._live, *self._ended]

    def apply(self, happening: Happening) -> None:
        """Takes the next event."""
        for piece in self._touched(happening):
            _tell(piece, happening)
            self._shelf(piece).add(piece)

    def _touched(self, happening: Happening) -> list[Piece]:
        """The pieces that an event tells of, taken out."""
        if happening.via is not None:
            return self._live.pull(list(self._live.inside(happening.via)))
        if happening.effect.kind is Kind.HAND_OVER:
            return self._live.pull(list(self._live))
        if self._is_single:
            had = [*self._live.pull(list(self._live)), *self._ended.pull(list(self._ended))]
            return had or [_new(happening, None)]
        if happening.effect.kind is Kind.MAKE:
            return [_new(happening, happening.quantity)]
        return self._drawn(happening)

    def _drawn(self, happening: Happening) -> list[Piece]:
        """So much as the event tells of, from where it can have been; the rest is new."""
        left, drawn = happening.quantity, list[Piece]()
        for find in (self._near, self._only_other, self._sold):
            for group in find(happening, left):
                left = self._draw(group, left, happening.unit, drawn)
                if left == 0 or (left is None and drawn):
                    return drawn
        return [*drawn, _new(happening, left)]

    def _draw(self, group: Sequence[Piece], left: float | None, unit: str | None, drawn: list[Piece]) -> float | None:
        """Takes so much out of a group; what is left to take."""
        for piece in group:
            if left == 0:
                break
            taken, left = self._take(piece, left, unit)
            drawn.append(taken)
        return left

    def _take(self, piece: Piece, wanted: float | None, unit: str | None) -> tuple[Piece, float | None]:
        """A part of a piece, or all of it; and what is left to take."""
        ratio = factor(unit, piece.unit)
        if wanted is not None and (piece.quantity is None or ratio is None):
            piece.quantity = None
            return replace(piece, quantity=wanted, unit=unit), 0.0
        if wanted is None or piece.quantity is None or ratio is None:
            return self._shelf(piece).pull([piece])[0], None
        if wanted * ratio < piece.quantity * _WHOLE:
            piece.quantity -= wanted * ratio
            return replace(piece, quantity=wanted * ratio), 0.0
        left = wanted - piece.quantity / ratio
        return self._shelf(piece).pull([piece])[0], left if left > wanted * (1 - _WHOLE) else 0.0

    def _near(self, happening: Happening, _wanted: float | None) -> Iterator[Sequence[Piece]]:
        """Where it can have been, nearest first."""
        live, effect = self._live, happening.effect
        if happening.container is not None and effect.kind is not Kind.PACK:
            yield list(live.inside(happening.container))
        if effect.step in ONWARD:
            yield [each for each in live.moving() if each.place == effect.place and each.step != effect.step]
        resting = live.at(effect.place)
        if effect.kind is Kind.ARRIVE:
            yield [each for each in resting if is_arrival(each.step) and each.step != effect.step]
        else:
            yield resting
        yield live.bound_for(effect.place)
        yield live.bound_for(None)

    def _only_other(self, happening: Happening, wanted: float | None) -> Iterator[Sequence[Piece]]:
        """The pieces of the only position elsewhere that has enough."""
        place = happening.effect.place
        positions: dict[tuple[object, ...], list[Piece]] = {}
        for piece in self._live:
            if (piece.destination if piece.is_moving else piece.place) != place:
                key = (piece.container, piece.place, piece.is_moving, piece.destination)
                positions.setdefault(key, []).append(piece)
        enough = [each for each in positions.values() if _has(each, wanted, happening.unit)]
        if len(enough) == 1:
            yield enough[0]

    def _sold(self, happening: Happening, _wanted: float | None) -> Iterator[Sequence[Piece]]:
        if happening.effect.state is State.RETURNED:
            yield [piece for piece in self._ended if piece.state is State.SOLD]

    def _shelf(self, piece: Piece) -> Shelf:
        return self._ended if piece.state in ENDED else self._live


def _has(pieces: Sequence[Piece], wanted: float | None, unit: str | None) -> bool:
    """Whether so much can have been there."""
    if wanted is None:
        return True
    there = 0.0
    for piece in pieces:
        ratio = factor(piece.unit, unit)
        if piece.quantity is None or ratio is None:
            return True
        there += piece.quantity * ratio
    return there >= wanted * _WHOLE


def _new(happening: Happening, quantity: float | None) -> Piece:
    return Piece(
        state=None,
        place=None,
        container=None,
        quantity=quantity,
        unit=None if quantity is None else happening.unit,
        since=happening.at,
        told_at=happening.at,
        event_id=happening.event_id,
    )


def _tell(piece: Piece, happening: Happening) -> None:
    """What is known of a piece after an event."""
    effect = happening.effect
    before = (piece.state, piece.place, piece.container)
    piece.place = effect.place or piece.place
    piece.state = effect.state or piece.state or (State.ON_HAND if piece.place else State.UNKNOWN)
    piece.container = _container(piece, happening)
    piece.holder = effect.holder or piece.holder
    if effect.kind is Kind.HAND_OVER:
        return
    piece.is_moving = _is_moving(piece, effect)
    piece.destination = (effect.destination or piece.destination) if piece.is_moving else None
    piece.step, piece.told_at, piece.event_id = effect.step, happening.at, happening.event_id
    if before != (piece.state, piece.place, piece.container):
        piece.since = happening.at


def _container(piece: Piece, happening: Happening) -> UUID | None:
    kind = happening.effect.kind
    if kind is Kind.END:
        return None
    if happening.via is not None or happening.container is None:
        return piece.container
    if kind is not Kind.UNPACK:
        return happening.container
    return None if piece.container == happening.container else piece.container


def _is_moving(piece: Piece, effect: Effect) -> bool:
    if effect.kind is Kind.REST:
        return piece.is_moving if effect.state is None else effect.state is State.IN_TRANSIT
    return effect.kind is Kind.DEPART or effect.state is State.IN_TRANSIT
