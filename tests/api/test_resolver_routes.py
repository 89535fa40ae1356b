"""The GS1 resolver over HTTP: redirects, linksets, and what it refuses."""

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from httpx2 import Response
from jsonschema_rs import Draft7Validator
from starlette.testclient import TestClient

from wayproof.api.app import create_app
from wayproof.api.settings import ApiSettings
from wayproof.model.errors import InvalidInput
from wayproof.store.settings import DatabaseSettings
from wayproof.trace.identifiers import canonical_uri
from wayproof.trace.resolver import PRIMARY_KEYS

from epcis_vectors import VECTORS, needs_vectors
from fix_api import Customer
from fix_epcis import new_event
from fix_exports import Exporter

LOT = "/01/10860009999920/10/ABC1234"
URI = f"https://id.gs1.org{LOT}"
EXAMPLES = {
    "00": "/00/008600099999850000",
    "01": "/01/10860009999920/22/2A/10/ABC1234/21/98%22",
    "253": "/253/4012345000092PO-4711",
    "255": "/255/9506000134376123",
    "401": "/401/9506000ABC",
    "402": "/402/95060001343760123",
    "414": "/414/4012345000054/254/122",
    "417": "/417/4012345000054",
    "8003": "/8003/04012345000221334455",
    "8004": "/8004/4012345ABC345",
    "8006": "/8006/040123451111180102/10/L1/21/S1",
    "8010": "/8010/061414111111111111111-A%23%2F/8011/1234",
    "8017": "/8017/401234500000000074",
    "8018": "/8018/401234500000067657/8019/7",
}


def get(client: TestClient, path: str, **headers: str) -> Response:
    """A request of anybody."""
    return client.get(path, headers=headers)


def links_of(client: TestClient, path: str) -> list[dict[str, Any]]:
    """The linkset's contexts."""
    answer = get(client, f"{path}?linkType=linkset")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/linkset+json"
    contexts: list[dict[str, Any]] = answer.json()["linkset"]
    return contexts


def dl_vectors() -> list[str]:
    """Digital Links of third parties."""
    path = VECTORS / "event-hash" / "dl_normaliser_vectors.json"
    if not path.exists():
        return []
    return [link for _, link in json.loads(path.read_text())["pairs"] if link.startswith("https://id.gs1.org/")]


def test_examples_take_in_every_key() -> None:
    """Every primary key that the resolver says it supports is tried here."""
    assert set(EXAMPLES) == set(PRIMARY_KEYS)


@pytest.mark.parametrize("path", EXAMPLES.values())
def test_every_key_redirects(client: TestClient, path: str) -> None:
    """A Digital Link of any key, with its qualifiers, redirects by 307 to its default link, the thing's page."""
    answer = get(client, path)
    target = urlsplit(answer.headers["location"])
    assert (answer.status_code, target.path) == (307, "/item")
    assert parse_qs(target.query)["id"] == [canonical_uri(f"https://id.gs1.org{path}")]
    assert 'rel="linkset"' in answer.headers["link"]


@needs_vectors
def test_links_of_others(client: TestClient) -> None:
    """Each Digital Link of the normaliser's vectors is resolved under its URI, or 400 for a wrong check digit."""
    links = dl_vectors()
    refused = [link for link in links if not _is_right(link)]
    for link in links:
        answer = get(client, f"{link.removeprefix('https://id.gs1.org')}?linkType=linkset")
        if link in refused:
            assert answer.status_code == 400, link
        else:
            assert answer.json()["linkset"][-1]["anchor"] == canonical_uri(link)
    assert len(links) - len(refused) > 25


def _is_right(link: str) -> bool:
    try:
        return bool(canonical_uri(link))
    except InvalidInput:
        return False


@needs_vectors
@pytest.mark.parametrize("path", EXAMPLES.values())
def test_linkset_fits_the_schema(client: TestClient, path: str) -> None:
    """Linksets are valid by GS1's schema, which wants anchor, itemDescription, and href and title of every link."""
    schema = json.loads((VECTORS / "gs1-resolver" / "linkset" / "gs1-linkset-schema.json").read_text())
    document = get(client, path, accept="application/linkset+json").json()
    assert [str(error) for error in Draft7Validator(schema).iter_errors(document)] == []


