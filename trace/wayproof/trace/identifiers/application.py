"""The GS1 Application Identifiers that name things: primary keys and their qualifiers.

Facts are those of the GS1 General Specifications §3, GS1 Digital Link URI Syntax §4 (aliases, order in the path) and
the GS1 Barcode Syntax Dictionary (forms, `dlpkey`). Every other Application Identifier only has to be stepped over,
for which its length is enough: see `element_strings`.
"""

import re
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from wayproof.model.errors import InvalidInput
from wayproof.trace.identifiers.characters import CSET_39, CSET_82, check_digit

_SETS = {
    "N": ("0-9", "digits"),
    "X": (CSET_82, "characters of GS1 set 82"),
    "Y": (CSET_39, "characters of GS1 set 39"),
}
_SPECIAL = {
    "prefix": (r"(?=[0-9]{4})", "a company prefix first"),
    "zero": ("0", "a 0"),
    "count": (r"(?:0|[1-9][0-9]{0,11})", "1 to 12 digits without leading zeros"),
}
_PIECES = "8006"


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplicationIdentifier:
    """One primary key or qualifier."""

    code: str
    title: str
    #: What the value must match wholly.
    form: re.Pattern[str]
    #: The same in words, for messages.
    wanted: str
    #: First and last place of the digits under the check digit, which is the last; (0, 0) for none.
    checked: tuple[int, int]
    #: Orders in which qualifiers may follow in a path; empty for what is no primary key.
    orders: frozenset[tuple[str, ...]]

    @property
    def is_key(self) -> bool:
        """Whether it can stand first in a Digital Link."""
        return bool(self.orders)

    def fits(self, value: str) -> bool:
        """Whether length and characters are right, whatever the check digit."""
        return self.form.fullmatch(value) is not None

    def check(self, value: str, *, check_digits: bool = True) -> None:
        """Raises InvalidInput for a value of the wrong form or with the wrong check digit."""
        if self.form.fullmatch(value) is None:
            raise InvalidInput(f"{self.title} ({self.code}): expected {self.wanted}, got {value!r}")
        first, last = self.checked
        if last and check_digits and check_digit(value[first:last]) != value[last]:
            expected = check_digit(value[first:last])
            raise InvalidInput(
                f"{self.title} ({self.code}) {value}: check digit at place {last + 1}: "
                f"expected {expected}, got {value[last]}"
            )
        if self.code == _PIECES and not "00" < value[14:16] <= value[16:18]:
            raise InvalidInput(
                f"{self.title} ({self.code}) {value}: expected a piece of 01 to the total, "
                f"got piece {value[14:16]} of {value[16:18]}"
            )


def _part(token: str) -> tuple[str, str]:
    """Regular expression and words of one component: N13 and N13c (check digit) exact, X1-20 and X0-17 by range."""
    if token in _SPECIAL:
        return _SPECIAL[token]
    chars, words = _SETS[token[0]]
    least, _, most = token[1:].rstrip("c").partition("-")
    size = f"{least},{most}" if most else least
    said = f"{least} to {most} {words}" if most else f"{least} {words}"
    return f"[{chars}]{{{size}}}", f"{said}, the last a check digit" if token.endswith("c") else said


def _checked(tokens: list[str]) -> tuple[int, int]:
    first = 1 if tokens[0] == "zero" else 0
    sizes = [int(token[1:-1]) for token in tokens if token.endswith("c")]
    return (first, first + sizes[0] - 1) if sizes else (0, 0)


def _orders(qualifiers: str) -> frozenset[tuple[str, ...]]:
    """Every selection of each alternative, in its order: "22,10,21|235" yields 9 tuples."""
    alternatives = [alternative.split(",") if alternative else [] for alternative in qualifiers.split("|")]
    return frozenset(
        choice for names in alternatives for size in range(len(names) + 1) for choice in combinations(names, size)
    )


def _ai(code: str, title: str, form: str, *, key: str | None = None) -> ApplicationIdentifier:
    tokens = form.split()
    parts = [_part(token) for token in tokens]
    return ApplicationIdentifier(
        code=code,
        title=title,
        form=re.compile("".join(pattern for pattern, _ in parts)),
        wanted=", then ".join(words for _, words in parts),
        checked=_checked(tokens),
        orders=frozenset() if key is None else _orders(key),
    )


_ALL = (
    _ai("00", "SSCC", "N18c", key=""),
    _ai("01", "GTIN", "N14c", key="22,10,21|235"),
    _ai("253", "GDTI", "N13c X0-17", key=""),
    _ai("255", "GCN", "N13c N0-12", key=""),
    _ai("401", "GINC", "prefix X1-30", key=""),
    _ai("402", "GSIN", "N17c", key=""),
    _ai("414", "GLN", "N13c", key="254|7040"),
    _ai("417", "PARTY", "N13c", key="7040"),
    _ai("8003", "GRAI", "zero N13c X0-16", key=""),
    _ai("8004", "GIAI", "prefix X1-30", key="7040"),
    _ai("8006", "ITIP", "N14c N4", key="22,10,21"),
    _ai("8010", "CPID", "prefix Y1-30", key="8011"),
    _ai("8017", "GSRN-P", "N18c", key="8019"),
    _ai("8018", "GSRN", "N18c", key="8019"),
    _ai("10", "LOT", "X1-20"),
    _ai("21", "SERIAL", "X1-20"),
    _ai("22", "CPV", "X1-20"),
    _ai("235", "TPX", "X1-28"),
    _ai("254", "GLN EXTENSION", "X1-20"),
    _ai("7040", "UIC", "N1 X3"),
    _ai("8011", "CPID SERIAL", "count"),
    _ai("8019", "SRIN", "N1-10"),
)
APPLICATION_IDENTIFIERS: Final = {ai.code: ai for ai in _ALL}

# Names of Digital Link 1.1, since withdrawn, that are still met on packages and in documents.
_ALIASES = {
    "sscc": "00",
    "gtin": "01",
    "gdti": "253",
    "gcn": "255",
    "ginc": "401",
    "gsin": "402",
    "gln": "414",
    "party": "417",
    "grai": "8003",
    "giai": "8004",
    "itip": "8006",
    "cpid": "8010",
    "gsrnp": "8017",
    "gsrn": "8018",
    "lot": "10",
    "ser": "21",
    "cpv": "22",
    "glnx": "254",
    "cpsn": "8011",
    "srin": "8019",
}
BY_PATH_NAME: Final = APPLICATION_IDENTIFIERS | {
    alias: APPLICATION_IDENTIFIERS[code] for alias, code in _ALIASES.items()
}
"""What a segment of a Digital Link's path may be called: the code, or its alias."""
