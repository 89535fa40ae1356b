"""`wayproof simulate`: from an empty database to moving shipments, and on after any stop."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from wayproof.cli.demo import DemoWorld, demo_world
from wayproof.cli.main import app
from wayproof.cli.simulate import parse_duration
from wayproof.devices.credentials import hash_secret
from wayproof.devices.simulator.disorder import disorderly
from wayproof.devices.simulator.fleet import FleetPlan
from wayproof.devices.simulator.state import SimulationState, StateFolder
from wayproof.model.errors import InvalidInput, Unavailable
from wayproof.model.reading import MEASURES, Measures
from wayproof.store.broker import put_service
from wayproof.store.pool import Conn
from wayproof.store.settings import DatabaseSettings

from fix_ingest import IngestorProcess, eventually
from fix_mqtt import Broker
from fix_postgres import Server
from ports import free_port

HOUR = timedelta(hours=1)
WAYPROOF = [sys.executable, "-m", "wayproof.cli.main"]
SHIPMENTS = """
  select s.reference, s.picked_up_at, s.delivered_at, s.version, d.name, lower(a.during), upper(a.during), a.version
    from shipment s left join assignment a using (shipment_id) left join device d using (device_id)
   order by s.reference
"""
COUNTS = """
  select (select count(*) from tenant), (select count(*) from site), (select count(*) from condition_profile),
         (select count(*) from device)
"""

Fleet = tuple[FleetPlan, SimulationState]


def open_fleet(path: Path, *, trucks: int) -> Fleet:
    """The fleet of a state folder."""
    return StateFolder(path).open_fleet(
        seed=7, prefix="demo-", trucks=trucks, warehouses=1, history=6 * HOUR, now=datetime.now(UTC)
    )


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """A new fleet with six hours of past."""
    return open_fleet(tmp_path / "fleet", trucks=5)


@pytest.fixture
def world(database: DatabaseSettings, fleet: Fleet) -> Iterator[DemoWorld]:
    """The fleet's world, provisioned."""
    with demo_world(database, tenant="demo", fleet=fleet[0], state=fleet[1]) as made:
        yield made


def test_shipments_follow_the_lorries(world: DemoWorld, fleet: Fleet, superuser: Conn) -> None:
    """A leg's shipment is booked, picked up and delivered when its lorry arrives, departs and arrives again."""
    plan, state = fleet
    ends_at = plan.epoch + 30 * HOUR
    for minutes in range(0, 30 * 60 + 1, 20):
        world.advance(plan.epoch + timedelta(minutes=minutes))
    expected = [
        (f"{plan.tag}-{place:02}-{leg.number:04}", truck.device, time(leg.departs_s), time(leg.arrives_s))
        for place, truck in enumerate(plan.trucks, 1)
        for leg in truck.itinerary.legs_between(int(state.records_from.timestamp()), int(ends_at.timestamp()) + 1)
    ]
    rows = superuser.execute(SHIPMENTS).fetchall()
    assert len(rows) == len(expected) > 10
    for (reference, device, departs_at, arrives_at), row in zip(expected, rows, strict=True):
        picked_up_at = departs_at if departs_at <= ends_at else None
        delivered_at = arrives_at if arrives_at <= ends_at else None
        assert row[:3] == (reference, picked_up_at, delivered_at)
        assert row[4:7] == (device if picked_up_at else None, picked_up_at, delivered_at)


def test_world_can_be_made_twice(world: DemoWorld, fleet: Fleet, database: DatabaseSettings, superuser: Conn) -> None:
    """A second start over the same rows makes and changes none."""
    now = fleet[0].epoch + 3 * HOUR
    assert world.advance(now)
    before = [superuser.execute(query).fetchall() for query in (SHIPMENTS, COUNTS)]
    with demo_world(database, tenant="demo", fleet=fleet[0], state=fleet[1]) as again:
        assert again.advance(now) == []
    assert [superuser.execute(query).fetchall() for query in (SHIPMENTS, COUNTS)] == before
    assert before[1] == [(1, 26, 3, 6)]


