"""Tenants. Only operators make them: under the API's role the table can be read and nothing else."""

from typing import Final

from wayproof.model.access import Tenant
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import fetch_all, fetch_one, fetch_optional

_SQL: Final = load("tenants")


def create_tenant(conn: Conn, name: str) -> Tenant:
    """A new tenant. Conflict where the name is taken, InvalidInput where it is no `[a-z0-9-]` name."""
    return fetch_one(conn, Tenant, _SQL["create_tenant"], {"name": name}, "tenant made")


def find_tenant(conn: Conn, name: str) -> Tenant | None:
    """The tenant of that name, where there is one."""
    return fetch_optional(conn, Tenant, _SQL["find_tenant"], {"name": name})


def list_tenants(conn: Conn) -> list[Tenant]:
    """Every tenant, by name."""
    return fetch_all(conn, Tenant, _SQL["list_tenants"], {})
