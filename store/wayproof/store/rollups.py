"""`reading_rollup`: measures by device and quarter of an hour, added to by the transaction that stores the readings."""

from typing import Final

from wayproof.store.arrays import Float8Array, Int4Array, Int8Array, TimestamptzArray
from wayproof.store.columns import Columns
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.reduce import rollups

_SQL: Final = load("rollups")


def add_rollups(conn: Conn, stored: Columns) -> None:
    """Adds readings that are new and have a plausible clock, in the order of `columns.distinct`."""
    added = rollups(stored)
    if not len(added.count):
        return
    params = {
        "device_id": Int4Array(added.device_id),
        "measure": Int4Array(added.measure),
        "begins_at": TimestamptzArray(added.begins_us),
        "count": Int4Array(added.count),
        "low": Float8Array(added.low),
        "high": Float8Array(added.high),
        "sum_millionths": Int8Array(added.sum_millionths),
    }
    conn.execute(_SQL["add_rollups"], params, prepare=True)
