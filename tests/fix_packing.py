"""Readings put straight into the table, many at a time, and looked at bit for bit."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from wayproof.model.reading import MEASURES, Reading
from wayproof.store.packing import is_hypertable
from wayproof.store.pool import Conn

_COLUMNS = ("device_id", "observed_at", "received_at", "boot", "seq", "clock_flags", *MEASURES)

Stored = tuple[int, Reading, datetime]
"""Device, reading, time of receipt."""


@pytest.fixture
def plain(superuser: Conn) -> None:
    """Skips what TimescaleDB does in its own way."""
    if is_hypertable(superuser):
        pytest.skip("days are TimescaleDB's own here")


@pytest.fixture
def timescale(superuser: Conn) -> None:
    """Skips what only TimescaleDB does."""
    if not is_hypertable(superuser):
        pytest.skip("no TimescaleDB: set WAYPROOF_TEST_TIMESCALE_DSN")


def fill(conn: Conn, stored: Iterable[Stored]) -> None:
    """Stores readings with a plausible clock."""
    with conn.cursor() as cursor, cursor.copy(f"copy reading ({', '.join(_COLUMNS)}) from stdin") as copy:
        for device_id, reading, received_at in stored:
            measures = [getattr(reading, name) for name in MEASURES[:-1]]
            extra = None if reading.extra is None else Jsonb(reading.extra)
            head = (device_id, reading.observed_at, received_at, reading.boot, reading.seq, 0)
            copy.write_row((*head, *measures, extra))


def everything(conn: Conn) -> list[tuple[Any, ...]]:
    """Every reading, packed or not, with the very bits of its numbers."""
    columns = ", ".join(
        f"float8send({name})" if name not in {"door_open", "extra"} else f"{name}::text" for name in MEASURES
    )
    query = (
        f"select device_id, observed_at, received_at, boot, seq, clock_flags, {columns}"  # noqa: S608 - our own names
        " from any_reading"
        " order by 1, 2, 4, 5"
    )
    return conn.execute(query.encode()).fetchall()


def bytes_a_reading(conn: Conn) -> float:
    """What packed readings take, with indexes and everything."""
    row = conn.execute(
        "select pg_total_relation_size('reading_packed')::float8 / sum(readings) from reading_packed"
    ).fetchone()
    assert row is not None
    return float(row[0])
