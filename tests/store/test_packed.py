"""A packed column gives back what went in, bit for bit, from the narrowest array that can."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from wayproof.store.packed import PackedColumn, pack_integers, pack_numbers

INT64 = st.integers(-(2**63), 2**63 - 1)


def _integers(column: PackedColumn, size: int) -> list[int]:
    offsets = [0] * size if column.offsets is None else [int(offset) for offset in column.offsets]
    return [int(column.start) + column.step * n + int(column.unit) * offset for n, offset in enumerate(offsets)]


@given(st.lists(INT64 | st.integers(-5, 5) | st.integers(0, 50).map(lambda n: n * 60_000_000), min_size=1, max_size=30))
def test_whole_numbers_come_back(values: list[int]) -> None:
    """Any whole numbers of 64 bits come back, whatever line and unit were found in them."""
    assert _integers(pack_integers(np.array(values, np.int64)), len(values)) == values


@pytest.mark.parametrize(
    ("values", "element"),
    [
        ([7] * 9, ""),
        (range(5, 500), ""),
        (range(0, 86_400_000_000, 60_000_000), ""),
        ([*range(100), *range(110, 200)], "int2"),
        ([0, 7_000_000_000, 14_000_000_000, 15_000_000_000], "int2"),
        ([1, 900_000, 3, 412_345], "int4"),
        ([2**62, 5, 2**63 - 1], "int8"),
    ],
)
def test_whole_numbers_take_the_narrowest_array(values: list[int], element: str) -> None:
    """What counts or ticks regularly takes no array, the rest offsets in the widest common unit."""
    assert pack_integers(np.array(values, np.int64)).element == element


DOUBLES = (
    st.floats(allow_infinity=False)
    | st.floats(width=32, allow_infinity=False)
    | st.decimals(-400, 2_000, places=2).map(float)
    | st.decimals(-180, 180, places=7).map(float)
    | st.sampled_from([-0.0, 0.0, 5e-324, 2.0**53, 1e300, 0.1 + 0.2])
)


@given(arrays.arrays(np.float64, st.integers(1, 30), elements=DOUBLES))
def test_measures_come_back(values: "np.typing.NDArray[np.float64]") -> None:
    """Any doubles, told or not, come back as the same bits."""
    told = ~np.isnan(values)
    packed = pack_numbers(values)
    if packed is None:
        assert not told.any()
        return
    assert packed.offsets is not None
    stored = packed.offsets.astype(np.float32) if packed.element == "float4" else packed.offsets
    back = (packed.start + stored.astype(np.float64)) / packed.unit
    assert back[told].tobytes() == values[told].tobytes()


@pytest.mark.parametrize(
    ("values", "element"),
    [
        ([4.1, 4.2, -18.5], "int2"),
        ([51.439312, 52.9, 48.000001], "int4"),
        ([9.87654321, 179.12345678], "float8"),
        ([4.300000190734863, 0.10000000149011612], "float4"),
        ([1 / 3, 2.5], "float8"),
        ([-0.0, 1.5], "float4"),
    ],
)
def test_measures_take_the_narrowest_array(values: list[float], element: str) -> None:
    """Decimals take two bytes where they fit, else four; what is none takes a float as wide as it needs."""
    packed = pack_numbers(np.array(values))
    assert packed is not None
    assert packed.element == element
