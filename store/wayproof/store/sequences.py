"""`device_sequence`: which `(boot, seq)` of a device are safe. Exact sets, whoever commits first."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import numpy as np
from msgspec import Struct
from psycopg.rows import TupleRow

from wayproof.store.arrays import Int4Array, Int8Array, PgArray
from wayproof.store.columns import Columns
from wayproof.store.pool import Conn
from wayproof.store.quarantine import Rejection
from wayproof.store.queries import load
from wayproof.store.reduce import Runs, runs

_SQL: Final = load("sequences")

PAGE_RANGES: Final = 64
"""How many ranges one row holds at most: what a commit rewrites, and few enough to stay out of TOAST."""

MOST_PAGES: Final = 1_000
"""In how many rows a set grows new gaps. That is far more than honest devices need: where two ingestors share a device,
one may commit a whole batch of every second number, 20,000 ranges, before the other does."""


class Progress(Struct, frozen=True, kw_only=True):
    """What is safe of one boot of a device."""

    device_id: int
    boot: int
    #: Every seq from 1 up to this one is safe; 0 while 1 is missing.
    through: int
    #: Inclusive ranges above `through`, ascending: the lowest, and all that hold something of what was added just now.
    beyond: tuple[tuple[int, int], ...]
    #: How many of those just received are stored and yet not counted as safe, because the boot has too many gaps.
    left_out: int = 0


def add_sequences(
    conn: Conn, arrivals: Columns, rejections: Sequence[Rejection], *, most_pages: int = MOST_PAGES
) -> list[Progress]:
    """Counts what was received as safe, in the caller's transaction: stored now or before, or set aside.

    A rejection counts where its number could be read, or it would block the device's outbox for ever. Devices that
    count nothing are left out. A set in `most_pages` rows takes only what extends or joins its ranges.
    """
    numbered = [
        (r.message.device.device_id, r.boot, r.seq) for r in rejections if r.message.device and r.boot and r.seq
    ]
    set_aside = np.array(numbered, np.int64).reshape(-1, 3).T
    received = np.stack([arrivals.device_id, arrivals.boot, arrivals.seq])
    added = runs(*np.concatenate([received, set_aside], axis=1))
    if not len(added.low):
        return []
    rows = _execute(conn, "add_sequences", {**_params(added), "page_ranges": PAGE_RANGES})
    small = [_progress(*told) for *told, is_large in rows if not is_large]
    if len(small) == len(rows):
        return small
    large = {(device_id, boot) for device_id, boot, _, _, is_large in rows if is_large}
    return small + _add_to_pages(conn, _of(large, added), most_pages)


def _add_to_pages(conn: Conn, added: Runs, most_pages: int) -> list[Progress]:
    bounds = {"page_ranges": PAGE_RANGES, "most_pages": most_pages}
    return [_progress(*told) for told in _execute(conn, "add_to_pages", {**_params(added), **bounds})]


def _execute(conn: Conn, query: str, params: Mapping[str, Any]) -> list[TupleRow]:
    with conn.cursor(binary=True) as cursor:
        return cursor.execute(_SQL[query], params, prepare=True).fetchall()


def _of(boots: AbstractSet[tuple[int, int]], added: Runs) -> Runs:
    owners = zip(added.device_id.tolist(), added.boot.tolist(), strict=True)
    at = np.flatnonzero([owner in boots for owner in owners])
    return Runs(device_id=added.device_id[at], boot=added.boot[at], low=added.low[at], high=added.high[at])


def _params(added: Runs) -> dict[str, PgArray]:
    return {
        "device_id": Int4Array(added.device_id),
        "boot": Int4Array(added.boot),
        "low": Int8Array(added.low),
        "high": Int8Array(added.high),
    }


def _progress(device_id: int, boot: int, through: int, beyond: list[list[int]], left_out: int = 0) -> Progress:
    ranges = tuple((low, high) for low, high in beyond)
    return Progress(device_id=device_id, boot=boot, through=through, beyond=ranges, left_out=left_out)
