"""Readings that no receipt has named yet, in a SQLite file that survives a power cut."""

import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from wayproof.devices.codecs.native import encode_json
from wayproof.devices.codecs.wire import check_measures
from wayproof.devices.receipts import Receipt
from wayproof.model.errors import Conflict, InvalidInput, OutboxFull, Unavailable, WayproofError
from wayproof.model.reading import MAX_BOOT, MEASURES, Measures, Reading
from wayproof.store.queries import load

_SQL: Final = load("outbox", "wayproof.devices.publisher")
_APPLICATION_ID: Final = 0x57504F42
"""Marks the file as an outbox ("WPOB")."""

Observation = tuple[datetime, Measures]
"""When something was observed (aware), and what."""


class Outbox:
    """One device's numbered readings, each kept until a receipt names it. Safe to use from several threads.

    A file belongs to one process at a time and counts one boot. Do not restore it from a backup: nothing would be
    lost, but numbers given out since would be given out again.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, capacity: int) -> None:
        self.path = path
        self.capacity = capacity
        self._connection = connection
        self._lock = threading.Lock()
        self._safe_through = 0
        self.boot: int
        self._next_seq: int
        self._pending: int
        self.boot, self._next_seq = connection.execute(_SQL["read_counting"]).fetchone()
        (self._pending,) = connection.execute(_SQL["count_pending"]).fetchone()

    @classmethod
    def open(cls, path: Path, *, boot: int | None = None, capacity: int = 1_000_000) -> Self:
        """Opens the outbox at `path`, or makes it, with a random boot unless one is given.

        Raises Conflict while another process holds the file or if it counts another boot, and InvalidInput if it is
        damaged or no outbox.
        """
        if boot is not None and not 1 <= boot <= MAX_BOOT:
            raise InvalidInput(f"expected a boot from 1 to {MAX_BOOT}, got {boot}")
        with _sqlite_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            with _sqlite_errors(path):
                _prepare(connection, path, boot or 1 + secrets.randbelow(MAX_BOOT))
                outbox = cls(connection, path, capacity)
            outbox._check_boot(boot)
        except BaseException:
            connection.close()
            raise
        return outbox

    @property
    def safe_through(self) -> int:
        """Up to which number receipts have named everything since the outbox was opened."""
        return self._safe_through

    @property
    def next_seq(self) -> int:
        """The number that the next reading will get."""
        return self._next_seq

    def __len__(self) -> int:
        """How many readings wait for a receipt."""
        return self._pending

    def append(self, observations: Iterable[Observation]) -> range:
        """Numbers and keeps observations, all or none; once it returns they survive a power cut. Gives the numbers.

        Raises InvalidInput for a value that no ingestor would take, OutboxFull when the bound is reached or the disk
        is full, Unavailable if the disk fails.
        """
        checked = list(observations)
        for observed_at, measures in checked:
            check_measures(observed_at, measures)
        with self._lock:
            if self._pending + len(checked) > self.capacity:
                raise OutboxFull(f"outbox {self.path} holds {self._pending} of at most {self.capacity} readings")
            seqs = range(self._next_seq, self._next_seq + len(checked))
            with self._transaction() as connection:
                connection.executemany(_SQL["add"], self._rows(seqs, checked))
                connection.execute(_SQL["set_next_seq"], {"next_seq": seqs.stop})
            self._next_seq = seqs.stop
            self._pending += len(seqs)
        return seqs

    def page(self, *, after: int, limit: int) -> list[tuple[int, bytes]]:
        """The lowest `limit` numbers past `after` that wait, each with its encoded reading."""
        with self._lock, _sqlite_errors(self.path):
            return self._connection.execute(_SQL["page"], {"after": after, "limit": limit}).fetchall()

    def remove(self, receipt: Receipt, *, sent_through: int) -> int:
        """Forgets what the receipt names, as far as it has been sent, up to `sent_through`; gives how many that were.

        Receipts of other boots change nothing. A receipt ahead of what was sent speaks of another file that counted
        the same boot: our own reading of that number goes out before it may go.
        """
        if receipt.boot != self.boot:
            return 0
        with self._lock:
            with self._transaction() as connection:
                removed = sum(
                    connection.execute(_SQL["remove"], {"first": first, "last": min(last, sent_through)}).rowcount
                    for first, last in receipt.ranges()
                )
            self._pending -= removed
            self._safe_through = max(self._safe_through, receipt.through)
        return removed

    def skip_to(self, next_seq: int) -> None:
        """Goes on counting at `next_seq`, where everything below is known to be safe; never goes back."""
        with self._lock:
            with self._transaction() as connection:
                connection.execute(_SQL["set_next_seq"], {"next_seq": max(next_seq, self._next_seq)})
            self._next_seq = max(next_seq, self._next_seq)

    def close(self) -> None:
        """Lets go of the file; what waits in it stays."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _check_boot(self, boot: int | None) -> None:
        if boot not in {None, self.boot}:
            raise Conflict(f"outbox {self.path} counts boot {self.boot}, not {boot}: give each boot a file of its own")

    def _rows(self, seqs: range, observations: Sequence[Observation]) -> Iterator[tuple[int, bytes]]:
        for seq, (observed_at, measures) in zip(seqs, observations, strict=True):
            values = {name: getattr(measures, name) for name in MEASURES}
            reading = Reading(observed_at=observed_at.astimezone(UTC), boot=self.boot, seq=seq, **values)
            yield seq, encode_json([reading])

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _sqlite_errors(self.path):
            self._connection.execute("begin immediate")
            with self._connection:  # commits, or rolls back on any error, also one of the commit itself
                yield self._connection


