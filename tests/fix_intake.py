"""Readings on their way into the store."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from wayproof.model.clock import judge_clock
from wayproof.model.errors import QuarantineReason
from wayproof.model.reading import Reading
from wayproof.store.intake import Batch, Written, write_batch
from wayproof.store.pool import Conn, connect
from wayproof.store.quarantine import Message, Rejection
from wayproof.store.readings import Arrival, pack
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


def arrival(device: KnownDevice, *, received_at: datetime = NOON, **fields: Any) -> Arrival:
    """A reading of `device`; by default an empty one, observed when it was received, boot 1, seq 1."""
    reading = Reading(**{"observed_at": received_at, "boot": 1, "seq": 1, **fields})
    flags = judge_clock(reading.observed_at, received_at)
    row = pack(reading, device_id=device.device_id, received_at=received_at, clock_flags=flags)
    return Arrival(
        message=message(device, received_at=received_at),
        device_id=device.device_id,
        reading=reading,
        clock_flags=flags,
        row=row,
    )


def rejection(device: KnownDevice | None, raw: bytes = b"x", **fields: Any) -> Rejection:
    """Bytes of `device` that are no reading."""
    defaults = {"reason": QuarantineReason.UNKNOWN_FORMAT, "detail": "not a reading"}
    return Rejection(message=message(device, raw), raw=raw, **{**defaults, **fields})


def write(conn: Conn, arrivals: Sequence[Arrival]) -> Written:
    """Writes a batch without rejections."""
    return write_batch(conn, Batch(arrivals=arrivals, rejections=()))
