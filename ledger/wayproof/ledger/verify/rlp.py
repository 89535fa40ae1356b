"""Recursive Length Prefix, Ethereum's encoding of nested lists of bytes (Yellow Paper, appendix B).

Our own, because the library of that name brings pydantic along. Decoding is strict: one value, one encoding.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

from wayproof.model.errors import InvalidProof

Item: TypeAlias = "bytes | list[Item]"

_SHORT: Final = 55
"""Bytes up to here have their length in the prefix itself."""
_TEXT: Final = 0x80
_LIST: Final = 0xC0
_MAX_DEPTH: Final = 8


def encode(item: bytes | Sequence[bytes]) -> bytes:
    """The encoding of bytes, or of a flat list of them."""
    if isinstance(item, bytes):
        return item if len(item) == 1 and item[0] < _TEXT else _prefix(len(item), _TEXT) + item
    body = b"".join(map(encode, item))
    return _prefix(len(body), _LIST) + body


def encode_number(number: int) -> bytes:
    """The bytes that stand for a whole number: big-endian, without leading zeros."""
    return number.to_bytes((number.bit_length() + 7) // 8)


def decode(data: bytes) -> Item:
    """The item that is encoded; InvalidProof where it is not exactly one in its only form."""
    item, end = _item(data, 0, 0)
    if end != len(data):
        raise InvalidProof(f"RLP: {len(data) - end} bytes too many")
    return item


def _prefix(length: int, kind: int) -> bytes:
    if length <= _SHORT:
        return bytes([kind + length])
    size = encode_number(length)
    return bytes([kind + _SHORT + len(size)]) + size


def _item(data: bytes, at: int, depth: int) -> tuple[Item, int]:
    """The item at a place, and where it ends."""
    if depth > _MAX_DEPTH:
        raise InvalidProof(f"RLP: nested deeper than {_MAX_DEPTH}")
    first = _slice(data, at, 1)[0]
    if first < _TEXT:
        return bytes([first]), at + 1
    kind = _LIST if first >= _LIST else _TEXT
    begin, end = _body(data, at, first - kind)
    if kind == _TEXT:
        text = data[begin:end]
        if len(text) == 1 and text[0] < _TEXT:
            raise InvalidProof("RLP: a byte below 0x80 with a prefix")
        return text, end
    items: list[Item] = []
    while begin < end:
        item, begin = _item(data[:end], begin, depth + 1)
        items.append(item)
    return items, end


def _body(data: bytes, at: int, length: int) -> tuple[int, int]:
    """Where the content of an item begins and ends; `length` is what its prefix says."""
    begin = at + 1
    if length > _SHORT:
        size = _slice(data, begin, length - _SHORT)
        begin += len(size)
        length = int.from_bytes(size)
        if not size[0] or length <= _SHORT:
            raise InvalidProof("RLP: a length not in its shortest form")
    _slice(data, begin, length)
    return begin, begin + length


def _slice(data: bytes, at: int, length: int) -> bytes:
    found = data[at : at + length]
    if len(found) < length:
        raise InvalidProof(f"RLP: expected {length} bytes at {at}, got {len(found)}")
    return found