def _prepare(connection: sqlite3.Connection, path: Path, boot: int) -> None:
    # The lock lasts as long as the connection: two senders of one outbox would give out the same numbers.
    connection.execute("pragma locking_mode = exclusive")
    (application_id,) = connection.execute("pragma application_id").fetchone()
    is_new = application_id == 0 and not connection.execute("select 1 from sqlite_schema").fetchone()
    if not is_new and application_id != _APPLICATION_ID:
        raise InvalidInput(f"{path} is a database, but no outbox: give another path")
    connection.execute("pragma journal_mode = wal")
    # FULL syncs at every commit; WAL's default would lose the last commits in a power cut.
    connection.execute("pragma synchronous = full")
    if is_new:
        _create(connection, boot)
    (verdict,) = connection.execute("pragma quick_check(1)").fetchone()
    if verdict != "ok":
        raise _damaged(path, verdict)


def _create(connection: sqlite3.Connection, boot: int) -> None:
    connection.execute("begin immediate")
    with connection:
        connection.execute(f"pragma application_id = {_APPLICATION_ID}")
        connection.execute(_SQL["create_outbox"])
        connection.execute(_SQL["create_pending"])
        connection.execute(_SQL["start_counting"], {"boot": boot})


@contextmanager
def _sqlite_errors(path: Path) -> Iterator[None]:
    """Turns what SQLite and the file system raise into domain errors."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"outbox {path}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise _domain_error(path, error) from error


def _domain_error(path: Path, error: sqlite3.Error) -> WayproofError:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:  # the low byte of an extended code is its primary code
        case sqlite3.SQLITE_BUSY:
            return Conflict(f"outbox {path} is in use by another process: a device has one sender")
        case sqlite3.SQLITE_FULL:
            return OutboxFull(f"outbox {path}: the disk is full")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return _damaged(path, str(error))
        case _:
            return Unavailable(f"outbox {path}: {error}")


def _damaged(path: Path, what: str) -> InvalidInput:
    return InvalidInput(
        f"outbox {path} is damaged ({what}): move it and its -wal file aside and start again, which makes a new outbox "
        "with a new boot; `sqlite3 FILE .recover` may still read what was in the old one"
    )
