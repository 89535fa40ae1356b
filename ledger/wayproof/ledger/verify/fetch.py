"""What strangers answer over HTTP: so many bytes at most, and within one time for all of them.

A socket's own time-out begins anew with every byte, so who sends one now and then would hold us for ever.
"""

from queue import Empty, SimpleQueue
from threading import Thread
from urllib.request import Request, urlopen


def fetch(request: Request, *, timeout_s: float, max_bytes: int) -> bytes:
    """The first `max_bytes` of the answer's body. What `urlopen` raises, or TimeoutError.

    The caller has checked the request's scheme: `urlopen` would open files as well.
    """
    answers: SimpleQueue[bytes | Exception] = SimpleQueue()
    # A daemon: one that is held must not keep the process from ending.
    Thread(target=_answer, args=(request, timeout_s, max_bytes, answers), daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_s)
    except Empty:
        raise TimeoutError(f"no whole answer within {timeout_s:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _answer(request: Request, timeout_s: float, max_bytes: int, answers: SimpleQueue[bytes | Exception]) -> None:
    try:
        with urlopen(request, timeout=2 * timeout_s) as response:  # noqa: S310 - see above; ours comes first
            answers.put(response.read(max_bytes))
    except Exception as error:  # noqa: BLE001 - raised where it is waited for
        answers.put(error)
