"""The log as it stands in the tables, row by row, for an auditor who computes everything again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from wayproof.model.audit import AuditedLeaf, AuditedTile, ClaimedRoot
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import fetch_all
from wayproof.store.violations import domain_errors

_SQL: Final = load("audit")
_PAGE: Final = 1_000


@contextmanager
def snapshot(conn: Conn) -> Iterator[None]:
    """All that is read inside is of one moment; others go on appending meanwhile."""
    with domain_errors(), conn.transaction():
        conn.execute(_SQL["snapshot"])
        yield


def leaves(conn: Conn, start: int, count: int) -> list[AuditedLeaf]:
    """At most `count` leaves from `start` on, with salts and payloads."""
    return fetch_all(conn, AuditedLeaf, _SQL["leaves"], {"start": start, "count": count})


def count_outside(conn: Conn, size: int) -> int:
    """How many rows stand where the log of this size has no leaf."""
    return _count(conn, "outside", size=size)


def tiles(conn: Conn, places: Sequence[tuple[int, int]]) -> list[AuditedTile]:
    """The tiles of these levels and indexes, as far as they exist."""
    params = {"levels": [level for level, _ in places], "tile_indexes": [index for _, index in places]}
    return fetch_all(conn, AuditedTile, _SQL["tiles"], params)


def count_tiles(conn: Conn) -> int:
    """How many there are."""
    return _count(conn, "count_tiles")


def checkpoints(conn: Conn) -> Iterator[ClaimedRoot]:
    """Every signed checkpoint, smallest first."""
    yield from _paged(conn, "checkpoints")


def anchors(conn: Conn) -> Iterator[ClaimedRoot]:
    """Every checkpoint that the chain holds, by what the anchorer saw; smallest first."""
    yield from _paged(conn, "anchors")


def _paged(conn: Conn, name: str) -> Iterator[ClaimedRoot]:
    after = -1
    while page := fetch_all(conn, ClaimedRoot, _SQL[name], {"after": after, "limit": _PAGE}):
        yield from page
        after = page[-1].size


def _count(conn: Conn, name: str, **params: Any) -> int:
    row = conn.execute(_SQL[name], params).fetchone()
    return int(row[0]) if row else 0
