"""The things that a recall starts from, each with the time from which on it counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from wayproof.model.errors import InvalidInput
from wayproof.model.graph import EVER_AFTER, EVER_BEFORE
from wayproof.store import exposures, graph
from wayproof.store.pool import Conn
from wayproof.trace.epcis.formats import untold
from wayproof.trace.epcis.vocabulary import web_uri
from wayproof.trace.graph.build import key_of
from wayproof.trace.identifiers import parse
from wayproof.trace.query.words import term
from wayproof.trace.recall.criteria import Criteria, Exposure, Lots, Place, Supplier
from wayproof.trace.recall.heat import Exposed, Heat, find_exposed, find_heat
from wayproof.trace.recall.presence import LEAVES, place_words, present
from wayproof.trace.recall.stays import Stay, opened

MOST_STARTS: Final = 50_000
_STEP: Final = "https://ref.gs1.org/cbv/BizStep-"
_MADE: Final = frozenset(_STEP + word for word in ("commissioning", "creating_class_instance"))
_PARTIES: Final = ("owning_party", "possessing_party", "location")
_PARTY, _PLACE = "https://id.gs1.org/417/", "https://id.gs1.org/414/"
_S_PER_MINUTE: Final = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """A thing from which a recall starts."""

    node: UUID
    #: Canonical.
    uri: str
    #: EVER_BEFORE: always.
    since: datetime
    #: Why, for people.
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AsOf:
    """What was known when the question was asked."""

    #: Events recorded by then.
    journal: datetime
    #: Readings received by then.
    readings: datetime
    #: Whether the journal has gone on since: what is derived of it must then be derived again.
    is_past: bool

    @property
    def graph(self) -> datetime | None:
        """For the graph; None: as it is now."""
        return self.journal if self.is_past else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ride:
    """A time beyond the limit, and the shipments that its device was on."""

    heat: Heat
    shipments: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Where a recall starts, and what told so."""

    starts: tuple[Start, ...]
    rides: tuple[Ride, ...] = ()
    #: Things that stood beyond the limit for long enough only if what nobody saw is counted.
    suspects: tuple[Start, ...] = ()


def find_starts(conn: Conn, tenant_id: UUID, criteria: Criteria, as_of: AsOf) -> Found:
    """Where a recall of these criteria starts, by URI.

    Raises:
        InvalidInput: more than MOST_STARTS things, or a place or supplier that breaks its scheme's rules.
        NotFound: a lot, place or supplier that no event tells of, or no such device.
    """
    found = _found(conn, tenant_id, criteria, as_of)
    if len(found.starts) > MOST_STARTS:
        raise InvalidInput(
            f"expected at most {MOST_STARTS:,} things to start from, got {len(found.starts):,}: narrow it"
        )
    if not found.starts:
        _check_is_known(conn, criteria, as_of)
    return found


def _check_is_known(conn: Conn, criteria: Criteria, as_of: AsOf) -> None:
    """Refuses a place or supplier that is nowhere told of: a typing error must not look like a clean bill."""
    match criteria:
        case Place(place=uri):
            member, words = "place", place_words(uri)
        case Supplier(source=uri):
            member, words = "source", [*_source_words(uri), *place_words(uri)]
        case _:
            return
    if exposures.is_told_of(conn, words, as_of=as_of.journal):
        return
    try:
        parse(uri)
    except InvalidInput as error:
        raise InvalidInput(str(error), pointer=f"/criteria/{member}") from error
    raise untold(uri)


def _found(conn: Conn, tenant_id: UUID, criteria: Criteria, as_of: AsOf) -> Found:
    match criteria:
        case Lots():
            return Found(starts=_of_lots(conn, tenant_id, criteria, as_of))
        case Place():
            return Found(starts=_of_place(conn, criteria, as_of))
        case Supplier():
            return Found(starts=_of_supplier(conn, criteria, as_of))
        case Exposure():
            return _of_exposure(conn, tenant_id, criteria, as_of)


