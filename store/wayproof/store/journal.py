"""The journal as exports read it: whole histories of things, as it stood at one moment."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from wayproof.model.clock import LATEST
from wayproof.store.arrays import TextArray
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import fetch_tuples

_SQL: Final = load("journal")
_WORDS_AT_ONCE: Final = 128
"""Each candidate is compared with every word of a tsquery, so a few long ones cost far more than many short ones."""


class JournalEvent(Struct, frozen=True):
    """One event, with what later ones say of it."""

    #: Declared to be wrong.
    is_void: bool
    event_id: int
    epcis_id: str
    event_time: datetime
    record_time: datetime
    #: Set for a declaration that another event was wrong.
    declared_at: datetime | None
    #: JSON as it was sent, and in the words in which it is indexed.
    body: str
    canonical: str
    #: JSON of the document's `@context`; None where it had none.
    context: str | None


def list_naming(conn: Conn, words: Sequence[str], *, as_of: datetime = LATEST) -> list[JournalEvent]:
    """Events that have at least one of the words (`trace.query.words`), by time, as recorded up to `as_of`."""
    rows = {}
    # What each word of a long list costs without the index is beyond the planner's guess: seconds, not milliseconds.
    fetch_tuples(conn, _SQL["prefer_indexes"], {"setting": "off"})
    for start in range(0, len(words), _WORDS_AT_ONCE):
        values = {"words": "|".join(words[start : start + _WORDS_AT_ONCE]), "as_of": as_of}
        rows.update({row[0]: row for row in fetch_tuples(conn, _SQL["list_naming"], values)})
    declared = _declared(conn, {row[1] for row in rows.values()}, as_of)
    fetch_tuples(conn, _SQL["prefer_indexes"], {"setting": "on"})
    found = [JournalEvent(row[4] is None and row[1] in declared, *row) for row in rows.values()]
    return sorted(found, key=lambda event: (event.event_time, event.record_time, event.event_id))


def _declared(conn: Conn, epcis_ids: Collection[str], as_of: datetime) -> set[str]:
    params = {"epcis_ids": TextArray(list(epcis_ids)), "as_of": as_of}
    return {epcis_id for (epcis_id,) in fetch_tuples(conn, _SQL["list_declared"], params)}


def list_places(conn: Conn, glns: Collection[str]) -> Mapping[str, tuple[str, str]]:
    """Name and address of the tenant's sites by GLN; of two with one GLN the older."""
    rows = fetch_tuples(conn, _SQL["list_places"], {"glns": list(glns)})
    return {gln: (name, address) for gln, name, address in rows}
