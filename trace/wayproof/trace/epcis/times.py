"""Instants as EPCIS writes them (RFC 3339)."""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from wayproof.model.errors import InvalidInput

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2100
"""No event of a supply chain that was ever recorded digitally lies outside; clocks that were never set do."""

_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.](?P<fraction>[0-9]{1,40}))?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def parse_instant(text: str) -> datetime:
    """The instant in the zone in which it is written; digits beyond microseconds are cut off.

    Raises:
        InvalidInput: no date and time with seconds and zone, or none that exists, leap seconds included.
    """
    return _parse_instant(text)


@lru_cache(maxsize=1 << 12)
def _parse_instant(text: str) -> datetime:
    if not _INSTANT.fullmatch(text):
        raise InvalidInput(f"time: expected date, time with seconds, and zone (RFC 3339), got {text!r}")
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise InvalidInput(f"time: expected a time that exists, got {text!r}") from error


def parse_offset(text: str) -> timezone:
    """`Z`, or hours and minutes from UTC, as +02:00; raises ValueError beyond a day."""
    if text in {"Z", "z"}:
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def fraction_of(text: str) -> str:
    """All digits of the seconds' fraction of an instant that `parse_instant` takes."""
    found = _INSTANT.fullmatch(text)
    return (found and found["fraction"]) or ""
