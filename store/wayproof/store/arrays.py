"""Arrays as parameters: PostgreSQL's binary array format without an object an element, or without escaping texts.

The format: PostgreSQL source, `array_send`: dimensions, whether there are nulls, the element type; size and lower
bound; then length and bytes of each element. Nulls are not written: NaN stands for an unknown number and NEVER for an
unknown time, and queries turn them back with `nullif(x, 'NaN')` and `nullif(x, '-infinity')`. Of texts and UUIDs they
are.
"""

import struct
from collections.abc import Collection, Iterable
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.adapt import Dumper
from psycopg.postgres import types
from psycopg.pq import Format

from wayproof.store.microseconds import PG_EPOCH_US

_HEADER: Final = np.dtype([("dimensions", ">i4"), ("nulls", ">i4"), ("type", ">u4"), ("size", ">i4"), ("low", ">i4")])


class PgArray:
    """A numpy array that goes to PostgreSQL as an array of one type."""

    __slots__ = ("values",)
    element: str
    kind: str

    def __init__(self, values: NDArray[Any]) -> None:
        self.values = values


class Int4Array(PgArray):
    """integer[]."""

    element, kind = "int4", ">i4"


class Int8Array(PgArray):
    """bigint[]."""

    element, kind = "int8", ">i8"


class Float8Array(PgArray):
    """double precision[]; NaN is the caller's null."""

    element, kind = "float8", ">f8"


NEVER: Final = np.iinfo(np.int64).min
"""PostgreSQL's '-infinity'."""


class TimestamptzArray(PgArray):
    """timestamptz[], out of microseconds since 1970."""

    element, kind = "timestamptz", ">i8"

    def __init__(self, values: NDArray[np.int64]) -> None:
        super().__init__(np.where(values == NEVER, NEVER, values - PG_EPOCH_US))


_ARRAY: Final = struct.Struct(">iiIii")
_NULL: Final = (-1).to_bytes(4, "big", signed=True)
_UUID_SIZE: Final = (16).to_bytes(4, "big")


class ImageArray:
    """An array that is written out when it is made, so that whoever holds a lock need not do it."""

    __slots__ = ("image",)
    element: str

    def __init__(self, count: int, elements: Iterable[bytes]) -> None:
        self.image = b"".join((_ARRAY.pack(1, 1, types[self.element].oid, count, 1), *elements))


class TextArray(ImageArray):
    """text[]; None is null."""

    __slots__ = ()
    element = "text"

    def __init__(self, values: Collection[str | None]) -> None:
        images = {value: _text(value) for value in set(values)}  # columns repeat themselves
        super().__init__(len(values), map(images.__getitem__, values))


class UuidArray(ImageArray):
    """uuid[]; None is null.

    Below row-level security this is the only way in: PostgreSQL would not use an index on a column of UUIDs for texts
    that it has to make UUIDs of itself, as that might tell of hidden rows by an error.
    """

    __slots__ = ()
    element = "uuid"

    def __init__(self, values: Collection[UUID | None]) -> None:
        super().__init__(len(values), map(_uuid, values))


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    encoded = value.encode()
    return len(encoded).to_bytes(4, "big") + encoded


def _uuid(value: UUID | None) -> bytes:
    return _NULL if value is None else _UUID_SIZE + value.bytes


class _ImageDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: ImageArray) -> bytes:
        return obj.image


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: PgArray) -> bytes:
        header = np.array([(1, 0, types[obj.element].oid, len(obj.values), 1)], _HEADER)
        image = np.empty(len(obj.values), [("bytes", ">i4"), ("value", obj.kind)])
        image["bytes"] = image.dtype["value"].itemsize
        image["value"] = obj.values
        return header.tobytes() + image.tobytes()


def register_arrays(conn: Connection[Any]) -> None:
    """Lets this connection take the array classes as parameters."""
    numbers, images = (Int4Array, Int8Array, Float8Array, TimestamptzArray), (TextArray, UuidArray)
    for array, base in [*((array, _ArrayDumper) for array in numbers), *((array, _ImageDumper) for array in images)]:
        dumper = type(f"{array.__name__}Dumper", (base,), {"oid": types[array.element].array_oid})
        conn.adapters.register_dumper(array, dumper)
