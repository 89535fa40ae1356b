"""Bytes as JSON has them here: `0x` and lower-case digits; addresses with the checksum of EIP-55."""

import re
from functools import lru_cache
from typing import Any, Final

from wayproof.ledger.keccak import keccak
from wayproof.model.errors import InvalidInput

ADDRESS_BYTES: Final = 20
HASH_BYTES: Final = 32

_HEX: Final = re.compile("0x(?:[0-9a-f]{2})*")
_ADDRESS: Final = re.compile("0x[0-9a-fA-F]{40}")


def to_hex(data: bytes) -> str:
    """`0x` and two lower-case digits a byte."""
    return "0x" + data.hex()


def from_hex(text: Any, size: int, *, pointer: str) -> bytes:
    """Back from `to_hex`: exactly `size` bytes. InvalidInput otherwise, naming the JSON `pointer`."""
    if not isinstance(text, str) or len(text) != 2 + 2 * size or not _HEX.fullmatch(text):
        raise InvalidInput(
            f"{pointer}: expected 0x and {2 * size} lower-case hexadecimal digits, got {shown(text)}", pointer=pointer
        )
    return bytes.fromhex(text[2:])


@lru_cache(maxsize=65_536)
def to_address(address: bytes) -> str:
    """An address of 20 bytes with the checksum in its letters' case (EIP-55)."""
    digits = address.hex()
    marks = keccak(digits.encode()).hex()
    return "0x" + "".join(d.upper() if mark >= "8" else d for d, mark in zip(digits, marks, strict=False))


def from_address(text: Any, *, pointer: str) -> bytes:
    """Back from `to_address`. InvalidInput where it is none or its checksum is wrong, naming the JSON `pointer`."""
    if not isinstance(text, str) or not _ADDRESS.fullmatch(text):
        raise InvalidInput(f"{pointer}: expected an address of 0x and 40 digits, got {shown(text)}", pointer=pointer)
    address = bytes.fromhex(text[2:])
    if to_address(address) != text:
        raise InvalidInput(
            f"{pointer}: expected the EIP-55 checksum {to_address(address)}, got {text}; is it mistyped?",
            pointer=pointer,
        )
    return address


def shown(value: Any) -> str:
    """A foreign value as messages show it: not at any length."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = ascii(value) if isinstance(value, str | int | float | None) else type(value).__name__
    return text if len(text) <= 100 else text[:97] + "..."  # noqa: PLR2004 - a line's worth
