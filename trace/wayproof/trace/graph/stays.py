"""In which containers things were, and those in which others, each for its time."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from wayproof.model.graph import EVER_AFTER, EVER_BEFORE
from wayproof.store import whereabouts
from wayproof.store.graph import Contained, Front
from wayproof.store.pool import Conn
from wayproof.trace.graph import holding

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

    #: Of the things themselves, of those that had any.
    of: Mapping[UUID, tuple[Stay, ...]]
    #: In which stays the container of a stay had some itself, within its time.
    outer: Mapping[Stay, tuple[Stay, ...]]

    @property
    def containers(self) -> set[UUID]:
        """Every container."""
        return {stay.container for stay in self.outer}

    def now(self) -> dict[UUID, UUID]:
        """In what each container is now, the one that it came into last."""
        found: dict[UUID, UUID] = {}
        for stay in sorted(self.outer, key=lambda each: each.low, reverse=True):  # the longest stay knows best
            still = [each for each in self.outer[stay] if each.is_open]
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
    own: defaultdict[UUID, set[Stay]] = defaultdict(set)
    for key, stay in _first(conn, list(keys), as_of):
        own[key].add(stay)
    outer: dict[Stay, tuple[Stay, ...]] = {}
    front = list(dict.fromkeys(stay for each in own.values() for stay in each))
    while front:
        found = _containers(conn, front, as_of)
        outer |= found
        front = [
            each for each in dict.fromkeys(stay for around in found.values() for stay in around) if each not in outer
        ]
    return Stays({key: tuple(sorted(each)) for key, each in own.items()}, outer)


def _first(conn: Conn, keys: Sequence[UUID], as_of: datetime | None) -> Iterator[tuple[UUID, Stay]]:
    if as_of is None:
        for place, container, since, until in whereabouts.stays(conn, keys):
            yield keys[place], Stay(container, since, until - datetime.resolution)
    elif keys:
        ever = Front(keys, [EVER_BEFORE] * len(keys), [_LAST] * len(keys))
        for held in _packed(conn, ever, as_of):
            yield keys[held.place], Stay(held.node_id, held.low, held.high)


def _containers(conn: Conn, front: Sequence[Stay], as_of: datetime | None) -> dict[Stay, tuple[Stay, ...]]:
    asked = Front(*map(list, zip(*front, strict=True)))
    outer: dict[Stay, set[Stay]] = {stay: set() for stay in front}
    for held in _packed(conn, asked, as_of):
        outer[front[held.place]].add(Stay(held.node_id, held.low, held.high))
    return {stay: tuple(sorted(each)) for stay, each in outer.items()}


def _packed(conn: Conn, front: Front, as_of: datetime | None) -> list[Contained]:
    return [held for held in holding.containers(conn, front, as_of) if not held.is_association]
