"""Writers: batches off the queue into the database, then acknowledgements and receipts.

There are several, each with a thread and a connection: while PostgreSQL works for one, another decodes.
"""

import math
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from threading import Event
from typing import Final

import structlog

from wayproof.devices.topics import receipts_topic
from wayproof.ingest import metrics
from wayproof.ingest.batcher import Chunk
from wayproof.ingest.decoding import decode_all
from wayproof.ingest.devices import KnownDevices, named_device
from wayproof.ingest.receipts import encode_receipts
from wayproof.ingest.subscriber import Subscriber
from wayproof.ingest.turns import Turn, Turns
from wayproof.model.errors import Unavailable
from wayproof.store.faults import unavailable_on_any_error
from wayproof.store.intake import Written, write_batch
from wayproof.store.pool import Conn, connect
from wayproof.store.settings import DatabaseSettings

Notice = tuple[str, bytes]
"""A receipt's topic and payload."""

_log = structlog.get_logger(__name__)

_IDLE: Final = timedelta(seconds=2)
"""Where nothing comes for so long, nothing is written: that tells whether the database is still there."""
_STUCK_S: Final = 5.0
"""A write that takes longer is taken to hang: a frozen server or a dead wire need not ever tell."""
_LEAST_PAUSE_S: Final = 0.1
_GREATEST_PAUSE_S: Final = 5.0


class _Link:
    """A database connection, and what is known through it."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self.conn: Conn = connect(settings, role="wayproof_ingest", autocommit=True)
        self.devices = KnownDevices(self.conn)

    def write(self, chunks: Sequence[Chunk]) -> tuple[Written, list[Notice]]:
        """Writes a batch and commits; Unavailable where it has to come again."""
        topics = {topic for chunk in chunks for topic, _, _ in chunk.messages}
        devices = self.devices.by_topic(topics)
        batch = decode_all(chunks, devices)
        begun_at = time.monotonic()
        written = write_batch(self.conn, batch)
        if chunks:
            metrics.observe_commit(batch.arrivals, time.monotonic() - begun_at)
        told = {
            devices[topic].device_id: receipts_topic(named_device(topic) or "") for topic in topics & devices.keys()
        }
        return written, [(told[device_id], payload) for device_id, payload in encode_receipts(written.progress)]


class Writer:
    """Runs in one thread; `abandon` and `is_ready` may be used from others.

    `serves` is what all writers share: whether the database did what one of them last asked.
    """

    def __init__(self, database: DatabaseSettings, turns: Turns, broker: Subscriber, serves: Event) -> None:
        self._database = database
        self._turns = turns
        self._broker = broker
        self._serves = serves
        self._link: _Link | None = None
        self._abandoned = Event()
        self._asked_at_s = math.inf

    @property
    def is_ready(self) -> bool:
        """Whether the database serves, and does not take too long over what this writer asks now."""
        return self._serves.is_set() and time.monotonic() - self._asked_at_s < _STUCK_S

    def abandon(self) -> None:
        """Gives up what could not be written: it is not acknowledged, so the broker keeps it."""
        self._abandoned.set()

    def run(self) -> None:
        """Writes until the queue is closed and empty, or abandoned."""
        self._write(())
        while not self._abandoned.is_set() and (turn := self._turns.take(_IDLE)) is not None:
            if turn.chunks:
                self._handle(turn)
            else:
                self._write(())

    def _handle(self, turn: Turn) -> None:
        taken_at = time.monotonic()
        done = self._persist(turn.chunks)
        write_time_s = time.monotonic() - taken_at
        with self._turns.settling(turn):
            if done is None:
                return
            written, notices = done
            self._broker.acknowledge(turn.chunks)
            self._broker.publish(notices)
        metrics.observe(turn.chunks, written, receipts=len(notices), write_time_s=write_time_s)
        _warn_of_gaps(written)

    def _persist(self, chunks: Sequence[Chunk]) -> tuple[Written, list[Notice]] | None:
        """Tries until the batch is committed; None once it is abandoned."""
        for pause_s in _pauses():
            done = self._write(chunks)
            if done is not None or self._abandoned.wait(pause_s):
                return done
        return None

    def _write(self, chunks: Sequence[Chunk]) -> tuple[Written, list[Notice]] | None:
        """Writes, on a new connection where there is none; None where the database does not serve."""
        self._asked_at_s = time.monotonic()
        try:
            with unavailable_on_any_error():
                self._link = self._link or _Link(self._database)
                done = self._link.write(chunks)
        except Unavailable as error:
            self._drop_link(error)
            return None
        finally:
            self._asked_at_s = math.inf
        if not self._serves.is_set():
            self._serves.set()
            _log.info("database serves")
        return done

    def _drop_link(self, error: Unavailable) -> None:
        """A connection that failed once is not trusted again: what it knows of the registry may be old as well."""
        metrics.DATABASE_FAILURES.inc()
        _log.warning("database does not serve", error=str(error))
        self._serves.clear()
        if self._link is not None:
            self._link.conn.close()
            self._link = None


def _warn_of_gaps(written: Written) -> None:
    for told in written.progress:
        if told.left_out:
            _log.warning("too many gaps for receipts", device_id=told.device_id, boot=told.boot, left_out=told.left_out)


def _pauses() -> Iterator[float]:
    pause_s = _LEAST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, _GREATEST_PAUSE_S)
