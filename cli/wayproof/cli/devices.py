"""`wayproof device`: the registry of devices, and the secrets by which the broker knows them."""

from collections.abc import Iterator
from typing import Annotated, Final

import typer

from wayproof.cli.access import database_settings, tenant_access
from wayproof.cli.app import DATA_DEFAULT, TENANT_DEFAULT, AsJson, Data, DatabaseUrl, TenantName, show, show_list
from wayproof.cli.groups import commands
from wayproof.cli.services.data_dir import DataDir
from wayproof.devices.credentials import hash_secret, new_secret
from wayproof.devices.topics import is_device_name
from wayproof.model.device import Device, DeviceKind
from wayproof.model.errors import InvalidInput
from wayproof.store.devices import create_device, list_devices, rotate_credential
from wayproof.store.pool import Conn

devices = commands("device", "Devices of a tenant, and their secrets.")

_PAGE: Final = 500
_COLUMNS: Final = ("name", "kind", "label", "created_at", "retired_at")
Name = Annotated[str, typer.Argument(help="Its MQTT user name and topic level: letters, digits, `.`, `_`, `-`.")]


@devices.command("add", epilog="Example: wayproof device add truck-7 --kind truck --label 'Volvo FH, B-WP 1007'")
def add(
    name: Name,
    *,
    kind: Annotated[DeviceKind, typer.Option(help="What it sits on, or is.")] = DeviceKind.LOGGER,
    label: Annotated[str, typer.Option(help="What people call it.")] = "",
    tenant: TenantName = TENANT_DEFAULT,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Register a device and print its secret, which is shown this once."""
    if not is_device_name(name):
        raise InvalidInput(f"expected a name of at most 64 letters, digits, `.`, `_`, `-` without `..`, got {name!r}")
    secret = new_secret()
    with tenant_access(database_settings(DataDir.at(data), database_url), tenant) as (conn, owner):
        device = create_device(
            conn, tenant_id=owner.tenant_id, name=name, kind=kind, label=label, credential=hash_secret(secret)
        )
    show(device, as_json=as_json, secret=secret)


@devices.command("list", epilog="Example: wayproof device list --json")
def list_(
    *,
    tenant: TenantName = TENANT_DEFAULT,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """List all devices of a tenant, newest first."""
    with tenant_access(database_settings(DataDir.at(data), database_url), tenant) as (conn, _):
        found = list(_all_devices(conn))
    show_list(found, _COLUMNS, as_json=as_json)


@devices.command("rotate", epilog="Example: wayproof device rotate truck-7")
def rotate(
    name: Name,
    *,
    tenant: TenantName = TENANT_DEFAULT,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Give a device a new secret and print it; the old one stops working."""
    secret = new_secret()
    with tenant_access(database_settings(DataDir.at(data), database_url), tenant) as (conn, _):
        device = rotate_credential(conn, name=name, credential=hash_secret(secret))
    show(device, as_json=as_json, secret=secret)


def _all_devices(conn: Conn) -> Iterator[Device]:
    position = None
    while page := list_devices(conn, position=position, limit=_PAGE):
        yield from page
        position = (page[-1].created_at, page[-1].device_id)
