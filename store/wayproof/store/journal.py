"""The journal as exports read it: whole histories of things, as it stood at one moment."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final
from uuid import UUID

import numpy as np
from msgspec import Struct

from wayproof.model.clock import LATEST
from wayproof.store.arrays import Int8Array, TextArray, UuidArray
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import fetch_tuples

_SQL: Final = load("journal")
_WORDS_AT_ONCE: Final = 128
"""Each candidate is compared with every word of a tsquery, so a few long ones cost far more than many short ones."""


class IndexedEvent(Struct, frozen=True):
    """One event in the words in which it is indexed."""

    event_id: int
    epcis_id: str
    event_time: datetime
    record_time: datetime
    #: JSON.
    canonical: str
    #: JSON of the document's `@context`; None where it had none.
    context: str | None


class JournalEvent(IndexedEvent, frozen=True):
    """One event as it was sent, with what later ones say of it."""

    #: JSON as it was sent.
    body: str
    #: Set for a declaration that another event was wrong.
    declared_at: datetime | None
    #: Declared to be wrong.
    is_void: bool


def list_naming(conn: Conn, words: Sequence[str], *, as_of: datetime = LATEST) -> list[JournalEvent]:
    """Events that have at least one of the words (`trace.query.words`), by time, as recorded up to `as_of`."""
    rows = {}
    # What each word of a long list costs without the index is beyond the planner's guess: seconds, not milliseconds.
    with _by_indexes(conn):
        for start in range(0, len(words), _WORDS_AT_ONCE):
            values = {"words": "|".join(words[start : start + _WORDS_AT_ONCE]), "as_of": as_of}
            rows.update({row[0]: row for row in fetch_tuples(conn, _SQL["list_naming"], values)})
        declared = _declared(conn, {row[1] for row in rows.values()}, as_of)
    found = [JournalEvent(*(*row, row[-1] is None and row[1] in declared)) for row in rows.values()]
    return sorted(found, key=lambda event: (event.event_time, event.record_time, event.event_id))


def list_told(
    conn: Conn, nodes: Collection[UUID], *, also: Collection[int] = (), as_of: datetime = LATEST
) -> list[IndexedEvent]:
    """Events in which these things of the graph have a part, in no order, as recorded up to `as_of`.

    None that had been declared wrong by then, and no declarations; and those whose ids are in `also`.
    """
    with _by_indexes(conn):
        told = fetch_tuples(conn, _SQL["list_told"], {"nodes": UuidArray(nodes), "as_of": as_of})
        event_ids = {*also, *(event_id for (event_id,) in told)}
        found = fetch_tuples(conn, _SQL["list_events"], _numbers(event_ids))
    return [IndexedEvent(*row) for row in found]


def list_recorded(conn: Conn, event_ids: Collection[int]) -> list[JournalEvent]:
    """Events by their ids with the declarations that they were wrong, in no order."""
    with _by_indexes(conn):
        rows = fetch_tuples(conn, _SQL["list_recorded"], _numbers(event_ids))
        epcis_ids = TextArray(list({row[1] for row in rows}))
        declarations = fetch_tuples(conn, _SQL["list_declarations"], {"epcis_ids": epcis_ids})
    declared = {row[1] for row in declarations}
    return [JournalEvent(*(*row, row[-1] is None and row[1] in declared)) for row in (*rows, *declarations)]


@contextmanager
def _by_indexes(conn: Conn) -> Iterator[None]:
    fetch_tuples(conn, _SQL["prefer_indexes"], {"setting": "off"})
    yield
    fetch_tuples(conn, _SQL["prefer_indexes"], {"setting": "on"})  # after an error the transaction is over anyway


def _numbers(event_ids: Collection[int]) -> dict[str, Int8Array]:
    return {"event_ids": Int8Array(np.array(sorted(event_ids), np.int64))}


def _declared(conn: Conn, epcis_ids: Collection[str], as_of: datetime) -> set[str]:
    params = {"epcis_ids": TextArray(list(epcis_ids)), "as_of": as_of}
    return {epcis_id for (epcis_id,) in fetch_tuples(conn, _SQL["list_declared"], params)}


def list_places(conn: Conn, glns: Collection[str]) -> Mapping[str, tuple[str, str]]:
    """Name and address of the tenant's sites by GLN; of two with one GLN the older."""
    rows = fetch_tuples(conn, _SQL["list_places"], {"glns": list(glns)})
    return {gln: (name, address) for gln, name, address in rows}
