"""`wayproof key`: API keys of a tenant; and the keys that `wayproof up` makes by itself."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from wayproof.cli.access import database_settings, tenant_access
from wayproof.cli.app import DATA_DEFAULT, TENANT_DEFAULT, AsJson, Data, DatabaseUrl, TenantName, show, show_list
from wayproof.cli.groups import commands
from wayproof.cli.services.data_dir import DataDir
from wayproof.model.access import ApiKey, Scope
from wayproof.store.keys import create_key, list_keys, revoke_key
from wayproof.store.pool import Conn, connect
from wayproof.store.settings import DatabaseSettings
from wayproof.store.tenants import create_tenant, find_tenant

keys = commands("key", "API keys of a tenant.")

CONSOLE: Final = "console of wayproof up"
FIRST: Final = "first admin key"
_CONSOLE_LIFE: Final = timedelta(days=7)
_PAGE: Final = 100


@keys.command("create", epilog="Example: wayproof key create 'warehouse screen' --scope shipments:read --days 30")
def create(
    label: Annotated[str, typer.Argument(help="What the key is for.")],
    *,
    scope: Annotated[
        list[Scope] | None, typer.Option("--scope", help="What it allows; give it several times. Default: all.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires; default: never.")] = None,
    tenant: TenantName = TENANT_DEFAULT,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print its token, which is shown this once."""
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with tenant_access(database_settings(DataDir.at(data), database_url), tenant) as (conn, owner):
        key, token = create_key(
            conn, tenant_id=owner.tenant_id, label=label, scopes=scope or list(Scope), expires_at=expires_at
        )
    show(key, as_json=as_json, token=token)


@keys.command("list", epilog="Example: wayproof key list --tenant acme --json")
def list_(
    *,
    tenant: TenantName = TENANT_DEFAULT,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """List all keys of a tenant, newest first; secrets are not kept and cannot be shown."""
    with tenant_access(database_settings(DataDir.at(data), database_url), tenant) as (conn, _):
        found = list(_all_keys(conn))
    show_list(found, ("key_id", "label", "scopes", "expires_at", "revoked_at"), as_json=as_json)


@keys.command("revoke", epilog="Example: wayproof key revoke Xb93kQ0aLm2T")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The twelve characters after `wp_`.")],
    *,
    tenant: TenantName = TENANT_DEFAULT,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """End a key at once and for ever."""
    with tenant_access(database_settings(DataDir.at(data), database_url), tenant) as (conn, _):
        key = revoke_key(conn, key_id)
    show(key, as_json=as_json)


def keys_of_a_start(settings: DatabaseSettings, tenant: str) -> tuple[str | None, str]:
    """`(first admin token, console token)` for a start of `wayproof up`; makes the tenant where it is missing.

    The admin token is made once in a tenant's life and None ever after. The console token may read for a week;
    those of earlier starts end.
    """
    with connect(settings) as conn:
        if find_tenant(conn, tenant) is None:
            create_tenant(conn, tenant)
    with tenant_access(settings, tenant) as (conn, owner):
        known = list(_all_keys(conn))
        for key in known:
            if key.label == CONSOLE and key.revoked_at is None:
                revoke_key(conn, key.key_id)
        first = None
        if not any(key.label == FIRST for key in known):
            _, first = create_key(conn, tenant_id=owner.tenant_id, label=FIRST, scopes=list(Scope))
        _, console = create_key(
            conn,
            tenant_id=owner.tenant_id,
            label=CONSOLE,
            scopes=[scope for scope in Scope if scope.endswith(":read")],
            expires_at=datetime.now(UTC) + _CONSOLE_LIFE,
        )
    return first, console


def _all_keys(conn: Conn) -> Iterator[ApiKey]:
    position = None
    while page := list_keys(conn, position=position, limit=_PAGE):
        yield from page
        position = (page[-1].created_at, page[-1].key_id)
