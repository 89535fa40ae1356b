"""Character sets, check digits and percent-encoding of GS1 identifiers.

Sources: GS1 General Specifications §7.9 (check digit) and §7.11 (character sets), EPC Tag Data Standard §6 (escapes in
URNs), IMO resolution A.1117 (ship numbers), ISO 6346 (containers).
"""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from wayproof.model.errors import InvalidInput

CSET_82: Final = r"""!"%&'()*+,\-./0-9:;<=>?A-Z_a-z"""
"""GS1 AI encodable character set 82, as the inside of a character class."""
CSET_39: Final = r"#\-/0-9A-Z"
"""GS1 AI encodable character set 39, the same way."""

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~\-]*")
_ESCAPED_IN_URNS = re.compile(r"""["%&/<>?#]""")


@lru_cache(maxsize=1 << 12)
def check_digit(digits: str) -> str:
    """The GS1 check digit that follows `digits` (ASCII digits, any number of them)."""
    codes = digits.encode()
    zeros = ord("0") * (3 * ((len(codes) + 1) // 2) + len(codes) // 2)
    return str((zeros - 3 * sum(codes[-1::-2]) - sum(codes[-2::-2])) % 10)


def imo_check_digit(digits: str) -> str:
    """The check digit that follows six digits of an IMO ship number."""
    return str(sum(weight * int(digit) for weight, digit in zip(range(7, 1, -1), digits, strict=True)) % 10)


def container_check_digit(code: str) -> str:
    """The check digit that follows owner, category and six digits of a container (ISO 6346)."""
    # Letters count from 10 on and leave out the multiples of 11.
    values = [int(char) if char.isdigit() else (ord(char) - 55) + (ord(char) - 56) // 10 for char in code]
    return str(sum(value << place for place, value in enumerate(values)) % 11 % 10)


def decoded(text: str) -> str:
    """`text` without its percent-escapes; raises InvalidInput where one is broken or no ASCII."""
    if "%" not in text:
        return text
    if _BROKEN_ESCAPE.search(text):
        raise InvalidInput(f"broken percent-escape: expected % and two hexadecimal digits, got {text!r}")
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)


def encoded_for_urn(text: str) -> str:
    """`text` as a field of an EPC URN: only what would end or change the URN is escaped (TDS §6.3.1)."""
    return text if text.isalnum() else _ESCAPED_IN_URNS.sub(lambda found: f"%{ord(found[0]):02X}", text)


def encoded_for_path(text: str) -> str:
    """`text` as a path segment of a Digital Link: everything but RFC 3986's unreserved characters is escaped."""
    return text if _UNRESERVED.fullmatch(text) else quote(text, safe="")
