"""Running a query over the journal of a tenant, page by page.

All pages show the journal as it was when the first one was asked for: what is captured meanwhile is not in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from wayproof.store.event_queries import (
    Matching,
    Place,
    Ranked,
    Ranking,
    contexts,
    count_matches,
    find_places,
    newest_place,
    read_events,
)
from wayproof.store.events import StoredEvent
from wayproof.store.pool import Conn
from wayproof.trace.epcis.context import Context
from wayproof.trace.epcis.reading import read_json
from wayproof.trace.query.master_data import resolved
from wayproof.trace.query.query import OrderBy, Query, QueryTooLarge
from wayproof.trace.query.words import term

_RANKINGS: Final = {
    OrderBy.CAPTURE: Ranking.CAPTURE,
    OrderBy.EVENT_TIME: Ranking.EVENT_TIME,
    OrderBy.RECORD_TIME: Ranking.RECORD_TIME,
    OrderBy.FIELD: Ranking.FIELD,
}
_NOTHING: Final = term("", "")
"""A word that no event has."""
_MOST_BYTES: Final = 16 << 20
"""Of the events of one page, unless a single one is larger."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Where a page begins, and what the pages before were."""

    #: Place in the journal of its last event when the first page was asked for.
    upto_id: int
    #: The last event of the page before.
    last_id: int
    last_rank: tuple[str, ...]
    #: Events on all pages before.
    given: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Some of the events that match: fewer than asked for where they are very large."""

    events: Sequence[StoredEvent]
    #: None on the last page.
    next: Position | None


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """Events that match and are new to somebody."""

    events: Sequence[StoredEvent]
    is_more: bool


def search(conn: Conn, query: Query, *, per_page: int, position: Position | None = None) -> Page:
    """One page of the events that match; the first one without `position`.

    Raises:
        QueryTooLarge: more events match than `query.most` allows.
    """
    upto_id = newest_place(conn) if position is None else position.upto_id
    matching = matching_of(conn, query, upto_id=upto_id)
    if position is None and query.most is not None:
        _check_most(conn, matching, query.most)
    given = 0 if position is None else position.given
    size = per_page if query.limit is None else min(per_page, query.limit - given)
    places = find_places(conn, matching, _ranked(conn, query, position), limit=size + 1)
    chosen = _fitting(places[:size])
    following = None
    if len(chosen) < len(places) and not (query.limit is not None and given + len(chosen) >= query.limit):
        last = chosen[-1]
        following = Position(
            upto_id=upto_id, last_id=last.event_id, last_rank=tuple(last.rank), given=given + len(chosen)
        )
    return Page(events=read_events(conn, chosen), next=following)


def since(conn: Conn, query: Query, *, after_id: int, upto_id: int, limit: int) -> News:
    """Events that match between two places in the journal, in the order of capture, which subscribers get."""
    matching = replace(matching_of(conn, query, upto_id=upto_id), after_id=after_id)
    places = find_places(conn, matching, Ranked(by=Ranking.CAPTURE, is_descending=False), limit=limit + 1)
    chosen = _fitting(places[:limit])
    return News(events=read_events(conn, chosen), is_more=len(chosen) < len(places))


def _fitting(places: Sequence[Place]) -> Sequence[Place]:
    """As many as may be in memory at once, and at least one."""
    sizes = accumulate(place.size for place in places)
    fitting = sum(size <= _MOST_BYTES for size in sizes)
    return places[: max(fitting, 1)]


def matching_of(conn: Conn, query: Query, *, upto_id: int | None = None) -> Matching:
    """The conditions of a query in the store's words."""
    terms = [*query.terms, *(resolved(conn, query.master) if query.master else ())]
    ranges = [(number, each) for number, condition in enumerate(query.ranges) for each in condition]
    return Matching(
        words=" & ".join(map(_any_of, terms)) or None,
        is_narrow=query.is_narrow,
        epcis_ids=query.event_ids,
        event_since=query.event_time.since,
        event_before=query.event_time.before,
        record_since=query.record_time.since,
        record_before=query.record_time.before,
        declared_since=query.declared.since,
        declared_before=query.declared.before,
        upto_id=upto_id,
        conditions=len(query.ranges) or None,
        condition=[number for number, _ in ranges],
        fields=[each.field for _, each in ranges],
        dimensions=[each.dimension for _, each in ranges],
        lows=[each.low for _, each in ranges],
        highs=[each.high for _, each in ranges],
    )


def _any_of(terms: Sequence[str]) -> str:
    return f"({' | '.join(dict.fromkeys(terms))})" if terms else _NOTHING


def _check_most(conn: Conn, matching: Matching, most: int) -> None:
    if count_matches(conn, matching, most=most + 1) > most:
        raise QueryTooLarge(f"maxEventCount: expected at most {most:,} events to match, got more")


def _ranked(conn: Conn, query: Query, position: Position | None) -> Ranked:
    order = query.order
    ranked = Ranked(
        by=_RANKINGS[order.by],
        is_descending=order.is_descending,
        field=order.field,
        spellings=spellings(order.field, contexts(conn)) if order.by is OrderBy.FIELD else (),
    )
    return ranked if position is None else replace(ranked, last_id=position.last_id, last_rank=position.last_rank)


def spellings(field: str, of: Sequence[str]) -> list[str]:
    """Names that a field of others may have in documents of these contexts (JSON)."""
    found = {field}
    for content in of:
        context = Context().within(read_json(content.encode()))
        for name, uri in context.prefixes.items():
            found.update([name] if uri == field else [f"{name}:{field[len(uri) :]}"] if field.startswith(uri) else [])
    return sorted(found)
