"""The value that all spellings of one identifier come to, and how Application Identifiers come to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from wayproof.model.errors import InvalidInput
from wayproof.trace.identifiers.application import APPLICATION_IDENTIFIERS, ApplicationIdentifier
from wayproof.trace.identifiers.characters import encoded_for_path
from wayproof.trace.identifiers.schemes import BY_ELEMENTS, BY_KEY, KeyScheme, Level

RESOLVER: Final = "https://id.gs1.org"
"""Domain of canonical Digital Links (CBV 2.0 §8.9)."""

_GTIN_SIZES = (8, 12, 13)
# What of several qualifiers makes the EPC: a serial number rather than the lot, the lot rather than the variant.
_NAMING = ("21", "235", "254", "8011", "10")

Element: TypeAlias = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Identifier:
    """What was named, in one canonical form, however it was written."""

    #: Lower-case name of the EPC scheme ("sgtin", "gtin" for its class), or "uri" for a URI of somebody else.
    scheme: str
    level: Level
    #: Canonical form: Digital Link of `RESOLVER`; for what has none, its EPC URN; for any other URI, itself.
    uri: str
    #: EPC URN, where one was given: a Digital Link does not tell where the company prefix ends, so it yields none.
    urn: str | None
    #: Application Identifiers and values that make the canonical form; empty for what has no Digital Link.
    elements: tuple[Element, ...] = ()


def is_instance(identifier: Identifier) -> bool:
    """Whether it names one thing; false also for URIs of others, which do not tell."""
    return identifier.level is Level.INSTANCE


def is_class(identifier: Identifier) -> bool:
    """Whether it names a class, a lot or a pattern over them; false also for URIs of others, which do not tell."""
    return identifier.level in {Level.CLASS, Level.LOT, Level.PATTERN}


def link(elements: Iterable[Element], resolver: str = RESOLVER) -> str:
    """The Digital Link of these elements below `resolver`."""
    return resolver + "".join(f"/{code}/{encoded_for_path(value)}" for code, value in elements)


def padded(ai: ApplicationIdentifier, value: str) -> str:
    """GTIN-8, -12 and -13 as the 14 digits of today; anything else as it is."""
    return value.zfill(14) if ai.code == "01" and len(value) in _GTIN_SIZES else value


def identify(elements: list[Element], *, check_digits: bool = True) -> Identifier:
    """The identifier of a key and its qualifiers, the key first, in the order of a Digital Link's path.

    Qualifiers that are no part of an EPC (consumer product variant, lot beside a serial) are checked and left out.

    Raises:
        InvalidInput: a value of the wrong form or check digit, or qualifiers in another order than the standard's.
    """
    key = APPLICATION_IDENTIFIERS[elements[0][0]]
    elements = [(key.code, padded(key, elements[0][1])), *elements[1:]]
    _check_order(key, tuple(code for code, _ in elements[1:]))
    for code, value in elements:
        APPLICATION_IDENTIFIERS[code].check(value, check_digits=check_digits)
    return _identifier(elements[0], dict(elements[1:]))


def _check_order(key: ApplicationIdentifier, qualifiers: tuple[str, ...]) -> None:
    if qualifiers not in key.orders:
        allowed = " or ".join(", ".join(f"({code})" for code in order) for order in _longest(key)) or "no qualifier"
        got = ", ".join(f"({code})" for code in qualifiers)
        raise InvalidInput(f"{key.title} ({key.code}): expected {allowed} after it, in this order, got {got}")


def _longest(key: ApplicationIdentifier) -> list[tuple[str, ...]]:
    return [order for order in sorted(key.orders) if order and not any(set(order) < set(more) for more in key.orders)]


def _identifier(key: Element, qualifiers: dict[str, str]) -> Identifier:
    naming = next((code for code in _NAMING if code in qualifiers), "")
    if naming == "254" and qualifiers[naming] == "0":
        naming = ""  # TDS §6.3.3: extension 0 is the place itself
    scheme = BY_ELEMENTS.get((key[0], naming)) or BY_KEY[key[0]]
    elements = (key, (naming, qualifiers[naming])) if naming else (key,)
    level = _level(scheme, key[1], naming)
    name = "gtin" if scheme.name == "sgtin" and level is Level.CLASS else scheme.name
    return Identifier(scheme=name, level=level, uri=link(elements), urn=None, elements=elements)


def _level(scheme: KeyScheme, key: str, naming: str) -> Level:
    if naming:
        return Level.LOT if naming == "10" else Level.INSTANCE
    if scheme.serial == "tail":
        return Level.INSTANCE if len(key) > scheme.base else Level.CLASS
    return Level.CLASS if scheme.serial and not scheme.absent else Level.INSTANCE
