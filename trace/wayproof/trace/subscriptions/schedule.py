"""When a scheduled query is run (EPCIS 2.0 §8.2.5.3). All fields are of UTC.

A field is numbers and ranges with commas between, as `0,[15-30]`. A field that is not given matches always; but what is
finer than the finest that is given is at its first value, so that `hour` 1 and `minute` 5 mean once a day.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from wayproof.model.errors import InvalidInput

_FIELDS: Final = {
    "second": (0, 59),
    "minute": (0, 59),
    "hour": (0, 23),
    "dayOfMonth": (1, 31),
    "month": (1, 12),
    "dayOfWeek": (1, 7),
}
"""Bounds of each field, the finest first. Day 1 of a week is Monday."""
_FINE: Final = ("second", "minute", "hour")
_PART: Final = re.compile(r"(?P<first>[0-9]{1,2})|\[(?P<low>[0-9]{1,2})-(?P<high>[0-9]{1,2})\]", re.ASCII)
_LONGEST: Final = 400
# From one 29 February on a given day of the week to the next it can be 40 years.
_DAYS_AHEAD: Final = 366 * 41


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """Which values of each field match."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def next_after(self, now: datetime) -> datetime:
        """The first matching second after `now`; InvalidInput where there is none, as on 31 February."""
        begin = now.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        today = begin.date()
        for ahead in range(_DAYS_AHEAD):
            day = today + timedelta(days=ahead)
            found = self._from(begin.time() if ahead == 0 else time(0)) if self._fits(day) else None
            if found is not None:
                return datetime.combine(day, found, UTC)
        raise InvalidInput("schedule: expected a time that comes, got none within 40 years", pointer="/schedule")

    def _fits(self, day: date) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() in self.weekdays

    def _from(self, begin: time) -> time | None:
        times = (
            (hour, minute, second)
            for hour in self.hours
            if hour >= begin.hour
            for minute in self.minutes
            if (hour, minute) >= (begin.hour, begin.minute)
            for second in self.seconds
            if (hour, minute, second) >= (begin.hour, begin.minute, begin.second)
        )
        return next((time(*found) for found in times), None)


def read_schedule(fields: Any) -> Schedule:
    """The schedule of these fields; InvalidInput says which one is wrong."""
    if not isinstance(fields, Mapping) or not fields or not fields.keys() <= _FIELDS.keys():
        raise InvalidInput(f"schedule: expected some of {', '.join(_FIELDS)}", pointer="/schedule")
    finest = next(place for place, name in enumerate(_FIELDS) if name in fields)
    read = {
        name: _values(name, fields[name]) if name in fields else _default(name, is_finer=place < finest)
        for place, name in enumerate(_FIELDS)
    }
    return Schedule(
        seconds=read["second"],
        minutes=read["minute"],
        hours=read["hour"],
        days=frozenset(read["dayOfMonth"]),
        months=frozenset(read["month"]),
        weekdays=frozenset(read["dayOfWeek"]),
    )


def _default(name: str, *, is_finer: bool) -> tuple[int, ...]:
    low, high = _FIELDS[name]
    return (low,) if is_finer and name in _FINE else tuple(range(low, high + 1))


def _values(name: str, given: Any) -> tuple[int, ...]:
    low, high = _FIELDS[name]
    text = str(given) if isinstance(given, int | str) and not isinstance(given, bool) else ""
    found: set[int] = set()
    for part in text[:_LONGEST].split(","):
        match = _PART.fullmatch(part.strip())
        first, last = (match["first"] or match["low"], match["first"] or match["high"]) if match else ("-1", "-1")
        if not low <= int(first) <= int(last) <= high:
            wanted = f"numbers of {low} to {high}, or ranges such as [{low}-{high}]"
            raise InvalidInput(f"{name}: expected {wanted}, got {str(given)[:80]!r}", pointer=f"/schedule/{name}")
        found.update(range(int(first), int(last) + 1))
    return tuple(sorted(found))
