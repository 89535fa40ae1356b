"""Replay: from a file's texts to readings, and every bad row by its place and reason."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import gpxpy
import pytest
from real_data import BUSES, CAR, LONDON, NO_TIMES, real_data

from wayproof.devices.replay.mapping import FileMapping, MeasureColumn, gpx_mapping
from wayproof.devices.replay.survey import MAX_KEPT_FAULTS, Survey, survey
from wayproof.model.errors import InvalidInput
from wayproof.model.reading import Measures


def columns(*texts: str) -> tuple[MeasureColumn, ...]:
    """Columns as the command line names them."""
    return tuple(MeasureColumn.parse(text) for text in texts)


SIMPLE = FileMapping(time_column="t", columns=columns("x=temperature_c"), device="d-1", time_zone="UTC")


def look(folder: Path, text: str | bytes, mapping: FileMapping = SIMPLE, name: str = "f.csv") -> Survey:
    """The survey of a file with that content."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return survey(path, mapping)


def test_table_becomes_readings(tmp_path: Path) -> None:
    """Values come through exactly, blanks as nulls, factors applied, other columns kept as text where asked for."""
    mapping = FileMapping(
        time_column="when",
        columns=columns(
            "lat=latitude_deg", "lon=longitude_deg", "km/h=speed_mps*0.25", "a=b=heading_deg", "door=door_open"
        ),
        device_column="unit",
        device_prefix="acme-",
        time_zone="UTC",
        extra_columns=("trip", "note"),
    )
    text = (
        "\ufeffwhen,unit,lat,lon,km/h,a=b,door,trip,note,ignored\n"
        "2026-01-26 15:57:02,Room 1 / é,53.44451,-2.925173,80,,open,1091,,x\n"
        '2026-01-26T16:57:03+01:00,7,,, ,359.5,FALSE,,"two\nlines, quoted",x\n'
        "\n"
    )
    found = look(tmp_path, text, mapping)
    assert found.faults == []
    assert list(found.observations()) == [
        (
            "acme-Room-1-",
            (
                datetime(2026, 1, 26, 15, 57, 2, tzinfo=UTC),
                Measures(
                    latitude_deg=53.44451,
                    longitude_deg=-2.925173,
                    speed_mps=20.0,
                    door_open=True,
                    extra={"trip": "1091"},
                ),
            ),
        ),
        (
            "acme-7",
            (
                datetime(2026, 1, 26, 15, 57, 3, tzinfo=UTC),
                Measures(heading_deg=359.5, door_open=False, extra={"note": "two\nlines, quoted"}),
            ),
        ),
    ]


def test_bad_rows_are_told_and_neighbours_live(tmp_path: Path) -> None:
    """Each bad row is named by its line and reason; the rows around it are read."""
    good = "2026-01-01T00:00:00Z,1.5\n"
    bad = {
        ",1": "t: no time",
        "yesterday,1": "t: expected an ISO 8601 time, got 'yesterday'",
        "2026-01-01T00:00:00Z,warm": "x: expected a number, got 'warm'",
        "2026-01-01T00:00:00Z,1_000": "x: expected a number, got '1_000'",
        "2026-01-01T00:00:00Z,nan": "x: expected a number, got 'nan'",
        '2026-01-01T00:00:00Z,"1,5"': "x: expected a number, got '1,5'",
        "2026-01-01T00:00:00Z,9999": "Expected `float` <= 2000.0 - at `$.temperature_c`",
        "2026-01-01T00:00:00Z,1e400": "Expected `float` <= 2000.0 - at `$.temperature_c`",
        "1950-01-01T00:00:00Z,1": "observed_at: expected a time from 1970-01-01",
        "9999-12-31T23:59:59-12:00,1": "observed_at: expected a time from 1970-01-01",
        "2026-01-01T00:00:00Z": "expected 2 fields, got 1",
        "2026-01-01T00:00:00Z,1,2": "expected 2 fields, got 3",
    }
    found = look(tmp_path, "t,x\n" + "".join(good + line + "\n" for line in bad) + good)
    assert found.rows == {"d-1": len(bad) + 1}
    assert found.bad_rows == len(bad)
    for number, (fault, expected) in enumerate(zip(found.faults, bad.values(), strict=True)):
        assert fault.place == f"line {2 * number + 3}"
        assert fault.reason.startswith(expected)


def test_text_that_is_no_utf8_costs_its_row(tmp_path: Path) -> None:
    """A row in another encoding is bad; the file goes on."""
    found = look(tmp_path, b"t,x\n2026-01-01T00:00:00Z,\xb0\n2026-01-01T00:00:01Z,2\n")
    assert (found.rows, [fault.reason for fault in found.faults]) == ({"d-1": 1}, ["expected text in UTF-8"])


