"""Events, resources, named queries and subscriptions of EPCIS over HTTP."""

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from fix_webhooks import events_in as events_of
from httpx2 import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from wayproof.api.epcis_search import LONGEST_QUERY
from wayproof.api.problems import MEDIA_TYPE
from wayproof.store.pool import Pool, tenant_transaction
from wayproof.trace.capture import capture

from fix_api import Customer, problem
from fix_epcis import declared_wrong, dumped, new_document, new_event

_EPCS = "/epcis/epcs"
_SSCC = "https://id.gs1.org/00/195201223456789125"
_SUBSCRIPTION = {"dest": "https://client.example.com/told", "stream": True, "signatureToken": "geheim"}


def exception(answer: Response, name: str, status: int) -> dict[str, Any]:
    """The problem that `answer` must be, by the standard's name."""
    document: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert (answer.status_code, document["status"]) == (status, status), document
    assert document["type"] == f"epcisException:{name}"
    return document


def events_in(answer: Response) -> list[Any]:
    """The events of a query document."""
    assert answer.status_code == 200, answer.text
    return events_of(answer.json())


@pytest.fixture
def journal(acme: Customer, api_pool: Pool) -> list[dict[str, Any]]:
    """Ten events of acme, one of them declared wrong."""
    events = [
        new_event(number, bizStep=("shipping", "receiving")[number % 2], **{"ex:lot": f"L{number}"})
        for number in range(10)
    ]
    add(acme, api_pool, *events, declared_wrong(events[3]))
    return events


def add(customer: Customer, pool: Pool, *events: dict[str, Any]) -> None:
    """Captures events for a customer."""
    tenant_id = customer.registry.tenant_id
    with tenant_transaction(pool, tenant_id) as conn:
        assert not capture(conn, tenant_id, dumped(new_document(*events))).faults


def pages(customer: Customer, path: str, **query: Any) -> list[list[Any]]:
    """All pages of a list, each by the link of the one before."""
    found = []
    answer = customer.get(path, **query)
    while True:
        assert answer.status_code == 200, answer.text
        document = answer.json()
        found.append(
            document["member"]
            if "member" in document
            else document
            if isinstance(document, list)
            else events_in(answer)
        )
        link = re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers.get("link", ""))
        if link is None:
            return found
        answer = customer.get(link[1])


def test_pages_lead_to_each_other(acme: Customer, journal: list[dict[str, Any]]) -> None:
    """Each page has its link to the next, the last one none; together they hold each event once."""
    found = pages(acme, "/epcis/events", perPage=4)
    assert [len(page) for page in found] == [4, 4, 3]
    assert [event["eventID"] for page in found for event in page] == [
        *(event["eventID"] for event in journal), journal[3]["eventID"]
    ]  # fmt: skip


def test_a_token_belongs_to_its_query(acme: Customer, journal: list[dict[str, Any]]) -> None:
    """A token of one query is refused by another, and so is one that somebody made up."""
    link = acme.get("/epcis/events?perPage=2").headers["link"]
    token = link.partition("nextPageToken=")[2].partition(">")[0]
    exception(acme.get(f"/epcis/events?eventType=ObjectEvent&nextPageToken={token}"), "QueryParameterException", 400)
    exception(acme.get("/epcis/events?nextPageToken=abc"), "QueryParameterException", 400)
    assert journal


def test_declared_errors_are_told_beside_their_events(acme: Customer, journal: list[dict[str, Any]]) -> None:
    """An event that was declared wrong is still found, and so is the declaration; a query can ask for those."""
    wrong = quote(journal[3]["eventID"], safe="")
    both = events_in(acme.get(f"/epcis/events?EQ_eventID={wrong}"))
    assert ["errorDeclaration" in event for event in both] == [False, True]
    (only,) = events_in(acme.get("/epcis/events?EXISTS_errorDeclaration=true"))
    assert only["errorDeclaration"]["reason"] == "incorrect_data"


