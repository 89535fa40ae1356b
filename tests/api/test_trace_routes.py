"""Traces by HTTP: page by page, nearest first, with what the events do not tell."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from wayproof.store.pool import Pool
from wayproof.trace.epcis.formats import canonical_identifier
from wayproof.trace.worker import work_off

from fix_api import Customer, problem
from fix_epcis import CONTEXT, dumped, new_document, new_event

LOT = "urn:epc:class:lgtin:4012345.012345.{}"


def made(number: int, inputs: Sequence[str], outputs: Sequence[str], quantity: float = 10) -> dict[str, Any]:
    """Lots become others."""
    return new_event(
        number,
        type="TransformationEvent",
        epcList=None,
        action=None,
        bizStep="commissioning",
        eventTime=f"2026-01-01T{number % 24:02}:00:00Z",
        eventTimeZoneOffset="+00:00",
        inputQuantityList=[{"epcClass": lot, "quantity": quantity, "uom": "KGM"} for lot in inputs],
        outputQuantityList=[{"epcClass": lot, "quantity": quantity, "uom": "KGM"} for lot in outputs],
    )


@pytest.fixture
def told(acme: Customer, api_pool: Pool) -> Customer:
    """A raw lot that went into 30 others, of which one was used beyond measure."""
    first = made(1, [LOT.format("RAW")], [LOT.format(f"A{number:02}") for number in range(30)])
    events = [first, made(2, [LOT.format("A00")], [LOT.format("Z")], 25)]
    headers = {"Content-Type": "application/json"}
    answer = acme.request("POST", "/epcis/capture", content=dumped(new_document(*events)), headers=headers)
    assert answer.status_code == 202
    assert work_off(api_pool) == 1
    return acme


def ask(customer: Customer, lot: str, **query: Any) -> Any:
    """A trace."""
    answer = customer.request("GET", "/v1/trace", params={"item": LOT.format(lot), **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def uri(lot: str) -> str:
    """The canonical identifier."""
    return canonical_identifier(LOT.format(lot))


def test_both_ways(told: Customer) -> None:
    """Upstream and downstream of a lot, with depth and with the transformations that led there."""
    up = ask(told, "Z")
    assert [(node["id"], node["depth"]) for node in up["nodes"]] == [(uri("Z"), 0), (uri("A00"), 1), (uri("RAW"), 2)]
    assert {edge["kind"] for edge in up["edges"]} == {"input", "output"}
    assert up["is_complete"] is True
    down = ask(told, "RAW", direction="downstream", depth=1)
    assert (len(down["nodes"]), down["is_complete"]) == (31, False)
    assert {edge["quantity"] for edge in down["edges"]} == {10.0}


def test_one_up_one_down(told: Customer) -> None:
    """Both ways with a depth of 1 are the lots before and after, and the same page by page."""
    whole = ask(told, "A00", direction="both", depth=1)
    assert {(node["id"], node["depth"]) for node in whole["nodes"]} == {(uri("A00"), 0), (uri("RAW"), 1), (uri("Z"), 1)}
    assert {edge["source"] for edge in whole["edges"]} >= {uri("RAW"), uri("A00")}
    assert uri("Z") in {edge["target"] for edge in whole["edges"]}
    found, more = [], dict[str, Any]()
    while True:
        page = ask(told, "A00", direction="both", depth=1, limit=1, **more)
        found += page["nodes"]
        if page["next_cursor"] is None:
            break
        more = {"cursor": page["next_cursor"]}
    assert found == whole["nodes"]


def test_page_by_page(told: Customer) -> None:
    """Pages together are the whole, and what is captured meanwhile is in none of them."""
    whole = ask(told, "RAW", direction="downstream")
    found, cursor = [], None
    while True:
        more: dict[str, Any] = {"cursor": cursor} if cursor else {}
        page = ask(told, "RAW", direction="downstream", limit=7, **more)
        found += page["nodes"]
        if cursor is None:
            late = made(3, [LOT.format("A01")], [LOT.format("LATE")])
            answer = told.request("POST", "/epcis/events", json={**late, "@context": CONTEXT})
            assert answer.status_code == 201, answer.text
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == whole["nodes"]
    assert len(ask(told, "RAW", direction="downstream")["nodes"]) == len(found) + 1


def test_gaps_are_told(told: Customer) -> None:
    """A lot that no event made, and one of which more was used than there was."""
    gaps = {(gap["kind"], gap["id"]) for gap in ask(told, "Z")["gaps"]}
    assert gaps == {("unknown_origin", uri("RAW")), ("quantity_mismatch", uri("A00"))}
    assert ask(told, "Z", gaps=False)["gaps"] == []


def test_any_spelling(told: Customer) -> None:
    """URN, Digital Link and element string ask for the same."""
    expected = ask(told, "Z")["nodes"]
    for spelling in (uri("Z"), "(01)04012345123456(10)Z"):
        answer = told.request("GET", "/v1/trace", params={"item": spelling})
        assert answer.json()["nodes"] == expected


def test_others_and_unknown_items(told: Customer, customer_factory: Callable[[str], Customer]) -> None:
    """Nobody sees another tenant's lots; what no event tells of is not found."""
    for customer, lot in ((customer_factory("other"), "Z"), (told, "UNKNOWN")):
        problem(customer.request("GET", "/v1/trace", params={"item": LOT.format(lot)}), "not-found")
    problem(told.request("GET", "/v1/trace", params={"item": LOT.format("Z"), "cursor": "x"}), "invalid-cursor")
    problem(told.request("GET", "/v1/trace", params={"item": "a\0b"}), "invalid-input")
    mistyped = told.request("GET", "/v1/trace", params={"item": "(01)04012345123457(10)Z"})
    assert "check digit" in problem(mistyped, "not-found")["detail"]


def test_no_time_ends_before_it_begins(told: Customer) -> None:
    """A span turned round would look like a lot that came from nowhere."""
    span = {"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}
    said = problem(told.request("GET", "/v1/trace", params={"item": LOT.format("Z"), **span}), "invalid-input")
    assert [each["pointer"] for each in said["errors"]] == ["/until"]
