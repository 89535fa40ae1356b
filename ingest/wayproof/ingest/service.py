"""An ingestor, put together: broker to queue to writers."""

import gc
import os
import signal
import sys
import threading
import time
from threading import Event, Thread
from typing import Any, Final

import structlog

from wayproof.ingest import metrics
from wayproof.ingest.batcher import Batcher
from wayproof.ingest.health import serve_health
from wayproof.ingest.settings import IngestSettings
from wayproof.ingest.subscriber import Subscriber
from wayproof.ingest.turns import Turns
from wayproof.ingest.writer import Writer
from wayproof.store.settings import DatabaseSettings

_log = structlog.get_logger(__name__)

LEAVE_SIGNAL: Final = signal.SIGUSR2
_SIGNALS: Final = {signal.SIGTERM, signal.SIGINT, LEAVE_SIGNAL}
_TICK_S: Final = 5.0
_LEAVING_TICK_S: Final = 0.1
_LAST_WORDS_S: Final = 1.0
_SWITCH_S: Final = 0.0005
"""How long a thread that decodes keeps another from running: one that only has to hand PostgreSQL its next statement
should not wait for Python's usual 5 ms."""
_GARBAGE_OBJECTS: Final = 200_000
"""How many new objects make Python look for cycles: more than a batch has, or it would look again and again while one
is decoded, which takes as long as decoding."""


class Ingestor:
    """One ingestor in this process. `run` keeps the main thread."""

    def __init__(self, settings: IngestSettings, database: DatabaseSettings) -> None:
        self._settings = settings
        self._batcher = Batcher(settings)
        self._subscriber = Subscriber(settings, self._batcher)
        turns, serves = Turns(self._batcher), Event()
        self._writers = [Writer(database, turns, self._subscriber, serves) for _ in range(settings.writers)]
        self._threads = [Thread(target=w.run, name=f"writer-{n}", daemon=True) for n, w in enumerate(self._writers)]
        metrics.QUEUE_DEPTH.set_function(lambda: len(self._batcher))
        metrics.QUEUE_BYTES.set_function(lambda: self._batcher.payload_bytes)
        metrics.PAUSED.set_function(lambda: self._batcher.is_full)

    def run(self, *, leave: bool = False) -> bool:
        """Works until SIGTERM or SIGINT, and drains; True if it left for good instead.

        LEAVE_SIGNAL makes it leave for good: see Subscriber. `leave`: it does so from the start, and takes nothing but
        what the broker has kept for an ingestor of this name that went away.
        """
        # Before any thread starts, so that all inherit it: signals are only waited for, and interrupt nothing.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        threading.excepthook = _end_process
        gc.freeze()
        gc.set_threshold(_GARBAGE_OBJECTS)
        sys.setswitchinterval(_SWITCH_S)
        if leave:
            self._subscriber.leave()
        self._start()
        has_left = self._work()
        self._drain(for_good=has_left)
        return has_left

    def _work(self) -> bool:
        """Until a signal says stop, or there is nothing left to do here: True in the second case."""
        broker = self._subscriber
        # Not sigtimedwait: where the process was frozen past the time-out, Python 3.11 makes a signal up. And not a
        # look at what is pending: only a thread that waits here keeps the signal from numpy's threads, which it kills.
        while signal.sigwait(_SIGNALS) == LEAVE_SIGNAL:
            if not broker.is_leaving:
                broker.leave()
            elif broker.has_left:
                return True
            elif broker.is_contested:
                _log.error("somebody else runs under this name", user=self._settings.user)
                return False
        return False

    def _tend(self) -> None:
        """Looks after the subscription; wakes the main thread by its own signal when leaving has come to its end."""
        broker = self._subscriber
        while True:
            time.sleep(_LEAVING_TICK_S if broker.is_leaving else _TICK_S)
            broker.tend()
            if broker.is_leaving and (broker.has_left or broker.is_contested):
                os.kill(os.getpid(), LEAVE_SIGNAL)

    def _start(self) -> None:
        if self._settings.health_port:
            checks = {
                "broker": lambda: self._subscriber.is_ready,
                "database": lambda: all(writer.is_ready for writer in self._writers),
            }
            serve_health(self._settings.health_host, self._settings.health_port, checks)
        for thread in self._threads:
            thread.start()
        self._subscriber.start()
        Thread(target=self._tend, name="tend", daemon=True).start()

    def _drain(self, *, for_good: bool) -> None:
        """Takes nothing more, writes and acknowledges what was taken, and leaves the rest to the broker."""
        _log.info("draining", queued=len(self._batcher), for_good=for_good)
        self._batcher.close()
        if not self._have_written(within_s=self._settings.drain_timeout.total_seconds()):
            _log.warning("not everything could be written", queued=len(self._batcher))
            for writer in self._writers:
                writer.abandon()
            self._have_written(within_s=_LAST_WORDS_S)
        self._subscriber.stop(for_good=for_good)
        _log.info("stopped")

    def _have_written(self, *, within_s: float) -> bool:
        """Whether all writers have come to their end."""
        until_s = time.monotonic() + within_s
        for thread in self._threads:
            thread.join(max(0.0, until_s - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)


def _end_process(crash: Any) -> None:
    """A thread that dies takes the process along: whoever supervises it starts another, and nothing is lost.

    At once, as an orderly end of the interpreter can hang on what the other threads are doing.
    """
    _log.error("thread died", thread=crash.thread.name, exc_info=crash.exc_value)
    os._exit(1)