def test_linkset_holds_every_level(client: TestClient) -> None:
    """The links of each level up to the primary key are in the linkset, each under its own uncompressed URI."""
    anchors = [context["anchor"] for context in links_of(client, "/01/10860009999920/10/ABC1234/21/7")]
    gtin = "https://id.gs1.org/01/10860009999920"
    assert anchors == [gtin, f"{gtin}/10/ABC1234", f"{gtin}/21/7"]


@pytest.mark.parametrize(
    ("asked", "path", "query"),
    [
        ("gs1:traceability", "/v1/trace", {"item": [URI], "direction": ["both"]}),
        ("gs1:epcis", "/epcis/events", {"MATCH_anyEPCClass": [URI]}),
        ("https://ref.gs1.org/voc/epcis", "/epcis/events", {"MATCH_anyEPCClass": [URI]}),
        ("https://gs1.org/voc/pip", "/item", {"id": [URI], "linkType": ["https://gs1.org/voc/pip"]}),
        ("gs1:defaultLink", "/item", {"id": [URI], "linkType": ["gs1:defaultLink"]}),
        (
            "gs1:verificationService",
            "/v1/items/https%3A%2F%2Fid.gs1.org%2F01%2F10860009999920%2F10%2FABC1234/custody",
            {},
        ),
    ],
)
def test_link_of_a_type(client: TestClient, asked: str, path: str, query: dict[str, list[str]]) -> None:
    """A link type, by prefix or by URI, redirects to its link: the page, the trace, the events, the proof."""
    target = urlsplit(client.get(LOT, params={"linkType": asked}).headers["location"])
    assert (target.path, parse_qs(target.query)) == (path, query)


@pytest.mark.parametrize("asked", ["gs1:recipeInfo", "nonsense", ""])
def test_link_type_that_is_not_there(client: TestClient, asked: str) -> None:
    """A type of which there is no link is 404, and the answer names those that there are."""
    answer = client.get(LOT, params={"linkType": asked})
    assert answer.status_code == 404
    assert "gs1:traceability" in answer.json()["detail"]


def test_a_class_has_no_trace_of_its_own(client: TestClient) -> None:
    """A trace is of a lot or a thing: a link to that of a class would lead nowhere."""
    of_class, of_lot = links_of(client, LOT)
    assert "https://ref.gs1.org/voc/traceability" not in of_class
    assert "https://ref.gs1.org/voc/traceability" in of_lot


@pytest.mark.parametrize(
    "path",
    [
        "/01/10860009999921",
        "/01/1086000999992",
        "/01/10860009999920/21/7/10/ABC1234",
        "/01/10860009999920/10",
        "/01/10860009999920/10/%zz",
        "/01/",
        "/01/10860009999920?10=ABC1234",
        "/00/008600099999850000/10/ABC",
        "/01/10860009999920/10/%0d%0aSet-Cookie:%20a=b",
        "/00/%1b[31m",
    ],
)
def test_broken_links_are_bad_requests(client: TestClient, path: str) -> None:
    """What is no Digital Link, by check digit, form or order of qualifiers, is 400, never a redirect."""
    answer = get(client, path)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/ARHKVAdpQg", "/AQkAAACHZQ", "/DBHKVAdpQhfoMM5-SI/", "/01/10860009999920/DBHKVAdpQh"]
)
def test_compressed_links_are_refused_by_name(client: TestClient, path: str) -> None:
    """Who sends a compressed link is told that it is one; another path that is not there is just not there."""
    answer = get(client, path)
    assert answer.status_code == 400
    assert "Digital Link: expected" in answer.json()["detail"]
    for other in ("/nothing", "/nothing-here-at-all", "/ARHKVAdpQg/x"):
        assert get(client, other).status_code == 404


def test_the_operators_address_counts(database: DatabaseSettings) -> None:
    """With a public address links name that one, whatever a request calls this server."""
    settings = ApiSettings(database=database, public_url="https://id.example.com/gs1")
    with TestClient(create_app(settings), headers={"Host": "evil.example"}, follow_redirects=False) as client:
        assert get(client, LOT).headers["location"].startswith("https://id.example.com/gs1/item?")
        assert "evil" not in str(get(client, f"{LOT}?linkType=linkset").headers["link"])


def test_query_string_is_passed_on(client: TestClient) -> None:
    """All pairs of the query string go along with the default redirect."""
    target = urlsplit(get(client, f"{LOT}?17=270101&x=a%20b").headers["location"])
    assert parse_qs(target.query) == {"id": [URI], "17": ["270101"], "x": ["a b"]}


