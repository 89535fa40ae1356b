"""Replay into a real store: every row once, exactly as in the file, however often it is run."""

import csv
import gzip
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import pytest
from real_data import BUSES, CAR, LONDON, NO_TIMES, real_data

from wayproof.store.pool import Conn

from fix_ingest import eventually
from fix_replay import BUS_OPTIONS, LONDON_OPTIONS, Stage


def stored(conn: Conn, columns: LiteralString) -> list[tuple[Any, ...]]:
    """Device, time and some columns of all readings, by device and number."""
    head: LiteralString = "select d.name, r.observed_at, " + columns
    return conn.execute(head + " from reading r join device d using (device_id) order by d.name, r.seq").fetchall()


@real_data
def test_buses(stage: Stage, superuser: Conn) -> None:
    """Eight vehicles become eight devices with every fix of the file, blanks as nulls; a second run stores nothing."""
    done = stage.replay(BUSES, *BUS_OPTIONS, "--tenant", "acme", "--kind", "truck", "--json")
    assert done.returncode == 0, done.stderr
    (summary,) = json.loads(done.stdout)["files"]
    assert (summary["rows"], summary["bad_rows"], len(summary["devices"])) == (1_533, 0, 8)

    with BUSES.open(encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["vehicle_id"])  # sorted() keeps the file's order
    expected = [
        (
            f"bus-{row['vehicle_id']}",
            datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC),
            float(row["latitude"]),
            float(row["longitude"]),
            float(row["bearing"]) if row["bearing"] else None,
            {"trip_id": row["trip_id"]},
        )
        for row in rows
    ]
    assert stored(superuser, "latitude_deg, longitude_deg, heading_deg, extra") == expected
    assert superuser.execute("select distinct kind from device").fetchall() == [("truck",)]

    again = stage.replay(BUSES, *BUS_OPTIONS, "--tenant", "acme")
    assert again.returncode == 0, again.stderr
    assert "1,533 rows of 8 devices stored, 1,533 of them by an earlier run" in again.stdout
    assert superuser.execute("select count(*) from reading").fetchone() == (1_533,)
    assert superuser.execute("select count(*) from quarantine").fetchone() == (0,)


@real_data
def test_climate_file_over_a_broken_run(stage: Stage, superuser: Conn) -> None:
    """A run that is killed halfway is gone on with by the next one, and every row of the year is stored once."""
    arguments = [LONDON, *LONDON_OPTIONS, "--tenant", "acme"]
    first = subprocess.Popen(stage.argv(*arguments), env=stage.environment)
    eventually(lambda: _count(superuser) > 20_000, timeout_s=60)
    first.kill()
    first.wait(60)
    reached = _count(superuser)

    second = stage.replay(*arguments, "--json")
    assert second.returncode == 0, second.stderr
    (summary,) = json.loads(second.stdout)["files"]
    assert summary["rows"] == 105_408
    assert 20_000 < summary["rows_of_an_earlier_run"] <= reached + 1_200

    with gzip.open(LONDON, "rt", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["Sensor"].replace(" ", "-"))
    expected = [
        (
            f"london-{row['Sensor'].replace(' ', '-')}",
            datetime.fromisoformat(row["Date"]).replace(tzinfo=UTC),
            float(row["Temp"]) if row["Temp"] else None,
            float(row["RH"]) if row["RH"] else None,
        )
        for row in rows
    ]
    assert stored(superuser, "temperature_c, humidity_pct") == expected


def _count(conn: Conn) -> int:
    row = conn.execute("select count(*) from reading").fetchone()
    assert row is not None
    return int(row[0])


