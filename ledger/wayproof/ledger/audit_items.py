"""The last handoff of every item, while a log is read from its beginning: in a file, as there may be millions."""

import sqlite3
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self

from wayproof.ledger.hexadecimal import to_hex
from wayproof.model.handoff import ZERO_HASH

_SCHEMA: Final = "create table item (name text primary key, seq integer, digest blob) without rowid"
_GET: Final = "select seq, digest from item where name = ?"
_PUT: Final = "insert into item values (?, ?, ?) on conflict do update set seq = excluded.seq, digest = excluded.digest"


class ItemChains:
    """Each item's chain up to the leaf that was read last."""

    def __enter__(self) -> Self:
        """Makes the file, which nobody else reads and no crash must keep."""
        self._folder = TemporaryDirectory(prefix="wayproof-audit-")
        self._file = sqlite3.connect(f"{self._folder.name}/items", isolation_level=None)
        for pragma in ("journal_mode = off", "synchronous = off", "locking_mode = exclusive", "cache_size = -65536"):
            self._file.execute(f"pragma {pragma}")
        self._file.execute(_SCHEMA)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Removes it."""
        self._file.close()
        self._folder.cleanup()

    def follow(self, item: str, *, seq: int, digest: bytes, prev: bytes | None) -> str:
        """Takes the next handoff of an item in the log's order; returns what is wrong with it, or nothing.

        `prev` is None where it was erased.
        """
        row = self._file.execute(_GET, (item,)).fetchone()
        last_seq, last = row or (0, ZERO_HASH)
        if seq <= last_seq:
            if digest == last:
                return f"a duplicate: handoff {seq} stands twice"
            return f"a fork: handoff {seq} ({to_hex(digest)}) comes after handoff {last_seq} ({to_hex(last)})"
        self._file.execute(_PUT, (item, seq, digest))
        if seq > last_seq + 1:
            return f"a gap: handoff {seq} comes after handoff {last_seq}"
        if prev is not None and prev != last:
            return f"handoff {seq} names {to_hex(prev)} as the one before, which is {to_hex(last)}"
        return ""
