"""A device's day of readings as arrays, and those as a row of binary COPY into `reading_packed`.

Exact: what view `unpacked_reading` makes of a row are the very readings that went in, bit for bit. Each column gets the
narrowest array that gives that: whole numbers as offsets from a line, measures as decimals, where they are none as
single or double precision.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg.postgres import types

from wayproof.model.reading import NUMERIC_MEASURES

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_INTEGERS: Final = ("int2", "int4", "int8")
"""The arrays of type packed_integers."""
_NUMBERS: Final = ("int2", "int4", "float4", "float8")
"""The arrays of type packed_numbers."""
_KINDS: Final = {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float4": ">f4", "float8": ">f8"}
_MOST_DIGITS: Final = 9
_EXACT: Final = 2**53
"""Up to here a double holds every whole number."""


@dataclass(frozen=True, kw_only=True)
class PackedColumn:
    """One column of a day. Whole numbers: start + step * n + unit * offset; measures: (start + offset) / unit."""

    start: int | float
    step: int
    unit: int | float
    #: The type of the offsets; empty where every offset is 0.
    element: str
    offsets: NDArray[Any] | None
    #: Where there is an offset; None: everywhere.
    told: NDArray[np.bool_] | None = None


@dataclass(frozen=True, kw_only=True)
class Day:
    """A device's readings of one UTC day, in order of (observed_at, boot, seq)."""

    begins_us: int
    """Microseconds since 2000, as are the other times."""
    device_id: int
    observed_us: Ints
    received_us: Ints
    boot: Ints
    seq: Ints
    numbers: Mapping[str, Floats]
    """By measure; NaN: not told."""
    door_open: bytes | None
    """PostgreSQL's own binary image of the array, passed through."""
    extra: bytes | None


def pack_integers(values: Ints) -> PackedColumn:
    """Offsets from a line through the values, in the largest unit that divides them all."""
    if int(values.max()) - int(values.min()) >= _EXACT:
        return PackedColumn(start=0, step=0, unit=1, element="int8", offsets=values)
    return min((_along(values, step) for step in _steps(values)), key=_width)


def _steps(values: Ints) -> tuple[int, ...]:
    """Slopes worth trying: the most common one, and none."""
    if len(values) == 1:
        return (0,)
    found, counts = np.unique(np.diff(values), return_counts=True)
    step = int(found[counts.argmax()])
    return (step, 0) if abs(step) * len(values) < _EXACT else (0,)


