"""The bounded queue between the network thread and the writer, which hands out batches."""

import time
from collections import deque
from datetime import datetime, timedelta
from threading import Condition, Lock

from msgspec import Struct

from wayproof.ingest.bulk_client import Incoming
from wayproof.ingest.settings import IngestSettings


class Chunk(Struct, frozen=True, kw_only=True, gc=False):
    """Messages that came together, and what is needed to acknowledge them."""

    messages: list[Incoming]
    #: Our own clock; aware, UTC.
    received_at: datetime
    #: Which connection they came by: an older one's packet ids are used again, so they cannot be acknowledged.
    epoch: int

    @property
    def payload_bytes(self) -> int:
        """What the messages weigh."""
        return sum([len(payload) for _, payload, _ in self.messages])


class Batcher:
    """One producer, one consumer. A batch closes by messages, bytes, or when its first one has waited long enough.

    `put` never waits, or the connection would be left without keep-alives: whoever reads asks `is_full` first.
    """

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._queue: deque[Chunk] = deque()
        self._messages = 0
        self._bytes = 0
        self._first_at = 0.0
        self._closed = False
        self._filled = Condition(Lock())

    def __len__(self) -> int:
        return self._messages

    @property
    def payload_bytes(self) -> int:
        """What the messages that wait weigh."""
        return self._bytes

    @property
    def is_full(self) -> bool:
        """Whether the broker should keep what it has for now."""
        return self._messages >= self._settings.queue_messages or self._bytes >= self._settings.queue_bytes

    def put(self, chunk: Chunk) -> bool:
        """Queues messages. False, and dropped, once the queue is closed."""
        with self._filled:
            if self._closed:
                return False
            if not self._queue:
                self._first_at = time.monotonic()
            was_batch = self._is_batch()
            self._queue.append(chunk)
            self._messages += len(chunk.messages)
            self._bytes += chunk.payload_bytes
            # The consumer need not wake up for what lies between.
            if len(self._queue) == 1 or self._is_batch() > was_batch:
                self._filled.notify()
            return True

    def take(self, patience: timedelta) -> list[Chunk] | None:
        """The next batch; empty if nothing came within `patience`, None once the queue is closed and empty."""
        with self._filled:
            self._filled.wait_for(lambda: self._closed or self._queue, patience.total_seconds())
            if not self._queue:
                return None if self._closed else []
            age_s = self._settings.batch_age.total_seconds()
            self._filled.wait_for(self._is_batch, self._first_at + age_s - time.monotonic())
            return self._take_chunks()

    def close(self) -> None:
        """Takes nothing more; what is queued is still handed out, without waiting."""
        with self._filled:
            self._closed = True
            self._filled.notify()

    def _take_chunks(self) -> list[Chunk]:
        """Whole chunks, until a batch is full: it may be larger by what came with its last message."""
        chunks: list[Chunk] = []
        messages, payload_bytes = 0, 0
        while self._queue and not self._fills(messages, payload_bytes):
            chunk = self._queue.popleft()
            chunks.append(chunk)
            messages += len(chunk.messages)
            payload_bytes += chunk.payload_bytes
        self._messages -= messages
        self._bytes -= payload_bytes
        return chunks

    def _is_batch(self) -> bool:
        return self._closed or self._fills(self._messages, self._bytes)

    def _fills(self, messages: int, payload_bytes: int) -> bool:
        return messages >= self._settings.batch_size or payload_bytes >= self._settings.batch_bytes
