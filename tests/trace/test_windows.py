"""Windows of a search: merged as they come, and without walking all that came before."""

from typing import Any, Final
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from wayproof.trace.graph.windows import Windows

NODE: Final = UUID(int=1)
SPANS: Final = st.tuples(st.integers(0, 40), st.integers(0, 8)).map(lambda span: (span[0], span[0] + span[1]))


class Counted(int):
    """A time that counts how often it is compared."""

    compared = 0

    def __lt__(self, other: int) -> bool:
        Counted.compared += 1
        return int(self) < int(other)

    def __le__(self, other: int) -> bool:
        Counted.compared += 1
        return int(self) <= int(other)

    def __gt__(self, other: int) -> bool:
        Counted.compared += 1
        return int(self) > int(other)

    @classmethod
    def window(cls, low: int, high: int) -> Any:
        """From and until."""
        return cls(low), cls(high)


@given(st.lists(SPANS, max_size=40))
def test_news(spans: list[Any]) -> None:
    """A window is news where no one window that was seen, or made of several that touch, takes all of it in."""
    windows, seen = Windows(), set[tuple[int, int]]()
    for low, high in spans:
        assert windows.add(NODE, (low, high)) is not any(known[0] <= low and high <= known[1] for known in seen)
        joined = {known for known in seen if known[0] <= high and low <= known[1]} | {(low, high)}
        seen = (seen - joined) | {(min(each[0] for each in joined), max(each[1] for each in joined))}


def test_many_windows_of_one_thing() -> None:
    """Each window is compared with few others, in order of time or against it."""
    count = 1_000
    for order in (range(count), reversed(range(count))):
        windows, Counted.compared = Windows(), 0
        assert all(windows.add(NODE, Counted.window(10 * number, 10 * number + 5)) for number in order)
        assert Counted.compared < 40 * count
