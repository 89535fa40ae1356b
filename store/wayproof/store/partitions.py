"""Daily partitions of `reading`: opened ahead, opened for backfill, dropped by retention.

These need the rights of the schema's owner, so they take an operator's connection, outside any transaction.
Each day is a transaction of its own: a writer of misdated readings waits for one day's move at most.
"""

import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, LiteralString

from msgspec import Struct
from psycopg.errors import DeadlockDetected, LockNotAvailable

from wayproof.store.faults import unavailable_on_any_error
from wayproof.store.pool import Conn
from wayproof.store.queries import load

_SQL: Final = load("partitions")

_LOCK_ATTEMPTS: Final = 20
_LOCK_PAUSE_S: Final = 0.5
_MOST_BACKFILLED_DAYS: Final = 31


class MaintenanceReport(Struct, frozen=True, kw_only=True):
    """What one round of maintenance did, in days."""

    dropped: int
    opened_ahead: int
    opened_for_backfill: int


def maintain(conn: Conn, *, today: date, ahead_days: int, retention: timedelta | None) -> MaintenanceReport:
    """Drops days past `retention` (None: keeps all), then opens those to come and those that backfill waits for."""
    dropped = 0 if retention is None else drop_before(conn, _midnight(today) - retention)
    return MaintenanceReport(
        dropped=dropped,
        opened_ahead=open_days_ahead(conn, today, ahead_days),
        opened_for_backfill=open_backfilled_days(conn),
    )


def open_days_ahead(conn: Conn, today: date, days: int) -> int:
    """Opens `today` and `days` more, UTC. Returns how many were new."""
    return sum(_open(conn, today + timedelta(days=ahead)) for ahead in range(days + 1))


def open_backfilled_days(conn: Conn, most: int = _MOST_BACKFILLED_DAYS) -> int:
    """Opens the oldest `most` days of which plausible readings wait in the default partition; how many were new.

    Readings with a wrong clock open no day: their days would never be written again.
    """
    with unavailable_on_any_error(), conn.transaction():
        rows = conn.execute(_SQL["waiting_days"], {"limit": most}).fetchall()
    return sum(_open(conn, day) for (day,) in rows)


def drop_before(conn: Conn, cutoff: datetime) -> int:
    """Drops every day that ended by `cutoff`, and what waits in the default partition from before it."""
    return int(_run(conn, _SQL["drop_before"], {"cutoff": cutoff}))


def _open(conn: Conn, day: date) -> bool:
    return bool(_run(conn, _SQL["open_day"], {"day": day}))


def _run(conn: Conn, query: LiteralString, params: Mapping[str, Any]) -> Any:
    """The query's value, in a transaction that yields to long writers and comes back; Unavailable if it never gets in.

    Nobody can be deadlocked for long: writers lock `reading` and then a partition, and who changes partitions
    asks for what he lacks a second at most.
    """
    with unavailable_on_any_error():
        for _ in range(_LOCK_ATTEMPTS - 1):
            try:
                return _try(conn, query, params)
            except (LockNotAvailable, DeadlockDetected):
                time.sleep(_LOCK_PAUSE_S)
        return _try(conn, query, params)


def _try(conn: Conn, query: LiteralString, params: Mapping[str, Any]) -> Any:
    with conn.transaction():
        conn.execute(_SQL["prepare"])
        row = conn.execute(query, params).fetchone()
    return row[0] if row else None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
