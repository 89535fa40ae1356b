"""Where the parts of a lot are: what its events say, one after the other.

Each event tells of so much of a lot somewhere. That much is taken from where it can have been, nearest first: from the
same place, from what was on its way there, from where it is said to come from, from what was on its way nobody knows
where; at last from the only other part that has enough. Where that is none, or more than one, nothing is taken: then
more is told of than there was, and the balance of the lot says so. What arrives of a lot that nobody has told to be
made comes from outside. A quantity that is not told is all there is; what is left after a quantity in a unit that
cannot be compared is unknown. Who counts what is at a place tells of all that is loose there.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final, NamedTuple, Self

from wayproof.trace.graph.amounts import factor
from wayproof.trace.graph.pieces import Happening, Piece, piece_of
from wayproof.trace.graph.shelf import Shelf
from wayproof.trace.graph.steps import COUNTS, ENDED, ONWARD, Kind, State, is_arrival

_WHOLE: Final = 1.0 - 1e-9
"""Sums of decimal fractions."""


class Source(StrEnum):
    """How an event comes to tell of goods of which nothing that was told before can be the source."""

    MADE = "made"
    RECEIVED = "received"
    """From somebody who tells nothing."""
    TOLD = "told"
    """Nobody knows from where."""


class Origin(NamedTuple):
    """Goods that no event before accounts for."""

    source: Source
    #: None: not told.
    quantity: float | None
    unit: str | None


class Stock:
    """The parts of a lot, up to some event."""

    def __init__(self) -> None:
        self._live = Shelf()
        self._ended = Shelf()
        self.origins: list[Origin] = []

    @classmethod
    def after(cls, happenings: Iterable[Happening]) -> Self:
        """The stock after a whole history, which must be in order."""
        stock = cls()
        for happening in happenings:
            stock.apply(happening)
        return stock

    @property
    def pieces(self) -> list[Piece]:
        """All there are."""
        return [*self._live, *self._ended]

    def apply(self, happening: Happening) -> None:
        """Takes the next event."""
        told = self._touched(happening)
        missed = self._missed(happening)
        for piece in told:
            piece.tell(happening)
            self._shelf(piece).add(piece)
        for piece in missed:
            piece.lose(happening)
            self._live.add(piece)

    def _touched(self, happening: Happening) -> list[Piece]:
        """The pieces that an event tells of, taken out."""
        if happening.via is not None:
            return self._live.pull(list(self._live.inside(happening.via)))
        if happening.effect.kind is Kind.HAND_OVER:
            return self._live.pull(list(self._live))
        if happening.effect.kind is Kind.MAKE:
            return [self._new(happening, happening.quantity)]
        return self._drawn(happening)

    def _drawn(self, happening: Happening) -> list[Piece]:
        """So much as the event tells of, from where it can have been; the rest is new."""
        left, drawn = happening.quantity, list[Piece]()
        for find in (self._near, self._only_other, self._sold):
            for group in find(happening, left):
                left = self._draw(group, left, happening.unit, drawn)
                if left == 0 or (left is None and drawn):
                    return drawn
        return [*drawn, self._new(happening, left, is_rest=bool(drawn))]

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
        if effect.kind is Kind.ARRIVE:
            resting = (*live.loose(effect.place), *live.packed(effect.place))
            yield [each for each in resting if is_arrival(each.step) and each.step != effect.step]
        else:
            yield live.loose(effect.place)
            yield live.packed(effect.place)
        yield live.loose(effect.place, is_moving=True)
        yield live.packed(effect.place, is_moving=True)
        if effect.source is not None and effect.source != effect.place:
            yield live.loose(effect.source)
            yield live.packed(effect.source)
        yield live.loose(None, is_moving=True)
        yield live.packed(None, is_moving=True)

    def _only_other(self, happening: Happening, wanted: float | None) -> Iterator[Sequence[Piece]]:
        """The pieces of the only position elsewhere that has enough."""
        place = happening.effect.place
        if happening.effect.kind is Kind.ARRIVE and not self._is_made:
            return
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

    def _missed(self, happening: Happening) -> list[Piece]:
        """What should have been there when somebody counted, and was not."""
        is_count = happening.effect.step in COUNTS and happening.via is None and happening.quantity is not None
        if not is_count:
            return []
        resting = self._live.loose(happening.effect.place)
        return self._live.pull([piece for piece in resting if _is_alike(piece, happening)])

    @property
    def _is_made(self) -> bool:
        """Whether anybody has told how it came to be."""
        return any(origin.source is Source.MADE for origin in self.origins)

    def _new(self, happening: Happening, quantity: float | None, *, is_rest: bool = False) -> Piece:
        source = Source.TOLD
        if happening.effect.kind is Kind.MAKE:
            source = Source.MADE
        elif happening.effect.kind is Kind.ARRIVE and not (is_rest or self._is_made):
            source = Source.RECEIVED
        piece = piece_of(happening, quantity)
        self.origins.append(Origin(source, piece.quantity, piece.unit))
        return piece

    def _shelf(self, piece: Piece) -> Shelf:
        return self._ended if piece.state in ENDED else self._live


def _is_alike(piece: Piece, happening: Happening) -> bool:
    """Whether how much there is can be compared with how much was told."""
    return piece.quantity is not None and factor(happening.unit, piece.unit) is not None


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
