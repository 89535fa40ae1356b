"""What the API reads of readings: states, histories, tracks and series of one tenant's devices.

Everything goes through the tenant's views. Devices are given by number, looked up under row-level security before:
only then does a query start in the index on (device_id, observed_at).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg.rows import TupleRow

from wayproof.model.clock import EARLIEST, LATEST, ClockFlag
from wayproof.model.errors import InvalidInput
from wayproof.model.reading import Reading
from wayproof.model.telemetry import Bucket, Climate, DeviceState, Leg, Position, StoredReading, TrackPoint
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.reduce import BUCKET, ROLLED_UP
from wayproof.store.rows import fetch_all, fetch_tuples, one_plan

_SQL: Final = load("telemetry")

MAX_BUCKETS: Final = 20_000
"""A series with more is refused: nobody looks at so many points, and the answer would have megabytes."""


def get_state(conn: Conn, device_id: int) -> DeviceState | None:
    """The latest that the tenant's device told; None where it never sent a reading."""
    states = list_states(conn, [device_id])
    return states[0] if states else None


def list_states(conn: Conn, device_ids: Iterable[int]) -> list[DeviceState]:
    """The latest that each of the tenant's devices told; those that never sent a reading are left out."""
    return [_state(row) for row in fetch_tuples(conn, _SQL["list_states"], {"device_ids": list(device_ids)})]


def list_readings(
    conn: Conn,
    device_id: int,
    *,
    since: datetime = EARLIEST,
    until: datetime = LATEST,
    position: tuple[datetime, int, int] | None = None,
    limit: int,
) -> list[StoredReading]:
    """Up to `limit` readings observed in [since, until), oldest first, from after `position` on.

    `position` is the identity `(observed_at, boot, seq)` of the last one seen. Readings with a wrong clock are there.
    """
    observed_at, boot, seq = position or (since, -1, -1)
    values = {
        "device_id": device_id,
        "since": observed_at,
        "after_boot": boot,
        "after_seq": seq,
        "until": until,
        "limit": limit,
    }
    return fetch_all(conn, _reading, _SQL["list_readings"], values)


def list_legs(conn: Conn, shipment_id: UUID) -> list[Leg]:
    """When which devices really were on the shipment, in order of time."""
    return fetch_all(conn, Leg, _SQL["list_legs"], {"shipment_id": shipment_id})


def latest_positions(conn: Conn, shipment_ids: Iterable[UUID]) -> Mapping[UUID, Position]:
    """The newest position within any leg of each shipment; shipments without one are left out."""
    rows = fetch_all(conn, _shipment_position, _SQL["latest_positions"], {"shipment_ids": list(shipment_ids)})
    return dict(rows)


def latest_climates(conn: Conn, shipment_ids: Iterable[UUID]) -> Mapping[UUID, Climate]:
    """The newest temperature within any leg of each shipment; shipments without one are left out."""
    rows = fetch_all(conn, _shipment_climate, _SQL["latest_climates"], {"shipment_ids": list(shipment_ids)})
    return dict(rows)


def list_track(conn: Conn, leg: Leg, *, max_points: int) -> list[TrackPoint]:
    """At most `max_points` (2 or more) positions of a leg in order of time, the first and the last among them."""
    values = {
        "device_id": leg.device_id,
        "since": leg.begins_at,
        "until": leg.ends_at or LATEST,
        "max_points": max_points,
    }
    return fetch_all(conn, TrackPoint, _SQL["list_track"], values)


def list_buckets(conn: Conn, legs: Sequence[Leg], *, measure: str, bucket_s: int) -> list[Bucket]:
    """One of SERIES_MEASURES over buckets of `bucket_s` seconds, by device and time; empty buckets are left out.

    Buckets begin at multiples of `bucket_s` since 1970; means are those of whole millionths, so no order of arrival
    shows in them. Where buckets are made of whole quarters of an hour, those are read instead of the readings.
    InvalidInput where there are more than MAX_BUCKETS.
    """
    width = BUCKET if measure in ROLLED_UP and not timedelta(seconds=bucket_s) % BUCKET else None
    values = {
        "devices": [leg.device for leg in legs],
        "device_ids": [leg.device_id for leg in legs],
        "sinces": [leg.begins_at for leg in legs],
        "untils": [leg.ends_at or LATEST for leg in legs],
        "measure": measure,
        "rolled_up": ROLLED_UP.get(measure, 0),
        "width": width,
        "bucket_s": bucket_s,
        "limit": MAX_BUCKETS + 1,
    }
    # Which days the spans touch shows only while it runs: planned anew, it would take three times as long.
    with one_plan(conn):
        buckets = fetch_all(conn, Bucket, _SQL["list_buckets"], values)
    if len(buckets) > MAX_BUCKETS:
        raise InvalidInput(f"expected at most {MAX_BUCKETS} buckets; give wider ones", pointer="/bucket_s")
    return buckets


def _reading(*, received_at: datetime, clock_flags: int, **columns: Any) -> StoredReading:
    return StoredReading(reading=Reading(**columns), received_at=received_at, clock_flags=ClockFlag(clock_flags))


def _state(row: TupleRow) -> DeviceState:
    # By place, as the columns stand in the query: keywords would take ten times as long.
    device, received_at, observed_at, battery_pct, door_open = row[:5]
    return DeviceState(
        received_at=received_at,
        observed_at=observed_at,
        battery_pct=battery_pct,
        door_open=door_open,
        position=_position(device, row[5:12]),
        climate=_climate(device, row[12:]),
    )


def _position(device: str, columns: TupleRow) -> Position | None:
    observed_at, latitude_deg, longitude_deg, altitude_m, accuracy_m, speed_mps, heading_deg = columns
    if observed_at is None:
        return None
    return Position(
        device=device,
        observed_at=observed_at,
        latitude_deg=latitude_deg,
        longitude_deg=longitude_deg,
        altitude_m=altitude_m,
        accuracy_m=accuracy_m,
        speed_mps=speed_mps,
        heading_deg=heading_deg,
    )


def _climate(device: str, columns: TupleRow) -> Climate | None:
    observed_at, temperature_c, humidity_pct = columns
    if observed_at is None:
        return None
    return Climate(device=device, observed_at=observed_at, temperature_c=temperature_c, humidity_pct=humidity_pct)


def _shipment_position(*, shipment_id: UUID, **columns: Any) -> tuple[UUID, Position]:
    return shipment_id, Position(**columns)


def _shipment_climate(*, shipment_id: UUID, **columns: Any) -> tuple[UUID, Climate]:
    return shipment_id, Climate(**columns)
