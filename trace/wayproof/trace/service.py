"""The process that works off documents (several, as checking one keeps a core busy), tells subscribers, and records."""

import gc
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from threading import Event, Thread
from typing import Final

import structlog

from wayproof.store.pool import open_pool
from wayproof.store.settings import DatabaseSettings
from wayproof.trace.logs import configure_logs
from wayproof.trace.recorder import Recording
from wayproof.trace.recorder import work as record_events
from wayproof.trace.settings import TraceSettings, WebhookSettings
from wayproof.trace.subscriptions.worker import work as tell_subscribers
from wayproof.trace.worker import work

_log = structlog.get_logger(__name__)

_LOOK_S: Final = 0.5
_COLLECT_AFTER: Final = 200_000
"""Documents are trees, which go without a collection; looking for cycles in them costs a tenth of the whole work."""


def run(settings: TraceSettings, database: DatabaseSettings, webhooks: WebhookSettings) -> bool:
    """Works until SIGTERM or SIGINT; false where one of the processes ended by itself."""
    stop = _stopped_by_signals()
    # Forked by a process that has imported all of this and opened nothing: there is no connection or lock to share.
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    children = [context.Process(target=_capture, args=(database,)) for _ in range(settings.capture_processes)]
    children.append(context.Process(target=_tell, args=(database, webhooks, settings.recording())))
    for child in children:
        child.start()
    _log.info("working", capture_processes=settings.capture_processes)
    while not stop.wait(_LOOK_S) and all(child.is_alive() for child in children):
        pass
    _end(children, settings.drain_timeout.total_seconds())
    return stop.is_set()


def _capture(database: DatabaseSettings) -> None:
    configure_logs()
    gc.set_threshold(_COLLECT_AFTER)
    stop = _stopped_by_signals()
    Thread(target=_stop_as_orphan, args=(stop,), daemon=True).start()
    # A document that takes longer than a timeout would be begun again and again.
    with open_pool(database.unhurried().model_copy(update={"pool_size": 1}), role="wayproof_api") as pool:
        work(pool, stop)


def _tell(database: DatabaseSettings, settings: WebhookSettings, recording: Recording) -> None:
    configure_logs()
    stop = _stopped_by_signals()
    Thread(target=_stop_as_orphan, args=(stop,), daemon=True).start()
    telling = settings.telling()
    with open_pool(database.model_copy(update={"pool_size": telling.threads + 2}), role="wayproof_api") as pool:
        recorder = Thread(target=_or_stop, args=(stop, partial(record_events, pool, recording, stop)))
        recorder.start()
        _or_stop(stop, partial(tell_subscribers, pool, telling, stop))
        recorder.join()


def _or_stop(stop: Event, work: Callable[[], None]) -> None:
    """Works; a fault ends the other half of the process as well, or nobody would start this one again."""
    try:
        work()
    except BaseException:
        stop.set()
        raise


def _stopped_by_signals() -> Event:
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _stop_as_orphan(stop: Event) -> None:
    """A process whose parent was killed would otherwise go on beside the parent's successor."""
    if parent := parent_process():
        parent.join()
    stop.set()


def _end(children: Sequence[BaseProcess], patience_s: float) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + patience_s
    for child in children:
        child.join(max(0.0, deadline - time.monotonic()))
        child.kill()
        child.join()
