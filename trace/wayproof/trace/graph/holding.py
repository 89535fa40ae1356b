"""What was in what, or belonged to it, within the times in which that counts: by all there is, or as recorded then."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from uuid import UUID

from wayproof.store import graph
from wayproof.store.graph import Contained, Front
from wayproof.store.pool import Conn
from wayproof.trace.graph.containment import containments


def containers(conn: Conn, front: Front, as_of: datetime | None) -> list[Contained]:
    """In what the things of a front were; by what had been recorded at `as_of`, None: by all there is."""
    return _held(conn, front, as_of, is_outward=True)


def contents(conn: Conn, front: Front, as_of: datetime | None) -> list[Contained]:
    """What was in the things of a front; the same."""
    return _held(conn, front, as_of, is_outward=False)


def _held(conn: Conn, front: Front, as_of: datetime | None, *, is_outward: bool) -> list[Contained]:
    """Asks once a thing, in however many times it counts: a pallet that is used again and again has thousands."""
    things: defaultdict[UUID, list[int]] = defaultdict(list)
    for place, node in enumerate(front.nodes):
        things[node].append(place)
    if len(things) == len(front.nodes):
        return list(_asked(conn, front, as_of, is_outward=is_outward))
    times = [_Times(front, places) for places in things.values()]
    whole = Front(list(things), [each.lows[0] for each in times], [each.ends[-1] for each in times])
    found = _asked(conn, whole, as_of, is_outward=is_outward)
    return [part for held in found for part in times[held.place].within(held)]


class _Times:
    """The times of a front in which one thing counts, by their beginnings."""

    def __init__(self, front: Front, places: Sequence[int]) -> None:
        self.places = sorted(places, key=front.lows.__getitem__)
        self.lows = [front.lows[place] for place in self.places]
        self.highs = [front.highs[place] for place in self.places]
        #: The latest end of all that began by then.
        self.ends = list(accumulate(self.highs, max))

    def within(self, held: Contained) -> Iterator[Contained]:
        """What of a time inside lies in these."""
        for each in range(bisect_left(self.ends, held.low), bisect_right(self.lows, held.high)):
            low, high = max(self.lows[each], held.low), min(self.highs[each], held.high)
            if low <= high:
                yield held._replace(place=self.places[each], low=low, high=high)


def _asked(conn: Conn, front: Front, as_of: datetime | None, *, is_outward: bool) -> Iterable[Contained]:
    """Of a front that has each thing once."""
    # Before it is asked what has changed: what is told in between counts as changed.
    found = graph.containers(conn, front) if is_outward else graph.contents(conn, front)
    changed = graph.changed(conn, front.nodes, as_of=as_of, is_around=is_outward) if as_of else None
    if not as_of or not changed:
        return found
    kept = [held for held in found if (held.node_id if is_outward else front.nodes[held.place]) not in changed]
    return [*kept, *_made_again(conn, front, changed, as_of, is_outward=is_outward)]


def _made_again(
    conn: Conn, front: Front, changed: Collection[UUID], as_of: datetime, *, is_outward: bool
) -> Iterator[Contained]:
    places: Mapping[UUID, int] = {node: place for place, node in enumerate(front.nodes)}
    for each in containments(graph.packings(conn, changed, as_of=as_of)):
        near, far = (each.child_id, each.parent_id) if is_outward else (each.parent_id, each.child_id)
        if near not in places:
            continue
        place = places[near]
        low, high = max(front.lows[place], each.since), min(front.highs[place], each.until - datetime.resolution)
        if low <= high:
            quantity, ends = (each.quantity, each.unit), (each.opened_by, each.closed_by)
            yield Contained(place, far, each.is_association, low, high, *quantity, *ends)
