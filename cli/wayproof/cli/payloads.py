"""Bytes that nobody understood, for people to look at: pretty where they are JSON or CBOR, else as a hex dump."""

import json
from collections.abc import Iterator
from typing import Final

import msgspec

from wayproof.cli.app import printable
from wayproof.devices.codecs.native import load_cbor
from wayproof.model.errors import MalformedPayload

_SHOWN_CHARACTERS: Final = 8_192
_SHOWN_BYTES: Final = 2_048
_ROW_BYTES: Final = 16
_JSON_STARTS: Final = (b"{", b"[")


def picture(payload: bytes) -> str:
    """The payload for a terminal: at most some eight thousand characters of it, and no control character."""
    text = _pretty(payload)
    if text is None:
        shown, is_whole = hex_dump(payload[:_SHOWN_BYTES]), len(payload) <= _SHOWN_BYTES
    else:
        shown, is_whole = text[:_SHOWN_CHARACTERS], len(text) <= _SHOWN_CHARACTERS
    lines = [printable(line) for line in shown.split("\n")]
    return "\n".join(lines if is_whole else [*lines, f"... {len(payload):,} bytes in all; --hex shows every one"])


def hex_dump(payload: bytes) -> str:
    """All bytes, sixteen a row: offset, hex, and what is printable ASCII."""
    return "\n".join(_rows(payload))


def _rows(payload: bytes) -> Iterator[str]:
    for at in range(0, len(payload), _ROW_BYTES):
        row = payload[at : at + _ROW_BYTES]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)  # noqa: PLR2004 - ASCII's bounds
        yield f"{at:08x}  {row.hex(' '):<47}  {text}"


def _pretty(payload: bytes) -> str | None:
    """JSON with line breaks, numbers as they were written; CBOR as JSON, byte strings as h'00ff'; None for others."""
    try:
        if payload.lstrip().startswith(_JSON_STARTS):
            return msgspec.json.format(payload, indent=2).decode()
        return json.dumps(load_cbor(payload), indent=2, ensure_ascii=False, default=_diagnostic)
    except (msgspec.DecodeError, MalformedPayload, UnicodeDecodeError, RecursionError, TypeError, ValueError):
        return None


def _diagnostic(value: object) -> str:
    """A byte string in CBOR's diagnostic notation (RFC 8949 section 8)."""
    if isinstance(value, bytes):
        return f"h'{value.hex()}'"
    raise TypeError(f"expected a value that JSON has, or bytes, got {type(value).__name__}")
