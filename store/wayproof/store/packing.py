"""Old days packed: on plain PostgreSQL into arrays, a row a device and day; on TimescaleDB into columnstore.

Like the rest of maintenance this needs the rights of the schema's owner. Each day is one transaction: killed at any
moment, a day is packed or it is not. A day that has got more readings since is packed again.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg import ServerCursor
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.postgres import types
from psycopg.pq import Format

from wayproof.model.reading import NUMERIC_MEASURES
from wayproof.store.faults import unavailable_on_any_error
from wayproof.store.locks import giving_way, maintenance
from wayproof.store.microseconds import PG_EPOCH_US, to_microseconds
from wayproof.store.packed import Day, copy_file
from wayproof.store.pool import Conn
from wayproof.store.queries import load

_SQL: Final = load("packing")

YOUNGEST: Final = timedelta(days=2)
"""Younger days are never packed, so a writer need ask `packed_identities` only about what is older than one day."""

_MOST_DAYS: Final = 31
_DEVICES_AT_ONCE: Final = 50
_ARRAY_HEADER_BYTES: Final = 20


def is_hypertable(conn: Conn) -> bool:
    """Whether readings stand in TimescaleDB."""
    return bool(_value(conn, "engine"))


def count_packed_days(conn: Conn) -> int:
    """Days of which at least one device's readings are packed into arrays."""
    return int(_value(conn, "packed_days"))


def packable_days(conn: Conn, *, today: date, age: timedelta, most: int = _MOST_DAYS) -> list[date]:
    """The oldest `most` UTC days that ended `age` ago and are not wholly packed; ValueError below YOUNGEST."""
    if age < YOUNGEST:
        raise ValueError(f"packing age: expected at least {YOUNGEST.days} days, got {age}")
    with unavailable_on_any_error(), conn.transaction():
        query = _SQL["columnstore_days" if is_hypertable(conn) else "packable_days"]
        rows = conn.execute(query, {"before": midnight(today) - age, "limit": most}).fetchall()
    return [day for (day,) in rows]


def pack_day(conn: Conn, day: date) -> None:
    """Packs what a day has that is not packed. Readings with a wrong clock stay as they are."""
    maintenance(conn, partial(_convert if is_hypertable(conn) else _pack, conn, day))


def midnight(day: date) -> datetime:
    """Where a day begins, UTC."""
    return datetime.combine(day, time(), UTC)


def _convert(conn: Conn, day: date) -> None:
    row = conn.execute(_SQL["chunk_of_day"], {"since": midnight(day)}).fetchone()
    if row:
        conn.execute(_SQL["convert_chunk"], {"chunk": row[0]})


def _pack(conn: Conn, day: date) -> None:
    span = {"since": midnight(day), "until": midnight(day + timedelta(days=1))}
    conn.execute(_SQL["begin_packing"], {"day": day})
    with ServerCursor(conn, "unpacked_days") as cursor:
        _take_arrays_raw(cursor)
        cursor.execute(_SQL["unpacked_days"], span, binary=True)
        while rows := cursor.fetchmany(_DEVICES_AT_ONCE):
            _replace(conn, span["since"], [_day(span["since"], row) for row in rows])
    # The partition can go only while nobody reads or writes `reading`; what was packed is not packed again for that.
    giving_way(conn, lambda: conn.execute(_SQL["end_packing"], {"day": day}))


def _replace(conn: Conn, since: datetime, days: Sequence[Day]) -> None:
    conn.execute(_SQL["forget_packed"], {"since": since, "device_ids": [day.device_id for day in days]})
    with conn.cursor() as cursor, cursor.copy(_SQL["copy_packed"]) as copy:
        copy.write(copy_file(days))


def _day(since: datetime, row: Sequence[Any]) -> Day:
    device_id, observed, received, boot, seq, *numbers, door_open, extra = row
    return Day(
        begins_us=to_microseconds(since) - PG_EPOCH_US,
        device_id=device_id,
        observed_us=observed,
        received_us=received,
        boot=boot,
        seq=seq,
        numbers=dict(zip(NUMERIC_MEASURES, numbers, strict=True)),
        door_open=door_open,
        extra=extra,
    )


def _value(conn: Conn, query: str) -> Any:
    with unavailable_on_any_error(), conn.transaction():
        row = conn.execute(_SQL[query]).fetchone()
    return row[0] if row else None


def _take_arrays_raw(cursor: ServerCursor[Any]) -> None:
    for element in ("int8", "timestamptz"):
        cursor.adapters.register_loader(types[element].array_oid, _Int8s)
    cursor.adapters.register_loader(types["float8"].array_oid, _Float8s)
    for element in ("bool", "jsonb"):
        cursor.adapters.register_loader(types[element].array_oid, _Image)


class _Int8s(Loader):
    """An array without nulls; of times, microseconds since 2000."""

    format = Format.BINARY
    kind = ">i8"

    def load(self, data: Buffer) -> NDArray[Any]:
        elements = np.frombuffer(data, [("length", ">i4"), ("value", self.kind)], offset=_ARRAY_HEADER_BYTES)
        return elements["value"].astype(self.kind[1:])


class _Float8s(_Int8s):
    kind = ">f8"


class _Image(Loader):
    """An array as it is, to be handed on."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)
