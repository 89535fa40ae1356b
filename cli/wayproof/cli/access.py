"""How operators' commands reach the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.services.postgres import PostgresCluster
from wayproof.model.access import Tenant
from wayproof.model.errors import NotFound, Unavailable
from wayproof.store.pool import Conn, Pool, connect, open_pool, tenant_transaction
from wayproof.store.settings import DatabaseSettings
from wayproof.store.tenants import find_tenant


def database_settings(data: DataDir, url: str | None) -> DatabaseSettings:
    """Settings for `url`, else for the embedded database in `data`; Unavailable where there is neither."""
    return DatabaseSettings(url=SecretStr(url or _embedded_url(data)))


def _embedded_url(data: DataDir) -> str:
    port = data.ports().get("postgres")
    if port is None:
        raise Unavailable(f"no database in {data.root}: start `wayproof up`, or give --data or --database-url")
    return PostgresCluster(folder=data.postgres).url(port)


@contextmanager
def tenant_pool(settings: DatabaseSettings, name: str) -> Iterator[tuple[Pool, Tenant]]:
    """Connections for transactions of the tenant of that name; NotFound where there is none."""
    with connect(settings) as conn:
        tenant = find_tenant(conn, name)
    if tenant is None:
        raise NotFound(f"no tenant {name!r}: make it by `wayproof tenant create {name}`")
    with open_pool(settings.model_copy(update={"pool_size": 1}), role="wayproof_api") as pool:
        yield pool, tenant


@contextmanager
def tenant_access(settings: DatabaseSettings, name: str) -> Iterator[tuple[Conn, Tenant]]:
    """A transaction that sees the rows of the tenant of that name and no others; NotFound where there is none."""
    with tenant_pool(settings, name) as (pool, tenant), tenant_transaction(pool, tenant.tenant_id) as conn:
        yield conn, tenant
