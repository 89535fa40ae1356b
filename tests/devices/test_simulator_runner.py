"""Running a fleet: every reading of the plan goes out once, however often the simulation is stopped or killed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from psycopg.rows import dict_row

from wayproof.devices.codecs.native import decode
from wayproof.devices.publisher import BrokerAddress, Outbox
from wayproof.devices.simulator.disorder import DisorderlyDevice, Fault, Recorded, disorderly
from wayproof.devices.simulator.fleet import FleetPlan
from wayproof.devices.simulator.runner import FleetRunner, _Station
from wayproof.devices.simulator.state import Batch, SimulationState, StateFolder
from wayproof.devices.simulator.trucks import TruckPlan
from wayproof.model.clock import ClockFlag
from wayproof.model.errors import Conflict, InvalidInput
from wayproof.model.reading import MEASURES, Measures
from wayproof.store.pool import Conn

from fix_ingest import IngestorProcess
from fix_mqtt import Broker
from ports import free_port

LIVE = timedelta(seconds=5)
PAST = timedelta(seconds=30)
FRESH = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A fleet in a state folder, and the broker that it is sent to."""

    folder: StateFolder
    fleet: FleetPlan
    state: SimulationState
    broker: BrokerAddress

    def runner(self) -> FleetRunner:
        """A runner that goes on from the state folder."""
        return FleetRunner(fleet=self.fleet, folder=self.folder, state=self.state, broker=self.broker, interval=LIVE)


def set_up(path: Path, port: int, *, trucks: int, history: timedelta) -> Setup:
    """A new fleet whose epoch is now."""
    folder = StateFolder(path)
    fleet, state = folder.open_fleet(
        seed=7, prefix="", trucks=trucks, warehouses=1, history=history, now=datetime.now(UTC)
    )
    return Setup(folder=folder, fleet=fleet, state=state, broker=BrokerAddress(host="127.0.0.1", port=port))


def planned(device: DisorderlyDevice, since: datetime, now: datetime) -> list[Recorded]:
    """What a device must record in one go: half-minutes of the past, and the last ten minutes at full pace."""
    slower = 1 if isinstance(device.plan, TruckPlan) else 6
    middle = max(since, now - FRESH)
    past = device.recorded_between(since, middle, interval=PAST * slower)
    return past + device.recorded_between(middle, now, interval=LIVE * slower)


def waiting(setup: Setup, device: DisorderlyDevice) -> list[tuple[datetime, Measures]]:
    """What waits in a device's outbox, in the order recorded."""
    with Outbox.open(setup.folder.outbox(device.plan.device)) as outbox:
        payloads = [payload for _, payload in outbox.page(after=0, limit=1_000_000)]
    readings = [decode(payload).readings[0] for payload in payloads]
    return [(reading.observed_at, Measures(**{n: getattr(reading, n) for n in MEASURES})) for reading in readings]


def observations(recorded: list[Recorded]) -> list[tuple[datetime, Measures]]:
    """As they go into an outbox."""
    return [(each.observed_at, each.measures) for each in recorded]


@pytest.fixture
def offline(tmp_path: Path) -> Setup:
    """A fleet with half an hour of past, whose broker is not there."""
    return set_up(tmp_path / "fleet", free_port(), trucks=8, history=timedelta(minutes=30))


def test_past_and_present_are_recorded_without_a_network(offline: Setup) -> None:
    """What happened before the start is recorded each half-minute, the last ten minutes each five seconds."""
    now = offline.fleet.epoch + timedelta(minutes=3)
    with offline.runner() as runner:
        recorded = sum(runner.record_until(now))
        assert recorded == runner.pending()
    for device in disorderly(offline.fleet):
        assert waiting(offline, device) == observations(planned(device, offline.state.records_from, now))