def test_catching_up_is_the_same_as_following(world: DemoWorld, fleet: Fleet, superuser: Conn) -> None:
    """Whoever comes two days late books, picks up and delivers all that was due, each at its time."""
    done = world.advance(fleet[0].epoch + 48 * HOUR)
    rows = superuser.execute(SHIPMENTS).fetchall()
    assert sum(line.startswith("delivered") for line in done) == sum(row[2] is not None for row in rows) > 10
    assert all(row[1:3] == row[5:7] for row in rows)


def test_changed_by_hand_stays_changed(
    world: DemoWorld, fleet: Fleet, database: DatabaseSettings, superuser: Conn
) -> None:
    """What somebody has entered, cancelled or retired meanwhile is kept; lorries still leave what they delivered."""
    plan, state = fleet
    world.advance(plan.epoch)
    under_way = superuser.execute("select reference from shipment order by reference").fetchall()
    (early,), (late,), (cancelled,) = under_way[:3]
    next_week = plan.epoch + timedelta(days=7)
    superuser.execute("update shipment set delivered_at = picked_up_at where reference = %s", [early])
    superuser.execute("update shipment set picked_up_at = %s where reference = %s", [next_week, late])
    superuser.execute("update shipment set cancelled_at = now() where reference = %s", [cancelled])
    superuser.execute("update device set retired_at = now() where name = 'demo-truck-05'")

    with demo_world(database, tenant="demo", fleet=plan, state=state) as again:
        again.advance(plan.epoch + 24 * HOUR)
    rows = {row[0]: row for row in superuser.execute(SHIPMENTS).fetchall()}
    assert rows[early][1] == rows[early][2]
    assert rows[late][1:3] == (next_week, next_week)
    assert rows[cancelled][2] is None
    assert rows[cancelled][6] is not None
    assert rows[early][6] == time(plan.trucks[0].itinerary.stage_at(int(plan.epoch.timestamp())).leg.arrives_s)
    retired = superuser.execute("select retired_at is not null from device where name = 'demo-truck-05'").fetchone()
    assert retired == (True,)


def test_database_down_is_tried_again(
    database: DatabaseSettings, postgres: Server, fleet: Fleet, superuser: Conn
) -> None:
    """While the database cannot be reached the world says so and keeps what is due; afterwards it is all done."""
    impatient = database.model_copy(update={"connect_timeout": timedelta(seconds=1)})
    name = superuser.info.dbname
    with demo_world(impatient, tenant="demo", fleet=fleet[0], state=fleet[1]) as world, postgres.admin() as admin:
        admin.execute(f"alter database {name} allow_connections false")
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> %s",
            [name, superuser.info.backend_pid],
        )
        for _ in range(2):
            with pytest.raises(Unavailable):
                world.advance(fleet[0].epoch)
        assert superuser.execute(SHIPMENTS).fetchall() == []
        admin.execute(f"alter database {name} allow_connections true")
        eventually(lambda: booked(world, fleet[0].epoch), timeout_s=20)
    assert len(superuser.execute(SHIPMENTS).fetchall()) >= 5


def booked(world: DemoWorld, now: datetime) -> bool:
    """Whether the world could be brought to where it should be."""
    try:
        world.advance(now)
    except Unavailable:
        return False
    return True


