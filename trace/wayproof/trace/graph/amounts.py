"""Quantities of goods in whatever unit they are told: which can be compared, and by what factor."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import fsum
from typing import Final, NamedTuple

from wayproof.trace.epcis.units import Dimension, unit_of

_ONE: Final = "C62"
"""Recommendation 20 calls it a number, goods are counted in it."""


class Amount(NamedTuple):
    """How much there is of something, in a unit that is the same for everything of one measure."""

    measure: str
    value: float


@lru_cache(maxsize=1024)
def measure_of(unit: str | None) -> str:
    """What a unit measures: quantities of one measure can be added. A unit that is not known measures itself."""
    if unit is None or unit == _ONE:
        return Dimension.COUNT
    known = unit_of(unit)
    return unit if known is None else known.dimension


@lru_cache(maxsize=4096)
def factor(unit: str | None, wanted: str | None) -> float | None:
    """How many `wanted` one `unit` is; None where they measure different things."""
    if unit == wanted:
        return 1.0
    if measure_of(unit) != measure_of(wanted):
        return None
    return float(_size(unit) / _size(wanted))


def converted(quantity: Decimal, unit: str | None, wanted: str | None) -> Decimal:
    """The quantity in another unit of the same measure, as exactly as decimals can tell it."""
    if unit == wanted:
        return quantity
    exact = Fraction(quantity) * _size(unit) / _size(wanted)
    return Decimal(exact.numerator) / exact.denominator


@lru_cache(maxsize=1024)
def _size(unit: str | None) -> Fraction:
    known = None if unit is None or unit == _ONE else unit_of(unit)
    return Fraction(1) if known is None else known.factor


def amount_of(quantity: float | None, unit: str | None) -> Amount | None:
    """What is measured and how much of it, in one unit for each measure; None: unknown."""
    return None if quantity is None else Amount(measure_of(unit), quantity * float(_size(unit)))


def total(amounts: Iterable[Amount | None]) -> Amount | None:
    """The sum, the same in any order; None where one is unknown, they measure different things, or there are none."""
    known = list(amounts)
    measures = {each.measure if each else None for each in known}
    if len(measures) != 1 or None in measures:
        return None
    return Amount(known[0].measure, fsum(each.value for each in known if each)) if known[0] else None