def _along(values: Ints, step: int) -> PackedColumn:
    rest = values - values[0] - step * np.arange(len(values))
    unit = int(np.gcd.reduce(rest)) or 1
    offsets, middle = _centred(rest // unit)
    start = int(values[0]) + unit * middle
    if not offsets.any():
        return PackedColumn(start=start, step=step, unit=unit, element="", offsets=None)
    element = next(name for name in _INTEGERS if _fits(offsets, name))
    return PackedColumn(start=start, step=step, unit=unit, element=element, offsets=offsets)


def pack_numbers(values: Floats) -> PackedColumn | None:
    """Decimals where they give the doubles again, else single, else double precision; None where none is told."""
    told = ~np.isnan(values)
    if not told.any():
        return None
    wanted = values[told]
    packed = _as_decimals(wanted) or _as_floats(wanted)
    return packed if told.all() else _with_gaps(packed, told)


def _as_decimals(values: Floats) -> PackedColumn | None:
    for divisor in 10.0 ** np.arange(_MOST_DIGITS + 1):
        with np.errstate(over="ignore"):
            whole = np.rint(values * divisor)
        if np.abs(whole).max() >= _EXACT:
            return None
        if not _same_bits(whole.astype(np.int64) / divisor, values):
            continue
        offsets, middle = _centred(whole.astype(np.int64))
        element = next((name for name in ("int2", "int4") if _fits(offsets, name)), None)
        if element is None:
            return None
        return PackedColumn(start=float(middle), step=0, unit=float(divisor), element=element, offsets=offsets)
    return None


def _as_floats(values: Floats) -> PackedColumn:
    with np.errstate(over="ignore", under="ignore"):
        is_single = _same_bits(values.astype(np.float32).astype(np.float64), values)
    # Minus zero is what can be added to a minus zero without making it plus zero.
    return PackedColumn(start=-0.0, step=0, unit=1.0, element="float4" if is_single else "float8", offsets=values)


def _with_gaps(packed: PackedColumn, told: NDArray[np.bool_]) -> PackedColumn:
    offsets = np.zeros(len(told))
    offsets[told] = packed.offsets  # at most 32 bits wide, or doubles already
    return replace(packed, offsets=offsets, told=told)


def _centred(values: Ints) -> tuple[Ints, int]:
    """Offsets from the middle of the range, and that middle."""
    middle = (int(values.min()) + int(values.max())) // 2
    return values - middle, middle


def _fits(values: Ints, element: str) -> bool:
    limits = np.iinfo(np.dtype(_KINDS[element]))
    return int(values.min()) >= limits.min and int(values.max()) <= limits.max


def _same_bits(one: Floats, other: Floats) -> bool:
    return bool((one.view(np.int64) == other.view(np.int64)).all())


def _width(packed: PackedColumn) -> int:
    return ("", *_INTEGERS).index(packed.element)


def copy_file(days: Iterable[Day]) -> bytes:
    """One binary COPY of several days (PostgreSQL documentation, COPY, "Binary Format")."""
    return b"".join((b"PGCOPY\n\xff\r\n\0", bytes(8), *map(_row, days), b"\xff\xff"))


def _row(day: Day) -> bytes:
    """Columns in the order of the table."""
    integers = [
        pack_integers(values)
        for values in (day.observed_us - day.begins_us, day.received_us - day.observed_us, day.boot, day.seq)
    ]
    numbers = [pack_numbers(day.numbers[name]) for name in NUMERIC_MEASURES]
    fields: list[bytes | None] = [
        day.begins_us.to_bytes(8, "big", signed=True),
        day.device_id.to_bytes(4, "big"),
        len(day.seq).to_bytes(4, "big"),
        *(_array("int8", np.array([getattr(c, name) for c in integers])) for name in ("start", "step", "unit")),
        *(_array("float8", np.array([_of(c, name) for c in numbers])) for name in ("start", "unit")),
        *(_composite(c, _INTEGERS) for c in integers),
        *(None if c is None else _composite(c, _NUMBERS) for c in numbers),
        day.door_open,
        day.extra,
    ]
    return len(fields).to_bytes(2, "big") + b"".join(map(_field, fields))


def _of(column: PackedColumn | None, name: str) -> float:
    return float(getattr(column, name)) if column else 1.0


def _composite(column: PackedColumn, elements: Sequence[str]) -> bytes:
    """PostgreSQL source, `record_send`: number of fields; type, length and bytes of each."""
    images = {element: _image(column, element) for element in elements}
    parts = (types[element].array_oid.to_bytes(4, "big") + _field(image) for element, image in images.items())
    return len(images).to_bytes(4, "big") + b"".join(parts)


def _image(column: PackedColumn, element: str) -> bytes | None:
    if column.offsets is None or column.element != element:
        return None
    return _array(element, column.offsets, column.told)


def _array(element: str, values: NDArray[Any], told: NDArray[np.bool_] | None = None) -> bytes:
    """PostgreSQL source, `array_send`: dimensions, whether there are nulls, type, size, lower bound; the elements."""
    image = np.empty(len(values), [("length", ">i4"), ("value", _KINDS[element])])
    image["length"] = image.dtype["value"].itemsize
    image["value"] = values
    if told is None:
        return _array_header(element, len(values), has_nulls=False) + image.tobytes()
    image["length"][~told] = -1
    kept = np.ones((len(values), image.itemsize), bool)
    kept[~told, 4:] = False
    elements = image.view(np.uint8).reshape(len(values), -1)[kept]
    return _array_header(element, len(values), has_nulls=True) + elements.tobytes()


def _array_header(element: str, size: int, *, has_nulls: bool) -> bytes:
    return np.array([1, has_nulls, types[element].oid, size, 1], ">i4").tobytes()


def _field(image: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if image is None else len(image).to_bytes(4, "big") + image