@dataclass(kw_only=True)
class Simulate:
    """Starts `wayproof simulate` on real services, with one state folder."""

    broker: Broker
    #: Tells `wayproof broker sync` whom to signal.
    pid_file: Path
    database: DatabaseSettings
    state: Path
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def tell_pid(self) -> None:
        """Lets the broker's files follow the broker that runs now."""
        assert self.broker.process is not None
        self.pid_file.write_text(str(self.broker.process.pid))

    def start(self, *options: str) -> subprocess.Popen[str]:
        """A child process with a small fleet."""
        places = ["--broker", f"127.0.0.1:{self.broker.port}", "--state", str(self.state)]
        sizes = ["--interval", "1s", "--trucks", "4", "--warehouses", "1", "--history", "1h"]
        child = subprocess.Popen(
            [*WAYPROOF, "simulate", *places, *sizes, *options],
            env=os.environ | {"WAYPROOF_DATABASE_URL": self.database.url.get_secret_value()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(child)
        return child

    def once(self) -> dict[str, int]:
        """Runs `--once --json` to its end; its summary."""
        child = self.start("--once", "--json")
        out, err = child.communicate(timeout=90)
        assert child.returncode == 0, err
        summary: dict[str, int] = json.loads(out)
        return summary


@pytest.fixture
def simulate(
    broker: Broker, database: DatabaseSettings, ingestor: IngestorProcess, superuser: Conn, tmp_path: Path
) -> Iterator[Simulate]:
    """The command with a broker that learns of new devices as in production, and an ingestor."""
    assert ingestor.is_ready()
    for name, secret in broker.secrets.items():
        put_service(superuser, name, hash_secret(secret))
    made = Simulate(broker=broker, pid_file=tmp_path / "broker.pid", database=database, state=tmp_path / "state")
    made.tell_pid()
    sync = subprocess.Popen(
        [*WAYPROOF, "broker", "sync", str(broker.service.folder), "--pid-file", str(made.pid_file)],
        env=os.environ | {"WAYPROOF_DATABASE_URL": database.url.get_secret_value()},
        stdout=subprocess.DEVNULL,
        text=True,
    )
    yield made
    for child in [sync, *made.running]:
        child.kill()
        child.wait(60)
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()


def test_once_and_again(simulate: Simulate, superuser: Conn) -> None:
    """From an empty database the first run stores the past, the second goes on, and each reading stands there once."""
    first = simulate.once()
    assert first["recorded"] > 4 * 100
    assert first["waiting"] == 0
    assert stored(superuser) == first["recorded"]
    second = simulate.once()
    assert second["waiting"] == 0
    assert second["recorded"] > 0
    assert stored(superuser) == first["recorded"] + second["recorded"]
    check_continuity(simulate, superuser)
    assert superuser.execute(
        "select count(*) from device_state s join device d using (device_id) join assignment a using (device_id) "
        "where d.name like 'demo-truck%' and upper_inf(a.during) and s.latitude_deg is not null and s.speed_mps > 0"
    ).fetchone() == (4,)


def test_killed_and_started_again(simulate: Simulate, superuser: Conn) -> None:
    """Killed without a warning while it runs, twice, the fleet goes on without a gap and without a duplicate."""
    for more in (200, 100):
        child, wanted = simulate.start(), stored(superuser) + more
        eventually(partial(has_stored, superuser, wanted), timeout_s=60)
        child.kill()
        child.wait(60)
    assert simulate.once()["waiting"] == 0
    check_continuity(simulate, superuser)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_it_cleanly(simulate: Simulate, superuser: Conn, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end it within seconds with status 0 and a summary."""
    child = simulate.start()
    eventually(lambda: stored(superuser) > 100, timeout_s=40)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "readings recorded" in out
    assert "Traceback" not in err


def test_frozen_and_thawed(simulate: Simulate, superuser: Conn) -> None:
    """Who was frozen for a while, as a laptop that was shut, goes on; and still ends when told to."""
    child = simulate.start()
    eventually(lambda: stored(superuser) > 100, timeout_s=40)
    for _ in range(5):
        child.send_signal(signal.SIGSTOP)
        sleep(1.5)
        child.send_signal(signal.SIGCONT)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.5)
    child.terminate()
    _, err = child.communicate(timeout=60)
    assert child.returncode == 0, err


def test_broker_down_loses_nothing(simulate: Simulate, superuser: Conn, ingestor: IngestorProcess) -> None:
    """What a run without a broker recorded waits in the outboxes, and the next run hands it over."""
    simulate.broker.stop()
    child = simulate.start("--json")
    eventually(lambda: "recorded" in (child.stderr.readline() if child.stderr else ""), timeout_s=40)
    child.terminate()
    out, _ = child.communicate(timeout=60)
    offline = json.loads(out)
    assert offline["waiting"] == offline["recorded"] > 400
    assert stored(superuser) == 0

    simulate.broker.start()
    simulate.tell_pid()
    eventually(ingestor.is_ready, timeout_s=40)
    online = simulate.once()
    assert online["waiting"] == 0
    assert stored(superuser) == offline["recorded"] + online["recorded"]


def run_cli(*arguments: str, database_url: str) -> Result:
    """The command in this process."""
    return CliRunner().invoke(app, ["simulate", *arguments], env={"WAYPROOF_DATABASE_URL": database_url})


def test_lost_state_is_not_overwritten(
    world: DemoWorld, database: DatabaseSettings, tmp_path: Path, superuser: Conn
) -> None:
    """A new state folder for a tenant whose fleet exists is refused; the devices keep their passwords."""
    assert world.advance(datetime.now(UTC))
    before = superuser.execute("select name, credential from device order by name").fetchall()
    for _ in range(2):
        result = run_cli(
            *("--state", str(tmp_path / "other"), "--broker", "127.0.0.1:1", "--once"),
            database_url=database.url.get_secret_value(),
        )
        assert result.exit_code == 1
        assert "exists with another secret" in result.output
    assert superuser.execute("select name, credential from device order by name").fetchall() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--interval", "5"], "such as 90s or 6h; got '5'"),
        (["--interval", "0s"], "interval: expected at least 1s"),
        (["--history", "8d", "--broker", "127.0.0.1:1"], "history: expected from 0 to 7 days"),
        (["--broker", "localhost"], "expected HOST:PORT"),
        (["--broker", "localhost:http"], "expected HOST:PORT"),
        (["--broker", "127.0.0.1:1", "--once"], "PostgreSQL does not answer"),
        ([], "no broker in"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    """A wrong option or a missing service ends the command with status 1 and a message that says what to do."""
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    result = run_cli("--data", str(tmp_path), *arguments, database_url=url)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


def test_durations() -> None:
    """A duration is a whole number and a unit."""
    assert [parse_duration(text) for text in ("90s", "5m", "6h", "2d")] == [HOUR / 40, HOUR / 12, 6 * HOUR, 48 * HOUR]
    for text in ("", "5", "s", "-5s", "1.5h", "5 s", "5w"):
        with pytest.raises(InvalidInput, match="whole number"):
            parse_duration(text)


def time(instant_s: int) -> datetime:
    """An aware time."""
    return datetime.fromtimestamp(instant_s, UTC)


def stored(superuser: Conn) -> int:
    """How many readings stand in the database."""
    row = superuser.execute("select count(*) from reading").fetchone()
    assert row is not None
    return int(row[0])


def has_stored(superuser: Conn, wanted: int) -> bool:
    """Whether more than so many do."""
    return stored(superuser) > wanted


def check_continuity(simulate: Simulate, superuser: Conn) -> None:
    """Every device's readings are the plan's, each once, with no gap longer than the past's interval."""
    plan, _ = open_fleet(simulate.state, trucks=4)
    for device in (each for each in disorderly(plan) if each.fault is None):
        rows: list[Any] = superuser.execute(
            "select observed_at, to_jsonb(r) from reading r join device d using (device_id) where d.name = %s "
            "order by observed_at",
            [device.plan.device],
        ).fetchall()
        longest = timedelta(seconds=30 if device.plan in plan.trucks else 180)
        assert len(rows) > 15
        assert all(timedelta(0) < later[0] - earlier[0] <= longest for earlier, later in pairwise(rows))
        for observed_at, row in rows:
            measures = Measures(**{name: row[name] for name in MEASURES})
            assert measures == device.plan.measures_at(int(observed_at.timestamp()))
