"""Quantities of goods in whatever unit they are told: which can be compared, and by what factor."""

from functools import lru_cache
from typing import Final

from wayproof.trace.epcis.units import Dimension, unit_of

PIECES: Final = "pieces"

_ONE: Final = "C62"
"""Recommendation 20 calls it a number, goods are counted in it."""


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


def _size(unit: str | None) -> float:
    known = None if unit is None or unit == _ONE else unit_of(unit)
    return 1.0 if known is None else float(known.factor)
