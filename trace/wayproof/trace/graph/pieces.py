"""A part of a lot, or a single thing, and what an event makes of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from wayproof.trace.graph.steps import Effect, Kind, State


class Happening(NamedTuple):
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


@dataclass(slots=True)
class Piece:
    """A part of a lot, or a single thing."""

    #: None: not told, or unknown.
    quantity: float | None
    unit: str | None
    #: Since when it has been told there, in this state.
    since: datetime
    #: Of the event that told of it last.
    told_at: datetime
    event_id: int | None
    state: State | None = None
    place: str | None = None
    container: UUID | None = None
    destination: str | None = None
    holder: str | None = None
    step: str | None = None
    is_moving: bool = False

    @property
    def whither(self) -> str | None:
        """Where it is bound for while it moves, else where it is."""
        return self.destination if self.is_moving else self.place

    def tell(self, happening: Happening) -> None:
        """What is known of it after an event."""
        effect = happening.effect
        kind = effect.kind
        if effect.holder is not None:
            self.holder = effect.holder
        if kind is Kind.HAND_OVER:
            return
        container = None if kind is Kind.END else self._container(happening)
        place = effect.place or self.place
        state = effect.state or self.state or (State.ON_HAND if place else State.UNKNOWN)
        if state is not self.state or place != self.place or container != self.container:
            self.state, self.place, self.container, self.since = state, place, container, happening.at
        self.is_moving = self._moves(effect)
        self.destination = (effect.destination or self.destination) if self.is_moving else None
        self.step, self.told_at, self.event_id = effect.step, happening.at, happening.event_id

    def lose(self, happening: Happening) -> None:
        """It was not there when somebody counted."""
        self.state, self.since = State.UNKNOWN, happening.at
        self.told_at, self.event_id = happening.at, happening.event_id

    def _container(self, happening: Happening) -> UUID | None:
        if happening.container is None:
            return self.container
        if happening.effect.kind is not Kind.UNPACK:
            return happening.container
        return None if self.container == happening.container else self.container

    def _moves(self, effect: Effect) -> bool:
        if effect.kind is Kind.REST:
            return self.is_moving if effect.state is None else effect.state is State.IN_TRANSIT
        return effect.kind is Kind.DEPART or effect.state is State.IN_TRANSIT


def piece_of(happening: Happening, quantity: float | None) -> Piece:
    """A new one, of which only the event is known that tells of it; `Piece.tell` comes next."""
    unit = None if quantity is None else happening.unit
    return Piece(quantity, unit, happening.at, happening.at, happening.event_id)


def single(happenings: Iterable[Happening]) -> Piece | None:
    """A single thing, or a container, after its history: it is wherever it was told of last."""
    piece: Piece | None = None
    for happening in happenings:
        if piece is None:
            piece = piece_of(happening, None)
        if happening.via is None or happening.via == piece.container:
            piece.tell(happening)
    return piece
