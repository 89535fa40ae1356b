"""One time for the whole of what strangers take time over.

A socket's own time-out begins anew with every byte, so who sends one now and then would hold us for ever.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def within(timeout_s: float, work: Callable[[], T]) -> T:
    """What the work returns or raises; TimeoutError once the time is over, while the work goes on unheard."""
    answer: Future[T] = Future()
    # A daemon: work that is held must not keep the process from ending.
    Thread(target=_do, args=(work, answer), daemon=True).start()
    try:
        return answer.result(timeout_s)
    except TimeoutError:
        raise TimeoutError(f"no whole answer within {timeout_s:g} s") from None


def _do(work: Callable[[], T], answer: "Future[T]") -> None:
    try:
        answer.set_result(work())
    except Exception as error:  # noqa: BLE001 - raised where it is waited for
        answer.set_exception(error)
