r"""GS1 element strings, as scanners give them and as people read them (GS1 General Specifications §7.8).

Bracketed, `(01)09506000134352(21)12345`: spaces may stand between, and an opening bracket in a value is written `\(`.
Raw, `]C1` or another symbology identifier may come first and FNC1 is the character GS (hexadecimal 1D).
"""

import re
from typing import Final

from wayproof.model.errors import InvalidInput
from wayproof.trace.identifiers.application import APPLICATION_IDENTIFIERS, ApplicationIdentifier
from wayproof.trace.identifiers.characters import check_digit
from wayproof.trace.identifiers.identifier import Element, Identifier, identify

FNC1: Final = "\x1d"

_SYMBOLOGY = re.compile(r"\A\][A-Za-z][0-9]")
_BRACKETED = re.compile(r"\(([0-9]{2,4})\)((?:[^(\\ ]|\\\()+) *")
# Digits of the Application Identifier, by its first two.
_CODE_DIGITS = (
    dict.fromkeys((f"{number:02}" for number in (*range(5), *range(10, 23), 30, 37, *range(90, 100))), 2)
    | dict.fromkeys(("23", "24", "25", "40", "41", "42", "71"), 3)
    | dict.fromkeys(("31", "32", "33", "34", "35", "36", "39", "43", "70", "72", "80", "81", "82"), 4)
)
# Values of these lengths need no FNC1 behind them.
_VALUE_DIGITS = (
    {"00": 18, "01": 14, "02": 14, "03": 14, "04": 16, "20": 2, "41": 13}
    | dict.fromkeys((str(number) for number in range(11, 20)), 6)
    | dict.fromkeys((str(number) for number in range(31, 37)), 6)
)
_BARE_DIGITS = frozenset((8, 12, 13, 14, 17, 18))


def parse_element_string(text: str, *, check_digits: bool = True) -> Identifier:
    """The identifier in an element string; dates, weights and all else beside the key are stepped over.

    Raises:
        InvalidInput: the string falls apart, or it holds no key or more than one.
    """
    _refuse_bare(text)
    body = _SYMBOLOGY.sub("", text, count=1)
    elements = _bracketed(body) if body.startswith("(") else _raw(body)
    values = _values(elements)
    keys = [ai for code in values if (ai := APPLICATION_IDENTIFIERS.get(code)) and ai.is_key]
    if len(keys) != 1:
        found = ", ".join(f"({code})" for code in values)
        raise InvalidInput(f"element string: expected one key such as (00), (01) or (414), got {found}")
    return identify(_ordered(keys[0], values), check_digits=check_digits)


def _refuse_bare(text: str) -> None:
    """A number off a label without its Application Identifier can look like another key's element string."""
    if len(text) in _BARE_DIGITS and text.isascii() and text.isdigit() and check_digit(text[:-1]) == text[-1]:
        raise InvalidInput(f"element string: expected an Application Identifier such as (01) or (00) before {text}")


def _bracketed(text: str) -> list[Element]:
    elements = []
    place = 0
    while place < len(text):
        found = _BRACKETED.match(text, place)
        if found is None:
            raise InvalidInput(f"element string: expected (AI)value at place {place + 1}, got {text!r}")
        elements.append((found[1], found[2].replace("\\(", "(")))
        place = found.end()
    return elements


def _raw(text: str) -> list[Element]:
    elements = []
    rest = text.lstrip(FNC1)
    while rest:
        size = _CODE_DIGITS.get(rest[:2])
        code = rest[:size]
        if size is None or len(code) != size or not (code.isascii() and code.isdigit()):
            raise InvalidInput(f"element string: expected an Application Identifier, got {rest!r} in {text!r}")
        value, rest = _value(code, rest[size:])
        elements.append((code, value))
    return elements


def _value(code: str, rest: str) -> Element:
    """The value after `code`, and what follows it."""
    size = _VALUE_DIGITS.get(code[:2])
    if size is None:
        value, _, rest = rest.partition(FNC1)
        return value, rest
    if len(rest) < size:
        raise InvalidInput(f"element string: expected {size} digits after ({code}), got {rest!r}")
    return rest[:size], rest[size:].removeprefix(FNC1)


def _values(elements: list[Element]) -> dict[str, str]:
    values: dict[str, str] = {}
    for code, value in elements:
        if values.setdefault(code, value) != value:
            raise InvalidInput(f"element string: expected ({code}) once, got {values[code]!r} and {value!r}")
    return values


def _ordered(key: ApplicationIdentifier, values: dict[str, str]) -> list[Element]:
    """Key and its own qualifiers in the order of a Digital Link: in an element string they stand in any."""
    present = [code for code in values if any(code in order for order in key.orders)]
    order = next((order for order in key.orders if sorted(order) == sorted(present)), tuple(present))
    return [(key.code, values[key.code]), *((code, values[code]) for code in order)]


def element_string(identifier: Identifier) -> str:
    """The element string with brackets, for people, printers and labels.

    Raises:
        InvalidInput: the identifier is no GS1 key.
    """
    if not identifier.elements:
        raise InvalidInput(f"element string: {identifier.uri!r} is no GS1 key")
    return "".join(f"({code}){value.replace('(', chr(92) + '(')}" for code, value in identifier.elements)