def test_endless_field_costs_its_row(tmp_path: Path) -> None:
    """A quote that is never closed is a bad row, not a crash."""
    found = look(tmp_path, 't,x\n2026-01-01T00:00:00Z,"' + "1\n" * 100_000 + "2026-01-01T00:00:01Z,2\n")
    assert found.bad_rows > 0
    assert found.faults[0].reason == "field larger than field limit (131072)"


def test_many_bad_rows_are_counted_and_not_kept(tmp_path: Path) -> None:
    """However many rows are bad, a thousand reasons are kept and all are counted."""
    found = look(tmp_path, "t,x\n" + "2026-01-01T00:00:00Z,no\n" * 1_500)
    assert (found.bad_rows, len(found.faults)) == (1_500, MAX_KEPT_FAULTS)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", ["2026-03-29T01:30:00+00:00", "2026-10-25T02:30:00+00:00", "2026-07-01T12:00:00+00:00"]),
        ("Europe/Berlin", ["2026-03-29T00:30:00+00:00", "twice", "2026-07-01T10:00:00+00:00"]),
        ("Europe/London", ["never", "2026-10-25T02:30:00+00:00", "2026-07-01T11:00:00+00:00"]),
        (None, ["no time zone", "no time zone", "no time zone"]),
    ],
)
def test_local_times(tmp_path: Path, zone: str | None, expected: list[str]) -> None:
    """A time without an offset is read in the given zone; one that its clocks showed never or twice is a bad row."""
    mapping = FileMapping(time_column="t", columns=columns("x=temperature_c"), device="d-1", time_zone=zone)
    for time, wanted in zip(["2026-03-29 01:30", "2026-10-25 02:30", "2026-07-01 12:00"], expected, strict=True):
        found = look(tmp_path, f"t,x\n{time},1\n", mapping)
        if found.bad_rows:
            assert wanted in found.faults[0].reason
        else:
            assert found.first["d-1"][0].isoformat() == wanted


@pytest.mark.parametrize(
    "text",
    ["x", "=temperature_c", "x=temperature", "x=extra", "x=speed_mps*", "x=speed_mps*fast", "x=door_open*2", "x="],
)
def test_maps_that_mean_nothing_are_refused(text: str) -> None:
    """A map names a column and one of the measures, and a factor that is a number."""
    with pytest.raises(InvalidInput):
        MeasureColumn.parse(text)


