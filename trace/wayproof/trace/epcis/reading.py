"""Bytes to JSON values, within bounds."""

import json
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any, Final

import msgspec

from wayproof.model.errors import InvalidInput


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """How much a document may be."""

    bytes: int = 64 << 20
    #: Objects, arrays and values of JSON; elements and attributes of XML.
    nodes: int = 5_000_000
    #: Levels of nesting.
    depth: int = 64
    #: Attributes of one element of XML. The parser's library looks each up among all: more cost quadratic time.
    attributes: int = 250
    #: Characters of one number. Longer ones are no measurements, and cost quadratic time.
    digits: int = 100


DEFAULT_BOUNDS: Final = Bounds()

_SHOWN = 40
_DOUBTFUL: Final = object()
_STORED: Final = msgspec.json.Decoder(float_hook=Decimal)
_KINDS: Final = bytes.maketrans(b"123456789\t\n\r", b"000000000   ")
"""For `_read_quickly`: every digit as a zero, every space as a blank."""
_HOLDERS: Final = frozenset({dict, list})
"""What JSON's parser makes of objects and arrays, and no subclass of it: thousands are asked."""


def read_json(data: bytes, bounds: Bounds = DEFAULT_BOUNDS) -> Any:
    """The JSON value of UTF-8 bytes. Numbers with a point or exponent are Decimals, so none loses a digit.

    Stricter than RFC 8259 where the same bytes could mean different things to different readers, or cannot be stored:
    no name twice in an object, no NUL, no lone surrogate, no NaN or Infinity, no number beyond 1e±400.

    Raises:
        InvalidInput: no such JSON, or more of it than `bounds` allows.
    """
    check_size(data, bounds)
    value = _read_quickly(data, bounds)  # what is wrong is told by strictness, when nothing of this is left
    return _read_strictly(data, bounds) if value is _DOUBTFUL else value


def read_stored(text: str) -> Any:
    """The same of what the journal holds, which was checked when it came: in a fifth of the time."""
    return _STORED.decode(text)


def check_size(data: bytes, bounds: Bounds) -> None:
    """Raises InvalidInput for more bytes than allowed."""
    if len(data) > bounds.bytes:
        raise InvalidInput(f"document: expected at most {bounds.bytes:,} bytes, got {len(data):,}")


def number(text: str, bounds: Bounds = DEFAULT_BOUNDS) -> int | Decimal:
    """A decimal number of XML or JSON; an int where there is neither point nor exponent.

    Raises:
        InvalidInput: anything else, infinities included.
    """
    reader = _Reader(bounds)
    plain = text.strip().removeprefix("+")
    if not plain.isascii() or "_" in plain:
        raise InvalidInput(f"number: expected decimal digits, got {text[:_SHOWN]!r}")
    return reader.integer(plain) if plain.removeprefix("-").isdigit() else reader.decimal(plain)


def _read_quickly(data: bytes, bounds: Bounds) -> Any:
    """The value of JSON that has none of what `_read_strictly` looks for; else, or where one must look, `_DOUBTFUL`.

    Without escapes each quote begins or ends a text. So if no space stands before a colon, a quote and a colon follow
    each name that was sent (and, at worst, begin a text): no more of them than names, and no name came twice.
    """
    kinds = data.translate(_KINDS)
    if any(each in kinds for each in (b"\\", b" :", b"0" * bounds.digits)):
        return _DOUBTFUL
    try:
        value = msgspec.json.Decoder(float_hook=_Reader(bounds).decimal).decode(data)
        return value if kinds.count(b'":') == _check_tree(value, bounds) else _DOUBTFUL
    except (ValueError, RecursionError, InvalidInput):
        return _DOUBTFUL


def _read_strictly(data: bytes, bounds: Bounds) -> Any:
    reader = _Reader(bounds)
    try:
        value = json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=reader.pairs,
            parse_float=reader.decimal,
            parse_int=reader.integer,
            parse_constant=_no_constant,
        )
    except RecursionError as error:
        raise InvalidInput(f"JSON: expected at most {bounds.depth} levels of nesting, got far more") from error
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError
        raise InvalidInput(f"JSON: expected UTF-8 and RFC 8259, got: {error}") from error
    _check_tree(value, bounds)
    if b"\\u" in data:  # unescaped, neither a NUL nor half a character comes through the parser
        _check_texts(value)
    return value


class _Reader:
    """Hooks of the JSON parser that know the bounds."""

    _GREATEST_EXPONENT = 400

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds

    @staticmethod
    def pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
            raise InvalidInput(f"JSON: expected each name once in an object, got {twice[:_SHOWN]!r} twice")
        return made

    def decimal(self, text: str) -> Decimal:
        self._check_length(text)
        try:
            value = Decimal(text)
        except ArithmeticError as error:
            raise InvalidInput(f"number: expected decimal digits, got {text[:_SHOWN]!r}") from error
        if not value.is_finite() or abs(value.adjusted()) > self._GREATEST_EXPONENT:
            raise InvalidInput(f"number: expected one within 1e±{self._GREATEST_EXPONENT}, got {text[:_SHOWN]!r}")
        return value

    def integer(self, text: str) -> int:
        self._check_length(text)
        return int(text)

    def _check_length(self, text: str) -> None:
        if len(text) > self._bounds.digits:
            raise InvalidInput(f"number: expected at most {self._bounds.digits} digits, got {len(text)}")


def _no_constant(text: str) -> Any:
    raise InvalidInput(f"JSON: expected a number, got {text}")


def _check_tree(value: Any, bounds: Bounds) -> int:
    """Walks level by level, so that depth is known and nothing recurses; how many names the objects have."""
    holders, nodes, names = [value], 1, 0
    for _ in range(bounds.depth + 1):
        dicts = [holder for holder in holders if type(holder) is dict]
        lists = [holder for holder in holders if type(holder) is list]
        if not (dicts or lists):
            return names
        names += sum(map(len, dicts))
        nodes += sum(map(len, chain(dicts, lists)))
        if nodes > bounds.nodes:
            raise InvalidInput(f"document: expected at most {bounds.nodes:,} values, got more")
        parts = chain(chain.from_iterable(map(dict.values, dicts)), chain.from_iterable(lists))
        holders = [part for part in parts if type(part) in _HOLDERS]
    raise InvalidInput(f"JSON: expected at most {bounds.depth} levels of nesting, got more")


def _check_texts(value: Any) -> None:
    parts = [value]
    while parts:
        part = parts.pop()
        if isinstance(part, str):
            check_text(part)
        elif isinstance(part, dict):
            parts += (*part, *part.values())
        elif isinstance(part, list):
            parts += part


def check_text(text: str) -> None:
    """Raises InvalidInput for what no UTF-8 text in a database can hold."""
    if "\0" in text:
        raise InvalidInput(f"text: expected no NUL, got one in {text[:_SHOWN]!r}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput(f"text: expected whole characters, got half of one in {text[:_SHOWN]!r}") from error
