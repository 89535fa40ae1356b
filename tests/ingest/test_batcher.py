"""The queue between the network thread and the writer is bounded, and its batches close in time."""

import time
from datetime import timedelta
from threading import Thread
from typing import Any

from pydantic import SecretStr

from wayproof.ingest.batcher import Batcher, Delivery
from wayproof.ingest.settings import IngestSettings

from fix_intake import NOON

SOON = timedelta(seconds=0.05)
LONG = timedelta(seconds=10)


def batcher(**settings: Any) -> Batcher:
    """A queue whose batches hold three, and never close by age."""
    return Batcher(IngestSettings(**{"password": SecretStr(""), "batch_size": 3, "batch_age": LONG, **settings}))


def delivery(number: int, payload: bytes = b"") -> Delivery:
    """A message that can be told by its packet id."""
    return Delivery(topic="", payload=payload, received_at=NOON, mid=number, qos=1, epoch=1)


def numbers(batch: list[Delivery] | None) -> list[int]:
    """The packet ids of a batch."""
    assert batch is not None
    return [message.mid for message in batch]


def test_batch_closes_by_size() -> None:
    """Batches come in the order of messages, and none is larger than its size."""
    queue = batcher()
    for number in range(6):
        queue.put(delivery(number))
    assert [numbers(queue.take(LONG)), numbers(queue.take(LONG))] == [[0, 1, 2], [3, 4, 5]]


def test_batch_closes_by_age() -> None:
    """A message waits for company no longer than the age, however long the writer would."""
    queue = batcher(batch_age=timedelta(seconds=0.1))
    started = time.monotonic()
    Thread(target=queue.put, args=[delivery(1)]).start()
    assert numbers(queue.take(LONG)) == [1]
    assert 0.09 < time.monotonic() - started < 5


def test_what_waited_long_enough_goes_at_once() -> None:
    """What gathered while the writer was busy is not kept waiting again."""
    queue = batcher(batch_age=SOON)
    queue.put(delivery(1))
    time.sleep(0.1)
    started = time.monotonic()
    assert numbers(queue.take(LONG)) == [1]
    assert time.monotonic() - started < SOON.total_seconds()


def test_nothing_comes() -> None:
    """Where nothing comes, the writer gets an empty batch after its patience."""
    assert batcher().take(SOON) == []


def test_full_queue_makes_the_network_wait() -> None:
    """A message that finds the queue full waits until a batch was taken."""
    for limit in ({"queue_messages": 2}, {"queue_bytes": 10}):
        queue = batcher(batch_size=1, **limit)
        queue.put(delivery(1, b"12345"))
        queue.put(delivery(2, b"12345"))
        late = Thread(target=queue.put, args=[delivery(3, b"12345")])
        late.start()
        late.join(0.1)
        assert late.is_alive()
        assert numbers(queue.take(LONG)) == [1]
        late.join(5)
        assert not late.is_alive()
        assert len(queue) == 2


def test_oversized_message_passes_alone() -> None:
    """A message larger than the whole queue passes when the queue is empty, or it would stop everything."""
    queue = batcher(queue_bytes=3)
    assert queue.put(delivery(1, b"12345"))
    assert len(queue) == 1


def test_closed_queue_is_emptied() -> None:
    """After closing, what is queued is handed out without waiting, nothing is taken, and then comes the end."""
    queue = batcher()
    queue.put(delivery(1))
    queue.close()
    assert not queue.put(delivery(2))
    assert numbers(queue.take(LONG)) == [1]
    assert queue.take(LONG) is None


def test_closing_frees_who_waits() -> None:
    """Closing frees a network thread that waits for room, and a writer that waits for messages."""
    full, empty = batcher(queue_messages=1), batcher()
    full.put(delivery(1))
    waiting = [Thread(target=full.put, args=[delivery(2)]), Thread(target=empty.take, args=[LONG])]
    for thread in waiting:
        thread.start()
    full.close()
    empty.close()
    for thread in waiting:
        thread.join(5)
    assert not any(thread.is_alive() for thread in waiting)