@pytest.mark.parametrize(
    "change",
    [
        {"device": None},
        {"device_column": "y"},
        {"time_zone": "Europe/Atlantis"},
        {"time_zone": "../../etc/passwd"},
        {"columns": columns("x=temperature_c", "y=temperature_c")},
    ],
)
def test_mappings_that_no_row_could_satisfy_are_refused(change: dict[str, object]) -> None:
    """One source of the device, a zone that exists, one column for a measure."""
    options: dict[str, object] = {"time_column": "t", "columns": columns("x=temperature_c"), "device": "d-1"}
    with pytest.raises(InvalidInput):
        FileMapping(**(options | change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("f.csv", b"", r"expected columns \['t', 'x'\] once each in the first line, got \[\]"),
        ("f.csv", b"time,x\n", r"expected columns \['t'\] once each in the first line, got \['time', 'x'\]"),
        ("f.csv", b"t,x,x\n", r"expected columns \['x'\] once each"),
        ("f.csv.gz", gzip.compress(b"t,x\n" * 99, mtime=0)[:-9], "damaged|ended before"),
        ("f.csv.gz", b"t,x\n", "Not a gzipped file"),
        ("f.gpx", b"<gpx><trk>", "no well-formed XML"),
        ("f.gpx", b"", "no well-formed XML"),
        ("f.xlsx", b"", "expected one of .csv"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    """A file as a whole is refused by its name and reason."""
    with pytest.raises(InvalidInput, match=reason) as caught:
        look(tmp_path, content, name=name)
    assert name in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """So is one that is not there."""
    with pytest.raises(InvalidInput, match=r"gone\.csv: No such file"):
        survey(tmp_path / "gone.csv", SIMPLE)


def test_two_devices_of_one_name_are_refused(tmp_path: Path) -> None:
    """Two texts that would become the same device stop the file: their readings must not mix."""
    mapping = FileMapping(time_column="t", columns=columns("x=temperature_c"), device_column="d")
    with pytest.raises(InvalidInput, match="both 'Room 1' and 'Room/1' would be device Room-1"):
        look(tmp_path, "t,d,x\n2026-01-01T00:00:00Z,Room 1,1\n2026-01-01T00:00:00Z,Room/1,1\n", mapping)


def test_boot_is_the_file_and_its_mapping(tmp_path: Path) -> None:
    """Same bytes and mapping give the same boot, wherever the file lies; other bytes or another mapping do not."""
    text = "t,x\n2026-01-01T00:00:00Z,1\n"
    other = FileMapping(time_column="t", columns=columns("x=temperature_c*2"), device="d-1", time_zone="UTC")
    boots = [look(tmp_path, text).boot, look(tmp_path, text, name="g.csv").boot]
    boots += [look(tmp_path, text + "\n").boot, look(tmp_path, text, other).boot]
    assert boots[0] == boots[1]
    assert len(set(boots)) == 3


GPX = """<?xml version="1.0"?>
<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"
  xmlns:tp="http://www.garmin.com/xmlschemas/TrackPointExtension/v2">
<wpt lat="1" lon="2"><time>2026-01-01T00:00:00Z</time></wpt>
<trk><trkseg>
<trkpt lat="53.5" lon="-2.25"><ele>12.125</ele><time>2026-01-01T00:00:00.250Z</time>
  <extensions><tp:TrackPointExtension><tp:atemp>4.5</tp:atemp><tp:speed>20.5</tp:speed><tp:course>90</tp:course>
  </tp:TrackPointExtension></extensions></trkpt>
<trkpt lat="91" lon="0"><time>2026-01-01T00:00:01Z</time></trkpt>
<trkpt lat="1" lon="0"><ele>high</ele><time>2026-01-01T00:00:01Z</time></trkpt>
</trkseg><trkseg><trkpt lat="54" lon="-2"><hdop>1</hdop><time>2026-01-01T00:00:02</time></trkpt></trkseg></trk></gpx>
"""


def test_track_points_become_readings(tmp_path: Path) -> None:
    """Points of all tracks are read with height, speed, course and temperature; waypoints are none; UTC is meant."""
    found = look(tmp_path, GPX, gpx_mapping(Path("a b.gpx"), None, "t-"), name="f.gpx")
    assert [observation for _, observation in found.observations()] == [
        (
            datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC),
            Measures(
                latitude_deg=53.5,
                longitude_deg=-2.25,
                altitude_m=12.125,
                speed_mps=20.5,
                heading_deg=90.0,
                temperature_c=4.5,
            ),
        ),
        (datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC), Measures(latitude_deg=54.0, longitude_deg=-2.0)),
    ]
    assert found.rows == {"t-a-b": 2}
    assert [fault.place for fault in found.faults] == ["point 2", "point 3"]


def test_entity_bomb_is_refused(tmp_path: Path) -> None:
    """An XML file that would grow without end is refused."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE gpx [<!ENTITY e0 "{"x" * 100}">{entities}]><gpx><trk><name>&e11;</name></trk></gpx>'
    with pytest.raises(InvalidInput, match="no well-formed XML"):
        look(tmp_path, bomb, gpx_mapping(Path("f.gpx"), None, ""), name="f.gpx")


@real_data
def test_real_track_is_read_as_an_independent_reader_does() -> None:
    """Every point of a real GPX file comes with the values that gpxpy reads."""
    found = survey(CAR, gpx_mapping(CAR, "car-1", ""))
    with CAR.open() as file:
        expected = [
            (point.time, point.latitude, point.longitude, point.elevation)
            for track in gpxpy.parse(file).tracks
            for segment in track.segments
            for point in segment.points
        ]
    assert len(expected) == 104
    assert [
        (observed_at, values.latitude_deg, values.longitude_deg, values.altitude_m)
        for _, (observed_at, values) in found.observations()
    ] == expected


@real_data
def test_real_track_without_times_is_told() -> None:
    """Points that bear no time are bad rows, by number."""
    found = survey(NO_TIMES, gpx_mapping(NO_TIMES, None, ""))
    assert (found.rows, found.faults) == ({}, [("point 1", "time: no time")])


@real_data
def test_real_tables() -> None:
    """The bus file holds 1,533 fixes of eight vehicles, the climate file three sensors' 2024 in quarter hours."""
    buses = FileMapping(
        time_column="timestamp",
        columns=columns("latitude=latitude_deg", "longitude=longitude_deg", "bearing=heading_deg"),
        device_column="vehicle_id",
        time_zone="UTC",
    )
    found = survey(BUSES, buses)
    assert (sum(found.rows.values()), len(found.rows), found.bad_rows) == (1_533, 8, 0)
    headings = [values.heading_deg for _, (_, values) in found.observations()]
    assert headings.count(None) == 399
    climate = FileMapping(
        time_column="Date",
        columns=columns("Temp=temperature_c", "RH=humidity_pct"),
        device_column="Sensor",
        time_zone="UTC",
    )
    assert set(survey(LONDON, climate).rows.values()) == {366 * 96}
