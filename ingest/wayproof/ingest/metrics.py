"""Every metric of an ingestor: names, units, buckets. docs/operations.md lists them; a test holds the two together."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Final

import numpy as np
from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Metric
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.registry import Collector

from wayproof.ingest.batcher import Chunk
from wayproof.store.columns import Columns, Floats, clock_flags
from wayproof.store.intake import Written
from wayproof.store.microseconds import to_microseconds

_US_PER_S: Final = 1_000_000


class BulkHistogram(Collector):
    """A histogram that takes whole columns; one call a value would cost more than storing the reading."""

    def __init__(self, name: str, documentation: str, buckets: Sequence[float]) -> None:
        self._name = name
        self._documentation = documentation
        self._bounds = np.array(buckets, np.float64)
        self._counts = np.zeros(len(buckets) + 1, np.int64)
        self._sum = 0.0
        self._lock = Lock()
        REGISTRY.register(self)

    def observe(self, values: Floats) -> None:
        """Adds values, none of them negative."""
        places = np.searchsorted(self._bounds, values)  # a value belongs to the first bound that it does not exceed
        counts = np.bincount(places, minlength=len(self._counts))
        with self._lock:
            self._counts += counts
            self._sum += float(values.sum())

    def collect(self) -> Iterable[Metric]:
        """What a scrape gets."""
        with self._lock:
            totals, total_s = self._counts.cumsum().tolist(), self._sum
        bounds = [*map(str, self._bounds.tolist()), "+Inf"]
        buckets = list(zip(bounds, totals, strict=True))
        yield HistogramMetricFamily(self._name, self._documentation, buckets=buckets, sum_value=total_s)


RECEIVED: Final = Counter("wayproof_ingest_messages_received", "Messages taken off the broker")
RECEIVED_BYTES: Final = Counter("wayproof_ingest_received_bytes", "Payloads of these messages")
MESSAGES: Final = Counter("wayproof_ingest_messages", "Messages written: committed, then acknowledged")
STORED: Final = Counter("wayproof_ingest_readings_stored", "Readings that were new")
DUPLICATES: Final = Counter("wayproof_ingest_readings_duplicate", "Readings that were stored before")
LEFT_OUT: Final = Counter(
    "wayproof_ingest_readings_left_out", "Readings stored without a receipt, because their boot has too many gaps"
)
QUARANTINED: Final = Counter("wayproof_ingest_quarantined", "Messages and items set aside, by reason", ["reason"])
RECEIPTS: Final = Counter("wayproof_ingest_receipts", "Receipts published")
STALE_ACKNOWLEDGEMENTS: Final = Counter(
    "wayproof_ingest_stale_acknowledgements", "Acknowledgements dropped because their connection had ended"
)
DATABASE_FAILURES: Final = Counter(
    "wayproof_ingest_database_failures", "Batches that the database did not take at once"
)
CODEC_FAILURES: Final = Counter(
    "wayproof_ingest_codec_failures", "Messages on which our own codec failed: bugs of ours"
)
CONNECTIONS: Final = Counter(
    "wayproof_ingest_broker_connections", "Connections made to the broker: all but the first are reconnects"
)
PAUSES: Final = Counter("wayproof_ingest_pauses", "Times that reading stopped because the queue was full")

QUEUE_DEPTH: Final = Gauge("wayproof_ingest_queue_messages", "Messages that wait for the writer")
QUEUE_BYTES: Final = Gauge("wayproof_ingest_queue_bytes", "Payloads that wait for the writer")
PAUSED: Final = Gauge("wayproof_ingest_paused", "1 while nothing is read because the queue is full, else 0")
BATCH_SIZE: Final = Histogram(
    "wayproof_ingest_batch_messages", "Messages in a batch", buckets=(1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)
)
WRITE_TIME: Final = Histogram(
    "wayproof_ingest_write_seconds",
    "From taking a batch to its commit",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
COMMIT_TIME: Final = Histogram(
    "wayproof_ingest_commit_seconds",
    "The transaction of a batch",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
RECEIVED_LAG: Final = BulkHistogram(
    "wayproof_ingest_received_lag_seconds",
    "Of each message, from receiving it to its commit",
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300),
)
OBSERVED_LAG: Final = BulkHistogram(
    "wayproof_ingest_observed_lag_seconds",
    "Of each reading with a right clock, from its observation to its commit",
    buckets=(0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1_000, 3_600, 21_600, 86_400, 604_800, 2_592_000),
)


def observe(chunks: Sequence[Chunk], written: Written, *, receipts: int, write_time_s: float) -> None:
    """Counts one committed batch of messages."""
    sizes = [len(chunk.messages) for chunk in chunks]
    MESSAGES.inc(sum(sizes))
    STORED.inc(written.stored)
    DUPLICATES.inc(written.duplicates)
    LEFT_OUT.inc(sum(told.left_out for told in written.progress))
    for rejection in written.rejections:
        QUARANTINED.labels(rejection.reason.value).inc()
    RECEIPTS.inc(receipts)
    BATCH_SIZE.observe(sum(sizes))
    WRITE_TIME.observe(write_time_s)
    now = datetime.now(UTC)
    lags_s = [(now - chunk.received_at).total_seconds() for chunk in chunks]
    RECEIVED_LAG.observe(np.maximum(np.repeat(lags_s, sizes), 0))


def observe_commit(arrivals: Columns, commit_time_s: float) -> None:
    """Counts the readings of one committed batch, duplicates included."""
    COMMIT_TIME.observe(commit_time_s)
    observed_us = arrivals.observed_us[clock_flags(arrivals) == 0]
    now_us = to_microseconds(datetime.now(UTC))
    OBSERVED_LAG.observe(np.maximum(now_us - observed_us, 0) / _US_PER_S)