def test_trailing_slash_and_short_gtins(client: TestClient) -> None:
    """A slash at the end and a GTIN of 13 digits are tolerated."""
    location = get(client, "/01/4012345111118/21/98/").headers["location"]
    assert parse_qs(urlsplit(location).query)["id"] == ["https://id.gs1.org/01/04012345111118/21/98"]


def test_options_and_cors(client: TestClient) -> None:
    """OPTIONS and HEAD are answered, and any page may read what is answered to GET."""
    for path in (LOT, "/.well-known/gs1resolver"):
        assert client.options(path).headers["allow"] == "GET, HEAD, OPTIONS"
    assert client.post(LOT).headers["allow"] == "GET, HEAD, OPTIONS"
    head = client.head(LOT)
    assert (head.status_code, head.content) == (307, b"")
    for path in (LOT, f"{LOT}?linkType=linkset", "/01/1", "/.well-known/gs1resolver"):
        assert get(client, path).headers["access-control-allow-origin"] == "*"


def test_description_file(client: TestClient) -> None:
    """The description file names this root, every key, and only link types that really lead somewhere."""
    document = get(client, "/.well-known/gs1resolver").json()
    assert document["resolverRoot"] == "http://testserver"
    assert document["supportedPrimaryKeys"] == list(PRIMARY_KEYS)
    for link_type in document["activeLinkTypes"]:
        assert client.get(LOT, params={"linkType": link_type}).status_code == 307


def test_links_lead_somewhere(client: TestClient) -> None:
    """No link of a linkset ends at a path that this server does not have, and none is open to strangers."""
    for context in links_of(client, LOT):
        for name, targets in context.items():
            if name.startswith("https://"):
                assert {get(client, target["href"]).status_code for target in targets} <= {401, 405}, name


def test_page_of_a_thing(customer_factory: Callable[[str], Customer]) -> None:
    """Where the default link leads, whoever is signed in sees the thing's journey, and nobody another tenant's."""
    acme, other = customer_factory("acme"), customer_factory("other")
    exporter = Exporter(pool=acme.registry.pool, tenant_id=acme.registry.tenant_id)
    line = {"epcClass": "urn:epc:class:lgtin:0860009.199992.ABC1234", "quantity": 2, "uom": "CS"}
    exporter.capture_events(new_event(1, epcList=None, quantityList=[line], bizStep="receiving"))
    page = get(acme.client, LOT).headers["location"]
    seen = [acme.client.get(page, headers={"Cookie": f"wayproof_session={each.token}"}).text for each in (acme, other)]
    assert "receiving" in seen[0]
    assert "No event names it yet" in seen[1]


def test_links_lead_to_answers(acme: Customer) -> None:
    """Whoever has a key gets an answer behind every link of a lot's linkset, and behind every link of its page."""
    exporter = Exporter(pool=acme.registry.pool, tenant_id=acme.registry.tenant_id)
    line = {"epcClass": "urn:epc:class:lgtin:0860009.199992.ABC1234", "quantity": 2, "uom": "CS"}
    exporter.capture_events(new_event(1, epcList=None, quantityList=[line], bizStep="receiving"))
    (links,) = [context for context in links_of(acme.client, LOT) if context["anchor"] == URI]
    named = {link["href"] for name, targets in links.items() if name.startswith("https://") for link in targets}
    signed_in = {"Cookie": f"wayproof_session={acme.token}"}
    page = acme.client.get("/item", params={"id": URI}, headers=signed_in).text
    shown = {unescape(href) for href in re.findall(r'href="(/(?:v1|epcis)/[^"]*)"', page)}
    assert len(named) == 5
    assert len(shown) == 3
    for href in named | shown:
        headers = signed_in if urlsplit(href).path == "/item" else {"Authorization": f"Bearer {acme.token}"}
        assert acme.client.get(href, headers=headers).status_code == 200, href


def test_page_of_nothing(acme: Customer) -> None:
    """What is no identifier has no page, and the answer says why."""
    answer = acme.client.get("/item", params={"id": "nonsense"}, headers={"Cookie": f"wayproof_session={acme.token}"})
    assert answer.status_code == 422
    assert "nonsense" in answer.json()["detail"]
