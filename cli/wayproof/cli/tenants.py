"""`wayproof tenant`: the customers of this installation."""

from typing import Annotated

import typer

from wayproof.cli.access import database_settings
from wayproof.cli.app import DATA_DEFAULT, AsJson, Data, DatabaseUrl, show, show_list
from wayproof.cli.groups import commands
from wayproof.cli.services.data_dir import DataDir
from wayproof.store.pool import connect
from wayproof.store.tenants import create_tenant, list_tenants

tenants = commands("tenant", "Customers of this installation; each sees only its own rows.")


@tenants.command("create", epilog="Example: wayproof tenant create acme")
def create(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.")],
    *,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make a tenant."""
    with connect(database_settings(DataDir.at(data), database_url)) as conn:
        show(create_tenant(conn, name), as_json=as_json)


@tenants.command("list", epilog="Example: wayproof tenant list --json")
def list_(*, data: Data = DATA_DEFAULT, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """List all tenants, by name."""
    with connect(database_settings(DataDir.at(data), database_url)) as conn:
        show_list(list_tenants(conn), ("name", "tenant_id", "created_at"), as_json=as_json)
