"""What is told of the containers of things: what happened to them while these, or what these were in, was in them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from wayproof.model.graph import EVER_AFTER, EVER_BEFORE
from wayproof.store import graph
from wayproof.store.graph import Front
from wayproof.store.pool import Conn
from wayproof.trace.graph import holding
from wayproof.trace.graph.windows import Window, Windows

_INSTANT: Final = datetime.resolution
_EVER: Final = (EVER_BEFORE, EVER_AFTER - _INSTANT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Carried:
    """What is told of containers."""

    #: Numbers of events, and whether they had been declared wrong.
    events: Mapping[int, bool]
    #: When something was in which container, from the packing until the unpacking, in order.
    stays: Mapping[UUID, Sequence[Window]]


def told_of_carriers(conn: Conn, keys: Collection[UUID], *, as_of: datetime | None) -> Carried:
    """What is told of containers of these things, as recorded up to `as_of`.

    Events of the time from the packing of a thing until its unpacking, both included. Of a container in a container
    also the events by which it came in and out, before and after that: without them nobody can say what was in what.
    """
    times = _times(conn, keys, as_of)
    stays: defaultdict[UUID, list[Window]] = defaultdict(list)
    for key, (low, high) in times.items():
        stays[key].append((low, high + _INSTANT))
    front = _front((key, stay) for key, each in stays.items() for stay in each)
    inside = [
        each
        for each in holding.contents(conn, front, as_of)
        if not each.is_association and (each.node_id in times or each.node_id in keys)
    ]
    ends = {event_id for each in inside for event_id in (each.event_id, each.closed_by) if event_id}
    told = graph.told_within(conn, front, as_of=as_of or graph.NOW)
    return Carried(events=told | dict.fromkeys(ends, False), stays=stays)


def _times(conn: Conn, keys: Collection[UUID], as_of: datetime | None) -> Windows:
    """When something of these was in which other containers, up to the last instant before it came out."""
    times = Windows()
    front = _front((key, _EVER) for key in keys)
    while front.nodes:
        held = [each for each in holding.containers(conn, front, as_of) if not each.is_association]
        front = _front(
            (each.node_id, (each.low, each.high))
            for each in held
            if each.node_id not in keys and times.add(each.node_id, (each.low, each.high))
        )
    return times


def _front(found: Iterable[tuple[UUID, Window]]) -> Front:
    each = list(found)
    return Front([key for key, _ in each], [low for _, (low, _) in each], [high for _, (_, high) in each])
