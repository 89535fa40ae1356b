"""Writing a batch: readings, states, sequences and quarantine in one transaction, or nothing at all."""

from collections.abc import Callable, Sequence

import psycopg
from msgspec import Struct
from psycopg.errors import UniqueViolation

from wayproof.model.errors import QuarantineReason
from wayproof.store.faults import BAD_DATA, unavailable_on_any_error
from wayproof.store.pool import Conn
from wayproof.store.quarantine import Rejection, put_aside
from wayproof.store.readings import Arrival, copy_in, copy_new, distinct
from wayproof.store.sequences import Progress, add_sequences
from wayproof.store.states import move_states

_Copy = Callable[[Conn, Sequence[Arrival]], tuple[Sequence[Arrival], list[Rejection]]]
"""Stores distinct arrivals; returns those that were new, and refusals."""


class Batch(Struct, frozen=True, kw_only=True):
    """What a number of messages held."""

    arrivals: Sequence[Arrival]
    rejections: Sequence[Rejection]


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
        new, refused = copy(conn, distinct(batch.arrivals))
        rejections = [*batch.rejections, *refused]
        move_states(conn, batch.arrivals, new)
        progress = add_sequences(conn, batch.arrivals, rejections)
        put_aside(conn, rejections)
    return Written(
        stored=len(new),
        duplicates=len(batch.arrivals) - len(new) - len(refused),
        rejections=rejections,
        progress=progress,
    )


def _straight(conn: Conn, arrivals: Sequence[Arrival]) -> tuple[Sequence[Arrival], list[Rejection]]:
    return copy_in(conn, arrivals), []


def _through_staging(conn: Conn, arrivals: Sequence[Arrival]) -> tuple[Sequence[Arrival], list[Rejection]]:
    return copy_new(conn, arrivals), []


def _in_halves(conn: Conn, arrivals: Sequence[Arrival]) -> tuple[Sequence[Arrival], list[Rejection]]:
    try:
        with conn.transaction():
            return _through_staging(conn, arrivals)
    except BAD_DATA:
        if len(arrivals) == 1:
            return _last_try(conn, arrivals)
    middle = len(arrivals) // 2
    (new_low, refused_low), (new_high, refused_high) = (
        _in_halves(conn, half) for half in (arrivals[:middle], arrivals[middle:])
    )
    return [*new_low, *new_high], refused_low + refused_high


def _last_try(conn: Conn, arrivals: Sequence[Arrival]) -> tuple[Sequence[Arrival], list[Rejection]]:
    """One row, once more: it fails for its partition (CheckViolation) when its day is opened while it waits."""
    try:
        with conn.transaction():
            return _through_staging(conn, arrivals)
    except BAD_DATA as error:
        return (), [_refusal(arrivals[0], error)]


def _refusal(arrival: Arrival, error: psycopg.Error) -> Rejection:
    return Rejection(
        message=arrival.message,
        raw=arrival.message.payload,
        reason=QuarantineReason.REFUSED_BY_DATABASE,
        detail=f"{type(error).__name__}: {error}",
        boot=arrival.reading.boot,
        seq=arrival.reading.seq,
    )
