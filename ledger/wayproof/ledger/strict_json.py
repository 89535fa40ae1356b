"""JSON that means the same to everybody who reads it (I-JSON, RFC 7493), or none at all."""

import json
import math
from collections.abc import Iterator
from typing import Any, Final

from wayproof.model.errors import InvalidInput
from wayproof.model.reading import MAX_SEQ

MAX_BYTES: Final = 65_536
MAX_DEPTH: Final = 32

_LARGEST: Final = MAX_SEQ
_LONGEST: Final = len(str(-_LARGEST))


def strict_json(data: bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """The value that the UTF-8 `data` says; InvalidInput where two readers could take it for different values.

    Refused: a key twice in one object, NaN and Infinity, numbers beyond ±(2^53 - 1), lone surrogates, more than
    `max_bytes`, nesting deeper than `MAX_DEPTH`.
    """
    if len(data) > max_bytes:
        raise InvalidInput(f"JSON: expected at most {max_bytes} bytes, got {len(data)}")
    try:
        value = _DECODER.decode(data.decode())
    except UnicodeDecodeError as error:
        raise InvalidInput(f"JSON: expected UTF-8, got {error.reason} at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise InvalidInput(f"JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise InvalidInput(_TOO_DEEP) from None
    for text in _texts(value):
        _check_text(text)
    return value


def _texts(value: Any) -> Iterator[str]:
    """Every string and key of a parsed value; by levels, so that depth costs no stack."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                yield item
            elif isinstance(item, dict):
                yield from item
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        level = below
    if level:
        raise InvalidInput(_TOO_DEEP)


_TOO_DEEP: Final = f"JSON: nested deeper than {MAX_DEPTH}"


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"JSON: lone surrogate U+{ord(text[error.start]):04X} in a string") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InvalidInput(f"JSON: key {ascii(twice)[:100]} stands more than once in an object")
    return members


def _integer(digits: str) -> int:
    # The length first: int() of very many digits is slow, and then refuses with an error of its own.
    if len(digits) > _LONGEST or abs(int(digits)) > _LARGEST:
        raise InvalidInput(f"JSON: number {digits[:40]} lies beyond ±{_LARGEST}, the largest that everybody keeps")
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number) or abs(number) > _LARGEST:
        raise InvalidInput(f"JSON: number {digits[:40]} lies beyond ±{_LARGEST}, the largest that everybody keeps")
    return number


def _constant(name: str) -> Any:
    raise InvalidInput(f"JSON: {name} is no number of JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_number, parse_constant=_constant
)
