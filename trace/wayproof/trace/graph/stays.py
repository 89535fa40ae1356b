"""In which containers things were, and those in which others, each for its time."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from wayproof.model.graph import EVER_AFTER, EVER_BEFORE
from wayproof.store import graph
from wayproof.store.graph import Contained, Front
from wayproof.store.pool import Conn
from wayproof.trace.graph.questions import contained_then

_LAST: Final = EVER_AFTER - datetime.resolution


class Stay(NamedTuple):
    """A container, and from when until when (both included) something was in it, or in something in it."""

    container: UUID
    low: datetime
    high: datetime

    @property
    def is_open(self) -> bool:
        """Whether nothing has told that it ended."""
        return self.high == _LAST

    @property
    def end(self) -> datetime:
        """The instant of the unpacking."""
        return self.high + datetime.resolution


@dataclass(frozen=True, slots=True)
class Stays:
    """All stays of some things."""

    #: Of the things themselves.
    of: dict[UUID, tuple[Stay, ...]]
    #: In which stays the container of a stay had some itself, within its time.
    outer: dict[Stay, tuple[Stay, ...]]

    @property
    def containers(self) -> set[UUID]:
        """Every container."""
        return {stay.container for stay in self.outer}

    def now(self) -> dict[UUID, UUID]:
        """In what each container is now, the one that it came into last."""
        found: dict[UUID, UUID] = {}
        for stay, outer in self.outer.items():
            still = [each for each in outer if each.is_open]
            if stay.is_open and still:
                found[stay.container] = max(still, key=lambda each: (each.low, each.container)).container
        return found

    def around(self, stay: Stay) -> list[Stay]:
        """The stay and all around it, nearest first. Containers that are in each other come once."""
        found, todo = {stay: None}, [stay]
        for inner in todo:
            todo += [each for each in self.outer[inner] if each not in found]
            found |= dict.fromkeys(self.outer[inner])
        return list(found)


def find_stays(conn: Conn, keys: Collection[UUID], *, as_of: datetime | None) -> Stays:
    """The stays of things, as they are known now or were then: one or two queries a level of nesting."""
    first = [Stay(key, EVER_BEFORE, _LAST) for key in keys]
    own = _containers(conn, first, as_of) if first else {}
    outer: dict[Stay, tuple[Stay, ...]] = {}
    front = _fresh(own, outer)
    while front:
        found = _containers(conn, front, as_of)
        outer |= found
        front = _fresh(found, outer)
    return Stays({stay.container: around for stay, around in own.items()}, outer)


def _fresh(found: Mapping[Stay, tuple[Stay, ...]], known: Mapping[Stay, object]) -> list[Stay]:
    return [stay for stay in dict.fromkeys(each for around in found.values() for each in around) if stay not in known]


def _containers(conn: Conn, front: list[Stay], as_of: datetime | None) -> dict[Stay, tuple[Stay, ...]]:
    asked = Front(*map(list, zip(*front, strict=True)))
    if as_of is None:
        found: Iterable[Contained] = graph.containers(conn, asked)
    else:
        found = contained_then(conn, asked, as_of, is_down=True)
    outer: dict[Stay, list[Stay]] = {stay: [] for stay in front}
    for held in found:
        outer[front[held.place]].append(Stay(held.node_id, held.low, held.high))
    return {stay: tuple(sorted(set(each))) for stay, each in outer.items()}
