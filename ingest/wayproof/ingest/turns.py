"""Several writers at one queue: batches are settled in the order in which they were taken."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from threading import Condition, Lock

from msgspec import Struct

from wayproof.ingest.batcher import Batcher, Chunk


class Turn(Struct, frozen=True, kw_only=True):
    """A batch, and its place among all batches."""

    number: int
    chunks: Sequence[Chunk]


class Turns:
    """Hands batches to writers, each to one. Brokers expect acknowledgements in the order in which messages came."""

    def __init__(self, batcher: Batcher) -> None:
        self._batcher = batcher
        self._taking = Lock()
        self._taken = 0
        self._settled = 0
        self._moved = Condition()

    def take(self, patience: timedelta) -> Turn | None:
        """The next batch; without chunks if nothing came within `patience`, None once the queue is closed and empty.

        One writer waits for messages, the others wait for it.
        """
        with self._taking:
            chunks = self._batcher.take(patience)
            if chunks is None:
                return None
            if chunks:
                self._taken += 1
            return Turn(number=self._taken, chunks=chunks)

    @contextmanager
    def settling(self, turn: Turn) -> Iterator[None]:
        """Waits until all batches before this one are settled, or given up; who takes a batch must come here."""
        with self._moved:
            self._moved.wait_for(lambda: self._settled == turn.number - 1)
            yield
            self._settled = turn.number
            self._moved.notify_all()