def test_extensions_are_asked_for_by_prefix(acme: Customer, journal: list[dict[str, Any]]) -> None:
    """GS1-Extensions says what prefixes of parameters mean; without it they mean nothing."""
    headers = {"GS1-Extensions": "my=https://example.org/x/"}
    (found,) = events_in(acme.request("GET", "/epcis/events?EQ_my:lot=L7", headers=headers))
    assert found["eventID"] == journal[7]["eventID"]
    document = exception(acme.get("/epcis/events?EQ_my:lot=L7"), "QueryParameterException", 400)
    assert "GS1-Extensions" in document["detail"]
    exception(
        acme.request("GET", "/epcis/events", headers={"GS1-Extensions": "nothing"}), "QueryParameterException", 400
    )


def test_identifiers_come_in_the_format_asked_for(acme: Customer, journal: list[dict[str, Any]]) -> None:
    """GS1-EPC-Format decides how identifiers of events and resources are written."""
    link = {"GS1-EPC-Format": "Always_GS1_Digital_Link"}
    (event, *_) = events_in(acme.request("GET", "/epcis/events?perPage=1", headers=link))
    assert event["epcList"] == [_SSCC]
    (event, *_) = events_in(acme.get("/epcis/events?perPage=1"))
    assert event["epcList"] == journal[0]["epcList"]
    exception(
        acme.request("GET", "/epcis/events", headers={"GS1-EPC-Format": "Always"}), "QueryParameterException", 400
    )


def test_too_much_is_said_so(acme: Customer, journal: list[dict[str, Any]]) -> None:
    """More than maxEventCount, more values than a query may have, an address too long: each has its exception."""
    exception(acme.get("/epcis/events?maxEventCount=5"), "QueryTooLargeException", 413)
    many = {"name": "many", "query": {"EQ_stringValue": ["x"] * 2_001}}
    exception(acme.post("/epcis/queries", many), "QueryTooComplexException", 413)
    exception(acme.get(f"/epcis/events?EQ_stringValue={'x' * LONGEST_QUERY}"), "URITooLongException", 414)
    assert len(events_in(acme.get("/epcis/events?maxEventCount=11"))) == len(journal) + 1


@pytest.mark.parametrize("query", ["EQ_nothing=1", "perPage=0", "perPage=x", "GE_eventTime=now", "orderDirection=UP"])
def test_wrong_parameters_are_named(acme: Customer, query: str) -> None:
    """A parameter that cannot be accepted is a QueryParameterException that names it."""
    document = exception(acme.get(f"/epcis/events?{query}"), "QueryParameterException", 400)
    assert query.partition("=")[0] in document["detail"]


def test_only_json_is_given(acme: Customer) -> None:
    """Whoever takes no JSON is told so."""
    exception(
        acme.request("GET", "/epcis/events", headers={"Accept": "application/xml"}), "NotAcceptableException", 406
    )


def test_resources_hold_what_events_name(acme: Customer, journal: list[dict[str, Any]]) -> None:
    """Each resource lists the standard's own words and what events name, over pages, and leads to its events."""
    top = acme.get("/epcis").json()["member"]
    assert {"events", "queries", "capture", "eventTypes", "epcs", "bizSteps"} <= set(top)
    steps = [step for page in pages(acme, "/epcis/bizSteps", perPage=7) for step in page]
    assert len(steps) == len(set(steps)) == 41
    assert {"shipping", "receiving"} <= set(steps)
    assert "ObjectEvent" in acme.get("/epcis/eventTypes").json()["member"]
    assert "in_transit" in [word for page in pages(acme, "/epcis/dispositions") for word in page]
    assert acme.get(_EPCS).json()["member"] == [_SSCC]
    assert acme.get("/epcis/readPoints").json()["member"] == ["https://id.gs1.org/414/9520123456788"]
    assert acme.get("/epcis/bizLocations").json()["member"] == []
    assert acme.get("/epcis/bizSteps/shipping").json()["member"] == ["events"]
    assert len(events_in(acme.get("/epcis/bizSteps/receiving/events"))) == 6
    for spelling in (_SSCC, journal[0]["epcList"][0]):
        path = f"{_EPCS}/{quote(spelling, safe='')}"
        assert acme.get(path).json()["member"] == ["events"]
        assert len(events_in(acme.get(f"{path}/events?EQ_bizStep=shipping"))) == 5


