"""`device_state`: the latest that each device told, moved together with the readings that tell it."""

from typing import Any, Final

import numpy as np

from wayproof.store.arrays import NEVER, Float8Array, Int4Array, Int8Array, PgArray, TimestamptzArray
from wayproof.store.columns import DOOR_UNKNOWN, Columns, Ints
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.reduce import last_of_each, starts_of_groups

_SQL: Final = load("states")

_POSITION: Final = ("latitude_deg", "longitude_deg", "altitude_m", "accuracy_m", "speed_mps", "heading_deg")
_TEMPERATURE: Final = ("temperature_c", "humidity_pct")


def move_states(conn: Conn, arrivals: Columns, stored: Columns, flags: Ints) -> None:
    """Moves the state of every device in `arrivals`, in the caller's transaction.

    All of `arrivals` count as contact. Only what was really `stored`, in the order of `columns.distinct`, can be the
    latest: a reading sent again could be judged by a later clock than its row was. `flags` are those of `stored`.
    """
    if not len(arrivals):
        return
    order = np.argsort(arrivals.device_id, kind="stable")
    start = starts_of_groups(arrivals.device_id[order])
    devices = arrivals.device_id[order][start]
    plausible = flags == 0
    params: dict[str, Any] = {
        "device_id": Int4Array(devices),
        "received_at": TimestamptzArray(np.maximum.reduceat(arrivals.received_us[order], start)),
        "readings": Int8Array(_count(devices, stored)),
        "dirty_since": TimestamptzArray(_earliest(devices, stored.rows(plausible))),
    }
    at = last_of_each(stored.device_id, plausible)
    params |= _latest(devices, stored, at, ("battery_pct",))
    params["door_open"] = Int4Array(_spread(devices, stored, at, stored.door_open, DOOR_UNKNOWN))
    at = last_of_each(stored.device_id, plausible & ~np.isnan(stored.number("latitude_deg")))
    params |= _latest(devices, stored, at, _POSITION, prefix="position_")
    at = last_of_each(stored.device_id, plausible & ~np.isnan(stored.number("temperature_c")))
    params |= _latest(devices, stored, at, _TEMPERATURE, prefix="temperature_")
    conn.execute(_SQL["move_states"], params, prepare=True)


def _latest(
    devices: Ints, stored: Columns, at: Ints, measures: tuple[str, ...], prefix: str = ""
) -> dict[str, PgArray]:
    return {
        f"{prefix}observed_at": TimestamptzArray(_spread(devices, stored, at, stored.observed_us, NEVER)),
        f"{prefix}boot": Int4Array(_spread(devices, stored, at, stored.boot, 0)),
        f"{prefix}seq": Int8Array(_spread(devices, stored, at, stored.seq, 0)),
        **{m: Float8Array(_spread(devices, stored, at, stored.number(m), np.nan)) for m in measures},
    }


def _spread(devices: Ints, stored: Columns, at: Ints, values: Any, unknown: float) -> Any:
    """One value a device: that of its row in `at`, or `unknown` where it has none there."""
    out = np.full(len(devices), unknown, values.dtype)
    out[np.searchsorted(devices, stored.device_id[at])] = values[at]
    return out


def _count(devices: Ints, stored: Columns) -> Ints:
    counts: Ints = np.bincount(np.searchsorted(devices, stored.device_id), minlength=len(devices))
    return counts


def _earliest(devices: Ints, stored: Columns) -> Ints:
    first = starts_of_groups(stored.device_id)
    earliest: Ints = _spread(devices, stored, first, stored.observed_us, NEVER)
    return earliest