def test_stopping_and_going_on_changes_nothing(offline: Setup) -> None:
    """Stopped between any two stretches and started again, the fleet records what it would have without."""
    since, end = offline.state.records_from, offline.state.records_from + FRESH
    for minutes in (0.5, 0.5, 3, 7.1, 10):
        with offline.runner() as runner:
            next(runner.record_until(since + timedelta(minutes=minutes)), None)
    for device in disorderly(offline.fleet):
        assert waiting(offline, device) == observations(planned(device, since, end))


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_in_the_middle_of_a_stretch(offline: Setup, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """Killed just before or after one device's stretch went into its outbox, none is lost and none comes twice."""
    since = offline.state.records_from
    victim = offline.fleet.trucks[4].device
    record = _Station.record

    def killed(station: _Station, batch: Batch) -> int:
        if station.device.plan.device == victim:
            if when == "after":
                record(station, batch)
            raise KeyboardInterrupt
        return record(station, batch)

    with monkeypatch.context() as patch, offline.runner() as runner:
        patch.setattr(_Station, "record", killed)
        with pytest.raises(KeyboardInterrupt):
            next(runner.record_until(since + timedelta(minutes=4)))
    with offline.runner() as runner:
        list(runner.record_until(since + timedelta(minutes=6)))

    for device in disorderly(offline.fleet):
        assert waiting(offline, device) == observations(planned(device, since, since + timedelta(minutes=6)))


def test_downtime_is_recorded_afterwards_up_to_a_week(tmp_path: Path) -> None:
    """A fleet that was down for a month has driven on, and remembers its last week."""
    alone = set_up(tmp_path, free_port(), trucks=0, history=timedelta(0))
    since = alone.state.records_from
    now = since + timedelta(days=30)
    with alone.runner() as runner:
        list(runner.record_until(since + timedelta(minutes=1)))
        list(runner.record_until(now))
    (warehouse,) = disorderly(alone.fleet)
    first = planned(warehouse, since, since + timedelta(minutes=1))
    assert waiting(alone, warehouse) == observations(first + planned(warehouse, now - timedelta(days=7), now))


def test_state_is_private_and_keeps_its_fleet(offline: Setup) -> None:
    """Secrets are readable by us alone, stay the same, and another seed is refused; a larger fleet keeps its first."""
    path = offline.folder.path
    assert (path / "fleet.json").stat().st_mode & 0o777 == 0o600
    assert path.stat().st_mode & 0o777 == 0o700
    later = datetime.now(UTC) + timedelta(hours=5)
    fleet, state = offline.folder.open_fleet(
        seed=7, prefix="", trucks=9, warehouses=1, history=timedelta(hours=1), now=later
    )
    assert fleet.trucks[:8] == offline.fleet.trucks
    assert disorderly(fleet)[:8] == disorderly(offline.fleet)[:8]
    assert state.secrets.items() > offline.state.secrets.items()
    assert msgspec.structs.replace(state, secrets=offline.state.secrets) == offline.state
    with pytest.raises(InvalidInput, match="holds seed 7"):
        offline.folder.open_fleet(seed=8, prefix="", trucks=1, warehouses=0, history=timedelta(0), now=later)


def test_state_folder_has_one_simulation(offline: Setup) -> None:
    """A second simulation on the same folder is refused while the first one runs."""
    with offline.folder.held(), pytest.raises(Conflict, match="another simulation"), offline.folder.held():
        pass
    with offline.folder.held():
        pass


@pytest.fixture
def online(
    tmp_path: Path, broker: Broker, superuser: Conn, tenant_factory: Callable[[str], UUID], ingestor: IngestorProcess
) -> Setup:
    """A fleet with six hours of past, registered in the database and at the broker."""
    setup = set_up(tmp_path / "fleet", broker.port, trucks=8, history=timedelta(hours=6))
    tenant_id = tenant_factory("demo")
    assert ingestor.is_ready()
    for plan in setup.fleet.devices:
        superuser.execute(
            "insert into device (tenant_id, name, kind) values (%s, %s, %s)", [tenant_id, plan.device, plan.kind]
        )
        broker.add_user(plan.device, setup.state.secrets[plan.device])
    return setup


def test_everything_recorded_is_stored_once_as_planned(online: Setup, superuser: Conn) -> None:
    """Six hours of a disorderly fleet, and its first minutes live, stand in the database: each reading once, exact."""
    now = datetime.now(UTC)
    with online.runner() as runner:
        list(runner.record_until(now))
        list(runner.record_until(now + timedelta(seconds=15)))
        assert runner.wait_until_safe(timedelta(seconds=60))
    for device in disorderly(online.fleet):
        expected = planned(device, online.state.records_from, now)
        slower = 1 if isinstance(device.plan, TruckPlan) else 6
        expected += device.recorded_between(now, now + timedelta(seconds=15), interval=LIVE * slower)
        stored = stored_readings(superuser, device)
        assert [(observed_at, measures) for observed_at, measures, _ in stored] == observations(expected)
        assert len(expected) > (700 if isinstance(device.plan, TruckPlan) else 100)
        for each, (_, _, flags) in zip(expected, stored, strict=True):
            assert (flags != ClockFlag(0)) == has_wrong_clock(device, each)
        if device.fault in {Fault.WEEK_ROLLOVER, Fault.DAY_AHEAD}:
            assert sum(flags != ClockFlag(0) for _, _, flags in stored) >= 119


def has_wrong_clock(device: DisorderlyDevice, recorded: Recorded) -> bool:
    """Whether the time that a reading bears is not when it was observed."""
    is_late = device.fault is Fault.HELD_BACK
    return not is_late and recorded.observed_at != recorded.recorded_at


def stored_readings(superuser: Conn, device: DisorderlyDevice) -> list[tuple[datetime, Measures, ClockFlag]]:
    """A device's rows in the order that it counted them."""
    with superuser.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "select r.* from reading r join device d using (device_id) where d.name = %s order by r.boot, r.seq",
            [device.plan.device],
        ).fetchall()
    return [
        (row["observed_at"], Measures(**{name: row[name] for name in MEASURES}), ClockFlag(row["clock_flags"]))
        for row in rows
    ]
