"""What the API reads of readings."""

import random
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any
from uuid import UUID

import pytest

from wayproof.model.clock import ClockFlag
from wayproof.model.errors import InvalidInput
from wayproof.model.shipment import Shipment
from wayproof.model.telemetry import Leg
from wayproof.store import shipments, telemetry
from wayproof.store.pool import Conn, tenant_transaction

from fix_registry import MONDAY, TUESDAY, Registry
from fix_telemetry import Tell

HOUR = timedelta(hours=1)


@pytest.fixture
def reader(registry: Registry) -> Iterator[Conn]:
    """A transaction of the tenant."""
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        yield conn


def _position_time(conn: Conn, shipment: Shipment) -> datetime | None:
    position = telemetry.latest_positions(conn, [shipment.shipment_id]).get(shipment.shipment_id)
    return position.observed_at if position else None


def _leg(conn: Conn, shipment_id: UUID) -> Leg:
    [leg] = telemetry.list_legs(conn, shipment_id)
    return leg


def test_position_is_the_newest_of_all_devices(registry: Registry, reader: Conn, tell: Tell) -> None:
    """Of several devices on a shipment the one that was seen last tells the position."""
    shipment, truck, logger = registry.shipment(), registry.device(), registry.device()
    registry.assignment(shipment, truck)
    registry.assignment(shipment, logger)
    tell(truck, MONDAY + HOUR, latitude_deg=51, longitude_deg=5, speed_mps=3.3)
    tell(logger, MONDAY + 2 * HOUR, latitude_deg=52, longitude_deg=6)
    tell(truck, MONDAY + 3 * HOUR, temperature_c=4.5)
    position = telemetry.latest_positions(reader, [shipment.shipment_id])[shipment.shipment_id]
    assert (position.device, position.observed_at, position.latitude_deg) == (logger.name, MONDAY + 2 * HOUR, 52)
    climate = telemetry.latest_climates(reader, [shipment.shipment_id])[shipment.shipment_id]
    assert (climate.device, climate.temperature_c) == (truck.name, 4.5)


def test_device_that_moved_on_shows_its_last_state_on_the_shipment(
    registry: Registry, reader: Conn, tell: Tell
) -> None:
    """After the end of a leg its device's later readings belong to others; the last within the leg stays."""
    first, second, truck = registry.shipment(), registry.shipment(), registry.device()
    registry.assignment(first, truck, MONDAY, TUESDAY)
    registry.assignment(second, truck, TUESDAY)
    for hours in (1, 23, 24, 30):
        tell(truck, MONDAY + hours * HOUR, latitude_deg=hours, longitude_deg=5, temperature_c=hours)
    assert _position_time(reader, first) == MONDAY + 23 * HOUR
    assert _position_time(reader, second) == MONDAY + 30 * HOUR
    climates = telemetry.latest_climates(reader, [first.shipment_id, second.shipment_id])
    assert [climates[s.shipment_id].temperature_c for s in (first, second)] == [23, 30]


def test_late_reading_moves_a_leg_that_is_over(registry: Registry, reader: Conn, tell: Tell) -> None:
    """A reading that comes after the device moved on still counts for the leg in which it was observed."""
    shipment, truck = registry.shipment(), registry.device()
    registry.assignment(shipment, truck, MONDAY, TUESDAY)
    tell(truck, TUESDAY + HOUR, latitude_deg=1, longitude_deg=1)
    assert _position_time(reader, shipment) is None
    tell(truck, TUESDAY - HOUR, received_at=TUESDAY + 5 * HOUR, latitude_deg=2, longitude_deg=2)
    assert _position_time(reader, shipment) == TUESDAY - HOUR


def test_state_from_before_the_leg_is_not_shown(registry: Registry, reader: Conn, tell: Tell) -> None:
    """What a device told before it was put on the shipment is none of the shipment's."""
    shipment, truck = registry.shipment(), registry.device()
    registry.assignment(shipment, truck, TUESDAY)
    tell(truck, MONDAY, latitude_deg=1, longitude_deg=1)
    assert _position_time(reader, shipment) is None


