"""Times in which a thing counts for a search: closed intervals, merged as they come."""

from datetime import datetime
from typing import TypeAlias
from uuid import UUID

Window: TypeAlias = tuple[datetime, datetime]
"""From and until, both included."""


class Windows:
    """For which times each thing has been looked at."""

    def __init__(self) -> None:
        self._seen: dict[UUID, list[Window]] = {}

    def __contains__(self, node: UUID) -> bool:
        return node in self._seen

    def add(self, node: UUID, window: Window) -> bool:
        """Takes a window in; False where all of it was seen before."""
        seen = self._seen.setdefault(node, [])
        low, high = window
        if any(known[0] <= low and high <= known[1] for known in seen):
            return False
        apart = [known for known in seen if known[1] < low or known[0] > high]
        joined = [known for known in seen if not (known[1] < low or known[0] > high)]
        low = min([low, *(known[0] for known in joined)])
        high = max([high, *(known[1] for known in joined)])
        self._seen[node] = [*apart, (low, high)]
        return True