def test_things_are_listed_once_and_in_order(acme: Customer, api_pool: Pool) -> None:
    """Every thing that an event names is listed once, in the order of first naming, whatever the size of pages."""
    things = [f"urn:x:{number}" for number in range(60)]
    events = [
        new_event(number, epcList=[*things[number : number + 40 : 3], *things[: number % 5]]) for number in range(60)
    ]
    pack = {"type": "AggregationEvent", "epcList": None, "action": "ADD"}
    events += [new_event(number, bizStep="packing", epcList=[]) for number in range(100, 160)]
    events.append(new_event(200, **pack, parentID="urn:x:pallet", childEPCs=["urn:x:1", "urn:x:last"]))
    add(acme, api_pool, *events)
    named = [
        uri
        for event in events
        for uri in (*(event.get("epcList") or ()), *event.get("childEPCs", ()), event.get("parentID"))
    ]
    expected = [uri for uri in dict.fromkeys(named) if uri]
    for size in (1, 7, 200):
        assert [uri for page in pages(acme, _EPCS, perPage=size) for uri in page] == expected


@pytest.mark.parametrize(
    "path", ["epcs/urn:x:1", "epcs/urn:x:1/events", "bizSteps/sailing", "eventTypes/Nothing/events", "readPoints/x"]
)
def test_resources_that_are_not_there(acme: Customer, path: str) -> None:
    """What no event names, and the standard does not know, is no resource."""
    exception(acme.get(f"/epcis/{path}"), "NoSuchResourceException", 404)


def test_named_queries_live_and_go(acme: Customer, journal: list[dict[str, Any]]) -> None:
    """A query is kept as it was given, found by name, listed, run page by page, and gone once deleted."""
    body = {"name": "shipped", "query": {"EQ_bizStep": ["shipping"], "EQ_ex:lot": ["L4", "L6", "L5"]}}
    headers = {"GS1-Extensions": "ex=https://example.org/x/", "Content-Type": "application/json"}
    made = acme.request("POST", "/epcis/queries", headers=headers, content=json.dumps(body))
    assert (made.status_code, made.headers["location"]) == (201, "/epcis/queries/shipped")
    exception(acme.post("/epcis/queries", {"name": "shipped", "query": {}}), "ResourceAlreadyExistsException", 409)
    query = acme.get("/epcis/queries/shipped").json()
    assert query["query"]["EQ_bizStep"] == ["shipping"]
    assert acme.get("/epcis/queries").json() == [query]
    assert acme.get("/epcis/queries/shipped").headers["gs1-epcis-version"] == "2.0.0"
    found = pages(acme, "/epcis/queries/shipped/events", perPage=1)
    assert [[event["eventID"] for event in page] for page in found] == [[journal[n]["eventID"]] for n in (4, 6)]
    exception(acme.get("/epcis/queries/shipped/events?EQ_action=ADD"), "QueryParameterException", 400)
    assert acme.request("DELETE", "/epcis/queries/shipped").status_code == 204
    for method, path in (("GET", "shipped"), ("GET", "shipped/events"), ("DELETE", "shipped"), ("GET", "%00")):
        exception(acme.request(method, f"/epcis/queries/{path}"), "NoSuchNameException", 404)


