"""The queue between the network thread and the writer is bounded, and its batches close in time."""

import time
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from wayproof.ingest.batcher import Batcher, Chunk
from wayproof.ingest.settings import IngestSettings

from fix_intake import NOON

SOON = timedelta(seconds=0.5)
LONG = timedelta(seconds=10)


def batcher(**settings: Any) -> Batcher:
    """A queue whose batches hold three, and never close by age."""
    return Batcher(IngestSettings(**{"password": SecretStr(""), "batch_size": 3, "batch_age": LONG, **settings}))


def chunk(*numbers: int, payload: bytes = b"") -> Chunk:
    """Messages that can be told by their packet ids."""
    return Chunk(messages=[(b"", payload, number) for number in numbers], received_at=NOON, epoch=1)


def numbers(batch: list[Chunk] | None) -> list[int]:
    """The packet ids of a batch."""
    assert batch is not None
    return [mid for chunk in batch for _, _, mid in chunk.messages]


def test_batch_closes_by_size() -> None:
    """Batches come in the order of messages, and none is larger than its size."""
    queue = batcher()
    for number in range(6):
        queue.put(chunk(number))
    assert [numbers(queue.take(LONG)), numbers(queue.take(LONG))] == [[0, 1, 2], [3, 4, 5]]


def test_batch_closes_by_bytes() -> None:
    """However few messages it has, a batch closes once they weigh enough."""
    queue = batcher(batch_bytes=10)
    for number in range(4):
        queue.put(chunk(number, payload=b"12345"))
    assert [numbers(queue.take(LONG)), numbers(queue.take(LONG))] == [[0, 1], [2, 3]]


def test_batch_closes_by_age() -> None:
    """A message waits for company no longer than the age, however long the writer would."""
    queue = batcher(batch_age=timedelta(seconds=0.1))
    started = time.monotonic()
    Thread(target=queue.put, args=[chunk(1)]).start()
    assert numbers(queue.take(LONG)) == [1]
    assert 0.09 < time.monotonic() - started < LONG.total_seconds()


def test_what_waited_long_enough_goes_at_once() -> None:
    """What gathered while the writer was busy is not kept waiting again."""
    queue = batcher(batch_age=SOON)
    queue.put(chunk(1))
    time.sleep(0.6)
    started = time.monotonic()
    assert numbers(queue.take(LONG)) == [1]
    assert time.monotonic() - started < SOON.total_seconds()


def test_nothing_comes() -> None:
    """Where nothing comes, the writer gets an empty batch after its patience."""
    assert batcher().take(SOON) == []


def test_chunks_stay_whole() -> None:
    """Messages that came together are written together, even where the batch grows beyond its size by them."""
    queue = batcher(batch_age=SOON)
    for messages in ((1, 2), (3, 4, 5), (6,)):
        queue.put(chunk(*messages))
    assert [numbers(queue.take(LONG)), numbers(queue.take(SOON))] == [[1, 2, 3, 4, 5], [6]]


@pytest.mark.parametrize("limit", [{"queue_messages": 2}, {"queue_bytes": 10}])
def test_full_queue_says_so(limit: dict[str, int]) -> None:
    """A queue that holds its bound of messages or bytes is full until a batch is taken."""
    queue = batcher(batch_size=1, **limit)
    told = []
    for number in (1, 2):
        queue.put(chunk(number, payload=b"12345"))
        told.append(queue.is_full)
    assert numbers(queue.take(LONG)) == [1]
    assert [*told, queue.is_full] == [False, True, False]


def test_closed_queue_is_emptied() -> None:
    """After closing, what is queued is handed out without waiting, nothing is taken, and then comes the end."""
    queue = batcher()
    queue.put(chunk(1))
    queue.close()
    assert not queue.put(chunk(2))
    assert numbers(queue.take(LONG)) == [1]
    assert queue.take(LONG) is None


def test_closing_frees_the_writer() -> None:
    """Closing frees a writer that waits for messages."""
    queue = batcher()
    waiting = Thread(target=queue.take, args=[timedelta(hours=1)], daemon=True)
    waiting.start()
    queue.close()
    waiting.join(60)
    assert not waiting.is_alive()
