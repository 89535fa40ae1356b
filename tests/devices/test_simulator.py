"""The simulated fleet: the same story whoever asks, and one that could have happened."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayproof.devices.simulator.climate import CHILLED
from wayproof.devices.simulator.fleet import FleetPlan, fleet_plan
from wayproof.devices.simulator.places import CITIES, NEIGHBOURS
from wayproof.devices.simulator.readings import readings_between
from wayproof.devices.simulator.roads import Point, distance_m, road_between
from wayproof.devices.simulator.trucks import TruckPlan
from wayproof.model.errors import InvalidInput
from wayproof.model.reading import Measures

EPOCH = datetime(2026, 3, 4, 10, 17, tzinfo=UTC)
EPOCH_S = int(EPOCH.timestamp())
DAY = timedelta(days=1)


def small_fleet(seed: int = 7) -> FleetPlan:
    """A fresh fleet that has worked out nothing yet."""
    return fleet_plan(seed=seed, trucks=4, warehouses=2, epoch=EPOCH)


FLEET = small_fleet()
offsets = st.timedeltas(min_value=-3 * DAY, max_value=3 * DAY)


@given(
    device=st.integers(0, 5),
    start=offsets,
    lengths=st.lists(st.timedeltas(timedelta(0), timedelta(hours=3)), min_size=1, max_size=4),
    interval_s=st.integers(20, 900),
)
@settings(max_examples=60, deadline=None)
def test_windows_that_meet_are_one(device: int, start: timedelta, lengths: list[timedelta], interval_s: int) -> None:
    """Splitting a window changes nothing, and a fresh fleet of the same seed agrees with one that was asked before."""
    interval = timedelta(seconds=interval_s)
    edges = [EPOCH + start]
    for length in lengths:
        edges.append(edges[-1] + length)
    parts = [
        reading
        for since, until in reversed(list(pairwise(edges)))
        for reading in readings_between(FLEET.devices[device], since, until, interval=interval)
    ]
    fresh = small_fleet().devices[device]
    assert sorted(parts, key=lambda reading: reading[0]) == list(
        readings_between(fresh, edges[0], edges[-1], interval=interval)
    )


@given(device=st.integers(0, 5), at=offsets, coarse_s=st.integers(2, 60))
@settings(max_examples=60, deadline=None)
def test_interval_only_thins_out(device: int, at: timedelta, coarse_s: int) -> None:
    """A reading of an instant is the same at whichever interval it is asked for."""
    plan, window = FLEET.devices[device], timedelta(minutes=2)
    since = EPOCH + at
    fine = dict(readings_between(plan, since, since + window, interval=timedelta(seconds=1)))
    coarse = dict(readings_between(plan, since, since + window, interval=timedelta(seconds=coarse_s)))
    assert coarse
    assert all(fine[observed_at] == measures for observed_at, measures in coarse.items())
    assert all(since <= observed_at < since + window for observed_at in coarse)


def test_seeds_and_devices_differ() -> None:
    """Another seed is another fleet, and no two devices of a fleet measure the same."""
    seen = [plan.measures_at(EPOCH_S) for plan in (*small_fleet(1).devices, *small_fleet(2).devices)]
    assert all(a != b for number, a in enumerate(seen) for b in seen[:number])


def test_prefix_changes_only_names() -> None:
    """The same fleet under other names measures the same."""
    other = fleet_plan(seed=7, trucks=4, warehouses=2, epoch=EPOCH, prefix="acme-")
    assert [plan.device for plan in other.devices][:2] == ["acme-truck-01", "acme-truck-02"]
    assert [plan.measures_at(EPOCH_S) for plan in other.devices] == [p.measures_at(EPOCH_S) for p in FLEET.devices]


@pytest.mark.parametrize("interval", [timedelta(0), timedelta(seconds=-1), timedelta(seconds=1.5)])
def test_interval_is_whole_seconds(interval: timedelta) -> None:
    """An interval that is not a positive number of whole seconds is refused."""
    with pytest.raises(InvalidInput, match="whole seconds"):
        list(readings_between(FLEET.devices[0], EPOCH, EPOCH + DAY, interval=interval))


@pytest.mark.parametrize("plan", FLEET.trucks, ids=lambda plan: plan.device)
def test_lorry_moves_as_fast_as_it_says(plan: TruckPlan) -> None:
    """Over three days no lorry passes 90 km/h or jumps: each step is what its speed allows, give or take the GPS."""
    step = timedelta(seconds=30)
    fixes = [(at, m) for at, m in readings_between(plan, EPOCH - DAY, EPOCH + 2 * DAY, interval=step) if m.latitude_deg]
    assert len(fixes) > 8_000
    assert max(speed(m) for _, m in fixes) <= 25.1
    for (before_at, before), (at, now) in pairwise(fixes):
        way_m = distance_m(point(before), point(now))
        if at - before_at == step:
            assert way_m <= max(speed(before), speed(now)) * 30 + 330  # 0.5 m/s² over half a step, and noise
            assert way_m >= min(speed(before), speed(now)) * 30 - 330
        assert way_m <= 25 * (at - before_at).total_seconds() + 30


def test_lorries_keep_the_driving_rules() -> None:
    """No more than 4.5 hours without a break of 45 minutes, nor 9 hours between rests of 11."""
    for plan in fleet_plan(seed=3, trucks=6, warehouses=0, epoch=EPOCH).trucks:
        driven_s = 0
        for leg in plan.itinerary.legs_between(plan.begins_s, EPOCH_S + 20 * 86_400):
            driven_s = leg.drive.duration_s + (0 if leg.departs_s - leg.begins_s >= 11 * 3600 else driven_s)
            assert driven_s <= 9 * 3600
            begins_s, ends_s = leg.drive.break_s or (leg.drive.duration_s, leg.drive.duration_s + 45 * 60)
            assert begins_s <= 4.5 * 3600
            assert ends_s - begins_s >= 45 * 60
            assert leg.drive.duration_s - ends_s <= 4.5 * 3600


def test_legs_follow_one_another() -> None:
    """Each leg begins where and when the one before has ended, and goes along a lane of the map."""
    found = list(FLEET.trucks[0].itinerary.legs_between(EPOCH_S - 3 * 86_400, EPOCH_S + 10 * 86_400))
    assert len(found) > 10
    for before, leg in pairwise(found):
        assert (leg.number, leg.origin, leg.begins_s) == (before.number + 1, before.destination, before.arrives_s)
        assert leg.destination in NEIGHBOURS[leg.origin.name]
        assert leg.begins_s < leg.departs_s < leg.arrives_s
        assert leg.planned_pickup_s < leg.planned_delivery_s


def test_roads_join_cities_and_are_longer_than_the_great_circle() -> None:
    """Every lane starts and ends in its cities, is 4 to 14 % longer than the straight way, and the same both ways."""
    for name, ends in NEIGHBOURS.items():
        for end in ends:
            road, back = road_between(CITIES[name], end), road_between(end, CITIES[name])
            assert road.points == back.points[::-1]
            assert road.points[0] == (CITIES[name].latitude_deg, CITIES[name].longitude_deg)
            assert road.points[-1] == (end.latitude_deg, end.longitude_deg)
            assert 1.04 < road.length_m / distance_m(road.points[0], road.points[-1]) < 1.14


def test_lorry_stands_at_the_site_when_it_has_arrived() -> None:
    """On arrival the position is the destination's, within a GPS error."""
    plan = FLEET.trucks[1]
    leg = plan.itinerary.stage_at(EPOCH_S).leg
    arrived = plan.measures_at(leg.arrives_s)
    there = Point(leg.destination.latitude_deg, leg.destination.longitude_deg)
    assert distance_m(point(arrived), there) < 20
    assert arrived.speed_mps == 0
    assert arrived.heading_deg is None