@pytest.mark.parametrize(
    "body",
    [
        [], {}, {"name": "x"}, {"name": "x", "query": []}, {"name": "", "query": {}}, {"name": "a/b", "query": {}},
        {"name": 5, "query": {}}, {"name": "x", "query": {"EQ_nothing": 1}}, {"name": "x", "query": {}, "more": 1},
        {"name": "x", "query": {"GE_eventTime": "now"}},
    ],
)  # fmt: skip
def test_queries_that_cannot_be(acme: Customer, body: Any) -> None:
    """What is no query under a name is refused."""
    exception(acme.post("/epcis/queries", body), "QueryValidationException", 400)


def test_only_json_is_read(acme: Customer) -> None:
    """A body of another type, or one that is not what it says, is refused."""
    xml = {"Content-Type": "application/xml"}
    answer = acme.request("POST", "/epcis/queries", headers=xml, content=b"<a/>")
    exception(answer, "UnsupportedMediaTypeException", 415)
    answer = acme.request("POST", "/epcis/queries", headers={"Content-Type": "application/json"}, content=b"{")
    exception(answer, "QueryValidationException", 400)


def test_subscriptions_live_and_go(acme: Customer) -> None:
    """A subscription is told without its secret, listed, and gone with its query."""
    acme.post("/epcis/queries", {"name": "all", "query": {}})
    path = "/epcis/queries/all/subscriptions"
    made = acme.post(path, _SUBSCRIPTION)
    view = made.json()
    assert (made.status_code, made.headers["location"]) == (201, f"{path}/{view['subscriptionID']}")
    assert (view["dest"], view["stream"]) == (_SUBSCRIPTION["dest"], True)
    assert view["initialRecordTime"] == view["createdAt"], "without one only what comes later is told"
    assert "geheim" not in made.text
    daily = acme.post(path, {"dest": "https://client.example.com/", "schedule": {"hour": 1, "minute": "5"}}).json()
    assert daily["schedule"] == {"hour": "1", "minute": "5"}
    assert acme.get(made.headers["location"]).json() == view
    assert [[each["subscriptionID"] for each in page] for page in pages(acme, path, perPage=1)] == [
        [view["subscriptionID"]], [daily["subscriptionID"]]
    ]  # fmt: skip
    assert acme.request("DELETE", made.headers["location"]).status_code == 204
    exception(acme.get(made.headers["location"]), "NoSuchResourceException", 404)
    assert acme.request("DELETE", "/epcis/queries/all").status_code == 204
    exception(acme.get(path), "NoSuchNameException", 404)
    exception(acme.post(path, _SUBSCRIPTION), "NoSuchNameException", 404)


