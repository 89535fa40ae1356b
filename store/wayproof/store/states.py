"""`device_state`: the latest that each device told, moved together with the readings that tell it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from wayproof.model.reading import Reading
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.readings import Arrival

_SQL: Final = load("states")

_KEY: Final = ("observed_at", "boot", "seq")
_POSITION: Final = ("latitude_deg", "longitude_deg", "altitude_m", "accuracy_m", "speed_mps", "heading_deg")

_Columns = dict[str, list[Any]]


def move_states(conn: Conn, arrivals: Iterable[Arrival], stored: Sequence[Arrival]) -> None:
    """Moves the state of every device in `arrivals`, in the caller's transaction.

    All of `arrivals` count as contact. Only what was really `stored`, in the order of `readings.distinct`, can be
    the latest: a reading sent again could be judged by a later clock than its row was.
    """
    contact = _contact(arrivals)
    if not contact:
        return
    devices = sorted(contact)
    conn.execute(
        _SQL["move_states"],
        {
            "device_id": devices,
            "received_at": [contact[device] for device in devices],
            **_columns(devices, _latest(stored, lambda _: True), ("battery_pct", "door_open")),
            **_columns(devices, _latest(stored, _has_position), _POSITION, prefix="position_"),
            **_columns(devices, _latest(stored, _has_temperature), ("temperature_c", "humidity_pct"), "temperature_"),
        },
        prepare=True,
    )


def _contact(arrivals: Iterable[Arrival]) -> dict[int, datetime]:
    last: dict[int, datetime] = {}
    for arrival in arrivals:
        received_at = arrival.message.received_at
        if received_at >= last.get(arrival.device_id, received_at):
            last[arrival.device_id] = received_at
    return last


def _latest(stored: Iterable[Arrival], tells: Callable[[Reading], bool]) -> dict[int, Reading]:
    """Of each device the last plausible reading that tells something; `stored` is in order, so the last one wins."""
    return {a.device_id: a.reading for a in stored if not a.clock_flags and tells(a.reading)}


def _has_position(reading: Reading) -> bool:
    return reading.latitude_deg is not None


def _has_temperature(reading: Reading) -> bool:
    return reading.temperature_c is not None


def _columns(devices: Sequence[int], latest: dict[int, Reading], values: Sequence[str], prefix: str = "") -> _Columns:
    readings = [latest.get(device) for device in devices]
    names = {prefix + name: name for name in _KEY} | {name: name for name in values}
    return {column: [getattr(reading, name, None) for reading in readings] for column, name in names.items()}
