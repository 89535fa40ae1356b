"""Readings that devices have told, written as an ingestor writes them."""

from datetime import datetime
from itertools import count
from typing import Any, Protocol

import pytest

from wayproof.model.device import Device
from wayproof.store.pool import Conn
from wayproof.store.registry import KnownDevice

from fix_intake import arrival, write


class Tell(Protocol):
    """Stores one reading of a device, received at once unless told otherwise."""

    def __call__(
        self, device: Device, observed_at: datetime, *, received_at: datetime | None = None, **fields: Any
    ) -> None:
        """`fields` are measures, or `boot` and `seq`."""


@pytest.fixture
def tell(ingest_conn: Conn) -> Tell:
    """Lets devices tell readings, counted through in the order of telling."""
    numbers = count(1)

    def tell(device: Device, observed_at: datetime, *, received_at: datetime | None = None, **fields: Any) -> None:
        known = KnownDevice(device_id=device.device_id, tenant_id=device.tenant_id)
        counted = {"seq": next(numbers), **fields}
        write(ingest_conn, [arrival(known, received_at=received_at or observed_at, observed_at=observed_at, **counted)])

    return tell