@pytest.mark.parametrize(
    "dest", ["https://127.0.0.1/", "http://example.com/", "https://[::1]/", "https://10.0.0.1:8/x"]
)
def test_subscriptions_that_lead_inside(acme: Customer, dest: str) -> None:
    """Nobody can have our own network called."""
    acme.post("/epcis/queries", {"name": "all", "query": {}})
    answer = acme.post("/epcis/queries/all/subscriptions", _SUBSCRIPTION | {"dest": dest})
    document = exception(answer, "SubscriptionControlsException", 400)
    assert document["detail"].startswith("dest: expected")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/epcis", "GET, HEAD, OPTIONS"),
        ("/epcis/events", "GET, HEAD, OPTIONS, POST"),
        ("/epcis/capture", "GET, HEAD, OPTIONS, POST"),
        ("/epcis/queries", "GET, HEAD, OPTIONS, POST"),
        ("/epcis/queries/x", "DELETE, GET, HEAD, OPTIONS"),
        ("/epcis/queries/x/events", "GET, HEAD, OPTIONS"),
        ("/epcis/queries/x/subscriptions", "GET, HEAD, OPTIONS, POST"),
        ("/epcis/epcs/urn:x:1/events", "GET, HEAD, OPTIONS"),
        ("/epcis/bizSteps", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_discover(client: TestClient, path: str, allowed: str) -> None:
    """OPTIONS of every resource says which methods, versions and formats there are, to anybody."""
    answer = client.options(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["allow"] == allowed
    assert answer.headers["gs1-epcis-min"] == answer.headers["gs1-cbv-max"] == "2.0.0"
    assert "Always_GS1_Digital_Link" in answer.headers["gs1-epc-format"]
    assert ("gs1-epcis-capture-limit" in answer.headers) == (path in {"/epcis", "/epcis/events", "/epcis/capture"})


def test_tokens_hold_nothing_to_give_up(acme: Customer) -> None:
    """A page's token holds no state of ours, so giving it up is done at once."""
    assert acme.request("DELETE", "/epcis/nextPageToken/abc").status_code == 204


def test_tenants_are_apart(acme: Customer, customer_factory: Any, journal: list[dict[str, Any]]) -> None:
    """Nobody sees queries, subscriptions, resources or events of another tenant."""
    acme.post("/epcis/queries", {"name": "all", "query": {}})
    location = acme.post("/epcis/queries/all/subscriptions", _SUBSCRIPTION).headers["location"]
    stranger = customer_factory("other")
    assert stranger.get("/epcis/queries").json() == []
    assert stranger.get(_EPCS).json()["member"] == []
    assert events_in(stranger.get("/epcis/events")) == []
    exception(stranger.get("/epcis/queries/all/events"), "NoSuchNameException", 404)
    stranger.post("/epcis/queries", {"name": "all", "query": {}})
    exception(stranger.get(location), "NoSuchResourceException", 404)
    exception(stranger.request("DELETE", location), "NoSuchResourceException", 404)
    assert acme.get(location).status_code == 200
    assert journal


_PIECES = st.sampled_from(
    [
        "EQ_bizStep", "MATCH_anyEPC", "GE_eventTime", "orderBy", "perPage", "nextPageToken", "EQ_value_CEL", "EQ_ex:a",
        "WD_readPoint", "GT_urn:a:b", "EXISTS_urn:a", "eventCountLimit", "maxEventCount", "HASATTR_readPoint",
    ]
)  # fmt: skip
_TEXTS = st.text(max_size=15) | st.sampled_from(
    ["shipping", "eventTime", "urn:a:b", "5", "2026-01-01T00:00:00Z", "1e300"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(st.tuples(_PIECES | st.text(max_size=20), _TEXTS), max_size=4))
def test_no_address_breaks_the_server(
    acme: Customer, journal: list[dict[str, Any]], pairs: list[tuple[str, str]]
) -> None:
    """Whatever is asked, the answer is events or a problem, and never a fault of ours."""
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs if _is_sayable(name + value))
    answer = acme.get(f"/epcis/events?{query}")
    assert answer.status_code in {200, 400, 413, 414}, answer.text
    assert journal


def _is_sayable(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def test_paths_and_methods_that_are_not_there(acme: Customer) -> None:
    """What no resource is, or knows, is answered in the standard's words, with its headers."""
    missing, put = acme.request("GET", "/epcis/nothing"), acme.request("PUT", "/epcis/events")
    assert (missing.status_code, missing.json()["type"]) == (404, "epcisException:NoSuchResourceException")
    assert (put.status_code, put.json()["type"]) == (405, "epcisException:ImplementationException")
    assert put.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert missing.headers["gs1-epcis-version"] == put.headers["gs1-epcis-version"] == "2.0.0"


def test_formats_of_words_must_be_known(acme: Customer) -> None:
    """GS1-CBV-XML-Format is of XML and changes nothing in JSON; a word that it does not have is refused."""
    for name in ("Always_URN", "Never_Translates"):
        assert acme.request("GET", "/epcis/events", headers={"GS1-CBV-XML-Format": name}).status_code == 200
    answer = acme.request("GET", "/epcis/events", headers={"GS1-CBV-XML-Format": "loud"})
    assert (answer.status_code, answer.json()["type"]) == (400, "epcisException:QueryParameterException")


def test_problems_of_strangers_are_the_standards(client: TestClient) -> None:
    """Without a key the problem is a SecurityException."""
    problem(client.get("/epcis/queries"), "unauthenticated")
