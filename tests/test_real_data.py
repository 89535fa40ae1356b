"""Real files, through MQTT and back out of the API: every row, with values exactly as in the file."""

import csv
import gzip
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gpxpy
import pytest
from real_data import BUSES, CAR, LONDON, real_data

from fix_api import Customer
from fix_replay import BUS_OPTIONS, LONDON_OPTIONS, Stage

pytestmark = real_data

Row = dict[str, Any]


@pytest.fixture
def tenant(acme: Customer) -> str:
    """The customer's own tenant owns the devices."""
    assert acme.token
    return "acme"


def bus_rows() -> Iterable[tuple[str, Row]]:
    """Device and expected reading of each row."""
    with BUSES.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield (
                f"bus-{row['vehicle_id']}",
                {
                    "observed_at": _utc(row["timestamp"]),
                    "latitude_deg": float(row["latitude"]),
                    "longitude_deg": float(row["longitude"]),
                    "heading_deg": float(row["bearing"]) if row["bearing"] else None,
                },
            )


def london_rows() -> Iterable[tuple[str, Row]]:
    """Device and expected reading of each row."""
    with gzip.open(LONDON, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield (
                f"london-{row['Sensor'].replace(' ', '-')}",
                {
                    "observed_at": _utc(row["Date"]),
                    "temperature_c": float(row["Temp"]) if row["Temp"] else None,
                    "humidity_pct": float(row["RH"]) if row["RH"] else None,
                },
            )


def car_rows() -> Iterable[tuple[str, Row]]:
    """Device and expected reading of each track point, as another parser reads them."""
    for point in gpxpy.parse(CAR.read_text(encoding="utf-8")).walk(only_points=True):
        assert point.time is not None
        position = {"latitude_deg": point.latitude, "longitude_deg": point.longitude, "altitude_m": point.elevation}
        yield "car", {"observed_at": point.time.astimezone(UTC), **position}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("path", "options", "rows"),
    [
        pytest.param(BUSES, BUS_OPTIONS, bus_rows, id="buses"),
        pytest.param(LONDON, LONDON_OPTIONS, london_rows, id="london"),
        pytest.param(CAR, ["--device", "car"], car_rows, id="car"),
    ],
)
def test_every_row_comes_back(
    stage: Stage, acme: Customer, path: Path, options: list[str], rows: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The API gives back each device's readings, one a row of the file, in order of time, values exact, blanks null."""
    done = stage.replay(path, *options, "--tenant", "acme")
    assert done.returncode == 0, done.stderr
    expected: dict[str, list[Row]] = defaultdict(list)
    for device, row in rows():
        expected[device].append(row)
    for device, readings in sorted(expected.items()):
        readings.sort(key=lambda reading: reading["observed_at"])
        found = _readings(acme, device, readings[0].keys())
        assert sorted(found, key=_by_content) == sorted(readings, key=_by_content)
        assert [reading["observed_at"] for reading in found] == [reading["observed_at"] for reading in readings]
        with capsys.disabled():
            sys.stdout.write(f"\n  {_figures(device, found)}")


def _readings(customer: Customer, device: str, fields: Iterable[str]) -> list[Row]:
    """All readings of a device, page by page."""
    found: list[Row] = []
    page: Mapping[str, Any] = {"next_cursor": None}
    while not found or page["next_cursor"]:
        query = {"limit": 200} | ({"cursor": page["next_cursor"]} if page["next_cursor"] else {})
        response = customer.get(f"/v1/devices/{device}/readings", **query)
        assert response.status_code == 200, response.text
        page = response.json()
        found += [{name: item[name] for name in fields} for item in page["items"]]
    return [{**reading, "observed_at": _utc(reading["observed_at"])} for reading in found]


def _figures(device: str, readings: list[Row]) -> str:
    """Count, first and last, and least and greatest of each measure."""
    ranges = []
    for name in readings[0].keys() - {"observed_at"}:
        values = [reading[name] for reading in readings if reading[name] is not None]
        ranges.append(f"{name} {min(values)} to {max(values)} ({len(values)})")
    first, last = readings[0]["observed_at"], readings[-1]["observed_at"]
    return f"{device}: {len(readings)} readings, {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S}; " + "; ".join(
        sorted(ranges)
    )


def _by_content(reading: Row) -> str:
    return repr(sorted(reading.items()))


def _utc(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
