"""Metrics tell what happened, each thing once."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY, Histogram, generate_latest

from wayproof.ingest.metrics import BulkHistogram
from wayproof.store.settings import DatabaseSettings

from fix_ingest import Device, IngestorProcess, eventually, reading_json
from fix_mqtt import Broker

BOUNDS = (0.1, 1.0, 10.0)


@given(st.lists(st.floats(0, 100) | st.sampled_from(BOUNDS), max_size=20))
def test_bulk_histogram_counts_like_any_other(values: list[float]) -> None:
    """A histogram that takes columns tells what prometheus-client's own would tell of the same values."""
    bulk, one_by_one = BulkHistogram("bulk", "x", BOUNDS), Histogram("single", "x", buckets=BOUNDS)
    try:
        bulk.observe(np.array(values, np.float64))
        for value in values:
            one_by_one.observe(value)
        for suffix, labels in (("count", {}), *(("bucket", {"le": str(le)}) for le in (*BOUNDS, "+Inf"))):
            assert REGISTRY.get_sample_value(f"bulk_{suffix}", labels) == REGISTRY.get_sample_value(
                f"single_{suffix}", labels
            )
        assert np.isclose(REGISTRY.get_sample_value("bulk_sum") or 0, sum(values))
        assert b"bulk_bucket" in generate_latest()
    finally:
        REGISTRY.unregister(bulk)
        REGISTRY.unregister(one_by_one)


def test_everything_is_counted(ingestor: IngestorProcess, connect_device: Callable[..., Device]) -> None:
    """Messages, readings, quarantine, receipts, bytes and lags are counted as they happened; bad clocks have no lag."""
    truck = connect_device("truck-1")
    now = datetime.now(UTC)
    payloads = [
        json.dumps({"observed_at": (now - age).isoformat(), "boot": 1, "seq": seq}).encode()
        for seq, age in ((1, timedelta(minutes=20)), (2, timedelta(days=3)), (3, timedelta(days=-9)))
    ]
    payloads = [b"[" + b",".join(payloads) + b"]", payloads[0], b"nonsense"]
    for payload in payloads:
        truck.send(payload)
    truck.wait_until_safe(3)

    def metric(name: str) -> float:
        return ingestor.metric(f"wayproof_ingest_{name}")

    eventually(lambda: metric("messages_total") == 3)
    told = {
        name: metric(name)
        for name in (
            "messages_received_total",
            "received_bytes_total",
            "readings_stored_total",
            "readings_duplicate_total",
            'quarantined_total{reason="unknown_format"}',
            "received_lag_seconds_count",
            "observed_lag_seconds_count",
            'observed_lag_seconds_bucket{le="1000.0"}',
            'observed_lag_seconds_bucket{le="3600.0"}',
            'observed_lag_seconds_bucket{le="604800.0"}',
            "broker_connections_total",
            "queue_messages",
            "queue_bytes",
            "paused",
            "pauses_total",
        )
    }
    assert list(told.values()) == [3, sum(map(len, payloads)), 3, 1, 1, 3, 3, 0, 2, 3, 1, 0, 0, 0, 0]
    batches = metric("batch_messages_count")
    assert batches == metric("commit_seconds_count") == metric("write_seconds_count")
    assert batches >= metric("receipts_total") >= 1
    assert 0 < metric("received_lag_seconds_sum") < 30


def _is_full(ingestor: IngestorProcess) -> bool:
    """Whether it says that its queue of ten messages is full, and what is in it."""
    return (
        ingestor.metric("wayproof_ingest_paused") == 1
        and ingestor.metric("wayproof_ingest_queue_messages") >= 10
        and ingestor.metric("wayproof_ingest_queue_bytes") > 10 * len(reading_json(1)) - 10
    )


def test_back_pressure_shows(
    ingestor_factory: Callable[..., IngestorProcess],
    broker: Broker,
    database: DatabaseSettings,
    connect_device: Callable[..., Device],
) -> None:
    """While the database holds the writers up and the queue is full, that is told, with what waits."""
    ingestor = ingestor_factory(INGEST_QUEUE_MESSAGES="10", INGEST_BATCH_SIZE="5", DATABASE_LOCK_TIMEOUT="PT60S")
    ingestor.start()
    truck = connect_device("truck-1")
    with psycopg.connect(database.url.get_secret_value()) as conn:
        conn.execute("lock table reading in exclusive mode")
        sent = 0
        while not _is_full(ingestor):  # it is for a moment before each writer has taken its batch, and then for good
            truck.send(reading_json(sent := sent + 1))
        assert ingestor.metric("wayproof_ingest_pauses_total") >= 1
    truck.wait_until_safe(sent)
    eventually(lambda: ingestor.metric("wayproof_ingest_paused") == 0)
    broker.stop()
    broker.start()
    eventually(lambda: ingestor.metric("wayproof_ingest_broker_connections_total") == 2)
