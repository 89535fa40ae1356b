"""Where items are, and mass balances, by HTTP."""

from datetime import UTC, datetime
from typing import Any

import pytest

from wayproof.api.routes import whereabouts as routes
from wayproof.store.pool import Pool
from wayproof.trace.graph.whereabouts import whereabouts
from wayproof.trace.worker import work_off

from fix_api import Customer, problem
from fix_epcis import dumped, new_document
from fix_graph import LOT, PLANT, SHOP, P, Q, gln, lot_events, packed_lot, party, seen


@pytest.fixture
def told(acme: Customer, api_pool: Pool) -> Customer:
    """A lot in many places."""
    bought = seen(10, "receiving", P, SHOP, destinationList=[{"type": "owning_party", "destination": party(3)}])
    site = {"name": "Shop 3", "kind": "store", "latitude_deg": 50.0, "longitude_deg": 8.0, "gln": gln(3)}
    assert acme.request("POST", "/v1/sites", json=site).status_code == 201
    headers = {"Content-Type": "application/json"}
    document = dumped(new_document(*lot_events(), bought))
    assert acme.request("POST", "/epcis/capture", content=document, headers=headers).status_code == 202
    assert work_off(api_pool) == 1
    return acme


def ask(customer: Customer, what: str, **query: Any) -> Any:
    """An answer."""
    answer = customer.request("GET", f"/v1/trace/{what}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_where_a_lot_is(told: Customer) -> None:
    """Every place of a lot, page by page, by any spelling; places and holders by their names where they are known."""
    whole = ask(told, "whereabouts", item=LOT)
    assert {(each["state"], each["quantity"]) for each in whole["items"]} == {
        ("on_hand", 45.0),
        ("on_hand", 15.0),
        ("on_hand", 20.0),
        ("on_hand", 9.0),
        ("in_transit", 5.0),
        ("sold", 5.0),
        ("destroyed", 1.0),
    }
    [boxed] = [each for each in whole["items"] if each["container"]]
    assert (boxed["container"], boxed["outermost"], boxed["place_name"]) == (P, P, "Shop 3")
    assert (boxed["holder"], boxed["holder_name"]) == (party(3), "Shop 3")
    [moving] = [each for each in whole["items"] if each["state"] == "in_transit"]
    assert (moving["place"], moving["place_name"], moving["destination"]) == (PLANT, None, SHOP)
    found, query = [], {"item": LOT, "limit": 3}
    while True:
        page = ask(told, "whereabouts", **query)
        found += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found == whole["items"]
    spelled = "(01)" + LOT.split("/")[4] + "(10)L1"
    assert ask(told, "whereabouts", item=spelled) == whole


def test_pages_of_one_moment(told: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told while the first page is made is on no later page either."""
    whole = ask(told, "whereabouts", item=LOT)["items"]

    def interrupted(*asked: Any, **said: Any) -> Any:
        found = whereabouts(*asked, **said)
        event = packed_lot(11, Q, LOT, PLANT, quantity=1, uom="KGM")
        body = dumped({**event, "@context": new_document()["@context"]})
        headers = {"Content-Type": "application/json"}
        assert told.request("POST", "/epcis/events", content=body, headers=headers).status_code == 201
        return found

    monkeypatch.setattr(routes, "whereabouts", interrupted)
    first = ask(told, "whereabouts", item=LOT, limit=1)
    monkeypatch.undo()
    rest = ask(told, "whereabouts", item=LOT, cursor=first["next_cursor"])
    assert first["items"] + rest["items"] == whole
    assert ask(told, "whereabouts", item=LOT)["items"] != whole


def test_balance_of_a_lot(told: Customer) -> None:
    """A lot's balance in the unit that is asked for; what it was used for can be followed."""
    found = ask(told, "balance", item=LOT)
    assert (found["unit"], found["made"], found["percent"], found["findings"]) == ("KGM", 100.0, 100.0, [])
    assert ask(told, "balance", item=LOT, unit="GRM", downstream=True)["on_hand"] == pytest.approx(89_000.0)


def test_nobody_told(told: Customer) -> None:
    """Of what no event tells, or told by then, there is neither a place nor a balance; units must fit."""
    for what in ("whereabouts", "balance"):
        for query in ({"item": "urn:x:nobody"}, {"item": LOT, "as_of": datetime(2025, 1, 1, tzinfo=UTC).isoformat()}):
            problem(told.request("GET", f"/v1/trace/{what}", params=query), "not-found")
    problem(told.request("GET", "/v1/trace/balance", params={"item": LOT, "unit": "MTR"}), "invalid-input")


def test_unchanged_is_not_sent_again(told: Customer) -> None:
    """Who has the present answer gets 304."""
    for what in ("whereabouts", "balance"):
        answer = told.request("GET", f"/v1/trace/{what}", params={"item": LOT})
        again = told.request(
            "GET", f"/v1/trace/{what}", params={"item": LOT}, headers={"If-None-Match": answer.headers["etag"]}
        )
        assert again.status_code == 304
