"""JSON values to text, every number with the digits that it came with."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def write_json(value: Any) -> str:
    """The JSON of what `reading.read_json` gives, without spaces."""
    try:
        return _ENCODER.encode(value).decode()
    except OverflowError:
        return _ENCODER.encode(_with_long_numbers(value)).decode()


def _with_long_numbers(value: Any) -> Any:
    """The encoder takes no integers beyond 64 bits, and decimals of any length."""
    if isinstance(value, Mapping):
        return {name: _with_long_numbers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_long_numbers(part) for part in value]
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value
