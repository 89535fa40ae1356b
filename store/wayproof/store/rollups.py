"""`reading_rollup`: measures by device and quarter of an hour, added to by the transaction that stores the readings."""

from datetime import datetime
from functools import partial
from typing import Final

from wayproof.store.arrays import Float8Array, Int4Array, Int8Array, TimestamptzArray
from wayproof.store.columns import Columns
from wayproof.store.faults import unavailable_on_any_error
from wayproof.store.locks import maintenance
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.reduce import ROLLED_UP, rollups

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


def drop_rollups_before(conn: Conn, cutoff: datetime) -> int:
    """Forgets buckets that begin before `cutoff`, a device at a time; how many there were."""
    with unavailable_on_any_error(), conn.transaction():
        devices = [device_id for (device_id,) in conn.execute(_SQL["devices"]).fetchall()]
    return sum(maintenance(conn, partial(_drop_of_device, conn, device_id, cutoff)) for device_id in devices)


def _drop_of_device(conn: Conn, device_id: int, cutoff: datetime) -> int:
    params = {"device_id": device_id, "measures": list(ROLLED_UP.values()), "before": cutoff}
    return conn.execute(_SQL["drop_rollups"], params).rowcount
