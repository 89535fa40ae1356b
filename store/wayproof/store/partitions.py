"""The days of `reading`: opened ahead, opened for backfill, packed when old, dropped by retention.

These need the rights of the schema's owner, so they take an operator's connection, outside any transaction.
Each day is a transaction of its own: a writer of misdated readings waits for one day's move at most.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, LiteralString

from msgspec import Struct

from wayproof.model.clock import EARLIEST
from wayproof.store.faults import unavailable_on_any_error
from wayproof.store.locks import maintenance
from wayproof.store.packing import is_hypertable, midnight, pack_day, packable_days
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rollups import drop_rollups_before

_SQL: Final = load("partitions")

_MOST_BACKFILLED_DAYS: Final = 31

Watch = Callable[[Sequence[date]], Iterable[date]]
"""Hands on the days that are about to be packed, one after the other, and may show how far it is."""


class MaintenanceReport(Struct, frozen=True, kw_only=True):
    """What one round of maintenance did, in days."""

    dropped: int
    opened_ahead: int
    opened_for_backfill: int
    packed: int


def maintain(
    conn: Conn,
    *,
    today: date,
    ahead_days: int,
    retention: timedelta | None,
    packing_age: timedelta | None,
    watch: Watch = iter,
) -> MaintenanceReport:
    """One round: drops days past `retention`, opens those to come and those that backfill waits for, packs old ones.

    None: keeps all; packs nothing. Backfill of days past the packing age is packed where it stands.
    """
    if retention is not None:
        drop_rollups_before(conn, midnight(today) - retention)
    packing_from = EARLIEST if packing_age is None else midnight(today) - packing_age
    dropped = 0 if retention is None else drop_before(conn, midnight(today) - retention)
    return MaintenanceReport(
        dropped=dropped,
        opened_ahead=open_days_ahead(conn, today, ahead_days),
        opened_for_backfill=open_backfilled_days(conn, since=packing_from),
        packed=0 if packing_age is None else _pack_days(conn, packable_days(conn, today=today, age=packing_age), watch),
    )


def _pack_days(conn: Conn, days: Sequence[date], watch: Watch) -> int:
    for day in watch(days):
        pack_day(conn, day)
    return len(days)


def open_days_ahead(conn: Conn, today: date, days: int) -> int:
    """Opens `today` and `days` more, UTC. Returns how many were new."""
    return sum(_open(conn, today + timedelta(days=ahead)) for ahead in range(days + 1))


def open_backfilled_days(conn: Conn, *, since: datetime = EARLIEST, most: int = _MOST_BACKFILLED_DAYS) -> int:
    """Opens the oldest `most` days of which plausible readings wait in the default partition; how many were new.

    Readings with a wrong clock open no day: their days would never be written again. TimescaleDB makes days itself.
    """
    if is_hypertable(conn):
        return 0
    with unavailable_on_any_error(), conn.transaction():
        rows = conn.execute(_SQL["waiting_days"], {"since": since, "limit": most}).fetchall()
    return sum(_open(conn, day) for (day,) in rows)


def drop_before(conn: Conn, cutoff: datetime) -> int:
    """Drops every day that ended by `cutoff`, and what waits in the default partition from before it."""
    return int(_run(conn, _SQL["drop_before"], {"cutoff": cutoff}))


def _open(conn: Conn, day: date) -> bool:
    return bool(_run(conn, _SQL["open_day"], {"day": day}))


def _run(conn: Conn, query: LiteralString, params: Mapping[str, Any]) -> Any:
    def value() -> Any:
        row = conn.execute(query, params).fetchone()
        return row[0] if row else None

    return maintenance(conn, value)
