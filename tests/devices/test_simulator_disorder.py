"""The disorder between the fleet and us: each fault does what it says, and nothing else."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayproof.devices.simulator.disorder import DisorderlyDevice, Fault, disorderly
from wayproof.devices.simulator.fleet import fleet_plan
from wayproof.devices.simulator.readings import readings_between
from wayproof.devices.simulator.trucks import TruckPlan
from wayproof.model.clock import GPS_WEEK_ROLLOVER, ClockFlag, judge_clock

EPOCH = datetime(2026, 3, 4, 10, 17, tzinfo=UTC)
STEP = timedelta(seconds=30)
HOURS = timedelta(hours=1)
UNSET = datetime(1970, 1, 1, tzinfo=UTC)

FLEET = disorderly(fleet_plan(seed=7, trucks=12, warehouses=3, epoch=EPOCH))


def with_fault(fault: Fault | None) -> DisorderlyDevice:
    """The device of the fleet that has it."""
    return next(device for device in FLEET if device.fault is fault)


@given(
    fault=st.sampled_from([None, *Fault]),
    start=st.timedeltas(timedelta(days=-1), timedelta(days=1)),
    first=st.timedeltas(timedelta(0), timedelta(minutes=20)),
    second=st.timedeltas(timedelta(0), timedelta(minutes=20)),
)
@settings(max_examples=60, deadline=None)
def test_windows_that_meet_are_one(fault: Fault | None, start: timedelta, first: timedelta, second: timedelta) -> None:
    """Whoever stops and goes on later records the same readings in the same order as who never stopped."""
    device, since = with_fault(fault), EPOCH + start
    middle, until = since + first, since + first + second
    parts = [
        *device.recorded_between(since, middle, interval=STEP),
        *device.recorded_between(middle, until, interval=STEP),
    ]
    assert parts == device.recorded_between(since, until, interval=STEP)


@pytest.mark.parametrize("fault", [None, *Fault])
def test_every_reading_is_recorded_once(fault: Fault | None) -> None:
    """Over a day, a device with any fault records as many readings as it observes, and none before it observed it."""
    device = with_fault(fault)
    recorded = device.recorded_between(EPOCH, EPOCH + 24 * HOURS, interval=STEP)
    observed = list(readings_between(device.plan, EPOCH, EPOCH + 24 * HOURS, interval=STEP))
    assert abs(len(recorded) - len(observed)) <= 2  # held back over an edge of the window
    assert [each.recorded_at for each in recorded] == sorted(each.recorded_at for each in recorded)
    if fault in {None, Fault.LOST_CONNECTION}:
        assert [(each.observed_at, each.measures) for each in recorded] == observed


def test_held_back_readings_come_out_of_order() -> None:
    """A device that holds readings back records some after later ones, with their own times and values."""
    device = with_fault(Fault.HELD_BACK)
    recorded = device.recorded_between(EPOCH, EPOCH + HOURS, interval=STEP)
    assert any(a.observed_at > b.observed_at for a, b in pairwise(recorded))
    assert all(timedelta(0) <= each.recorded_at - each.observed_at <= timedelta(seconds=150) for each in recorded)
    known = dict(readings_between(device.plan, EPOCH - HOURS, EPOCH + HOURS, interval=STEP))
    assert all(known[each.observed_at] == each.measures for each in recorded)


def test_unset_clock_starts_at_1970_without_a_position() -> None:
    """From departure to the first fix, one to three minutes, the time is the uptime since 1970 and there is no fix."""
    device = with_fault(Fault.CLOCK_UNSET)
    recorded = device.recorded_between(EPOCH - 48 * HOURS, EPOCH, interval=timedelta(seconds=5))
    unset = [each for each in recorded if each.observed_at.year == 1970]
    assert isinstance(device.plan, TruckPlan)
    assert unset
    for each in unset:
        leg = device.plan.itinerary.stage_at(int(each.recorded_at.timestamp())).leg
        assert each.observed_at - UNSET == each.recorded_at - datetime.fromtimestamp(leg.departs_s, UTC)
        assert each.observed_at - UNSET < timedelta(minutes=3)
        assert each.measures.latitude_deg is None
        assert each.measures.speed_mps is None
        assert each.measures.temperature_c is not None


@pytest.mark.parametrize(
    ("fault", "error", "flag"),
    [
        (Fault.WEEK_ROLLOVER, -GPS_WEEK_ROLLOVER, ClockFlag.WEEK_ROLLOVER | ClockFlag.BEFORE_DEVICE_TIME),
        (Fault.DAY_AHEAD, timedelta(days=1), ClockFlag.FUTURE),
    ],
)
def test_wrong_hour(fault: Fault, error: timedelta, flag: ClockFlag) -> None:
    """In each six hours, one hour's readings bear a time that is wrong by just that much, and are flagged for it."""
    recorded = with_fault(fault).recorded_between(EPOCH, EPOCH + 6 * HOURS, interval=STEP)
    wrong = [each for each in recorded if each.observed_at != each.recorded_at]
    assert len(wrong) == 120
    assert {each.observed_at - each.recorded_at for each in wrong} == {error}
    assert {judge_clock(each.observed_at, each.recorded_at) for each in wrong} == {flag}


def test_only_faulty_clocks_are_flagged() -> None:
    """Readings of a device without a clock fault are plausible when they arrive."""
    for fault in (None, Fault.LOST_CONNECTION, Fault.HELD_BACK):
        recorded = with_fault(fault).recorded_between(EPOCH, EPOCH + 6 * HOURS, interval=STEP)
        assert {judge_clock(each.observed_at, each.recorded_at) for each in recorded} == {ClockFlag(0)}


def test_lost_connection_comes_back() -> None:
    """One device is without a network for one to four minutes in every twelve, the others never."""
    seconds = [EPOCH + timedelta(seconds=number) for number in range(0, 6 * 3600, 5)]
    for device in FLEET:
        lost = [at for at in seconds if not device.is_connected(at)]
        assert (device.fault is Fault.LOST_CONNECTION) == bool(lost)
        if lost:
            assert 30 * 60 <= len(lost) * 5 <= 30 * 240
            assert sum(b - a > timedelta(seconds=5) for a, b in pairwise(lost)) >= 28


def test_each_fault_has_its_device() -> None:
    """In a fleet of twelve lorries five have a fault, each another; the first three and the warehouses have none."""
    faults = [device.fault for device in FLEET]
    assert sorted(fault for fault in faults if fault) == sorted(Fault)
    assert faults[:3] == [None] * 3
    assert faults[12:] == [None] * 3
