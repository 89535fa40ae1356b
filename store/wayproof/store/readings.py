"""Writing readings: rows in PostgreSQL's binary COPY format, packed here.

The format: PostgreSQL documentation, COPY, "Binary Format"; of each type, its `*_send` function.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from struct import Struct as Packer
from typing import Any, Final

import msgspec
from msgspec import Struct

from wayproof.model.clock import ClockFlag
from wayproof.model.reading import MEASURES, NUMERIC_MEASURES, Reading
from wayproof.store.pool import Conn
from wayproof.store.quarantine import Message
from wayproof.store.queries import load

_SQL: Final = load("readings")

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no header extension
_TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_BOOLEAN: Final = {None: _NULL, False: b"\0\0\0\1\0", True: b"\0\0\0\1\1"}
_JSONB_VERSION: Final = b"\1"

_IDENTIFYING: Final = 6
_COLUMNS: Final = _IDENTIFYING + len(MEASURES)
_HEAD: Final = Packer(">h iq iq iq ii ii ih")
"""Number of columns; then length and value of observed_at, received_at, seq, device_id, boot and clock_flags."""
_NUMBER: Final = Packer(">id")
_LENGTH: Final = Packer(">i")

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_numbers = attrgetter(*NUMERIC_MEASURES)

Identity = tuple[int, datetime, int, int]
"""What makes a reading the same reading: (device_id, observed_at, boot, seq)."""


class Arrival(Struct, frozen=True, kw_only=True):
    """A reading of a known device on its way into the table."""

    message: Message
    device_id: int
    reading: Reading
    clock_flags: ClockFlag
    #: The row as binary COPY wants it: `pack` of the other fields.
    row: bytes

    @property
    def identity(self) -> Identity:
        """The key of the table."""
        return self.device_id, self.reading.observed_at, self.reading.boot, self.reading.seq


def pack(reading: Reading, *, device_id: int, received_at: datetime, clock_flags: ClockFlag) -> bytes:
    """One row in binary COPY format, without signature and trailer."""
    head = _HEAD.pack(
        _COLUMNS,
        *(8, _microseconds(reading.observed_at)),
        *(8, _microseconds(received_at)),
        *(8, reading.seq),
        *(4, device_id),
        *(4, reading.boot),
        *(2, clock_flags),
    )
    numbers = [_NULL if value is None else _NUMBER.pack(8, value) for value in _numbers(reading)]
    return b"".join((head, *numbers, _BOOLEAN[reading.door_open], _jsonb(reading.extra)))


def distinct(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """The first of each identity, in the order of identities: the order in which every writer takes its locks."""
    first: dict[Identity, Arrival] = {}
    for arrival in arrivals:
        first.setdefault(arrival.identity, arrival)
    return [first[identity] for identity in sorted(first)]


def copy_in(conn: Conn, arrivals: Sequence[Arrival]) -> Sequence[Arrival]:
    """Stores distinct arrivals and returns them. UniqueViolation if one is stored already."""
    if arrivals:
        with conn.cursor() as cursor, cursor.copy(_SQL["copy_in"]) as copy:
            copy.write(_file(arrivals))
    return arrivals


def copy_new(conn: Conn, arrivals: Sequence[Arrival]) -> Sequence[Arrival]:
    """Stores those of distinct arrivals that are not stored yet, and returns them."""
    with conn.cursor() as cursor:
        cursor.execute(_SQL["create_staging"])
        cursor.execute(_SQL["empty_staging"])
        with cursor.copy(_SQL["copy_to_staging"]) as copy:
            copy.write(_file(arrivals))
        stored = set(cursor.execute(_SQL["insert_staged"]))
    return [arrival for arrival in arrivals if arrival.identity in stored]


def _file(arrivals: Iterable[Arrival]) -> bytes:
    return b"".join((_SIGNATURE, *(arrival.row for arrival in arrivals), _TRAILER))


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _jsonb(value: dict[str, Any] | None) -> bytes:
    if value is None:
        return _NULL
    text = msgspec.json.encode(value)
    return b"".join((_LENGTH.pack(len(_JSONB_VERSION) + len(text)), _JSONB_VERSION, text))
