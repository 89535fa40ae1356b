"""What is under way, how much more may go, and when to send again. Pure: the time comes from the caller."""

import math
import secrets
from collections.abc import Callable
from typing import Final, NamedTuple

from wayproof.devices.receipts import Receipt

MAX_MESSAGES: Final = 16
"""How many messages may be under way without a receipt; mosquitto takes 20 before it has acknowledged one."""
FIRST_DELAY_S: Final = 1.0
LONGEST_DELAY_S: Final = 30.0
GAP_PATIENCE_S: Final = 5.0
"""How long an older message may be missing from receipts that name newer ones."""

_uniform: Final = secrets.SystemRandom().uniform


class Delays:
    """Delays that double from one second to thirty, each shaken by a quarter so that a fleet does not march in step."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Starts again with the shortest."""
        self._next_s = FIRST_DELAY_S

    def next(self) -> float:
        """The next delay, in seconds."""
        delay_s = self._next_s
        self._next_s = min(2 * delay_s, LONGEST_DELAY_S)
        return delay_s * _uniform(0.75, 1.25)


class Message(NamedTuple):
    """A message that was published: the lowest and the highest number in it, and when."""

    first: int
    last: int
    sent_at_s: float


class Window:
    """The messages of one connection that no receipt has named yet. Times are seconds of a monotonic clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        #: Everything up to here was sent in this round, or is safe.
        self.sent_through = 0
        #: The highest number that was ever sent.
        self.highest_sent = 0
        self._clock = clock
        self._under_way: list[Message] = []
        self._max_messages = MAX_MESSAGES
        self._silence = Delays()
        self._resend_at_s = 0.0

    def is_open(self) -> bool:
        """Whether another message may go."""
        return len(self._under_way) < self._max_messages

    def sent(self, first: int, last: int) -> None:
        """Notes a message that was published."""
        now_s = self._clock()
        if not self._under_way:
            self._resend_at_s = now_s + self._silence.next()
        self._under_way.append(Message(first, last, now_s))
        self.sent_through = last
        self.highest_sent = max(self.highest_sent, last)

    def receipted(self, receipt: Receipt) -> None:
        """Forgets the messages that a receipt names whole; goes back to a gap that has stood too long."""
        now_s = self._clock()
        ranges = receipt.ranges()
        self._under_way = [message for message in self._under_way if not _is_named(message, ranges)]
        self._max_messages = MAX_MESSAGES
        self._silence.reset()
        if not self._under_way:
            return
        self._resend_at_s = now_s + self._silence.next()
        oldest = self._under_way[0]
        if ranges and ranges[-1][1] > oldest.last and now_s - oldest.sent_at_s > GAP_PATIENCE_S:
            self._go_back(oldest.first - 1)

    def resend_if_silent(self) -> bool:
        """After too long a silence goes back to the lowest number that waits, with one message as a probe."""
        is_silent = bool(self._under_way) and self._clock() >= self._resend_at_s
        if is_silent:
            self._max_messages = 1
            self._go_back(0)
        return is_silent

    def silence_left_s(self) -> float:
        """How long to wait for a receipt before sending again; endless while nothing is under way."""
        return max(0.0, self._resend_at_s - self._clock()) if self._under_way else math.inf

    def _go_back(self, sent_through: int) -> None:
        self._under_way.clear()
        self.sent_through = sent_through


def _is_named(message: Message, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= message.first and message.last <= last for first, last in ranges)