def test_delivery_ends_the_leg_of_a_device_that_nobody_took_off(registry: Registry, reader: Conn, tell: Tell) -> None:
    """From delivery on an assignment that was left open tells nothing more."""
    shipment, truck = registry.shipment(), registry.device()
    registry.assignment(shipment, truck)
    tell(truck, MONDAY + HOUR, latitude_deg=1, longitude_deg=1)
    tell(truck, TUESDAY + HOUR, latitude_deg=2, longitude_deg=2)
    registry.change(shipment, picked_up_at=MONDAY, delivered_at=TUESDAY)
    assert _position_time(reader, shipment) == MONDAY + HOUR
    assert _leg(reader, shipment.shipment_id).ends_at == TUESDAY


def test_assignment_after_the_end_is_no_leg(registry: Registry, reader: Conn) -> None:
    """An assignment that begins after delivery or cancellation gives no leg."""
    shipment = registry.shipment()
    registry.assignment(shipment, registry.device(), TUESDAY)
    registry.change(shipment, cancelled_at=TUESDAY)
    assert telemetry.list_legs(reader, shipment.shipment_id) == []


def test_wrong_clock_is_in_the_history_and_nowhere_else(registry: Registry, reader: Conn, tell: Tell) -> None:
    """A reading from the future or from before device time is listed with its flag, and moves nothing."""
    shipment, truck = registry.shipment(), registry.device()
    registry.assignment(shipment, truck)
    place: dict[str, Any] = {"latitude_deg": 1, "longitude_deg": 1, "temperature_c": 1}
    tell(truck, MONDAY + HOUR, **place)
    tell(truck, TUESDAY, received_at=MONDAY + HOUR, **{**place, "temperature_c": 99})
    tell(truck, MONDAY.replace(year=2004), received_at=MONDAY + HOUR, **place)
    listed = telemetry.list_readings(reader, truck.device_id, limit=9)
    assert [stored.clock_flags for stored in listed] == [ClockFlag.BEFORE_DEVICE_TIME, ClockFlag(0), ClockFlag.FUTURE]
    leg = _leg(reader, shipment.shipment_id)
    assert _position_time(reader, shipment) == MONDAY + HOUR
    assert [point.observed_at for point in telemetry.list_track(reader, leg, max_points=9)] == [MONDAY + HOUR]
    [bucket] = telemetry.list_buckets(reader, [leg], measure="temperature_c", bucket_s=60)
    assert (bucket.max, bucket.count) == (1, 1)


def test_state_keeps_what_a_later_reading_does_not_know(registry: Registry, reader: Conn, tell: Tell) -> None:
    """Position and climate stay as last told while a later reading knows only the battery."""
    truck = registry.device()
    assert telemetry.get_state(reader, truck.device_id) is None
    tell(truck, MONDAY, latitude_deg=1, longitude_deg=2, temperature_c=-18.25, humidity_pct=40)
    tell(truck, TUESDAY, battery_pct=87, door_open=True)
    state = telemetry.get_state(reader, truck.device_id)
    assert state is not None
    assert (state.observed_at, state.battery_pct, state.door_open) == (TUESDAY, 87, True)
    assert state.position is not None
    assert (state.position.observed_at, state.position.longitude_deg) == (MONDAY, 2)
    assert state.climate is not None
    assert (state.climate.temperature_c, state.climate.humidity_pct) == (-18.25, 40)


def test_readings_come_page_by_page_without_gap_or_repeat(registry: Registry, reader: Conn, tell: Tell) -> None:
    """Readings of one instant are told apart by boot and seq, so a page may end between them."""
    truck = registry.device()
    for seq in range(1, 6):
        tell(truck, MONDAY, boot=2, seq=seq)
    tell(truck, MONDAY, boot=1, seq=9)
    tell(truck, TUESDAY, boot=1, seq=1)
    seen, position = [], None
    while page := telemetry.list_readings(reader, truck.device_id, position=position, limit=3):
        seen += [(item.reading.observed_at, item.reading.boot, item.reading.seq) for item in page]
        position = seen[-1]
    assert seen == [(MONDAY, 1, 9), *((MONDAY, 2, seq) for seq in range(1, 6)), (TUESDAY, 1, 1)]


