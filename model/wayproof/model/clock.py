"""Judging a device's clock against ours. Pure: both times come from the caller."""

from datetime import UTC, datetime, timedelta
from enum import IntFlag
from typing import Final

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Before this no device clock can be; an earlier time is a malformed reading."""

LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""From here on a time is no wrong clock any more but a malformed reading (year 9999 and the like)."""

DEVICE_TIME_BEGINS: Final = datetime(2010, 1, 1, tzinfo=UTC)
"""Clocks that were never set start at 1970, 1980, 2000 or 2004; nothing recorded for us is older than this."""

FUTURE_TOLERANCE: Final = timedelta(minutes=5)
"""A free-running crystal and a slow network stay well inside five minutes; more ahead is a wrong clock."""

GPS_WEEK_ROLLOVER: Final = timedelta(weeks=1024)
"""A GPS receiver past its ten-bit week counter reports exactly this much too early."""

ROLLOVER_BACKLOG: Final = timedelta(days=90)
"""How long a device with a rolled-over clock may have kept its readings before it sent them."""


class ClockFlag(IntFlag):
    """What is wrong with the device's clock in one reading. Stored as smallint; 0 means plausible.

    A flagged reading is kept as it came, and never becomes "latest", drives retention, or opens or closes
    an excursion.
    """

    FUTURE = 1
    BEFORE_DEVICE_TIME = 2
    WEEK_ROLLOVER = 4


def judge_clock(observed_at: datetime, received_at: datetime) -> ClockFlag:
    """What is implausible about a device's `observed_at`, given our own aware `received_at`."""
    flags = ClockFlag(0)
    if observed_at > received_at + FUTURE_TOLERANCE:
        flags |= ClockFlag.FUTURE
    if observed_at < DEVICE_TIME_BEGINS:
        flags |= ClockFlag.BEFORE_DEVICE_TIME
    lag = received_at - (observed_at + GPS_WEEK_ROLLOVER)
    if -FUTURE_TOLERANCE <= lag <= ROLLOVER_BACKLOG:
        flags |= ClockFlag.WEEK_ROLLOVER
    return flags
