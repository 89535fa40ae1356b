"""JSON that means the same to everybody who reads it (I-JSON, RFC 7493), or none at all."""

import json
import math
import re
from collections import Counter
from typing import Any, Final

from wayproof.model.errors import InvalidInput
from wayproof.model.reading import MAX_SEQ

MAX_BYTES: Final = 65_536
MAX_DEPTH: Final = 32

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKET: Final = re.compile(r"[\[\]{}]")
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
        text = data.decode()
        _check_depth(text)
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"JSON: expected UTF-8, got {error.reason} at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise InvalidInput(f"JSON: {error.msg} at character {error.pos}") from None
    _check_texts(value)
    return value


def _check_depth(text: str) -> None:
    # Before it is parsed: the parser's own bound is the interpreter's, which programs may raise beyond the stack.
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise InvalidInput(f"JSON: nested deeper than {MAX_DEPTH}")


def _check_texts(value: Any) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _check_texts(inner)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"JSON: lone surrogate U+{ord(text[error.start]):04X} in a string") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    for key in members:
        _check_text(key)
    if len(members) < len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
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
