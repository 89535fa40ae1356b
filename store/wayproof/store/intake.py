"""Writing a batch: readings, states, sequences and quarantine in one transaction, or nothing at all."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from msgspec import Struct
from psycopg.errors import UniqueViolation

from wayproof.model.errors import QuarantineReason
from wayproof.store.columns import Columns, Ints, Mask, clock_flags, distinct
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


class _Stored(Struct, frozen=True, kw_only=True):
    """What became of distinct arrivals: how many were new, and what PostgreSQL refused."""

    new: int
    refused: Sequence[Rejection] = ()


_Copy = Callable[[Conn, Columns, Ints], Mask]
"""Stores distinct arrivals, given their clock flags, and tells which rows were new."""


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
        for copy in (_straight, copy_new):
            try:
                return _write(conn, batch, partial(_store, copy, conn, batch.arrivals))
            except UniqueViolation:
                continue
            except BAD_DATA:
                break
        return _write(conn, batch, partial(_in_halves, conn, batch))


def _write(conn: Conn, batch: Batch, store: Callable[[Columns, Ints], _Stored]) -> Written:
    with conn.transaction():
        arrivals = leave_out_packed(conn, distinct(batch.arrivals))
        stored = store(arrivals, clock_flags(arrivals))
        rejections = [*batch.rejections, *stored.refused]
        progress = add_sequences(conn, batch.arrivals, rejections)
        put_aside(conn, rejections)
    return Written(
        stored=stored.new,
        duplicates=len(batch.arrivals) - stored.new - len(stored.refused),
        rejections=rejections,
        progress=progress,
    )


def _store(copy: _Copy, conn: Conn, contact: Columns, arrivals: Columns, flags: Ints) -> _Stored:
    """Readings and what is counted by them; `contact` are the arrivals that tell when we heard of a device."""
    new = copy(conn, arrivals, flags)
    stored, stored_flags = arrivals.rows(new), flags[new]
    move_states(conn, contact, stored, stored_flags)
    add_rollups(conn, stored.rows(stored_flags == 0))
    return _Stored(new=len(stored))


def _straight(conn: Conn, arrivals: Columns, flags: Ints) -> Mask:
    copy_in(conn, arrivals, flags)
    return np.ones(len(arrivals), bool)


def _in_halves(conn: Conn, batch: Batch, arrivals: Columns, flags: Ints) -> _Stored:
    """Whatever it is that PostgreSQL calls bad, the row or what would be counted by it: found, and set aside alone."""
    try:
        with conn.transaction():
            return _store(copy_new, conn, arrivals, arrivals, flags)
    except BAD_DATA:
        if len(arrivals) == 1:
            return _last_try(conn, batch, arrivals, flags)
    middle = len(arrivals) // 2
    low, high = np.arange(middle), np.arange(middle, len(arrivals))
    first, second = (_in_halves(conn, batch, arrivals.rows(half), flags[half]) for half in (low, high))
    return _Stored(new=first.new + second.new, refused=[*first.refused, *second.refused])


def _last_try(conn: Conn, batch: Batch, arrivals: Columns, flags: Ints) -> _Stored:
    """One row, once more: it fails for its partition (CheckViolation) when its day is opened while it waits."""
    try:
        with conn.transaction():
            return _store(copy_new, conn, arrivals, arrivals, flags)
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
        return _Stored(new=0, refused=[refusal])
