"""Aware datetimes to integers and back: exact, and the same everywhere."""

from datetime import UTC, datetime, timedelta
from typing import Final

PG_EPOCH_US: Final = 946_684_800_000_000
"""PostgreSQL counts from 2000-01-01; everything else here from 1970-01-01."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_microseconds(at: datetime) -> int:
    """Microseconds since 1970-01-01T00:00:00Z, without leap seconds."""
    return (at - _EPOCH) // _MICROSECOND


def from_microseconds(at_us: int) -> datetime:
    """The aware time, in UTC."""
    return _EPOCH + at_us * _MICROSECOND


def width_us(duration: timedelta) -> int:
    """A duration in microseconds."""
    return duration // _MICROSECOND
