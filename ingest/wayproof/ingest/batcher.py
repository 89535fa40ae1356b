"""The bounded queue between the network thread and the writer, which hands out batches."""

import time
from collections import deque
from datetime import datetime, timedelta
from threading import Condition, Lock

from msgspec import Struct

from wayproof.ingest.settings import IngestSettings


class Delivery(Struct, frozen=True, kw_only=True, gc=False):
    """A message as the broker delivered it, and what is needed to acknowledge it."""

    topic: str
    payload: bytes
    #: Our own clock; aware, UTC.
    received_at: datetime
    mid: int
    qos: int
    #: Which connection it came by: an older one's packet ids are used again, so its messages cannot be acknowledged.
    epoch: int


class Batcher:
    """One producer, one consumer. A batch closes by size, or when its first message has waited long enough."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._queue: deque[Delivery] = deque()
        self._bytes = 0
        self._first_at = 0.0
        self._closed = False
        lock = Lock()
        self._filled = Condition(lock)
        self._emptied = Condition(lock)

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, delivery: Delivery) -> bool:
        """Queues a message, and waits while the queue is full. False, and dropped, once the queue is closed."""
        with self._emptied:
            self._emptied.wait_for(lambda: self._closed or self._has_room(delivery))
            if self._closed:
                return False
            self._queue.append(delivery)
            self._bytes += len(delivery.payload)
            if len(self._queue) == 1:
                self._first_at = time.monotonic()
            # The consumer need not wake up for what lies between.
            if len(self._queue) in {1, self._settings.batch_size}:
                self._filled.notify()
            return True

    def take(self, patience: timedelta) -> list[Delivery] | None:
        """The next batch; empty if nothing came within `patience`, None once the queue is closed and empty."""
        with self._filled:
            self._filled.wait_for(lambda: self._closed or self._queue, patience.total_seconds())
            if not self._queue:
                return None if self._closed else []
            self._filled.wait_for(self._is_batch, self._first_at + self._age_s - time.monotonic())
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._settings.batch_size))]
            self._bytes -= sum(len(delivery.payload) for delivery in batch)
            self._emptied.notify()
            return batch

    def close(self) -> None:
        """Takes nothing more; what is queued is still handed out, without waiting."""
        with self._filled:
            self._closed = True
            self._filled.notify()
            self._emptied.notify()

    @property
    def _age_s(self) -> float:
        return self._settings.batch_age.total_seconds()

    def _is_batch(self) -> bool:
        return self._closed or len(self._queue) >= self._settings.batch_size

    def _has_room(self, delivery: Delivery) -> bool:
        """An empty queue has room for anything, or one oversized message would stop everything."""
        if not self._queue:
            return True
        fits = self._bytes + len(delivery.payload) <= self._settings.queue_bytes
        return fits and len(self._queue) < self._settings.queue_messages
