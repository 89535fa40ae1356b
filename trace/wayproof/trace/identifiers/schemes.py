"""The EPC schemes, each a short declaration from which URN, Digital Link and element string all follow.

Sources: EPC Tag Data Standard §6 (URNs) and §7 (their GS1 keys), CBV 2.0 §8 (identifiers of EPCIS).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wayproof.trace.identifiers.characters import container_check_digit, imo_check_digit


class Level(StrEnum):
    """How much an identifier names."""

    INSTANCE = "instance"
    """One thing, place, party or document."""
    LOT = "lot"
    """All things of one class made together."""
    CLASS = "class"
    """All things of a class."""
    PATTERN = "pattern"
    """More than one class: an EPC pattern that stops at the company prefix, or earlier than a class does."""
    UNKNOWN = "unknown"
    """A URI of somebody else, which may name one thing or many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyScheme:
    """An EPC scheme over a GS1 key: its URN is company prefix, reference and what follows, split by dots."""

    name: str
    #: Application Identifier of the key.
    key: str
    #: Digits of company prefix and reference together; 0 where the reference is free text and no check digit follows.
    digits: int = 0
    #: The reference's first digit stands before the company prefix in the key (indicator, extension digit).
    rotated: bool = False
    #: What the key begins with before those digits.
    lead: str = ""
    #: Two numbers of two digits follow the check digit, piece and total.
    pieces: bool = False
    #: Where the last field of the URN stands: a qualifier's code, "tail" of the key itself, or "" for no such field.
    serial: str = ""
    #: The class of `urn:epc:class:`, not the thing of `urn:epc:id:`.
    is_lot: bool = False
    #: What stands for an absent serial in the URN; only a GLN without extension has that.
    absent: str = ""
    #: Scheme in whose name patterns over this one are written.
    pattern: str = ""

    @property
    def fields(self) -> int:
        """How many fields its URN has."""
        return 2 + 2 * self.pieces + bool(self.serial)

    @property
    def base(self) -> int:
        """Length of the key without a serial at its tail; 0 where it is free text."""
        return len(self.lead) + self.digits + 1 if self.digits else 0

    @property
    def pattern_name(self) -> str:
        """The scheme's name in `urn:epc:idpat:`."""
        return self.pattern or self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class PlainScheme:
    """An EPC scheme without GS1 key or Digital Link: fields split by dots, nothing more."""

    name: str
    #: What each field matches once its escapes are gone.
    forms: tuple[re.Pattern[str], ...]
    wanted: str
    #: Largest values of numeric fields, by field; empty for text.
    limits: tuple[int, ...] = ()
    #: Computes the last character of the only field from those before it.
    check: Callable[[str], str] | None = None


def _gtin(name: str, serial: str, *, is_lot: bool = False, pattern: str = "") -> KeyScheme:
    return KeyScheme(name=name, key="01", digits=13, rotated=True, serial=serial, is_lot=is_lot, pattern=pattern)


KEY_SCHEMES: Final = (
    _gtin("sgtin", "21"),
    _gtin("lgtin", "10", is_lot=True, pattern="sgtin"),
    _gtin("upui", "235"),
    KeyScheme(name="sscc", key="00", digits=17, rotated=True),
    KeyScheme(name="sgln", key="414", digits=12, serial="254", absent="0"),
    KeyScheme(name="pgln", key="417", digits=12),
    KeyScheme(name="grai", key="8003", digits=12, lead="0", serial="tail"),
    KeyScheme(name="giai", key="8004"),
    KeyScheme(name="gsrn", key="8018", digits=17),
    KeyScheme(name="gsrnp", key="8017", digits=17),
    KeyScheme(name="gdti", key="253", digits=12, serial="tail"),
    KeyScheme(name="cpi", key="8010", serial="8011"),
    KeyScheme(name="sgcn", key="255", digits=12, serial="tail"),
    KeyScheme(name="ginc", key="401"),
    KeyScheme(name="gsin", key="402", digits=16),
    KeyScheme(name="itip", key="8006", digits=13, rotated=True, pieces=True, serial="21"),
)

_CAGE = re.compile(r"[0-9A-HJ-NP-Z]{5,6}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,11}")

PLAIN_SCHEMES: Final = {
    scheme.name: scheme
    for scheme in (
        PlainScheme(
            name="imovn",
            forms=(re.compile(r"[0-9]{7}"),),
            wanted="the 7 digits of an IMO number",
            check=imo_check_digit,
        ),
        PlainScheme(
            name="bic",
            forms=(re.compile(r"[A-Z]{3}[JRUZ][0-9]{7}"),),
            wanted="4 letters (the last J, R, U or Z) and 7 digits, as ISO 6346 has them",
            check=container_check_digit,
        ),
        PlainScheme(
            name="adi",
            forms=(_CAGE, re.compile(r"[0-9A-Z/\-]{0,32}"), re.compile(r"#?[0-9A-Z/\-]{1,30}")),
            wanted="CAGE or DoDAAC of 5 or 6 characters, part number of up to 32, serial number of 1 to 30",
        ),
        PlainScheme(
            name="gid",
            forms=(_NUMBER, _NUMBER, _NUMBER),
            wanted="manager (28 bits), class (24 bits) and serial number (36 bits) without leading zeros",
            limits=(2**28 - 1, 2**24 - 1, 2**36 - 1),
        ),
        PlainScheme(
            name="usdod",
            forms=(_CAGE, _NUMBER),
            wanted="CAGE or DoDAAC of 5 or 6 characters, serial number (36 bits) without leading zeros",
            limits=(0, 2**36 - 1),
        ),
    )
}

BY_URN: Final = {("class" if scheme.is_lot else "id", scheme.name): scheme for scheme in KEY_SCHEMES}
BY_PATTERN: Final = {scheme.name: scheme for scheme in KEY_SCHEMES if not scheme.is_lot}
BY_ELEMENTS: Final = {(scheme.key, scheme.serial.replace("tail", "")): scheme for scheme in KEY_SCHEMES}
"""Key and qualifier to scheme. What has a key without its qualifier is looked up in `BY_KEY`."""
BY_KEY: Final = {scheme.key: scheme for scheme in reversed(KEY_SCHEMES)}
"""Key alone to the scheme whose class it is; (01) belongs to SGTIN."""
BY_NAME: Final = {scheme.name: scheme for scheme in KEY_SCHEMES} | {"gtin": BY_PATTERN["sgtin"]}