def _of_lots(conn: Conn, tenant_id: UUID, criteria: Lots, as_of: AsOf) -> tuple[Start, ...]:
    keys = {key_of(tenant_id, uri): uri for uri in criteria.items}
    unknown = keys.keys() - {each.node_id for each in graph.happened(conn, keys, as_of=as_of.journal)}
    if unknown:
        raise untold(*sorted(keys[key] for key in unknown))
    stays = [Stay(place, key, EVER_BEFORE, EVER_AFTER) for place, key in enumerate(keys)]
    inside = [stay for stay in opened(conn, stays, as_of.graph) if stay.node not in keys]
    found = [(key, EVER_BEFORE, "named") for key in keys]
    found += [(stay.node, stay.low, f"in {criteria.items[stay.origin]}") for stay in inside]
    return _named(conn, found)


def _of_place(conn: Conn, criteria: Place, as_of: AsOf) -> tuple[Start, ...]:
    there = present(
        conn,
        criteria.place,
        since=criteria.since,
        until=criteria.until,
        as_of=as_of.graph,
        journal_as_of=as_of.journal,
    )
    return _named(conn, [(node, low, "was there") for node, low, _ in there])


def _of_supplier(conn: Conn, criteria: Supplier, as_of: AsOf) -> tuple[Start, ...]:
    came = exposures.list_from(
        conn,
        criteria.source,
        words=_source_words(criteria.source),
        near=place_words(criteria.source),
        steps=LEAVES | _MADE,
        since=criteria.since,
        until=criteria.until,
        as_of=as_of.journal,
    )
    stays = [Stay(place, node, at, at) for place, (node, at) in enumerate(came)]
    return _named(conn, [(stay.node, stay.low, "came from there") for stay in opened(conn, stays, as_of.graph)])


def _source_words(source: str) -> list[str]:
    """The words of events that name a party or place as where things came from."""
    return [
        term(f"source_{web_uri('sourceDestinationType', kind)}", uri) for kind in _PARTIES for uri in both_glns(source)
    ]


def both_glns(uri: str) -> list[str]:
    """A place and the party of the same number, whichever of them is named; another URI alone."""
    for one, other in ((_PARTY, _PLACE), (_PLACE, _PARTY)):
        if uri.startswith(one):
            return [uri, other + uri.removeprefix(one)]
    return [uri]


def _of_exposure(conn: Conn, tenant_id: UUID, criteria: Exposure, as_of: AsOf) -> Found:
    heat = find_heat(conn, criteria, as_of=as_of.readings)
    exposed, shipments = find_exposed(conn, tenant_id, heat, as_of=as_of.graph, journal_as_of=as_of.journal)
    wanted_s = criteria.at_least.total_seconds()
    sure = [each for each in exposed if each.known_s >= wanted_s]
    starts = _named(conn, _said(sure))
    suspects = _named(conn, _said(each for each in exposed if each.known_s < wanted_s <= each.known_s + each.unknown_s))
    certain = {start.node for start in starts}
    return Found(
        starts=starts,
        suspects=tuple(each for each in suspects if each.node not in certain),
        rides=tuple(
            Ride(heat=each, shipments=tuple(dict.fromkeys(shipments.get(place, ())))) for place, each in enumerate(heat)
        ),
    )


def _said(exposed: Iterable[Exposed]) -> list[tuple[UUID, datetime, str]]:
    return [(each.node, each.begins_at, _detail(each)) for each in exposed]


def _detail(exposed: Exposed) -> str:
    much = "" if exposed.quantity is None else f", {exposed.quantity:g} {exposed.unit or 'pieces'}"
    unknown = f" and {exposed.unknown_s / _S_PER_MINUTE:.0f} min unknown" if exposed.unknown_s else ""
    return (
        f"{exposed.known_s / _S_PER_MINUTE:.0f} min{unknown} from {exposed.begins_at:%Y-%m-%d %H:%M}Z,"
        f" up to {exposed.peak_c:g} °C by {', '.join(exposed.devices)}{much}"
    )


def _named(conn: Conn, found: Sequence[tuple[UUID, datetime, str]]) -> tuple[Start, ...]:
    """Each thing once, from its earliest time on, by URI; what no event names is none."""
    earliest: dict[UUID, tuple[datetime, str]] = {}
    for node, since, detail in sorted(found, key=lambda each: (each[1], each[2])):
        earliest.setdefault(node, (since, detail))
    uris = graph.uris(conn, list(earliest))
    starts = [
        Start(node=node, uri=uris[node], since=since, detail=detail)
        for node, (since, detail) in earliest.items()
        if node in uris
    ]
    return tuple(sorted(starts, key=lambda start: start.uri))