@real_data
def test_tracks(stage: Stage, superuser: Conn) -> None:
    """GPX files go together; the one without times is told by point, and makes the status 1 unless that is allowed."""
    done = stage.replay(CAR, NO_TIMES, "--tenant", "acme")
    assert done.returncode == 1
    assert f"{NO_TIMES}: point 1: time: no time" in done.stderr
    assert f"{CAR}: 104 rows of 1 devices stored\n" in done.stdout
    assert stage.replay(CAR, NO_TIMES, "--tenant", "acme", "--lenient").returncode == 0
    rows = stored(superuser, "latitude_deg, longitude_deg, altitude_m")
    assert len(rows) == 104
    first = ("gpxpy_around_visnjan_with_car", datetime(2020, 12, 18, 6, 15, 50, tzinfo=UTC))
    assert rows[0] == (*first, 45.273518851, 13.7142099626, 211.15)


def table(folder: Path) -> Path:
    """A small file with one bad row."""
    path = folder / "small.csv"
    path.write_text("t,x\n2026-01-01T00:00:00Z,1\n2026-01-01T00:00:01Z,warm\n2026-01-01T00:00:02Z,3\n")
    return path


SMALL_OPTIONS = ["--time-column", "t", "--map", "x=temperature_c", "--device", "d-1"]


def test_bad_rows_leave_no_gap(stage: Stage, superuser: Conn, tmp_path: Path) -> None:
    """A bad row is told with file and line, and the rows around it are stored under numbers without a gap."""
    done = stage.replay(table(tmp_path), *SMALL_OPTIONS, "--tenant", "acme")
    assert done.returncode == 1
    assert "small.csv: line 3: x: expected a number, got 'warm'" in done.stderr
    assert "2 rows of 1 devices stored; 1 bad rows left out" in done.stdout
    assert stored(superuser, "r.seq, temperature_c") == [
        ("d-1", datetime(2026, 1, 1, tzinfo=UTC), 1, 1.0),
        ("d-1", datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC), 2, 3.0),
    ]


def test_given_credentials(stage: Stage, superuser: Conn, tmp_path: Path) -> None:
    """With a file of secrets nothing is registered; a device without one is named before anything is published."""
    secrets = tmp_path / "secrets.json"
    secrets.write_text("{}")
    refused = stage.replay(table(tmp_path), *SMALL_OPTIONS, "--credentials", secrets)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "expected the secret of each device, got none for d-1" in refused.stderr
    assert superuser.execute("select count(*) from device").fetchone() == (0,)

    stage.replay(table(tmp_path), *SMALL_OPTIONS, "--tenant", "acme", "--credentials", secrets)
    assert secrets.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(secrets.read_text())) == {"d-1"}
    done = stage.replay(table(tmp_path), *SMALL_OPTIONS, "--credentials", secrets, "--lenient")
    assert done.returncode == 0, done.stderr


def test_registered_device_keeps_its_secret(stage: Stage, superuser: Conn, tmp_path: Path) -> None:
    """A device that is registered and whose secret is not at hand is not taken over."""
    superuser.execute("insert into device (tenant_id, name, kind) select tenant_id, 'd-1', 'truck' from tenant")
    done = stage.replay(table(tmp_path), *SMALL_OPTIONS, "--tenant", "acme")
    assert done.returncode == 1
    assert "wayproof device rotate d-1" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--map", "x=temperature_c", "--device", "d-1"], "--time-column"),
        (["--time-column", "t", "--map", "x=warmth", "--device", "d-1"], "expected one of latitude_deg"),
        (["--time-column", "t", "--map", "x=temperature_c"], "either one device for all rows or a column"),
        ([*SMALL_OPTIONS], "give --credentials FILE, or --tenant NAME"),
        ([*SMALL_OPTIONS, "--tenant", "nobody"], "no tenant 'nobody'"),
        ([*SMALL_OPTIONS, "--credentials", "gone.json"], "gone.json: No such file"),
    ],
)
def test_mistaken_options_change_nothing(
    stage: Stage, superuser: Conn, tmp_path: Path, arguments: list[str], message: str
) -> None:
    """A mistake in the options is one line on stderr, status 1, and nothing registered or published."""
    done = stage.replay(table(tmp_path), *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert superuser.execute("select count(*) from device").fetchone() == (0,)
