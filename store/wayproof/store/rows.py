"""Running a named query and getting values of the model back, or the domain's errors."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, LiteralString, TypeVar

from psycopg.rows import TupleRow, kwargs_row

from wayproof.model.errors import NotFound
from wayproof.store.pool import Conn
from wayproof.store.violations import domain_errors

T = TypeVar("T")


def fetch_all(conn: Conn, make: Callable[..., T], sql: LiteralString, params: Mapping[str, Any]) -> list[T]:
    """Every row, given to `make` as keywords."""
    with domain_errors(), conn.cursor(row_factory=kwargs_row(make), binary=True) as cursor:
        return cursor.execute(sql, params).fetchall()


def fetch_tuples(conn: Conn, sql: LiteralString, params: Mapping[str, Any]) -> list[TupleRow]:
    """Every row as it comes, for values of which there are thousands."""
    with domain_errors(), conn.cursor(binary=True) as cursor:
        return cursor.execute(sql, params).fetchall()


def fetch_optional(conn: Conn, make: Callable[..., T], sql: LiteralString, params: Mapping[str, Any]) -> T | None:
    """The only row, or None."""
    rows = fetch_all(conn, make, sql, params)
    return rows[0] if rows else None


def fetch_one(conn: Conn, make: Callable[..., T], sql: LiteralString, params: Mapping[str, Any], what: str) -> T:
    """The only row; NotFound, naming `what`, where there is none that the caller may see."""
    found = fetch_optional(conn, make, sql, params)
    if found is None:
        raise NotFound(f"no {what}")
    return found


@contextmanager
def one_plan(conn: Conn) -> Iterator[None]:
    """Within it, in a transaction, a prepared query keeps one plan, whatever its parameters are.

    For queries of many partitions that take milliseconds to plan and less to run.
    """
    conn.execute("select set_config('plan_cache_mode', 'force_generic_plan', true)")
    yield
    conn.execute("select set_config('plan_cache_mode', 'auto', true)")


def after(position: tuple[datetime, Any] | None) -> dict[str, Any]:
    """Parameters of a list's place: the creation time and id of the last item already seen; None: from the start."""
    after_at, after_id = position or (None, None)
    return {"after_at": after_at, "after_id": after_id}
