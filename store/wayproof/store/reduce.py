"""What a batch in columns comes down to: one row a device, a range of numbers, a bucket of time.

All results are independent of the order in which readings arrive: latest is decided by (observed_at, boot, seq), sums
are kept in whole millionths.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np

from wayproof.store.columns import Columns, Ints, Mask
from wayproof.store.microseconds import width_us

BUCKET: Final = timedelta(minutes=15)

ROLLED_UP: Final = {
    "speed_mps": 1,
    "temperature_c": 2,
    "humidity_pct": 3,
    "pressure_hpa": 4,
    "light_lux": 5,
    "shock_g": 6,
    "battery_pct": 7,
}
"""Measures that rollups keep, and the number by which the table knows each; a number's meaning never changes."""

_MILLIONTHS: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Inclusive ranges of consecutive numbers, ascending within each (device, boot)."""

    device_id: Ints
    boot: Ints
    low: Ints
    high: Ints


@dataclass(frozen=True, kw_only=True)
class Rollups:
    """Aggregates of one measure of one device over one bucket, one a row."""

    device_id: Ints
    measure: Ints
    begins_us: Ints
    count: Ints
    low: "np.typing.NDArray[np.float64]"
    high: "np.typing.NDArray[np.float64]"
    sum_millionths: Ints


def last_of_each(device_id: Ints, mask: Mask) -> Ints:
    """Where each device's last row for which `mask` holds stands; `device_id` is ascending."""
    at = np.flatnonzero(mask)
    owner = device_id[at]
    is_last = np.ones(len(at), bool)
    is_last[:-1] = owner[1:] != owner[:-1]
    last: Ints = at[is_last]
    return last


def starts_of_groups(*keys: Ints) -> Ints:
    """Where a new combination of keys begins, in columns that are ordered by them."""
    is_start = np.zeros(len(keys[0]), bool)
    is_start[:1] = True
    for key in keys:
        is_start[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(is_start)


def runs(device_id: Ints, boot: Ints, seq: Ints) -> Runs:
    """The numbers of a batch, in any order and with repetitions, as ranges. Boot 0 counts nothing and is left out."""
    counted = boot > 0
    device_id, boot, seq = device_id[counted], boot[counted], seq[counted]
    order = np.lexsort((seq, boot, device_id))
    device_id, boot, seq = device_id[order], boot[order], seq[order]
    is_start = np.ones(len(seq), bool)
    is_start[1:] = (device_id[1:] != device_id[:-1]) | (boot[1:] != boot[:-1]) | (seq[1:] > seq[:-1] + 1)
    start = np.flatnonzero(is_start)
    end = np.append(start[1:], len(seq))[: len(start)] - 1
    return Runs(device_id=device_id[start], boot=boot[start], low=seq[start], high=seq[end])


def rollups(columns: Columns) -> Rollups:
    """Count, extremes and sum of each measure by device and bucket, for readings with a plausible clock."""
    width = width_us(BUCKET)
    parts = [_rollup(columns, name, number, columns.observed_us // width * width) for name, number in ROLLED_UP.items()]
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Rollups(
        device_id=joined[0],
        measure=joined[1],
        begins_us=joined[2],
        count=joined[3],
        low=joined[4],
        high=joined[5],
        sum_millionths=joined[6],
    )


def _rollup(columns: Columns, name: str, number: int, begins_us: Ints) -> "tuple[np.typing.NDArray[np.generic], ...]":
    values = columns.number(name)
    told = ~np.isnan(values)
    values, device_id, begins = values[told], columns.device_id[told], begins_us[told]
    start = starts_of_groups(device_id, begins)
    count = np.diff(np.append(start, len(values)))
    if not len(values):
        return device_id, device_id, begins, count, values, values, begins
    millionths = np.rint(values * _MILLIONTHS).astype(np.int64)
    return (
        device_id[start],
        np.full(len(start), number),
        begins[start],
        count,
        np.minimum.reduceat(values, start),
        np.maximum.reduceat(values, start),
        np.add.reduceat(millionths, start),
    )