def test_fleet_is_worth_watching_at_the_epoch() -> None:
    """Every lorry moves; four of twelve arrive within half an hour, the first one does not; one has an excursion."""
    fleet = fleet_plan(seed=7, trucks=12, warehouses=3, epoch=EPOCH)
    at_epoch = [plan.measures_at(EPOCH_S) for plan in fleet.trucks]
    left_s = [plan.itinerary.stage_at(EPOCH_S).leg.arrives_s - EPOCH_S for plan in fleet.trucks]
    assert all(speed(m) > 0 for m in at_epoch)
    assert sorted(left_s)[:4] == [4 * 60, 11 * 60, 18 * 60, 25 * 60]
    assert left_s[0] > 3600
    assert temperature(at_epoch[2]) > 8


def test_reefer_holds_its_band_on_the_road_except_when_it_fails() -> None:
    """Chilled air stays in 2-8 °C while driving with cooling or defrost, and only a failure takes it out."""
    for plan in (FLEET.trucks[0], FLEET.trucks[2]):
        assert plan.cargo is CHILLED
        window = readings_between(plan, EPOCH - 2 * DAY, EPOCH + 2 * DAY, interval=timedelta(minutes=1))
        driving = [m for at, m in window if since_failure_s(plan, at) > 2 * 3600 and speed(m) > 0]
        assert len(driving) > 1_000
        assert all(2 <= temperature(m) <= 8 for m in driving)
        assert {m.extra["mode"] for m in driving if m.extra} == {"cooling", "defrost"}
    failing = FLEET.trucks[2].measures_at(EPOCH_S + 40 * 60)
    assert temperature(failing) > 9
    assert failing.extra == {"setpoint_c": 5, "mode": "failed"}