def test_readings_are_bounded_by_time(registry: Registry, reader: Conn, tell: Tell) -> None:
    """The first bound is part of the span, the second is not."""
    truck = registry.device()
    for hours in range(4):
        tell(truck, MONDAY + hours * HOUR)
    found = telemetry.list_readings(reader, truck.device_id, since=MONDAY + HOUR, until=MONDAY + 3 * HOUR, limit=9)
    assert [item.reading.observed_at for item in found] == [MONDAY + HOUR, MONDAY + 2 * HOUR]


@pytest.mark.parametrize("value", [0.1 + 0.2, 1e-300, -0.0, 5e-324, 51.439312345678901])
def test_values_come_back_exactly(registry: Registry, reader: Conn, tell: Tell, value: float) -> None:
    """A value is the very double that the device sent."""
    truck = registry.device()
    tell(truck, MONDAY, temperature_c=value, extra={"raw": value})
    [stored] = telemetry.list_readings(reader, truck.device_id, limit=1)
    assert stored.reading.temperature_c is not None
    assert stored.reading.temperature_c.hex() == value.hex()
    assert stored.reading.extra == {"raw": value}


@pytest.mark.parametrize(("count", "max_points"), [(0, 2), (1, 2), (2, 2), (7, 7), (8, 7), (50, 7), (50, 2), (49, 25)])
def test_track_is_thinned_evenly_and_keeps_its_ends(
    registry: Registry, reader: Conn, tell: Tell, count: int, max_points: int
) -> None:
    """A track has at most max_points positions, all where that is enough, and always its first and last."""
    shipment, truck = registry.shipment(), registry.device()
    registry.assignment(shipment, truck)
    times = [MONDAY + n * HOUR / 60 for n in range(count)]
    for time in times:
        tell(truck, time, latitude_deg=1, longitude_deg=1)
    leg = _leg(reader, shipment.shipment_id)
    found = [point.observed_at for point in telemetry.list_track(reader, leg, max_points=max_points)]
    assert len(found) <= max_points
    assert found == sorted(found)
    assert found[:1] + found[-1:] == times[:1] + times[-1:]
    if count <= max_points:
        assert found == times


def test_buckets_span_the_legs_of_a_device(registry: Registry, reader: Conn, tell: Tell) -> None:
    """A bucket holds the readings of every leg of its device, and none from between the legs."""
    shipment, truck = registry.shipment(), registry.device()
    registry.assignment(shipment, truck, MONDAY, MONDAY + 10 * HOUR / 60)
    registry.assignment(shipment, truck, MONDAY + 20 * HOUR / 60)
    for minutes, celsius in ((0, 1.0), (9, 2.0), (10, 99.0), (19, 99.0), (20, 6.0), (70, 8.0)):
        tell(truck, MONDAY + minutes * HOUR / 60, temperature_c=celsius)
    tell(truck, MONDAY + 30 * HOUR / 60, humidity_pct=50)
    legs = telemetry.list_legs(reader, shipment.shipment_id)
    found = telemetry.list_buckets(reader, legs, measure="temperature_c", bucket_s=3600)
    assert [(b.begins_at, b.min, b.mean, b.max, b.count) for b in found] == [
        (MONDAY, 1, 3, 6, 3),
        (MONDAY + HOUR, 8, 8, 8, 1),
    ]


