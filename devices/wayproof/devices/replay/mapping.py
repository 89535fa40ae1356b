"""From the texts of one row to one observation of one device."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from wayproof.devices.codecs.wire import check_measures
from wayproof.devices.publisher import Observation
from wayproof.devices.topics import is_device_name
from wayproof.model.errors import InvalidInput
from wayproof.model.reading import NUMERIC_MEASURES, Measures

Row = Mapping[str, str]
"""Texts by column."""

_TARGETS: Final = (*NUMERIC_MEASURES, "door_open")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")
_TRUTHS: Final = dict.fromkeys(("1", "true", "yes", "open"), True) | dict.fromkeys(
    ("0", "false", "no", "closed"), False
)


class MeasureColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column that is a measure."""

    column: str
    measure: str
    #: What the column's number is multiplied by to reach the measure's unit; None leaves it as it stands.
    factor: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Out of `COLUMN=MEASURE` or `COLUMN=MEASURE*FACTOR`."""
        column, _, target = text.rpartition("=")
        measure, has_factor, factor = target.partition("*")
        if not column:
            raise InvalidInput(f"map: expected COLUMN=MEASURE or COLUMN=MEASURE*FACTOR, got {text!r}")
        if measure not in _TARGETS or (has_factor and measure not in NUMERIC_MEASURES):
            raise InvalidInput(f"map {text!r}: expected one of {', '.join(_TARGETS)}, got {target!r}")
        return cls(column=column, measure=measure, factor=_number(factor) if has_factor else None)

    def value(self, text: str) -> float | bool | None:
        """The value that a text stands for, in the measure's unit; None if it is blank."""
        if not text:
            return None
        if self.measure not in NUMERIC_MEASURES:
            return _truth(text)
        return _number(text) * self.factor if self.factor is not None else _number(text)


class FileMapping(msgspec.Struct, frozen=True, kw_only=True):
    """How a file's rows are read. Part of the identity of what is published from it."""

    time_column: str
    columns: tuple[MeasureColumn, ...]
    #: The device of every row, or the column that names it.
    device: str | None = None
    device_column: str | None = None
    device_prefix: str = ""
    #: IANA name of the zone of times that name none.
    time_zone: str | None = None
    #: Columns whose text is kept in `extra`.
    extra_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses a mapping that no row could satisfy."""
        measures = [column.measure for column in self.columns]
        for measure in measures:
            if measures.count(measure) > 1:
                raise InvalidInput(f"map: expected one column for {measure}, got {measures.count(measure)}")
        if (self.device is None) is (self.device_column is None):
            raise InvalidInput("expected either one device for all rows or a column that names it")
        _zone(self.time_zone)

    def required_columns(self) -> frozenset[str]:
        """The columns that a table must have."""
        named = {self.time_column, *self.extra_columns, *(column.column for column in self.columns)}
        return frozenset(named | ({self.device_column} if self.device_column else set()))

    def device_text(self, row: Row) -> str:
        """What names the device of a row, as it stands in the file."""
        return self.device or row.get(self.device_column or "", "").strip()

    def device_name(self, row: Row) -> str:
        """The device of a row: the prefix and the text, with anything that no name may hold replaced by hyphens."""
        text = self.device_text(row)
        name = self.device_prefix + _NO_NAME.sub("-", text)
        if not text or not is_device_name(name):
            raise InvalidInput(f"expected a device of at most 64 letters, digits, '.', '_' and '-', got {text!r}")
        return name

    def observation(self, row: Row) -> Observation:
        """What a row observed, and when; raises InvalidInput for one that no ingestor would take."""
        observed_at = self._observed_at(row.get(self.time_column, "").strip())
        measures = Measures(**self._values(row), extra=self._extra(row))
        check_measures(observed_at, measures)
        return observed_at, measures

    def _values(self, row: Row) -> dict[str, Any]:
        return {column.measure: _named(column, row.get(column.column, "").strip()) for column in self.columns}

    def _extra(self, row: Row) -> dict[str, Any] | None:
        texts = {name: text for name in self.extra_columns if (text := row.get(name, "").strip())}
        return texts or None

    def _observed_at(self, text: str) -> datetime:
        if not text:
            raise InvalidInput(f"{self.time_column}: no time")
        try:
            time = datetime.fromisoformat(text)
        except ValueError as error:
            raise InvalidInput(f"{self.time_column}: expected an ISO 8601 time, got {text!r}") from error
        if time.tzinfo is not None:
            return time
        zone = _zone(self.time_zone)
        if zone is None:
            raise InvalidInput(f"{self.time_column}: {text!r} names no time zone, and none was given for the file")
        return _in_zone(time, zone)


def gpx_mapping(path: Path, device: str | None, device_prefix: str) -> FileMapping:
    """How track points are read: the file's name is the device unless one is given. Times without a zone are UTC.

    Source: GPX 1.0 and 1.1 (topografix.com), and Garmin's TrackPointExtension v2 for speed, course and temperature.
    """
    measures = {
        "lat": "latitude_deg",
        "lon": "longitude_deg",
        "ele": "altitude_m",
        "speed": "speed_mps",
        "course": "heading_deg",
        "atemp": "temperature_c",
    }
    return FileMapping(
        time_column="time",
        columns=tuple(MeasureColumn(column=column, measure=measure) for column, measure in measures.items()),
        device=device or path.name.partition(".")[0],
        device_prefix=device_prefix,
        time_zone="UTC",
    )


def _named(column: MeasureColumn, text: str) -> float | bool | None:
    try:
        return column.value(text)
    except InvalidInput as error:
        raise InvalidInput(f"{column.column}: {error}") from error


def _number(text: str) -> float:
    # float() alone would also read 1_000, inf, and digits of other scripts.
    if _NUMBER.fullmatch(text) is None:
        raise InvalidInput(f"expected a number, got {text!r}")
    return float(text)


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTHS:
        raise InvalidInput(f"expected one of {', '.join(_TRUTHS)}, got {text!r}")
    return _TRUTHS[text.lower()]


def _zone(name: str | None) -> tzinfo | None:
    if name is None or name == "UTC":
        return UTC if name else None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput(f"expected the IANA name of a time zone, such as Europe/Paris, got {name!r}") from error


def _in_zone(local: datetime, zone: tzinfo) -> datetime:
    """The instant that a clock in `zone` showed as `local`; InvalidInput where it showed that never or twice."""
    try:
        instants = {local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    except OverflowError as error:
        raise InvalidInput(f"expected a time that has a UTC equivalent, got {local}") from error
    if len(instants) == 1:
        return instants.pop()
    is_real = any(instant.astimezone(zone).replace(tzinfo=None) == local for instant in instants)
    raise InvalidInput(f"clocks in {zone} showed {local} {'twice' if is_real else 'never'}: give times with an offset")
