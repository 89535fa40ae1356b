"""Devices: their registration, and what they told."""

from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Annotated, Final

from fastapi import Path, Query, Response
from msgspec import structs

from wayproof.api.auth import DevicesReader, DevicesWriter
from wayproof.api.conditional import Conditions, IfMatch, changed
from wayproof.api.paging import At, BigInteger, Integer, PageQuery, Pager
from wayproof.api.problems import NOT_FOUND, documented
from wayproof.api.routes.resource import GET, LIST, PATCH, POST, applied, resource_router
from wayproof.api.schemas.base import DeviceName
from wayproof.api.schemas.devices import (
    DeviceChange,
    DeviceList,
    DeviceSecretView,
    DeviceView,
    NewDevice,
    ReadingList,
    ReadingsQuery,
    ReadingView,
    StateView,
)
from wayproof.devices.credentials import hash_secret, new_secret
from wayproof.model.device import Device
from wayproof.model.telemetry import StoredReading
from wayproof.store import devices, telemetry

router: Final = resource_router("devices", "Devices")

_Name = Annotated[DeviceName, Path(description="The device's name", examples=["truck-17"])]


@router.post("", status_code=201, response_model=DeviceSecretView, responses=POST)
def create_device(new: NewDevice, caller: DevicesWriter) -> Response:
    """Registers a device and answers its secret, this once."""
    secret = new_secret()
    with caller.transaction() as conn:
        device = devices.create_device(
            conn,
            tenant_id=caller.key.tenant_id,
            name=new.name,
            kind=new.kind,
            label=new.label,
            credential=hash_secret(secret),
        )
    return _with_secret(device, secret, status=201)


@router.get("", response_model=DeviceList, responses=LIST)
def list_devices(query: Annotated[PageQuery, Query()], caller: DevicesReader, conditions: Conditions) -> Response:
    """Lists the tenant's devices, newest first."""
    pager = Pager(query, of="devices", tenant_id=caller.key.tenant_id)
    position = pager.position(tuple[At, Integer])
    with caller.transaction() as conn:
        found = devices.list_devices(conn, position=position, limit=pager.fetch)
    page, next_cursor = pager.page(found, lambda device: (device.created_at, device.device_id))
    items = [DeviceView.model_validate(device) for device in page]
    return conditions.answer(DeviceList(items=items, next_cursor=next_cursor))


@router.get("/{name}", response_model=DeviceView, responses=GET)
def get_device(name: _Name, caller: DevicesReader, conditions: Conditions) -> Response:
    """One device."""
    with caller.transaction() as conn:
        device = devices.get_device(conn, name)
    return conditions.answer(DeviceView.model_validate(device), version=device.version)


@router.patch("/{name}", response_model=DeviceView, responses=PATCH)
def change_device(name: _Name, change: DeviceChange, caller: DevicesWriter, if_match: IfMatch) -> Response:
    """Changes kind or label, or takes the device out of service."""
    with caller.transaction() as conn:
        device = devices.lock_device(conn, name)
        if_match.check(device.version)
        device = applied(device, change, partial(devices.update_device, conn))
    return changed(DeviceView.model_validate(device), version=device.version)


@router.post("/{name}/credential", response_model=DeviceSecretView, responses=documented(NOT_FOUND))
def rotate_credential(name: _Name, caller: DevicesWriter) -> Response:
    """Gives the device a new secret, answered this once; the old one stops working."""
    secret = new_secret()
    with caller.transaction() as conn:
        device = devices.rotate_credential(conn, name=name, credential=hash_secret(secret))
    return _with_secret(device, secret, status=200)


@router.get("/{name}/state", response_model=StateView, responses=GET)
def get_device_state(name: _Name, caller: DevicesReader, conditions: Conditions) -> Response:
    """The latest that the device told; all null where it has told nothing yet."""
    with caller.transaction() as conn:
        state = telemetry.get_state(conn, devices.get_device(conn, name).device_id)
    told = structs.asdict(state) if state else {}
    return conditions.answer(StateView.model_validate({"device": name, **told}))


@router.get("/{name}/readings", response_model=ReadingList, responses={**LIST, **GET})
def list_readings(
    name: _Name, query: Annotated[ReadingsQuery, Query()], caller: DevicesReader, conditions: Conditions
) -> Response:
    """Lists the device's readings, oldest first, those with a wrong clock among them with what is wrong."""
    pager = Pager(query, of=f"readings of {name}", tenant_id=caller.key.tenant_id)
    position = pager.position(tuple[At, Integer, BigInteger])
    with caller.transaction() as conn:
        device_id = devices.get_device(conn, name).device_id
        found = telemetry.list_readings(
            conn, device_id, since=query.since, until=query.until, position=position, limit=pager.fetch
        )
    page, next_cursor = pager.page(found, _identity)
    return conditions.answer(ReadingList(items=[ReadingView.of(item) for item in page], next_cursor=next_cursor))


def _identity(stored: StoredReading) -> tuple[datetime, int, int]:
    return stored.reading.observed_at, stored.reading.boot, stored.reading.seq


def _with_secret(device: Device, secret: str, *, status: int) -> Response:
    view = DeviceSecretView.model_validate({**asdict(device), "secret": secret})
    return changed(view, version=device.version, status=status, location=f"/v1/devices/{device.name}")
