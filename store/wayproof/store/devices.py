"""The tenant's devices. The hash of a credential goes in and never comes out here."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from wayproof.model.device import Device, DeviceKind
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import after, fetch_all, fetch_one

_SQL: Final = load("devices")


def create_device(
    conn: Conn, *, tenant_id: UUID, name: str, kind: DeviceKind, label: str = "", credential: str | None
) -> Device:
    """A new device; `credential` is the salted hash of its secret, None: it may not connect.

    Conflict where the name is taken, by whichever tenant.
    """
    values = {"tenant_id": tenant_id, "name": name, "kind": kind, "label": label, "credential": credential}
    return fetch_one(conn, _device, _SQL["create_device"], values, "device made")


def get_device(conn: Conn, name: str) -> Device:
    """One device; NotFound where the tenant has none of that name."""
    return fetch_one(conn, _device, _SQL["get_device"], {"name": name}, f"device {name!r}")


def lock_device(conn: Conn, name: str) -> Device:
    """The same, held against other changes until the transaction ends."""
    return fetch_one(conn, _device, _SQL["lock_device"], {"name": name}, f"device {name!r}")


def list_devices(conn: Conn, *, position: tuple[datetime, int] | None = None, limit: int) -> list[Device]:
    """Up to `limit` devices of the tenant, newest first, from after `position` (creation time and id) on."""
    return fetch_all(conn, _device, _SQL["list_devices"], {**after(position), "limit": limit})


def update_device(conn: Conn, device: Device) -> Device:
    """Stores kind, label and retirement of `device`, and counts its version up."""
    values = {"name": device.name, "kind": device.kind, "label": device.label, "retired_at": device.retired_at}
    return fetch_one(conn, _device, _SQL["update_device"], values, f"device {device.name!r}")


def rotate_credential(conn: Conn, *, name: str, credential: str) -> Device:
    """Replaces the hash of the device's secret; NotFound where the tenant has no such device."""
    values = {"name": name, "credential": credential}
    return fetch_one(conn, _device, _SQL["rotate_credential"], values, f"device {name!r}")


def _device(*, kind: str, **columns: Any) -> Device:
    return Device(kind=DeviceKind(kind), **columns)
