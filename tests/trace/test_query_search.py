"""Queries find what a plain filter over all events of third parties finds."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive_query import Seen, extension_fields, matches

from wayproof.store.event_queries import RANK_LENGTH
from wayproof.store.pool import Conn, Pool, tenant_transaction
from wayproof.trace.capture import capture
from wayproof.trace.epcis.context import Context
from wayproof.trace.epcis.reading import read_json
from wayproof.trace.epcis.units import UNITS
from wayproof.trace.query.parameters import query_of_json, query_of_url
from wayproof.trace.query.query import QueryTooLarge
from wayproof.trace.query.search import search, since

from epcis_vectors import needs_vectors, valid_files, xml_files
from fix_epcis import dumped, new_document, new_event

_ALL_RELATIONS = ("EQ", "GT", "GE", "LT", "LE")
_REPORT_NUMBERS = ("value", "minValue", "maxValue", "meanValue", "sDev", "percValue")
_REPORT_WORDS = (
    "type", "deviceID", "dataProcessingMethod", "bizRules", "microorganism", "chemicalSubstance", "stringValue",
    "hexBinaryValue", "uriValue", "booleanValue",
)  # fmt: skip


class Searched:
    """The journal of one tenant, and everything in it."""

    def __init__(self, pool: Pool, tenant_id: UUID, superuser: Conn) -> None:
        self.pool = pool
        self.tenant_id = tenant_id
        self.superuser = superuser

    def add(self, data: bytes, **options: Any) -> None:
        """Captures a document, as far as it can be."""
        with tenant_transaction(self.pool, self.tenant_id) as conn:
            capture(conn, self.tenant_id, data, lenient=True, proceed=True, **options)

    def seen(self) -> list[Seen]:
        """All events."""
        rows = self.superuser.execute(
            "select event_id, epcis_id, record_time, canonical::text, content from epcis_event"
            " left join epcis_context using (context_id) where tenant_id = %s order by event_id",
            [self.tenant_id],
        )
        return [self._seen(*row) for row in rows]

    @staticmethod
    def _seen(event_id: int, epcis_id: str, record_time: datetime, canonical: str, content: str | None) -> Seen:
        event = read_json(canonical.encode())
        outer = Context().within(None if content is None else read_json(content.encode()))
        context = outer.within(event.get("@context"))
        return Seen(event_id=event_id, epcis_id=epcis_id, record_time=record_time, event=event, context=context)

    def found(self, *pairs: tuple[str, str], per_page: int = 1_000) -> list[int]:
        """Places of the events that a query finds, page after page."""
        query, position, found = query_of_url(pairs), None, []
        while True:
            with tenant_transaction(self.pool, self.tenant_id) as conn:
                page = search(conn, query, per_page=per_page, position=position)
            found += [event.event_id for event in page.events]
            position = page.next
            if position is None:
                return found


@pytest.fixture
def journal(api_pool: Pool, superuser: Conn, tenant_factory: Callable[[str], UUID]) -> Searched:
    """An empty journal."""
    return Searched(api_pool, tenant_factory("acme"), superuser)


@pytest.fixture
def filled(journal: Searched) -> Searched:
    """A journal of every document of third parties, each document recorded a minute after the one before."""
    for number, path in enumerate((valid_files() | xml_files()).values()):
        journal.add(path.read_bytes(), now=datetime(2026, 1, 1, number // 60, number % 60, tzinfo=UTC))
    journal.superuser.execute("analyze")
    return journal


def _conditions(seen: Seen) -> Iterator[tuple[str, str]]:
    """Parameters that each let this event through or just do not, one for everything that it says."""
    event = seen.event
    yield "eventType", seen.context.expand(event["type"])
    yield "EQ_eventID", seen.epcis_id
    for relation in ("GE", "LT"):
        yield f"{relation}_eventTime", event["eventTime"]
        yield f"{relation}_recordTime", seen.record_time.isoformat()
        if "errorDeclaration" in event:
            yield f"{relation}_errorDeclarationTime", event["errorDeclaration"]["declarationTime"]
    yield from _words(event)
    yield from _identifiers(event)
    yield from _numbers(event)
    yield from _sensors(event)
    yield from _fields(seen)


def _words(event: Any) -> Iterator[tuple[str, str]]:
    for name in ("action", "bizStep", "disposition", "transformationID"):
        if name in event:
            yield f"EQ_{name}", event[name]
    for name in ("readPoint", "bizLocation"):
        if "id" in event.get(name, {}):
            yield f"EQ_{name}", event[name]["id"]
    for which, words in event.get("persistentDisposition", {}).items():
        yield from ((f"EQ_persistentDisposition_{which}", word) for word in words)
    for name in ("bizTransaction", "source", "destination"):
        yield from (
            (f"EQ_{name}_{each['type']}", each[name]) for each in event.get(f"{name}List", ()) if "type" in each
        )
    declaration = event.get("errorDeclaration", {})
    if "reason" in declaration:
        yield "EQ_errorReason", declaration["reason"]
    yield from (("EQ_correctiveEventID", each) for each in declaration.get("correctiveEventIDs", ()))
    yield from ((f"EXISTS_{name}", "true") for name in ("errorDeclaration", "sensorElementList") if name in event)


def _identifiers(event: Any) -> Iterator[tuple[str, str]]:
    lists = {"epcList": "epc", "childEPCs": "epc", "inputEPCList": "inputEPC", "outputEPCList": "outputEPC"}
    for name, field in lists.items():
        for uri in event.get(name, ())[:3]:
            yield from ((f"MATCH_{each}", uri) for each in (field, "anyEPC"))
    if "parentID" in event:
        yield from (("MATCH_parentID", event["parentID"]), ("MATCH_anyEPC", event["parentID"]))
    classes = {
        "quantityList": "epcClass", "childQuantityList": "epcClass",
        "inputQuantityList": "inputEPCClass", "outputQuantityList": "outputEPCClass",
    }  # fmt: skip
    for name, field in classes.items():
        for element in event.get(name, ()):
            yield from ((f"MATCH_{each}", element["epcClass"]) for each in (field, "anyEPCClass"))
    for pattern in ("urn:epc:idpat:sgtin:4012345.*.*", "urn:epc:idpat:sgtin:*.*.*", "urn:epc:idpat:sscc:*.*"):
        yield from ((f"MATCH_{name}", pattern) for name in ("epc", "anyEPC", "anyEPCClass"))


def _numbers(event: Any) -> Iterator[tuple[str, str]]:
    for name in ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"):
        for element in event.get(name, ()):
            for relation in _ALL_RELATIONS if "quantity" in element else ():
                yield f"{relation}_quantity", str(element["quantity"])
                if "uom" in element:
                    yield f"{relation}_quantity_{element['uom']}", str(element["quantity"])


def _sensors(event: Any) -> Iterator[tuple[str, str]]:
    for element in event.get("sensorElementList", ()):
        for part in (element.get("sensorMetadata", {}), *element.get("sensorReport", ())):
            yield from ((f"EQ_{n}", str(part[n]).replace("True", "true")) for n in _REPORT_WORDS if n in part)
            for name in ("time", "startTime", "endTime"):
                yield from ((f"{relation}_{name}", part[name]) for relation in ("GE", "LT") if name in part)
            for relation in _ALL_RELATIONS:
                yield from _report_numbers(part, relation)


def _report_numbers(part: Any, relation: str) -> Iterator[tuple[str, str]]:
    if "percRank" in part:
        yield f"{relation}_percRank", str(part["percRank"])
    uom = part.get("uom")
    for name in _REPORT_NUMBERS if uom else ():
        if name in part:
            yield f"{relation}_{name}_{uom}", str(part[name])
            if uom == "CEL":
                yield f"{relation}_{name}_KEL", str(part[name])


def _fields(seen: Seen) -> Iterator[tuple[str, str]]:
    for field, value in extension_fields(seen):
        yield f"EXISTS_{field}", ""
        for member in value if isinstance(value, list) else [value]:
            if isinstance(member, str | int | float) and "|" not in str(member) and str(member):
                text = str(member).lower() if isinstance(member, bool) else str(member)
                yield f"EQ_{field}", text
                if text[0].isdigit() and not any(char.isspace() for char in text):
                    yield from ((f"{relation}_{field}", text) for relation in _ALL_RELATIONS if _is_ordered(text))


def _is_ordered(text: str) -> bool:
    return text.replace(".", "", 1).isdigit() or ("T" in text and text[-1] == "Z")


@needs_vectors
def test_each_parameter_finds_what_a_filter_finds(filled: Searched) -> None:
    """For every value that any event has, each parameter finds exactly the events that say it or stand so to it."""
    events = filled.seen()
    conditions = sorted({pair for seen in events for pair in _conditions(seen)})
    families = {name.split("_")[0] + "_" + name.split("_")[1] if "_" in name else name for name, _ in conditions}
    assert len(events) > 140
    assert len(conditions) > 1_000, families
    chosen = random.Random(5).sample(conditions, 700)
    for name, value in [*chosen, *((n, v) for n, v in conditions if n.startswith(("MATCH_", "EXISTS_")))]:
        expected = [seen.event_id for seen in events if matches(seen, name, value)]
        assert filled.found((name, value)) == expected, (name, value)


@needs_vectors
def test_parameters_together_find_what_a_filter_finds(filled: Searched) -> None:
    """Parameters are joined by and, values of one by or; whatever the order, pages hold each event once."""
    events = filled.seen()
    conditions = sorted({pair for seen in events for pair in _conditions(seen) if "|" not in pair[1]})
    lists = [pair for pair in conditions if pair[0].startswith(("EQ_biz", "MATCH_", "EQ_action", "eventType"))]
    orders = st.sampled_from([(), (("orderBy", "eventTime"),), (("orderBy", "recordTime"), ("orderDirection", "ASC"))])

    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(
        st.lists(st.sampled_from(conditions), max_size=2, unique_by=lambda pair: pair[0]),
        st.lists(st.sampled_from(lists), max_size=2),
        orders,
        st.integers(1, 40),
    )
    def holds(
        one: list[tuple[str, str]], some: list[tuple[str, str]], order: tuple[tuple[str, str], ...], per_page: int
    ) -> None:
        pairs = [*one, *((name, value) for name, value in some if name not in dict(one))]
        values: dict[str, list[str]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        expected = {
            seen.event_id
            for seen in events
            if all(any(matches(seen, name, value) for value in given) for name, given in values.items())
        }
        found = filled.found(*pairs, *order, per_page=per_page)
        assert len(found) == len(set(found))
        assert set(found) == expected, pairs
        _check_order(events, found, dict(order))

    holds()


def _check_order(events: list[Seen], found: list[int], order: dict[str, str]) -> None:
    by_id = {seen.event_id: seen for seen in events}
    if not order:
        assert found == sorted(found)
    elif order["orderBy"] == "recordTime":
        assert found == sorted(found, key=lambda place: (by_id[place].record_time, place))
    else:
        times = [datetime.fromisoformat(by_id[place].event["eventTime"]) for place in found]
        assert times == sorted(times, reverse=True)


def test_units_meet_in_si(journal: Searched) -> None:
    """A value in one unit is found by any other unit of its dimension, and by none of another (TCR-53 step 26)."""
    reports = [{"type": "Temperature", "value": 20.0, "uom": "CEL"}]
    sensed = new_event(sensorElementList=[{"sensorReport": reports}])
    journal.add(dumped(new_document(sensed)))
    assert journal.found(("EQ_value_KEL", "293.15"))
    assert journal.found(("GE_value_FAH", "68"), ("LE_value_FAH", "68"))
    assert not journal.found(("GT_value_FAH", "68"))
    assert not journal.found(("GE_value_KGM", "0"))
    assert "KGM" in UNITS


def test_pages_show_one_moment(journal: Searched) -> None:
    """What is captured while somebody reads page by page is on no page, wherever it would stand in the order."""
    journal.add(dumped(new_document(*(new_event(number) for number in range(10)))))
    for order in ([], [("orderBy", "eventTime")], [("orderBy", "eventTime"), ("orderDirection", "ASC")]):
        before, position, found = {seen.event_id for seen in journal.seen()}, None, []
        for number in range(1_000):
            with tenant_transaction(journal.pool, journal.tenant_id) as conn:
                page = search(conn, query_of_url(order), per_page=3, position=position)
            found += [event.event_id for event in page.events]
            position = page.next
            journal.add(
                dumped(new_document(new_event(len(before) + number + 100, eventTime="2020-01-01T00:00:00+01:00")))
            )
            if position is None:
                break
        assert sorted(found) == sorted(before)


def test_limits_hold_over_pages(journal: Searched) -> None:
    """An eventCountLimit gives the first so many over all pages; maxEventCount refuses more than so many."""
    journal.add(dumped(new_document(*(new_event(number) for number in range(10)))))
    assert len(journal.found(("orderBy", "eventTime"), ("eventCountLimit", "7"), per_page=3)) == 7
    assert len(journal.found(("orderBy", "eventTime"), ("eventCountLimit", "6"), per_page=3)) == 6
    assert len(journal.found(("maxEventCount", "10"), per_page=3)) == 10
    with pytest.raises(QueryTooLarge, match="at most 9 events"):
        journal.found(("maxEventCount", "9"))


def test_fields_of_others_order_events(journal: Searched) -> None:
    """An extension field orders by number, time or text, whatever prefix a document gives it."""
    for number, value in enumerate([30, 4, 100, None]):
        journal.add(dumped(new_document(new_event(number, **{"ex:n": value}))))
    other = new_document(
        new_event(9, **{"o:n": 5}), **{"@context": [new_document()["@context"][0], {"o": "https://example.org/x/"}]}
    )
    journal.add(dumped(other))
    order = [("orderBy", "https://example.org/x/n"), ("orderDirection", "ASC")]
    first, second, third, last, between = (seen.event_id for seen in journal.seen())
    for per_page in (1, 2, 10):
        assert journal.found(*order, per_page=per_page) == [second, between, first, third, last]
    for number, text in enumerate(["b", "a", "ä", "Z"]):
        journal.add(dumped(new_document(new_event(number + 20, **{"ex:t": text}))))
    texts = [seen.event.get("ex:t") for seen in journal.seen()]
    by_id = dict(zip([seen.event_id for seen in journal.seen()], texts, strict=True))
    found = journal.found(("orderBy", "https://example.org/x/t"), ("EXISTS_https://example.org/x/t", ""), per_page=1)
    assert [by_id[place] for place in found] == ["ä", "b", "a", "Z"]


def test_large_events_make_short_pages(journal: Searched) -> None:
    """A page holds no more than fits into memory many times over: what is larger comes on the next one."""
    for number in range(3):
        journal.add(dumped(new_document(new_event(number, **{"ex:t": str(number) + "x" * 7_000_000}))))
    places = [event_id for (event_id,) in journal.superuser.execute("select event_id from epcis_event order by 1")]
    with tenant_transaction(journal.pool, journal.tenant_id) as conn:
        first = search(conn, query_of_url([]), per_page=10)
        news = since(conn, query_of_url([]), after_id=0, upto_id=places[-1], limit=10)
    assert [event.event_id for event in first.events] == [event.event_id for event in news.events] == places[:2]
    assert news.is_more
    assert journal.found() == places


def test_long_texts_order_by_their_beginnings(journal: Searched) -> None:
    """However long a text is by which events are ordered, the token of a page is short."""
    for number, end in enumerate("cab"):
        journal.add(dumped(new_document(new_event(number, **{"ex:t": end + "\u0001" * 10_000}))))
    order = [("orderBy", "https://example.org/x/t"), ("orderDirection", "ASC")]
    with tenant_transaction(journal.pool, journal.tenant_id) as conn:
        page = search(conn, query_of_url(order), per_page=1)
    assert page.next is not None
    assert len(page.next.last_rank[-1]) == RANK_LENGTH
    first, second, third = (seen.event_id for seen in journal.seen())
    assert journal.found(*order, per_page=1) == [second, third, first]


def test_master_data_lead_to_events(journal: Searched) -> None:
    """WD_ finds descendants, HASATTR_ and EQATTR_ what has an attribute, by master data of any document's header."""
    site, hall, gate = (f"https://id.gs1.org/414/952123456789{digit}" for digit in ("9", "9/254/1", "9/254/2"))
    elsewhere = "urn:x:elsewhere"
    events = [new_event(number, readPoint={"id": place}) for number, place in enumerate((site, hall, gate, elsewhere))]
    vocabulary = {
        "type": "urn:epcglobal:epcis:vtype:ReadPoint",
        "vocabularyElementList": [
            {"id": hall, "attributes": [{"id": "urn:a:cold", "attribute": "yes"}], "children": [elsewhere]},
            {"id": elsewhere, "attributes": [{"id": "urn:a:cold", "attribute": "no"}], "children": [hall]},
        ],
    }
    header = {"epcisMasterData": {"vocabularyList": [vocabulary]}}
    journal.add(dumped(new_document(*events, epcisHeader=header)))
    at_site, at_hall, at_gate, at_elsewhere = (seen.event_id for seen in journal.seen())
    assert journal.found(("EQ_readPoint", site)) == [at_site]
    assert journal.found(("WD_readPoint", site)) == [at_site, at_hall, at_gate]
    assert journal.found(("WD_readPoint", hall)) == [at_hall, at_elsewhere]
    assert journal.found(("HASATTR_readPoint", "urn:a:cold")) == [at_hall, at_elsewhere]
    assert journal.found(("EQATTR_readPoint_urn:a:cold", "yes")) == [at_hall]
    assert journal.found(("EQATTR_readPoint_urn:a:cold", "perhaps")) == []


def test_tenants_see_only_their_own(journal: Searched, tenant_factory: Callable[[str], UUID]) -> None:
    """A query finds nothing of another tenant's journal."""
    journal.add(dumped(new_document(new_event())))
    stranger = Searched(journal.pool, tenant_factory("other"), journal.superuser)
    assert journal.found(("EQ_bizStep", "shipping"))
    assert not stranger.found(("EQ_bizStep", "shipping"))
    assert not stranger.found()


def test_json_and_url_ask_the_same() -> None:
    """A query is the same as JSON and as parameters of a URL."""
    body = {
        "eventType": ["ObjectEvent"],
        "GE_value_CEL": 8,
        "EQ_bizStep": ["shipping", "receiving"],
        "maxEventCount": 5,
    }
    pairs = [
        ("eventType", "ObjectEvent"),
        ("GE_value_CEL", "8"),
        ("EQ_bizStep", "shipping|receiving"),
        ("maxEventCount", "5"),
    ]
    assert query_of_json(body) == query_of_url(pairs)
