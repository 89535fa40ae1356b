"""Finding events in the journal: one static query an order, whatever is asked for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from wayproof.store.events import StoredEvent, Vocabulary
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import fetch_all, fetch_tuples

_SQL: Final = load("event_queries")

RANK_LENGTH: Final = 64
"""Characters of a text that count in an order: a token of a page holds them."""


class Ranking(StrEnum):
    """By what events are ordered."""

    CAPTURE = "capture"
    EVENT_TIME = "event_time"
    RECORD_TIME = "record_time"
    FIELD = "field"


@dataclass(frozen=True, kw_only=True, slots=True)
class Matching:
    """What must hold of an event; what is None or empty holds of all."""

    #: Text of a tsquery.
    words: str | None = None
    #: Whether few events have them: then they are found by their words, and sorted.
    is_narrow: bool = False
    epcis_ids: Sequence[str] | None = None
    event_since: datetime | None = None
    event_before: datetime | None = None
    record_since: datetime | None = None
    record_before: datetime | None = None
    declared_since: datetime | None = None
    declared_before: datetime | None = None
    #: Places in the journal.
    after_id: int | None = None
    upto_id: int | None = None
    #: How many conditions on numbers there are; None for none.
    conditions: int | None = None
    #: Of each range: the condition to which it belongs, field, dimension and bounds.
    condition: Sequence[int] = ()
    fields: Sequence[str] = ()
    dimensions: Sequence[str] = ()
    lows: Sequence[float] = ()
    highs: Sequence[float] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """How events are ordered, and the last one already seen."""

    by: Ranking
    is_descending: bool
    #: Of FIELD: its name, and the names that documents give it.
    field: str = ""
    spellings: Sequence[str] = ()
    last_id: int | None = None
    #: `Place.rank` of that one.
    last_rank: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where an event that matches stands: in the journal, and in the order that was asked for."""

    event_id: int
    #: Bytes of the event and its context.
    size: int
    rank: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Naming:
    """An event, and the things that it names."""

    event_id: int
    #: Canonical, some perhaps twice.
    uris: Sequence[str]


def newest_place(conn: Conn) -> int:
    """Place of the tenant's last event in the journal; 0 where there is none."""
    return int(fetch_tuples(conn, _SQL["newest"], {})[0][0] or 0)


def count_matches(conn: Conn, matching: Matching, *, most: int) -> int:
    """How many events match, counted no further than `most`."""
    with _planned(conn, matching):
        return int(fetch_tuples(conn, _SQL["count_matches"], {**_params(matching), "limit": most})[0][0])


def find_places(conn: Conn, matching: Matching, ranked: Ranked, *, limit: int) -> list[Place]:
    """Where events stand that match, from after the last one already seen on."""
    direction = "descending" if ranked.is_descending else "ascending"
    params = {**_params(matching), **_position(ranked), "limit": limit}
    with _planned(conn, matching):
        return fetch_all(conn, Place, _SQL[f"find_by_{ranked.by}_{direction}"], params)


def read_events(conn: Conn, places: Sequence[Place]) -> list[StoredEvent]:
    """The events at these places, in their order."""
    wanted = [place.event_id for place in places]
    found = fetch_all(conn, StoredEvent, _SQL["read_events"], {"event_ids": wanted})
    by_id = {event.event_id: event for event in found}
    return [by_id[event_id] for event_id in wanted]


def contexts(conn: Conn) -> list[str]:
    """JSON of every @context of documents."""
    return [content for (content,) in fetch_tuples(conn, _SQL["contexts"], {})]


def master_data(conn: Conn) -> list[Any]:
    """Vocabulary lists of the tenant's documents (EPCIS 2.0 §9.4.2), the oldest first."""
    return [vocabularies for (vocabularies,) in fetch_tuples(conn, _SQL["master_data"], {})]


def list_values(conn: Conn, vocabulary: Vocabulary, *, after: str, limit: int) -> list[str]:
    """Distinct values of the tenant's events, in order, from after a value on."""
    params = {"vocabulary": vocabulary, "after": after, "limit": limit}
    rows = fetch_tuples(conn, _SQL["list_values"], params)
    return [value for (value,) in rows]


def naming_events(conn: Conn, *, from_id: int, limit: int) -> list[Naming]:
    """The tenant's events in the order of capture, from a place on."""
    return fetch_all(conn, Naming, _SQL["naming_events"], {"from_id": from_id, "limit": limit})


def named_before(conn: Conn, asked: Sequence[tuple[int, str]]) -> set[int]:
    """Of which of these (an event's place, and a tsquery) an earlier event of the tenant has a word."""
    params = {"event_id": [event_id for event_id, _ in asked], "words": [words for _, words in asked]}
    return {number for (number,) in fetch_tuples(conn, _SQL["named_before"], params)}


@contextmanager
def _planned(conn: Conn, matching: Matching) -> Iterator[None]:
    conn.execute(_SQL["plan_anew"], {"may_walk": "off" if matching.is_narrow else "on"})
    yield
    conn.execute(_SQL["plan_as_usual"])


def _params(matching: Matching) -> dict[str, Any]:
    made = asdict(matching)
    # To psycopg a tuple is no array.
    return {name: list(value) if isinstance(value, tuple) else value for name, value in made.items()}


def _position(ranked: Ranked) -> dict[str, Any]:
    made: dict[str, Any] = {"last_id": ranked.last_id}
    if ranked.by is Ranking.FIELD:
        number, words = ranked.last_rank or (None, None)
        position = {"last_number": number, "last_words": words, "rank_length": RANK_LENGTH}
        return made | position | {"order_field": ranked.field, "spellings": list(ranked.spellings)}
    return made if ranked.by is Ranking.CAPTURE else made | {"last_rank": next(iter(ranked.last_rank), None)}
