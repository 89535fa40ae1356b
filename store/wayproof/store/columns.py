"""A batch of readings as columns: what the hot path works on instead of one object a reading.

numpy does the work that would be per row in Python: judging clocks, finding duplicates, the latest of each device,
the ranges of sequence numbers, rollups, and the bytes of PostgreSQL's binary COPY format (PostgreSQL documentation,
COPY, "Binary Format"; of each type, its `*_send` function).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wayproof.model.clock import (
    DEVICE_TIME_BEGINS,
    FUTURE_TOLERANCE,
    GPS_WEEK_ROLLOVER,
    ROLLOVER_BACKLOG,
    ClockFlag,
)
from wayproof.model.reading import MEASURES, NUMERIC_MEASURES
from wayproof.store.microseconds import PG_EPOCH_US, to_microseconds, width_us

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Unknown, in the column of door_open.
DOOR_UNKNOWN: Final = -1

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no header extension
_TRAILER: Final = b"\xff\xff"
_PIECE_ROWS: Final = 2_000
"""What is rendered at once stays in the processor's cache."""
_COLUMN_COUNT: Final = 6 + len(MEASURES)
_BIT_OF_MEASURE: Final = 1 << np.arange(len(MEASURES))


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Readings of known devices, one a row. All arrays have the same length; times are microseconds since 1970."""

    device_id: Ints
    observed_us: Ints
    received_us: Ints
    boot: Ints
    seq: Ints
    #: One row a numeric measure, in the order of NUMERIC_MEASURES; NaN: not told.
    numbers: Floats
    #: 0, 1 or DOOR_UNKNOWN.
    door_open: Ints
    #: Compact JSON, or None.
    extra: Sequence[bytes | None]
    #: Which of the batch's messages each came in.
    source: Ints

    def __len__(self) -> int:
        """How many readings."""
        return len(self.seq)

    @property
    def identity(self) -> tuple[Ints, Ints, Ints, Ints]:
        """What makes a reading the same reading: the key of the table."""
        return self.device_id, self.observed_us, self.boot, self.seq

    def number(self, measure: str) -> Floats:
        """One numeric measure."""
        column: Floats = self.numbers[NUMERIC_MEASURES.index(measure)]
        return column

    def rows(self, index: Ints | Mask | slice) -> "Columns":
        """Some of the readings, in the order of the index."""
        if isinstance(index, slice):
            return self._pick(index, self.extra[index])
        if index.dtype == np.bool_:
            if index.all():
                return self
            index = np.flatnonzero(index)
        return self._pick(index, [self.extra[i] for i in index] if any(self.extra) else [None] * len(index))

    def _pick(self, index: Ints | Mask | slice, extra: Sequence[bytes | None]) -> "Columns":
        picked: dict[str, Any] = {f.name: getattr(self, f.name)[index] for f in fields(self) if f.name not in _SPECIAL}
        return Columns(numbers=self.numbers[:, index], extra=extra, **picked)


_SPECIAL: Final = {"numbers", "extra"}


def join(parts: Sequence[Columns]) -> Columns:
    """Several batches as one, in their order."""
    joined: dict[str, Any] = {
        f.name: np.concatenate([getattr(part, f.name) for part in parts], axis=-1)
        for f in fields(Columns)
        if f.name != "extra"
    }
    return Columns(extra=[extra for part in parts for extra in part.extra], **joined)


def empty() -> Columns:
    """No reading."""
    nothing = np.zeros(0, np.int64)
    times = {"observed_us": nothing, "received_us": nothing}
    return Columns(
        device_id=nothing,
        boot=nothing,
        seq=nothing,
        numbers=np.zeros((len(NUMERIC_MEASURES), 0)),
        door_open=nothing,
        extra=[],
        source=nothing,
        **times,
    )


def clock_flags(columns: Columns) -> Ints:
    """`judge_clock` for all readings at once; a test holds the two together."""
    lag = columns.received_us - (columns.observed_us + width_us(GPS_WEEK_ROLLOVER))
    tolerance = width_us(FUTURE_TOLERANCE)
    future = columns.observed_us > columns.received_us + tolerance
    early = columns.observed_us < to_microseconds(DEVICE_TIME_BEGINS)
    rolled = (lag >= -tolerance) & (lag <= width_us(ROLLOVER_BACKLOG))
    flags: Ints = future * int(ClockFlag.FUTURE)
    flags += early * int(ClockFlag.BEFORE_DEVICE_TIME)
    flags += rolled * int(ClockFlag.WEEK_ROLLOVER)
    return flags


def distinct(columns: Columns) -> Columns:
    """The first of each identity, in the order of identities: the order in which every writer takes its locks."""
    order = np.lexsort(columns.identity[::-1])
    key = np.stack(columns.identity)[:, order]
    first = np.ones(len(order), bool)
    first[1:] = (key[:, 1:] != key[:, :-1]).any(axis=0)
    return columns.rows(order[first])  # lexsort is stable: of equals, the one that came first


def copy_image(columns: Columns, flags: Ints) -> Iterator[bytes]:
    """All readings as the bytes of one binary COPY into `reading`, in pieces: the server works while we render."""
    yield _SIGNATURE
    for first in range(0, len(columns), _PIECE_ROWS):
        piece = slice(first, first + _PIECE_ROWS)
        yield _rows_image(columns.rows(piece), flags[piece])
    yield _TRAILER


def _rows_image(columns: Columns, flags: Ints) -> bytes:
    told = np.vstack([~np.isnan(columns.numbers), columns.door_open != DOOR_UNKNOWN, _has_extra(columns)])
    # Each pattern as one number: sorting whole columns costs more than all the rest of this.
    patterns, first, group = np.unique(_BIT_OF_MEASURE @ told, return_index=True, return_inverse=True)
    parts = [
        _rows_of_pattern(columns, flags, told[:, first[number]], np.flatnonzero(group == number))
        for number in range(len(patterns))
    ]
    return b"".join(parts)


def _rows_of_pattern(columns: Columns, flags: Ints, pattern: Mask, at: Ints) -> bytes:
    """Rows in which the same measures are null: they all have the same layout, but for the length of `extra`."""
    frame = np.zeros(1, _layout(pattern))
    heads = {
        "observed_at": (columns.observed_us[at] - PG_EPOCH_US, 8),
        "received_at": (columns.received_us[at] - PG_EPOCH_US, 8),
        "seq": (columns.seq[at], 8),
        "device_id": (columns.device_id[at], 4),
        "boot": (columns.boot[at], 4),
        "clock_flags": (flags[at], 2),
    }
    numbers = {name: (columns.numbers[i][at], 8) for i, name in enumerate(NUMERIC_MEASURES) if pattern[i]}
    door = {"door_open": (columns.door_open[at], 1)} if pattern[-2] else {}
    told = heads | numbers | door
    frame["columns"] = _COLUMN_COUNT
    for name, (_, width) in told.items():
        frame[f"{name}_bytes"] = width
    for name in frame.dtype.names or ():
        if name.endswith("_null"):
            frame[name] = -1
    image = np.repeat(frame, len(at))  # what all rows have in common, in one go
    for name, (values, _) in told.items():
        image[name] = values
    if not pattern[-1]:
        return image.tobytes()
    return b"".join([row.tobytes() + _jsonb(columns.extra[i]) for row, i in zip(image, at, strict=True)])


def _layout(pattern: Mask) -> np.dtype[np.void]:
    layout: list[tuple[str, str]] = [("columns", ">i2")]
    for name, kind in _HEAD_TYPES:
        layout += [(f"{name}_bytes", ">i4"), (name, kind)]
    for name, told in zip(MEASURES, pattern, strict=True):
        kind = "i1" if name == "door_open" else ">f8"
        if not told:
            layout.append((f"{name}_null", ">i4"))
        elif name != "extra":
            layout += [(f"{name}_bytes", ">i4"), (name, kind)]
    return np.dtype(layout)


_HEAD_TYPES: Final = (
    ("observed_at", ">i8"),
    ("received_at", ">i8"),
    ("seq", ">i8"),
    ("device_id", ">i4"),
    ("boot", ">i4"),
    ("clock_flags", ">i2"),
)


def _has_extra(columns: Columns) -> Mask:
    if not any(columns.extra):
        return np.zeros(len(columns), bool)
    return np.array([extra is not None for extra in columns.extra])


def _jsonb(text: bytes | None) -> bytes:
    if text is None:
        raise ValueError("expected JSON in a row that has an extra, got none")
    return (len(text) + 1).to_bytes(4, "big") + b"\1" + text  # jsonb's version byte
