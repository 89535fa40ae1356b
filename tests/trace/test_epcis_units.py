"""Units of measure: exact, and comparable within a dimension only."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.units import UNITS, Dimension, convert, from_si, to_si, unit_of


@pytest.mark.parametrize(
    ("value", "uom", "si", "dimension"),
    [
        (8, "CEL", "281.15", Dimension.TEMPERATURE),
        (Decimal("281.15"), "KEL", "281.15", Dimension.TEMPERATURE),
        (-40, "FAH", "233.15", Dimension.TEMPERATURE),
        (18, "A48", "10", Dimension.TEMPERATURE),
        (36, "KMH", "10", Dimension.SPEED),
        (1, "LBR", "0.45359237", Dimension.MASS),
        (1, "INH", "0.0254", Dimension.LENGTH),
        (1013, "MBR", "101300", Dimension.PRESSURE),
        (5, "P1", "0.05", Dimension.RATIO),
        (1, "A93", "0.001", Dimension.DENSITY),
        (1, "C11", "0.00001", Dimension.ACCELERATION),
        (3600, "P71", "0.001", Dimension.DOSE_EQUIVALENT_RATE),
        (1, "KWH", "3600000", Dimension.ENERGY),
        (2, "DZN", "24", Dimension.COUNT),
        (1, "22", "0.1", Dimension.SPECIFIC_VOLUME),
    ],
)
def test_values_in_si_are_exact(value: int | Decimal, uom: str, si: str, dimension: Dimension) -> None:
    """Known conversions come out to the last digit, in their dimension."""
    assert to_si(value, uom) == Fraction(si)
    assert UNITS[uom].dimension is dimension


@given(st.decimals(-(10**9), 10**9, allow_nan=False, places=6), st.sampled_from(sorted(UNITS)))
def test_there_and_back_is_the_same(value: Decimal, uom: str) -> None:
    """From any unit to SI and back no digit is lost."""
    assert from_si(to_si(value, uom), uom) == Fraction(value)


def test_every_dimension_has_its_si_unit() -> None:
    """Each dimension has a unit whose values are SI values already."""
    plain = {unit.dimension for unit in UNITS.values() if unit.factor == 1 and unit.offset == 0}

    assert plain == set(Dimension)
    assert all(unit.factor > 0 for unit in UNITS.values())


def test_kelvin_and_celsius_compare() -> None:
    """A query in kelvin finds what was reported in degrees Celsius, at the very boundary as well."""
    assert to_si(8, "CEL") >= to_si(Decimal("281.15"), "KEL")
    assert convert(Decimal("46.4"), "FAH", "CEL") == 8


def test_other_dimensions_and_unknown_units_are_refused() -> None:
    """Nothing is converted across dimensions, nor from a code that is not known."""
    with pytest.raises(InvalidInput, match="expected one of K as CEL is, got KGM of kg"):
        convert(1, "CEL", "KGM")
    with pytest.raises(InvalidInput, match="'ZZZ'"):
        to_si(1, "ZZZ")
    assert unit_of("ZZZ") is None
