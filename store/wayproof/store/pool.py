"""Connections: one, or a pool of them; and the transaction that sees only one tenant."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from wayproof.model.errors import Unavailable
from wayproof.store.arrays import register_arrays
from wayproof.store.settings import DatabaseSettings, Role, conninfo

Conn = Connection[TupleRow]
Pool = ConnectionPool[Conn]


def connect(settings: DatabaseSettings, *, role: Role | None = None, autocommit: bool = False) -> Conn:
    """One connection, for a process that needs no more. Unavailable when the server does not answer."""
    try:
        conn = psycopg.connect(conninfo(settings, role=role), autocommit=autocommit)
    except psycopg.OperationalError as error:
        raise Unavailable(f"PostgreSQL does not answer: {error}") from error
    register_arrays(conn)
    return conn


def open_pool(settings: DatabaseSettings, *, role: Role | None = None) -> Pool:
    """A pool that connects lazily and checks a connection before it hands it out. The caller closes it."""
    return ConnectionPool(
        conninfo(settings, role=role),
        min_size=1,
        max_size=settings.pool_size,
        timeout=settings.connect_timeout.total_seconds(),
        # After that the pool stops trying on its own, ever more slowly, and each request tries anew: back at once.
        reconnect_timeout=settings.connect_timeout.total_seconds(),
        configure=register_arrays,
        check=ConnectionPool.check_connection,
        name=role or "wayproof",
        open=True,
    )


@contextmanager
def tenant_transaction(pool: Pool, tenant_id: UUID) -> Iterator[Conn]:
    """A transaction in which row-level security shows the rows of `tenant_id` and no others."""
    with transaction(pool) as conn:
        conn.execute("select set_config('wayproof.tenant_id', %s, true)", [str(tenant_id)])
        yield conn


@contextmanager
def snapshot_transaction(pool: Pool, tenant_id: UUID, *, with_readings: bool = False) -> Iterator[Conn]:
    """The same for reading: all that is read inside is of one moment, however many queries it takes.

    Whoever reads readings inside says so before the moment is taken: a day that is packed after it is gone from where
    it was, and not yet to be seen where it is.
    """
    with transaction(pool) as conn:
        conn.execute("set transaction isolation level repeatable read, read only")
        if with_readings:
            conn.execute("lock table tenant_reading in access share mode")  # LOCK TABLE takes no snapshot
        conn.execute("select set_config('wayproof.tenant_id', %s, true)", [str(tenant_id)])
        yield conn


@contextmanager
def transaction(pool: Pool) -> Iterator[Conn]:
    """A transaction on a pooled connection; Unavailable when no connection can be had."""
    try:
        with pool.connection() as conn, conn.transaction():
            yield conn
    except PoolTimeout as error:
        raise Unavailable(f"PostgreSQL does not answer: {error}") from error
