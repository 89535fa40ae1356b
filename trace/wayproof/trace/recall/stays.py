"""What was in what, level by level, within the time in which that counts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from wayproof.store.graph import Contained, Front
from wayproof.store.pool import Conn
from wayproof.trace.graph import holding
from wayproof.trace.graph.windows import Windows

MOST_LEVELS: Final = 30
"""Of containers in containers; more are a ring."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A time [low, high] in which a thing counts, because of something that has a number."""

    origin: int
    node: UUID
    low: datetime
    high: datetime
    #: How much of a lot it was; None: nobody told.
    quantity: float | None = None
    unit: str | None = None


def opened(conn: Conn, stays: Sequence[Stay], as_of: datetime | None, *, with_attached: bool = False) -> list[Stay]:
    """These and all that was in them, whatever the nesting; also what is only attached to them, where asked for."""
    return _spread(stays, lambda front: _asked(conn, front, as_of, is_down=True), also_attached=with_attached)


def carriers(conn: Conn, stays: Sequence[Stay], as_of: datetime | None) -> tuple[list[Stay], set[UUID]]:
    """What these were in or attached to, and what that is attached to; and to which of it something is attached.

    A logger in a box tells of the box, not of the truck that carries it; a sensor that is screwed to a unit that is
    screwed to a truck tells of the truck.
    """
    near = _asked(conn, stays, as_of, is_down=False)
    equipment = {each.node_id for each in near if each.is_association}

    def attached(front: Sequence[Stay]) -> list[Contained]:
        found = [each for each in _asked(conn, front, as_of, is_down=False) if each.is_association]
        equipment.update(each.node_id for each in found)
        return found

    return _spread(list(_next(stays, near, also_attached=True)), attached, also_attached=True), equipment


def containers(conn: Conn, stays: Sequence[Stay], as_of: datetime | None) -> list[Stay]:
    """What these were in, and what that was in; without these themselves."""

    def packed(front: Sequence[Stay]) -> list[Contained]:
        return [each for each in _asked(conn, front, as_of, is_down=False) if not each.is_association]

    return _spread(stays, packed, also_attached=False)[len(stays) :]


def _spread(
    stays: Sequence[Stay], ask: Callable[[Sequence[Stay]], list[Contained]], *, also_attached: bool
) -> list[Stay]:
    seen: dict[int, Windows] = {}

    def is_new(stay: Stay) -> bool:
        return seen.setdefault(stay.origin, Windows()).add(stay.node, (stay.low, stay.high))

    found: list[Stay] = []
    front = [stay for stay in stays if is_new(stay)]
    for _ in range(MOST_LEVELS):
        found += front
        if not front:
            break
        front = [stay for stay in _next(front, ask(front), also_attached=also_attached) if is_new(stay)]
    return found


def _next(front: Sequence[Stay], found: Sequence[Contained], *, also_attached: bool) -> Iterator[Stay]:
    for each in found:
        if also_attached or not each.is_association:
            yield Stay(front[each.place].origin, each.node_id, each.low, each.high, each.quantity, each.unit)


def _asked(conn: Conn, stays: Sequence[Stay], as_of: datetime | None, *, is_down: bool) -> list[Contained]:
    front = Front([stay.node for stay in stays], [stay.low for stay in stays], [stay.high for stay in stays])
    return holding.contents(conn, front, as_of) if is_down else holding.containers(conn, front, as_of)
