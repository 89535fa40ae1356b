"""What readings say about a device and about a shipment."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from msgspec import Struct

from wayproof.model.clock import ClockFlag
from wayproof.model.reading import NUMERIC_MEASURES, Reading
from wayproof.model.shipment import ProfileLimits

SERIES_MEASURES: Final = tuple(
    name for name in NUMERIC_MEASURES if name not in {"latitude_deg", "longitude_deg", "heading_deg"}
)
"""Measures with a meaningful mean: that of an angle is none where it jumps (359° and 1° would give 180°)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredReading:
    """A reading as it is stored: what the device sent, and what we noted of it."""

    reading: Reading
    #: By our clock.
    received_at: datetime
    #: What is wrong with the device's clock; 0: nothing.
    clock_flags: ClockFlag


class Position(Struct, frozen=True, kw_only=True, gc=False):
    """Where a device was when it last knew."""

    #: The device's name.
    device: str
    observed_at: datetime
    latitude_deg: float
    longitude_deg: float
    altitude_m: float | None
    accuracy_m: float | None
    speed_mps: float | None
    heading_deg: float | None


class Climate(Struct, frozen=True, kw_only=True, gc=False):
    """Temperature and humidity of one reading."""

    #: The device's name.
    device: str
    observed_at: datetime
    temperature_c: float
    humidity_pct: float | None


class DeviceState(Struct, frozen=True, kw_only=True, gc=False):
    """The latest that a device told, by observed time, out of readings with a plausible clock."""

    #: Last contact, whatever the device's clock said.
    received_at: datetime
    #: None: no reading with a plausible clock has come yet.
    observed_at: datetime | None
    battery_pct: float | None
    door_open: bool | None
    position: Position | None
    climate: Climate | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Leg:
    """The time that a device really was on a shipment: its assignment, cut where the shipment ended."""

    #: The device's name.
    device: str
    device_id: int
    begins_at: datetime
    #: The first instant that is no longer part of it; None: the leg goes on.
    ends_at: datetime | None

    def within(self, since: datetime, until: datetime) -> "Leg | None":
        """The part of the leg in [since, until); None where there is none."""
        begins_at = max(self.begins_at, since)
        ends_at = min(self.ends_at or until, until)
        return replace(self, begins_at=begins_at, ends_at=ends_at) if begins_at < ends_at else None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackPoint:
    """A position on a leg."""

    observed_at: datetime
    latitude_deg: float
    longitude_deg: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """One measure of one device over one span of time."""

    device: str
    begins_at: datetime
    min: float
    mean: float
    max: float
    #: Readings that carry the measure.
    count: int


def within_profile(profile: ProfileLimits | None, climate: Climate) -> bool | None:
    """Whether every limit on temperature and humidity is kept; None where one cannot be judged or none applies."""
    if profile is None:
        return None
    verdicts = [
        *_judge(climate.temperature_c, profile.temperature_min_c, profile.temperature_max_c),
        *_judge(climate.humidity_pct, profile.humidity_min_pct, profile.humidity_max_pct),
    ]
    if False in verdicts:
        return False
    return None if None in verdicts or not verdicts else True


def _judge(value: float | None, low: float | None, high: float | None) -> list[bool | None]:
    kept = [None if value is None else low <= value] if low is not None else []
    return kept + ([None if value is None else value <= high] if high is not None else [])
