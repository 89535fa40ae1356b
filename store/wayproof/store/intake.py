"""Writing a batch: readings, states, sequences and quarantine in one transaction, or nothing at all."""

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct
from psycopg.errors import UniqueViolation

from wayproof.model.errors import QuarantineReason
from wayproof.store.columns import Columns, Ints, clock_flags, distinct
from wayproof.store.faults import BAD_DATA, unavailable_on_any_error
from wayproof.store.pool import Conn
from wayproof.store.quarantine import Message, Rejection, put_aside
from wayproof.store.readings import copy_in, copy_new, leave_out_packed
from wayproof.store.rollups import add_rollups
from wayproof.store.sequences import Progress, add_sequences
from wayproof.store.states import move_states


class Batch(Struct, frozen=True, kw_only=True):
    """What a number of messages held."""

    arrivals: Columns
    #: The message that rows of `arrivals` name by their `source`.
    message: Callable[[int], Message]
    rejections: Sequence[Rejection]


class _Copied(Struct, frozen=True, kw_only=True):
    """Which of distinct arrivals are new, by row, and what PostgreSQL refused."""

    new: Ints
    refused: Sequence[Rejection] = ()


_Copy = Callable[[Conn, Batch, Columns, Ints], _Copied]
"""Stores distinct arrivals of a batch, given their clock flags."""


class Written(Struct, frozen=True, kw_only=True):
    """What became of a batch, once it is committed."""

    #: Rows that are new in table `reading`.
    stored: int
    #: Arrivals that were stored before, or came twice in this batch.
    duplicates: int
    #: Everything that went to quarantine: the batch's rejections and what PostgreSQL refused.
    rejections: Sequence[Rejection]
    #: What each (device, boot) in the batch may be told, duplicates included.
    progress: Sequence[Progress]


def write_batch(conn: Conn, batch: Batch) -> Written:
    """Writes and commits `batch`; Unavailable where nothing was written and trying again can help.

    `conn` stands outside any transaction. Straight COPY first, which is the fastest; where something is stored
    already, through a staging table; where PostgreSQL refuses a row, in halves until the row is found.
    """
    with unavailable_on_any_error():
        for copy in (_straight, _through_staging):
            try:
                return _write(conn, batch, copy)
            except UniqueViolation:
                continue
            except BAD_DATA:
                break
        return _write(conn, batch, _in_halves)


def _write(conn: Conn, batch: Batch, copy: _Copy) -> Written:
    with conn.transaction():
        arrivals = leave_out_packed(conn, distinct(batch.arrivals))
        flags = clock_flags(arrivals)
        copied = copy(conn, batch, arrivals, flags)
        stored, stored_flags = arrivals.rows(copied.new), flags[copied.new]
        rejections = [*batch.rejections, *copied.refused]
        move_states(conn, batch.arrivals, stored, stored_flags)
        add_rollups(conn, stored.rows(stored_flags == 0))
        progress = add_sequences(conn, batch.arrivals, rejections)
        put_aside(conn, rejections)
    return Written(
        stored=len(stored),
        duplicates=len(batch.arrivals) - len(stored) - len(copied.refused),
        rejections=rejections,
        progress=progress,
    )


def _straight(conn: Conn, _batch: Batch, arrivals: Columns, flags: Ints) -> _Copied:
    copy_in(conn, arrivals, flags)
    return _Copied(new=np.arange(len(arrivals)))


def _through_staging(conn: Conn, _batch: Batch, arrivals: Columns, flags: Ints) -> _Copied:
    return _Copied(new=copy_new(conn, arrivals, flags))


def _in_halves(conn: Conn, batch: Batch, arrivals: Columns, flags: Ints) -> _Copied:
    try:
        with conn.transaction():
            return _through_staging(conn, batch, arrivals, flags)
    except BAD_DATA:
        if len(arrivals) == 1:
            return _last_try(conn, batch, arrivals, flags)
    middle = len(arrivals) // 2
    low, high = np.arange(middle), np.arange(middle, len(arrivals))
    first, second = (_in_halves(conn, batch, arrivals.rows(half), flags[half]) for half in (low, high))
    return _Copied(new=np.append(first.new, second.new + middle), refused=[*first.refused, *second.refused])


def _last_try(conn: Conn, batch: Batch, arrivals: Columns, flags: Ints) -> _Copied:
    """One row, once more: it fails for its partition (CheckViolation) when its day is opened while it waits."""
    try:
        with conn.transaction():
            return _through_staging(conn, batch, arrivals, flags)
    except BAD_DATA as error:
        message = batch.message(int(arrivals.source[0]))
        refusal = Rejection(
            message=message,
            raw=message.payload,
            reason=QuarantineReason.REFUSED_BY_DATABASE,
            detail=f"{type(error).__name__}: {error}",
            boot=int(arrivals.boot[0]),
            seq=int(arrivals.seq[0]),
        )
        return _Copied(new=np.arange(0), refused=[refusal])