def test_defrosts_come_every_six_to_eight_hours() -> None:
    """A reefer defrosts for 20 to 30 minutes, six to eight hours from start to start."""
    window = readings_between(FLEET.trucks[3], EPOCH - 3 * DAY, EPOCH, interval=timedelta(minutes=1))
    defrosting = [at for at, m in window if m.extra and m.extra["mode"] == "defrost"]
    starts = [
        at for at, before in zip(defrosting, [EPOCH - 9 * DAY, *defrosting], strict=False) if at - before > DAY / 48
    ]
    assert 8 <= len(starts) <= 13
    for first, second in pairwise(starts):
        assert timedelta(hours=5.9) <= second - first <= timedelta(hours=8.1)
        assert timedelta(minutes=19) <= sum(first <= at < second for at in defrosting) * timedelta(minutes=1)


def test_open_door_lets_in_light_and_warmth() -> None:
    """Doors open at the dock only or in a break; then there is light, and the air is warmer when they close."""
    plan = FLEET.trucks[3]
    window = list(readings_between(plan, EPOCH - 3 * DAY, EPOCH, interval=timedelta(minutes=1)))
    for (_, before), (_, now) in pairwise(window):
        assert (now.light_lux or 0) > 0 or not now.door_open
        assert now.light_lux == 0 or now.door_open
        assert not now.door_open or speed(now) == 0
        if now.door_open and before.door_open:
            assert temperature(now) - temperature(before) > -0.9
    openings = sum(bool(now.door_open) and not before.door_open for (_, before), (_, now) in pairwise(window))
    assert openings >= 6


def test_sensors_are_quantised() -> None:
    """Temperature, humidity and charge come in tenths, as sensors give them."""
    for plan in FLEET.devices:
        for _, m in readings_between(plan, EPOCH, EPOCH + DAY / 24, interval=timedelta(minutes=1)):
            for value in (m.temperature_c, m.humidity_pct, m.battery_pct):
                assert value is not None
                assert value == round(value, 1)


def test_warehouse_is_slow() -> None:
    """A warehouse stays where it is, in its band all day but for its doors, and changes little within a minute."""
    for plan in FLEET.warehouses:
        window = [m for _, m in readings_between(plan, EPOCH - DAY, EPOCH + DAY, interval=timedelta(minutes=1))]
        assert {(m.latitude_deg, m.longitude_deg) for m in window} == {
            (plan.city.latitude_deg, plan.city.longitude_deg)
        }
        assert all(abs(temperature(a) - temperature(b)) < 0.9 for a, b in pairwise(window))
        assert all(abs(temperature(m) - plan.cargo.setpoint_c) < 3 for m in window)
        assert any(m.door_open for m in window)


def since_failure_s(plan: TruckPlan, at: datetime) -> float:
    """Seconds since the refrigeration was last mended; negative while it has failed."""
    failures = plan.itinerary.stage_at(int(at.timestamp())).air.failures
    return min((at.timestamp() - ends_s for begins_s, ends_s in failures if at.timestamp() >= begins_s), default=1e9)


def speed(measures: Measures) -> float:
    """Speed, standing where it is unknown."""
    return measures.speed_mps or 0.0


def temperature(measures: Measures) -> float:
    """Temperature, which every device here has."""
    assert measures.temperature_c is not None
    return measures.temperature_c


def point(measures: Measures) -> Point:
    """The fix."""
    assert measures.latitude_deg is not None
    assert measures.longitude_deg is not None
    return Point(measures.latitude_deg, measures.longitude_deg)
