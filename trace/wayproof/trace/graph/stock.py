"""Where the parts of a lot are: what its events say, one after the other.

Each event tells of so much of a lot somewhere. That much is taken from where it can have been, nearest first: from the
same place, from what was on its way there, from where it is said to come from, from what was on its way nobody knows
where; at last from the only other part that has enough. Where that is none, or more than one, nothing is taken: then
more is told of than there was, and the balance of the lot says so. What arrives of a lot that nobody has told to be
made comes from outside. A quantity that is not told is all there is; what is left after a quantity in a unit that
cannot be compared is unknown. Who counts what is at a place tells of all that is loose there.

A single thing, or a container, is one part that is wherever it was told of last.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, Self
from uuid import UUID

from wayproof.trace.graph.amounts import factor
from wayproof.trace.graph.shelf import Piece, Shelf
from wayproof.trace.graph.steps import COUNTS, ENDED, ONWARD, Effect, Kind, State, is_arrival

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
    """The parts of a thing, up to some event."""

    def __init__(self, *, is_single: bool) -> None:
        self._is_single = is_single
        self._live = Shelf()
        self._ended = Shelf()
        self.origins: list[Origin] = []

    @classmethod
    def after(cls, happenings: Iterable[Happening], *, is_single: bool) -> Self:
        """The stock after a whole history, which must be in order."""
        stock = cls(is_single=is_single)
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
            _tell(piece, happening)
            self._shelf(piece).add(piece)
        for piece in missed:
            _lose(piece, happening)
            self._live.add(piece)

    def _touched(self, happening: Happening) -> list[Piece]:
        """The pieces that an event tells of, taken out."""
        if happening.via is not None:
            return self._live.pull(list(self._live.inside(happening.via)))
        if happening.effect.kind is Kind.HAND_OVER:
            return self._live.pull(list(self._live))
        if self._is_single:
            had = [*self._live.pull(list(self._live)), *self._ended.pull(list(self._ended))]
            return had or [self._new(happening, None)]
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
        resting = live.at(effect.place)
        if effect.kind is Kind.ARRIVE:
            yield [each for each in resting if is_arrival(each.step) and each.step != effect.step]
        else:
            yield resting
        yield live.bound_for(effect.place)
        if effect.source is not None and effect.source != effect.place:
            yield live.at(effect.source)
        yield live.bound_for(None)

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
        if not is_count or self._is_single:
            return []
        resting = self._live.at(happening.effect.place)
        return self._live.pull([piece for piece in resting if piece.container is None and _is_alike(piece, happening)])

    @property
    def _is_made(self) -> bool:
        """Whether anybody has told how it came to be."""
        return any(origin.source is Source.MADE for origin in self.origins)

    def _new(self, happening: Happening, quantity: float | None, *, is_rest: bool = False) -> Piece:
        unit, source = None if quantity is None else happening.unit, Source.TOLD
        if happening.effect.kind is Kind.MAKE:
            source = Source.MADE
        elif happening.effect.kind is Kind.ARRIVE and not (is_rest or self._is_made):
            source = Source.RECEIVED
        self.origins.append(Origin(source, quantity, unit))
        return Piece(
            state=None,
            place=None,
            container=None,
            quantity=quantity,
            unit=unit,
            since=happening.at,
            told_at=happening.at,
            event_id=happening.event_id,
        )

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


def _lose(piece: Piece, happening: Happening) -> None:
    piece.state, piece.since = State.UNKNOWN, happening.at
    piece.told_at, piece.event_id = happening.at, happening.event_id


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
