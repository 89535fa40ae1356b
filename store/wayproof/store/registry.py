"""Which device names may send readings: what an ingestor needs of the registry."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from msgspec import Struct

from wayproof.store.pool import Conn
from wayproof.store.queries import load

_SQL: Final = load("registry")


class KnownDevice(Struct, frozen=True, kw_only=True):
    """A device that is registered and not retired."""

    device_id: int
    tenant_id: UUID


def known_devices(conn: Conn) -> dict[str, KnownDevice]:
    """Every device that may send, by name."""
    rows = conn.execute(_SQL["known_devices"]).fetchall()
    return {name: KnownDevice(device_id=device_id, tenant_id=tenant_id) for name, device_id, tenant_id in rows}


def find_devices(conn: Conn, names: Collection[str]) -> dict[str, KnownDevice]:
    """Those of `names` that may send."""
    rows = conn.execute(_SQL["find_devices"], {"names": list(names)}).fetchall()
    return {name: KnownDevice(device_id=device_id, tenant_id=tenant_id) for name, device_id, tenant_id in rows}


def listen(conn: Conn) -> None:
    """Makes `conn` hear of changes; `registry_changed` tells of them."""
    conn.execute(_SQL["listen"])


def registry_changed(conn: Conn) -> bool:
    """Whether a change was announced since the last call. Does not wait."""
    return bool(list(conn.notifies(timeout=0)))
