"""Writing readings: binary COPY straight into the table, or through a staging table where some are stored already."""

import time
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from psycopg import Cursor

from wayproof.store.arrays import Int4Array, Int8Array, TimestamptzArray
from wayproof.store.columns import Columns, Ints, Mask, copy_image
from wayproof.store.microseconds import to_microseconds
from wayproof.store.pool import Conn
from wayproof.store.queries import load

_SQL: Final = load("readings")

_US_PER_DAY: Final = 86_400_000_000


def copy_in(conn: Conn, columns: Columns, flags: Ints) -> None:
    """Stores distinct readings. UniqueViolation if one is stored already."""
    if len(columns):
        with conn.cursor() as cursor, cursor.copy(_SQL["copy_in"]) as copy:
            for piece in copy_image(columns, flags):
                copy.write(piece)


def copy_new(conn: Conn, columns: Columns, flags: Ints) -> Mask:
    """Stores those of distinct readings that are not stored yet, and tells which rows they are."""
    with conn.cursor() as cursor:
        cursor.execute(_SQL["create_staging"])
        cursor.execute(_SQL["empty_staging"])
        with cursor.copy(_SQL["copy_to_staging"]) as copy:
            for piece in copy_image(columns, flags):
                copy.write(piece)
        stored = set(_identities(cursor.execute(_SQL["insert_staged"])))
    return np.array([identity in stored for identity in _tuples(columns)], bool)


def leave_out_packed(conn: Conn, columns: Columns) -> Columns:
    """Distinct readings without those that stand in packed days: the unique key of `reading` does not know of them.

    In the transaction that stores them: until it ends, nobody packs their days. Nothing is packed on the day itself;
    which day that is goes by our clock now, as what is replayed from quarantine was received long ago.
    """
    old = columns.rows(columns.observed_us < time.time_ns() // 1_000 - _US_PER_DAY)
    if not len(old):
        return columns
    params = {
        "device_ids": Int4Array(old.device_id),
        "observed_ats": TimestamptzArray(old.observed_us),
        "boots": Int4Array(old.boot),
        "seqs": Int8Array(old.seq),
    }
    with conn.cursor() as cursor:
        packed = set(_identities(cursor.execute(_SQL["packed_identities"], params)))
    if not packed:
        return columns
    return columns.rows(np.array([identity not in packed for identity in _tuples(columns)]))


def _tuples(columns: Columns) -> Iterable[tuple[int, int, int, int]]:
    return zip(*(column.tolist() for column in columns.identity), strict=True)


def _identities(rows: Cursor[Any]) -> Iterable[tuple[int, int, int, int]]:
    return ((device_id, to_microseconds(at), boot, seq) for device_id, at, boot, seq in rows)