@pytest.mark.parametrize("bucket_s", [300, 900, 3600])
@pytest.mark.parametrize("minutes", [(0, 60), (7, 8), (7, 15), (7, 16), (7, 121), (15, 45), (59, 240)])
def test_series_is_that_of_its_readings(
    registry: Registry, reader: Conn, tell: Tell, minutes: tuple[int, int], bucket_s: int
) -> None:
    """Wherever a leg begins and ends, its series holds its own readings and no others, whatever it is read from."""
    truck, chance = registry.device(), random.Random(minutes[0])
    told = {MONDAY + n * HOUR / 60 + HOUR / 7_000: round(chance.uniform(-30, 30), 2) for n in range(0, 240, 4)}
    for observed_at, celsius in told.items():
        tell(truck, observed_at, temperature_c=celsius)
    since, until = (MONDAY + n * HOUR / 60 for n in minutes)
    leg = Leg(device=truck.name, device_id=truck.device_id, begins_at=since, ends_at=until)
    expected: dict[float, list[float]] = {}
    for observed_at, celsius in told.items():
        if since <= observed_at < until:
            expected.setdefault(observed_at.timestamp() // bucket_s * bucket_s, []).append(celsius)
    found = telemetry.list_buckets(reader, [leg], measure="temperature_c", bucket_s=bucket_s)
    assert {b.begins_at.timestamp(): (b.min, b.max, b.count) for b in found} == {
        begin: (min(values), max(values), len(values)) for begin, values in expected.items()
    }
    assert [b.mean for b in found] == pytest.approx([fmean(values) for values in expected.values()], abs=1e-9)


def test_series_is_planned_once(registry: Registry, reader: Conn) -> None:
    """A prepared series is not planned anew for other parameters, and the next query of the transaction may be."""
    truck = registry.device()
    for hours in range(9):
        leg = Leg(device=truck.name, device_id=truck.device_id, begins_at=MONDAY + hours * HOUR, ends_at=TUESDAY)
        telemetry.list_buckets(reader, [leg], measure="temperature_c", bucket_s=900)
    plans = "select generic_plans, custom_plans from pg_prepared_statements where statement like 'with span%'"
    [(generic, custom)] = reader.execute(plans).fetchall()
    assert generic > 0
    assert custom == 0
    assert reader.execute("show plan_cache_mode").fetchone() == ("auto",)


def test_too_many_buckets_are_refused(
    registry: Registry, reader: Conn, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A series of more buckets than anybody can look at is refused with the advice to widen them."""
    monkeypatch.setattr(telemetry, "MAX_BUCKETS", 2)
    shipment, truck = registry.shipment(), registry.device()
    registry.assignment(shipment, truck)
    for hours in range(3):
        tell(truck, MONDAY + hours * HOUR, temperature_c=1)
    legs = telemetry.list_legs(reader, shipment.shipment_id)
    with pytest.raises(InvalidInput, match="wider") as refused:
        telemetry.list_buckets(reader, legs, measure="temperature_c", bucket_s=60)
    assert refused.value.pointer == "/bucket_s"


def test_devices_number_alone_shows_nothing(registry_factory: Callable[[str], Registry], tell: Tell) -> None:
    """Whoever knows the number of another tenant's device still reads nothing of it."""
    truck, other = registry_factory("acme").device(), registry_factory("other")
    tell(truck, MONDAY, latitude_deg=1, longitude_deg=1, temperature_c=1)
    leg = Leg(device=truck.name, device_id=truck.device_id, begins_at=MONDAY, ends_at=None)
    with tenant_transaction(other.pool, other.tenant_id) as conn:
        assert telemetry.get_state(conn, truck.device_id) is None
        assert telemetry.list_readings(conn, truck.device_id, limit=9) == []
        assert telemetry.list_track(conn, leg, max_points=9) == []
        assert telemetry.list_buckets(conn, [leg], measure="temperature_c", bucket_s=60) == []
        assert shipments.list_shipments(conn, limit=9) == []


def test_page_of_readings_starts_in_the_index(registry: Registry, reader: Conn, tell: Tell, superuser: Conn) -> None:
    """A page is read off the index in order, and no more of it than the page holds."""
    truck = registry.device()
    superuser.execute(
        "insert into reading (observed_at, received_at, seq, device_id, boot, clock_flags, latitude_deg, longitude_deg)"
        " select %s::timestamptz + n * interval '1 second', now(), n, %s, 1, 0, 1, 1 from generate_series(1, 20000) n",
        [MONDAY, truck.device_id],
    )
    superuser.execute("analyze reading")
    values = {
        "device_id": truck.device_id,
        "since": MONDAY,
        "after_boot": -1,
        "after_seq": -1,
        "until": TUESDAY,
        "limit": 50,
    }
    plan = reader.execute(b"explain (analyze) " + telemetry._SQL["list_readings"].encode(), values).fetchall()
    read = [re.search(r"Index Scan using \S*(?:chunk_)?reading\S* .*\(actual .* rows=(\d+)", line) for (line,) in plan]
    assert [int(match[1]) for match in read if match] == [50]
