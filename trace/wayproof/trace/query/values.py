"""Values of queries and events in the form in which they are compared.

Both sides go through the same functions, so that equal values are equal to the last bit: 8 °C is 281.15 K.
"""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import inf
from typing import Final

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.times import parse_instant
from wayproof.trace.epcis.units import to_si, unit_of

INSTANT: Final = "instant"
"""The dimension of instants, which are seconds since 1970."""

_REMEMBERED: Final = 1 << 14
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHORTEST_INSTANT: Final = len("2026-01-01T00:00:00Z")


@lru_cache(maxsize=_REMEMBERED, typed=True)
def comparable(value: int | Decimal, uom: str | None, *, is_difference: bool = False) -> tuple[str, float]:
    """Dimension and value in its SI unit; without a unit the bare number, whose dimension is "".

    Numbers of a unit that is not known here stand alone, in a dimension of that unit.

    Args:
        value: the number as written.
        uom: UN/ECE Recommendation 20.
        is_difference: a standard deviation of 1 °C is one of 1 K, not of 274.15 K.
    """
    unit = None if uom is None else unit_of(uom)
    if unit is None:
        return ("" if uom is None else f"unit {uom}"), _float(Fraction(value))
    exact = unit.factor * Fraction(value) if is_difference else to_si(value, unit.code)
    return str(unit.dimension), _float(exact)


def _float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def number_word(value: int | Decimal) -> str:
    """The one text of a number, however many zeros it was written with."""
    text = format(Decimal(value), "f")
    plain = text.rstrip("0").rstrip(".") if "." in text else text
    return f"# {'0' if plain == '-0' else plain}"


def instant_of(text: str) -> datetime | None:
    """The instant that a text is, or None for any other text."""
    if len(text) < _SHORTEST_INSTANT or text[4] != "-" or text[10] not in "Tt":
        return None
    try:
        return parse_instant(text)
    except InvalidInput:
        return None


def instant_word(at: datetime) -> str:
    """The one text of an instant, whatever its zone."""
    return f"@ {seconds_of(at)!r}"


def seconds_of(at: datetime) -> float:
    """Seconds since 1970."""
    return (at - _EPOCH).total_seconds()
