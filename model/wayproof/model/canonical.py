"""One sequence of bytes for one value, so that a hash names the value."""

import json
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import rfc8785

from wayproof.model.clock import ClockFlag
from wayproof.model.errors import InvalidInput
from wayproof.model.reading import MAX_SEQ, NUMERIC_MEASURES, Reading
from wayproof.model.telemetry import StoredReading

_TAG: Final = b"wayproof:reading:v1\n"
_NAME_LENGTH: Final = struct.Struct(">B")
_HEAD: Final = struct.Struct(">qqIQHH")
_DOOR: Final = 1 << len(NUMERIC_MEASURES)
_DOOR_OPEN: Final = _DOOR << 1
_EXTRA: Final = _DOOR << 2
_WIDE_EXTRA: Final = _DOOR << 3

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def canonical_json(value: Any) -> bytes:
    """JSON in the one form of RFC 8785. InvalidInput where it has none: NaN, integers beyond 2^53, lone surrogates."""
    try:
        return rfc8785.dumps(value)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"JSON without a canonical form (RFC 8785): {error}") from None


def reading_bytes(device: str, stored: StoredReading) -> bytes:
    """A stored reading as the bytes that evidence is made of; equal readings, equal bytes.

    Integers are big-endian: the tag; the device's name and before it its length (1 byte); observed_at and received_at
    in microseconds since 1970 (8 each, signed); boot (4); seq (8); clock flags (2); a bit a value that is present (2):
    from bit 0 the numeric measures in the order of their columns, door_open is told, the door is open, extra, extra is
    wide. Then each present number as IEEE 754 binary64, where zero has no sign; and last, extra as RFC 8785 JSON. That
    has no numbers beyond 2^53 - 1: a wide extra, which holds one, stands there with every string behind an `s` and
    every such number as a string of `n` and its digits.
    """
    reading, name = stored.reading, device.encode()
    numbers = [getattr(reading, measure) for measure in NUMERIC_MEASURES]
    told = [0.0 + number for number in numbers if number is not None]
    present = sum(1 << at for at, number in enumerate(numbers) if number is not None)
    if reading.door_open is not None:
        present |= _DOOR_OPEN | _DOOR if reading.door_open else _DOOR
    extra = b""
    if reading.extra is not None:
        is_wide = _has_wide(reading.extra)
        extra = canonical_json(_each(_narrowed, reading.extra) if is_wide else reading.extra)
        present |= _EXTRA | _WIDE_EXTRA if is_wide else _EXTRA
    times = _microseconds(reading.observed_at), _microseconds(stored.received_at)
    head = _HEAD.pack(*times, reading.boot, reading.seq, stored.clock_flags, present)
    return b"".join((_TAG, _NAME_LENGTH.pack(len(name)), name, head, struct.pack(f">{len(told)}d", *told), extra))


def reading_of(data: bytes) -> tuple[str, StoredReading]:
    """Back from `reading_bytes`: device and reading. InvalidInput where these are not exactly the bytes of one."""
    try:
        device, stored = _parse(data)
        is_canonical = reading_bytes(device, stored) == data
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError, struct.error) as error:
        raise InvalidInput(f"canonical reading: malformed ({error})") from None
    if not is_canonical:
        raise InvalidInput("canonical reading: another sequence of bytes is the canonical one of this reading")
    return device, stored


def _parse(data: bytes) -> tuple[str, StoredReading]:
    if not data.startswith(_TAG):
        raise InvalidInput(f"canonical reading: expected it to begin with {_TAG!r}, got {data[: len(_TAG)]!r}")
    name_at = len(_TAG) + _NAME_LENGTH.size
    head_at = name_at + data[len(_TAG)]
    observed_us, received_us, boot, seq, flags, present = _HEAD.unpack_from(data, head_at)
    told = [name for at, name in enumerate(NUMERIC_MEASURES) if present >> at & 1]
    numbers = struct.Struct(f">{len(told)}d")
    numbers_at = head_at + _HEAD.size
    extra = data[numbers_at + numbers.size :]
    reading = Reading(
        observed_at=_EPOCH + observed_us * _MICROSECOND,
        boot=boot,
        seq=seq,
        door_open=bool(present & _DOOR_OPEN) if present & _DOOR else None,
        extra=_extra_of(extra, is_wide=bool(present & _WIDE_EXTRA)) if present & _EXTRA else None,
        **dict(zip(told, numbers.unpack_from(data, numbers_at), strict=True)),
    )
    stored = StoredReading(
        reading=reading, received_at=_EPOCH + received_us * _MICROSECOND, clock_flags=ClockFlag(flags)
    )
    return data[name_at:head_at].decode(), stored


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _extra_of(data: bytes, *, is_wide: bool) -> Any:
    extra = json.loads(data.decode())
    return _each(_widened, extra) if is_wide else extra


def _each(change: Callable[[Any], Any], value: Any) -> Any:
    """JSON with every scalar changed; keys stay."""
    if isinstance(value, dict):
        return {key: _each(change, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_each(change, inner) for inner in value]
    return change(value)


def _has_wide(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_wide, value.values()))
    if isinstance(value, list):
        return any(map(_has_wide, value))
    return _is_wide(value)


def _is_wide(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) > MAX_SEQ


def _narrowed(value: Any) -> Any:
    if isinstance(value, str):
        return "s" + value
    # By the shortest decimal: PostgreSQL keeps 1e300 as the integer that this writes out, and gives it back as such.
    return f"n{int(Decimal(repr(value)))}" if _is_wide(value) else value


def _widened(value: Any) -> Any:
    if isinstance(value, str):
        return int(value[1:]) if value[0] == "n" else value[1:]
    return value
