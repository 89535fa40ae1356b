"""What one reading may look like on the wire, and what is checked beyond its types. Shared by JSON and CBOR."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from wayproof.model.clock import EARLIEST, LATEST
from wayproof.model.errors import InvalidInput
from wayproof.model.reading import (
    MAX_BOOT,
    MAX_SEQ,
    MEASURES,
    UNCOUNTED_BOOT,
    Boot,
    Measures,
    Reading,
    Seq,
    content_seq,
)

MAX_EXTRA_BYTES: Final = 4_096
"""Of `extra` as compact JSON in UTF-8."""
MAX_EXTRA_DEPTH: Final = 8
"""Levels of objects and arrays in `extra`, itself included."""

_MIN_EXTRA_INT: Final = -(2**63)
_MAX_EXTRA_INT: Final = 2**64 - 1
"""CBOR has no plain integer beyond 64 bits, so JSON may not either."""

_MILLISECOND: Final = timedelta(milliseconds=1)
_LATEST_MS: Final = (LATEST - EARLIEST) // _MILLISECOND

_Instant = Annotated[datetime, Meta(tz=True)] | Annotated[int, Meta(ge=0, lt=_LATEST_MS)]


class WireReading(Measures, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reading as a device may send it."""

    #: RFC 3339 with an offset, or integer milliseconds since 1970-01-01T00:00:00Z without leap seconds.
    observed_at: _Instant
    boot: Boot | None = None
    seq: Seq | None = None


class Counting(msgspec.Struct, frozen=True, kw_only=True):
    """The number of a reading whose other fields may be anything."""

    boot: Boot
    seq: Seq


def is_plain(reading: Reading) -> bool:
    """Whether a decoded reading is right as it is, told without any conversion: the hot path's check."""
    return (
        reading.observed_at.tzinfo is UTC
        and EARLIEST <= reading.observed_at < LATEST
        and 0 < reading.boot <= MAX_BOOT
        and 0 < reading.seq <= MAX_SEQ
        and (reading.latitude_deg is None) is (reading.longitude_deg is None)
        and reading.extra is None
    )


def to_reading(wire: WireReading) -> Reading:
    """The reading that a wire object stands for; raises InvalidInput for what types cannot say."""
    observed_at = _instant(wire.observed_at)
    _check_measures(wire)
    boot, seq = _number(wire, observed_at)
    values = {name: getattr(wire, name) for name in MEASURES}
    return Reading(observed_at=observed_at, boot=boot, seq=seq, **values)


def check_measures(observed_at: datetime, measures: Measures) -> None:
    """Raises InvalidInput if a decoder would refuse a reading of these: for those who encode."""
    fields = {name: getattr(measures, name) for name in MEASURES}
    try:
        wire = msgspec.convert(fields | {"observed_at": observed_at}, WireReading)
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error)) from error
    _instant(wire.observed_at)
    _check_measures(wire)


def _instant(value: datetime | int) -> datetime:
    if isinstance(value, int):
        return EARLIEST + value * _MILLISECOND
    # Compared before it is converted: year 9999 at -12:00 has no UTC equivalent.
    if not EARLIEST <= value < LATEST:
        message = f"observed_at: expected a time from {EARLIEST:%Y-%m-%d} to before {LATEST:%Y-%m-%d}, got {value}"
        raise InvalidInput(message, pointer="/observed_at")
    return value.astimezone(UTC)


def _number(wire: WireReading, observed_at: datetime) -> tuple[int, int]:
    if wire.boot is None and wire.seq is None:
        return UNCOUNTED_BOOT, content_seq(observed_at, wire)
    if wire.boot is None or wire.seq is None:
        raise InvalidInput("expected both boot and seq or neither, got one")
    return wire.boot, wire.seq


def _check_measures(measures: Measures) -> None:
    if (measures.latitude_deg is None) is not (measures.longitude_deg is None):
        raise InvalidInput("expected both latitude_deg and longitude_deg or neither, got one")
    if measures.extra is None:
        return
    _check_json(measures.extra, depth=1)
    size = len(msgspec.json.encode(measures.extra))
    if size > MAX_EXTRA_BYTES:
        raise InvalidInput(f"extra: expected at most {MAX_EXTRA_BYTES} bytes of JSON, got {size}", pointer="/extra")


def _check_json(value: Any, *, depth: int) -> None:
    """Raises InvalidInput for what JSON, or PostgreSQL's jsonb, cannot hold."""
    match value:
        case None | bool():
            return
        case str():
            _expect("\0" not in value, "text without NUL characters")
        case int():
            _expect(_MIN_EXTRA_INT <= value <= _MAX_EXTRA_INT, "integers of at most 64 bits")
        case float():
            _expect(math.isfinite(value), "finite numbers")
        case dict() | list():
            _expect(depth <= MAX_EXTRA_DEPTH, f"at most {MAX_EXTRA_DEPTH} levels")
            for member in _members(value):
                _check_json(member, depth=depth + 1)
        case _:
            _expect(False, f"nothing but JSON's types, got {type(value).__name__}")


def _members(container: dict[Any, Any] | list[Any]) -> Iterator[Any]:
    if isinstance(container, dict):
        _expect(all(isinstance(key, str) for key in container), "names that are text")
        yield from container
        yield from container.values()
    else:
        yield from container


def _expect(holds: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence where it is called
    if not holds:
        raise InvalidInput(f"extra: expected {what}", pointer="/extra")
