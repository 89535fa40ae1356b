"""What strangers answer over HTTP: so many bytes at most, and within one time for all of them."""

from urllib.request import Request, urlopen

from wayproof.ledger.within import within


def fetch(request: Request, *, timeout_s: float, max_bytes: int) -> bytes:
    """The first `max_bytes` of the answer's body. What `urlopen` raises, or TimeoutError.

    The caller has checked the request's scheme: `urlopen` would open files as well.
    """

    def answer() -> bytes:
        with urlopen(request, timeout=2 * timeout_s) as response:  # noqa: S310 - see above; ours comes first
            return bytes(response.read(max_bytes))

    return within(timeout_s, answer)
