"""What is under way, and when it is sent again: rules on a clock that the test turns."""

from wayproof.devices.publisher.window import FIRST_DELAY_S, LONGEST_DELAY_S, MAX_MESSAGES, Delays, Window
from wayproof.devices.receipts import Receipt


class Clock:
    """A monotonic clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        """The time, in seconds."""
        return self.now_s


def window_with(clock: Clock, *, messages: int) -> Window:
    """A window with messages of ten readings each under way."""
    window = Window(clock)
    for n in range(messages):
        window.sent(10 * n + 1, 10 * n + 10)
    return window


def silences(window: Window, clock: Clock, count: int) -> list[float]:
    """The silences after which the window sends again, while no receipt comes."""
    found = []
    for _ in range(count):
        found.append(window.silence_left_s())
        clock.now_s += window.silence_left_s()
        assert window.resend_if_silent()
        window.sent(1, 10)
    return found


def test_window_is_bounded() -> None:
    """No more than so many messages are under way until a receipt names one of them whole."""
    window = window_with(Clock(), messages=MAX_MESSAGES)
    assert not window.is_open()
    window.receipted(Receipt(boot=7, through=9))
    assert not window.is_open()
    window.receipted(Receipt(boot=7, through=10))
    assert window.is_open()


def test_silence_grows_from_one_second_to_thirty() -> None:
    """Each silence is twice the one before, up to thirty seconds, shaken by a quarter."""
    clock = Clock()
    for found, nominal in zip(
        silences(window_with(clock, messages=1), clock, 8), [1, 2, 4, 8, 16, 30, 30], strict=False
    ):
        assert 0.75 * nominal <= found <= 1.25 * nominal


def test_delays_differ_between_devices() -> None:
    """A fleet that lost its broker at one instant does not come back at one instant."""
    assert len({Delays().next() for _ in range(50)}) > 40


def test_receipt_ends_the_silence() -> None:
    """Any receipt, even one that names nothing new, starts the shortest silence again."""
    clock = Clock()
    window = window_with(clock, messages=2)
    silences(window, clock, 5)
    window.receipted(Receipt(boot=7, through=0))
    assert window.silence_left_s() <= 1.25 * FIRST_DELAY_S


def test_silence_without_anything_under_way_is_endless() -> None:
    """Nothing is sent again when all is receipted."""
    clock = Clock()
    window = window_with(clock, messages=2)
    window.receipted(Receipt(boot=7, through=20))
    clock.now_s += 10 * LONGEST_DELAY_S
    assert not window.resend_if_silent()
    assert window.silence_left_s() == float("inf")


def test_silence_sends_one_message_as_a_probe() -> None:
    """After a silence only the lowest message goes, until a receipt opens the whole window again."""
    clock = Clock()
    window = window_with(clock, messages=5)
    clock.now_s += 2
    assert window.resend_if_silent()
    assert (window.sent_through, window.is_open()) == (0, True)
    window.sent(1, 10)
    assert not window.is_open()
    window.receipted(Receipt(boot=7, through=10))
    assert (window.sent_through, window.is_open()) == (10, True)


def test_lasting_gap_is_sent_again_without_a_silence() -> None:
    """A message that receipts keep leaving out, while they name newer ones, is sent again after five seconds."""
    clock = Clock()
    window = window_with(clock, messages=4)
    beyond = Receipt(boot=7, through=10, beyond=((21, 40),))
    window.receipted(beyond)
    assert window.sent_through == 40
    clock.now_s += 6
    window.receipted(beyond)
    assert window.sent_through == 10


def test_slow_receipts_are_no_gap() -> None:
    """A message that is only late, with nothing newer named, is left under way while receipts come."""
    clock = Clock()
    window = window_with(clock, messages=4)
    clock.now_s += 6
    window.receipted(Receipt(boot=7, through=10))
    assert window.sent_through == 40
