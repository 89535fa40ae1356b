"""Maintenance beside writers: it asks for what it lacks a second at most, then lets others pass and comes back.

Nobody can be deadlocked for long like that: writers lock `reading` and then a partition, maintenance the other way.
"""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from psycopg.errors import DeadlockDetected, LockNotAvailable

from wayproof.store.faults import unavailable_on_any_error
from wayproof.store.pool import Conn
from wayproof.store.queries import load

_SQL: Final = load("locks")

_ATTEMPTS: Final = 20
_PAUSE_S: Final = 0.5

T = TypeVar("T")


def maintenance(conn: Conn, work: Callable[[], T]) -> T:
    """What `work` returns, done in one transaction by one maintainer at a time; Unavailable if it never gets in."""

    def prepared() -> T:
        conn.execute(_SQL["prepare"])
        return work()

    with unavailable_on_any_error():
        return giving_way(conn, prepared)


def giving_way(conn: Conn, work: Callable[[], T]) -> T:
    """What `work` returns, in a transaction or within one in a savepoint, tried again where it waited for a lock."""
    for _ in range(_ATTEMPTS - 1):
        try:
            with conn.transaction():
                return work()
        except (LockNotAvailable, DeadlockDetected):
            time.sleep(_PAUSE_S)
    with conn.transaction():
        return work()
