"""Every metric of an ingestor: names, units, buckets."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from wayproof.ingest.batcher import Chunk
from wayproof.store.intake import Written

MESSAGES: Final = Counter("wayproof_ingest_messages", "Messages taken off the broker and written")
STORED: Final = Counter("wayproof_ingest_readings_stored", "Readings that were new")
DUPLICATES: Final = Counter("wayproof_ingest_readings_duplicate", "Readings that were stored before")
QUARANTINED: Final = Counter("wayproof_ingest_quarantined", "Messages and items set aside", ["reason"])
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
CONNECTIONS: Final = Counter("wayproof_ingest_broker_connections", "Connections made to the broker")

QUEUE_DEPTH: Final = Gauge("wayproof_ingest_queue_messages", "Messages that wait for the writer")
BATCH_SIZE: Final = Histogram(
    "wayproof_ingest_batch_messages", "Messages in a batch", buckets=(1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)
)
WRITE_TIME: Final = Histogram(
    "wayproof_ingest_write_seconds",
    "From taking a batch to its commit",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
LAG: Final = Histogram(
    "wayproof_ingest_lag_seconds",
    "From receiving the oldest message of a batch to its commit",
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
)


def observe(chunks: Sequence[Chunk], written: Written, *, receipts: int, write_time_s: float) -> None:
    """Counts one committed batch."""
    messages = sum(len(chunk.messages) for chunk in chunks)
    MESSAGES.inc(messages)
    STORED.inc(written.stored)
    DUPLICATES.inc(written.duplicates)
    for rejection in written.rejections:
        QUARANTINED.labels(rejection.reason.value).inc()
    RECEIPTS.inc(receipts)
    BATCH_SIZE.observe(messages)
    WRITE_TIME.observe(write_time_s)
    LAG.observe((datetime.now(UTC) - chunks[0].received_at).total_seconds())
