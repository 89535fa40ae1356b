"""Readings on their way into the store."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pytest

from wayproof.model.errors import QuarantineReason
from wayproof.model.reading import NUMERIC_MEASURES, Reading
from wayproof.store.columns import DOOR_UNKNOWN, Columns
from wayproof.store.intake import Batch, Written, write_batch
from wayproof.store.microseconds import to_microseconds
from wayproof.store.pool import Conn, connect
from wayproof.store.quarantine import Message, Rejection
from wayproof.store.registry import KnownDevice, known_devices
from wayproof.store.settings import DatabaseSettings

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def ingest_conn(database: DatabaseSettings) -> Iterator[Conn]:
    """A connection under the ingestors' role, as a writer holds it."""
    with connect(database, role="wayproof_ingest", autocommit=True) as conn:
        yield conn


@pytest.fixture
def device_factory(superuser: Conn, tenant_factory: Callable[[str], UUID]) -> Callable[[str], KnownDevice]:
    """Registers a device of tenant acme and returns what an ingestor knows of it."""
    tenants: list[UUID] = []

    def make(name: str) -> KnownDevice:
        if not tenants:
            tenants.append(tenant_factory("acme"))
        superuser.execute("insert into device (tenant_id, name, kind) values (%s, %s, 'truck')", [tenants[0], name])
        return known_devices(superuser)[name]

    return make


@pytest.fixture
def truck(device_factory: Callable[[str], KnownDevice]) -> KnownDevice:
    """Device truck-1."""
    return device_factory("truck-1")


def message(device: KnownDevice | None, payload: bytes = b"{}", received_at: datetime = NOON) -> Message:
    """A message on the topic of truck-1."""
    return Message(
        topic="wp/v1/truck-1/readings",
        payload=payload,
        received_at=received_at,
        device_name="truck-1",
        device=device,
    )


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A reading of a known device as it came in a message of its own."""

    device: KnownDevice
    reading: Reading
    received_at: datetime


def arrival(device: KnownDevice, *, received_at: datetime = NOON, **fields: Any) -> Arrival:
    """A reading of `device`; by default an empty one, observed when it was received, boot 1, seq 1."""
    reading = Reading(**{"observed_at": received_at, "boot": 1, "seq": 1, **fields})
    return Arrival(device=device, reading=reading, received_at=received_at)


def columns(arrivals: Sequence[Arrival]) -> Columns:
    """The arrivals as the store takes them; each names its place as its source."""
    readings = [a.reading for a in arrivals]
    numbers = [[getattr(reading, name) for reading in readings] for name in NUMERIC_MEASURES]
    doors = [DOOR_UNKNOWN if r.door_open is None else r.door_open for r in readings]
    return Columns(
        device_id=np.array([a.device.device_id for a in arrivals], np.int64),
        observed_us=np.array([to_microseconds(r.observed_at) for r in readings], np.int64),
        received_us=np.array([to_microseconds(a.received_at) for a in arrivals], np.int64),
        boot=np.array([r.boot for r in readings], np.int64),
        seq=np.array([r.seq for r in readings], np.int64),
        numbers=np.array(numbers, np.float64),
        door_open=np.array(doors, np.int64),
        extra=[None if r.extra is None else msgspec.json.encode(r.extra) for r in readings],
        source=np.arange(len(arrivals)),
    )


def batch(arrivals: Sequence[Arrival], rejections: Sequence[Rejection] = ()) -> Batch:
    """A batch of messages that each held one reading."""
    return Batch(
        arrivals=columns(arrivals),
        message=lambda number: message(arrivals[number].device, received_at=arrivals[number].received_at),
        rejections=rejections,
    )


def rejection(device: KnownDevice | None, raw: bytes = b"x", **fields: Any) -> Rejection:
    """Bytes of `device` that are no reading."""
    defaults = {"reason": QuarantineReason.UNKNOWN_FORMAT, "detail": "not a reading"}
    return Rejection(message=message(device, raw), raw=raw, **{**defaults, **fields})


def write(conn: Conn, arrivals: Sequence[Arrival]) -> Written:
    """Writes a batch without rejections."""
    return write_batch(conn, batch(arrivals))
