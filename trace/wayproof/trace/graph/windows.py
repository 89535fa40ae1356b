"""Times in which a thing counts for a search: closed intervals, merged as they come."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

Window: TypeAlias = tuple[datetime, datetime]
"""From and until, both included."""


class Windows:
    """For which times each thing has been looked at."""

    def __init__(self) -> None:
        # Beginnings and ends of windows that are apart, in order: what is found by halves need not be walked.
        self._seen: defaultdict[UUID, tuple[list[datetime], list[datetime]]] = defaultdict(lambda: ([], []))

    def __contains__(self, node: UUID) -> bool:
        return node in self._seen

    def items(self) -> Iterator[tuple[UUID, Window]]:
        """Every thing with each of its times."""
        return ((node, window) for node, seen in self._seen.items() for window in zip(*seen, strict=True))

    def add(self, node: UUID, window: Window) -> bool:
        """Takes a window in; False where all of it was seen before."""
        lows, highs = self._seen[node]
        low, high = window
        first, last = bisect_left(highs, low), bisect_right(lows, high)
        if first < last:  # it touches these
            if lows[first] <= low and high <= highs[first]:
                return False
            low, high = min(low, lows[first]), max(high, highs[last - 1])
        lows[first:last], highs[first:last] = [low], [high]
        return True
