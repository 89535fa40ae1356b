"""Recalls by HTTP: evaluated, kept, told, answered by a link, and closed."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from wayproof.model.access import Scope

from fix_api import Customer, problem
from fix_epcis import dumped, new_document
from recall_events import DAIRY, FARM, SHOP, lot, made, moved, packed, sscc

OTHER_SHOP = "https://id.gs1.org/414/9520000000400"
MILK: dict[str, Any] = {"kind": "lots", "items": [lot("MILK")]}
NEW: dict[str, Any] = {"title": "Milk", "reason": "Listeria", "is_mock": True, "criteria": MILK}
_DAY = "2026-03-02T00:00:00Z"


@pytest.fixture
def dairy(acme: Customer) -> Customer:
    """Milk became cheese, and the cheese went to two shops."""
    tell(
        acme,
        moved(0, "commissioning", lot("MILK"), FARM, action="ADD", quantity=100),
        moved(60, "receiving", lot("MILK"), DAIRY, quantity=100),
        made(120, {lot("MILK"): 100}, {lot("CHEESE"): 10}, DAIRY),
        packed(180, sscc(1), {lot("CHEESE"): 6}, DAIRY),
        packed(181, sscc(2), {lot("CHEESE"): 4}, DAIRY),
        moved(300, "receiving", sscc(1), SHOP),
        moved(301, "receiving", sscc(2), OTHER_SHOP),
    )
    return acme


def tell(customer: Customer, *events: dict[str, Any]) -> None:
    """Captures events one by one."""
    for event in events:
        body = {**event, "@context": new_document()["@context"]}
        headers = {"Content-Type": "application/json"}
        answer = customer.request("POST", "/epcis/events", content=dumped(body), headers=headers)
        assert answer.status_code == 201, answer.text


def create(customer: Customer, *, key: str | None = None, **fields: Any) -> Any:
    """A recall."""
    headers = {} if key is None else {"Idempotency_Key": key}
    answer = customer.post("/v1/recalls", {**NEW, **fields}, **headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/recalls/{answer.json()['recall']['id']}"
    return answer.json()


def notices(customer: Customer, recall: Any) -> dict[str, Any]:
    """Notices by recipient."""
    found = customer.get(f"/v1/recalls/{recall['recall']['id']}/notices").json()["items"]
    return {each["recipient"]: each for each in found}


def link(customer: Customer, recall: Any, recipient: str) -> str:
    """Tells a recipient, and returns the path of the link."""
    path = f"/v1/recalls/{recall['recall']['id']}/notices/{notices(customer, recall)[recipient]['id']}/tellings"
    answer = customer.post(path, {"by": "J. Bakker", "how": "mail", "link_days": 1})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["link"]).removeprefix(str(customer.client.base_url))


def test_evaluating_keeps_nothing(dairy: Customer) -> None:
    """What a recall would concern can be asked with a key that may only read, and nothing is kept."""
    reader = dairy.holding(Scope.TRACE_READ)
    answer = reader.post("/v1/recalls/evaluate", {"criteria": MILK})
    assert answer.status_code == 200, answer.text
    assert {item["id"] for item in answer.json()["items"]} == {lot("MILK"), lot("CHEESE"), sscc(1), sscc(2)}
    assert dairy.get("/v1/recalls").json()["items"] == []
    problem(reader.post("/v1/recalls", NEW), "forbidden")


def test_a_recall_is_kept(dairy: Customer) -> None:
    """It is listed, and tells what is affected where, by the page and by recipient; others see none of it."""
    made_now = create(dairy)
    path = f"/v1/recalls/{made_now['recall']['id']}"
    assert dairy.get(path).json()["evaluation"] == made_now["evaluation"]
    assert [each["id"] for each in dairy.get("/v1/recalls").json()["items"]] == [made_now["recall"]["id"]]
    assert dairy.get("/v1/recalls", is_mock=False).json()["items"] == []
    whole, cursor = [], None
    while True:
        page = dairy.get(f"{path}/items", limit=2, **({"cursor": cursor} if cursor else {})).json()
        whole += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert whole == dairy.get(f"{path}/items").json()["items"]
    assert {item["recipient"] for item in dairy.get(f"{path}/items", recipient=SHOP).json()["items"]} == {SHOP}
    assert {SHOP, OTHER_SHOP} <= set(notices(dairy, made_now))


def test_the_same_request_twice(dairy: Customer) -> None:
    """With the same Idempotency-Key there is one recall, whatever has been told since; another one is a conflict."""
    first = create(dairy, key="k1")
    tell(dairy, made(500, {lot("CHEESE"): 1}, {lot("TOAST"): 1}, SHOP))
    assert create(dairy, key="k1")["recall"] == first["recall"]
    problem(dairy.post("/v1/recalls", {**NEW, "title": "x"}, Idempotency_Key="k1"), "conflict")
    assert len(dairy.get("/v1/recalls").json()["items"]) == 1


def test_revisions(dairy: Customer) -> None:
    """Evaluating again is a further revision; the one before is as it was."""
    first = create(dairy)
    path = f"/v1/recalls/{first['recall']['id']}"
    tell(dairy, made(500, {lot("CHEESE"): 1}, {lot("TOAST"): 1}, SHOP))
    answer = dairy.post(f"{path}/revisions", {})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["recall"]["revision"], answer.json()["evaluation"]["supersedes"]) == (2, 1)
    assert lot("TOAST") in {item["id"] for item in dairy.get(f"{path}/items").json()["items"]}
    assert dairy.get(path, revision=1).json()["evaluation"] == first["evaluation"]
    assert lot("TOAST") not in {item["id"] for item in dairy.get(f"{path}/items", revision=1).json()["items"]}
    problem(dairy.get(path, revision=3), "not-found")


def test_answered_by_a_link(dairy: Customer, client: TestClient) -> None:
    """A recipient sees by the link what is theirs and nobody else's, answers, corrects it, and all is counted."""
    recall = create(dairy)
    where = link(dairy, recall, SHOP)
    page = client.get(where)
    assert page.status_code == 200
    assert "exercise" in page.text
    assert "CHEESE" in page.text
    assert OTHER_SHOP not in page.text
    assert "MILK" not in page.text
    for found in ("5", "6,0"):
        answer = client.post(where, data={"by": "M. Rossi", "found-0": found, "returned-0": "4", "destroyed-0": "1"})
        assert answer.status_code == 200, answer.text
    notice = notices(dairy, recall)[SHOP]
    assert (notice["acknowledged_by"], notice["acknowledged_how"], notice["told_by"]) == (
        "M. Rossi",
        "link",
        "J. Bakker",
    )
    assert notice["quantities"] == [{"unit": "KGM", "found": 6.0, "returned": 4.0, "destroyed": 1.0}]
    effect = dairy.get(f"/v1/recalls/{recall['recall']['id']}").json()["effectiveness"]
    assert (effect["told"], effect["acknowledged"]) == (1, 1)
    assert effect["quantities"][0]["found"] == 6.0
    assert effect["quantities"][0]["expected"] == pytest.approx(10.0)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"by": " "},
        {"by": "x" * 201},
        {"by": "a\0b"},
        {"by": "x", "found-0": "-1"},
        {"by": "x", "found-0": "nan"},
        {"by": "x", "found-0": "many"},
        {"by": "x", "found-0": "1", "returned-0": "2"},
    ],
)
def test_bad_answers(dairy: Customer, client: TestClient, form: dict[str, str]) -> None:
    """An answer without a name, or with amounts that cannot be, is refused and not kept."""
    recall = create(dairy)
    where = link(dairy, recall, SHOP)
    assert client.post(where, data=form).status_code == 422
    assert notices(dairy, recall)[SHOP]["acknowledged_at"] is None


def test_links_end(dairy: Customer, client: TestClient) -> None:
    """A link that nobody made, that has expired, or whose recall is closed shows nothing and takes nothing."""
    recall = create(dairy)
    where = link(dairy, recall, SHOP)
    assert client.get(where[:-1]).status_code == 404
    assert client.get(f"/recall/{'a' * 43}").status_code == 404
    dairy.superuser.execute("update recall_entry set expires_at = now() - interval '1 second'")
    assert client.get(where).status_code == 404
    assert client.post(where, data={"by": "x"}).status_code == 404
    other = link(dairy, recall, SHOP)
    assert dairy.post(f"/v1/recalls/{recall['recall']['id']}/close", {"note": "done"}).status_code == 200
    assert client.get(other).status_code == 404
    assert client.post(other, data={"by": "x"}).status_code == 404


def test_taken_down_by_the_operator(dairy: Customer) -> None:
    """An answer by telephone counts as one by link; times outside of the recall, and units twice, do not."""
    recall = create(dairy)
    path = f"/v1/recalls/{recall['recall']['id']}/notices/{notices(dairy, recall)[SHOP]['id']}/acknowledgements"
    said = {"by": "M. Rossi", "how": "telephone", "quantities": [{"unit": "KGM", "found": 2.0}]}
    answer = dairy.post(path, said)
    assert answer.status_code == 201, answer.text
    assert answer.json()["quantities"] == [{"unit": "KGM", "found": 2.0, "returned": 0.0, "destroyed": 0.0}]
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    problem(dairy.post(path, {**said, "at": later}), "invalid-input")
    before = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    tellings = path.replace("acknowledgements", "tellings")
    for refused in (
        dairy.post(path, {**said, "at": before}),
        dairy.post(tellings, {"by": "x", "how": "y", "at": before}),
    ):
        assert "not before the recall began" in problem(refused, "invalid-input")["detail"]
    problem(dairy.post(path, {**said, "quantities": [{"unit": "KGM"}, {"unit": "KGM"}]}), "invalid-input")
    problem(dairy.post(path, {**said, "quantities": [{"unit": "kilo"}]}), "invalid-input")


def test_an_exercise_is_timed(dairy: Customer) -> None:
    """Minutes from the first question to the scope, to the last recipient, and to the end."""
    started = datetime.now(UTC) - timedelta(minutes=30)
    recall = create(dairy, started_at=started.isoformat())
    path = f"/v1/recalls/{recall['recall']['id']}"
    for recipient, notice in notices(dairy, recall).items():
        link(dairy, recall, recipient)
        done = {"by": "x", "how": "telephone", "quantities": []}
        dairy.post(f"{path}/notices/{notice['id']}/acknowledgements", done)
    effect = dairy.post(f"{path}/close", {}).json()["effectiveness"]
    assert 30 <= effect["minutes_to_scope"] < 32
    assert 30 <= effect["minutes_to_all_told"] <= effect["minutes_to_all_acknowledged"] <= effect["minutes"] < 33
    assert (effect["told_pct"], effect["acknowledged_pct"]) == (100, 100)
    problem(dairy.post(f"{path}/close", {}), "conflict")
    problem(dairy.post(f"{path}/revisions", {}), "conflict")


@pytest.mark.parametrize(
    "criteria",
    [
        {"kind": "lots", "items": []},
        {"kind": "lots", "items": ["a\0b"]},
        {"kind": "other"},
        {"kind": "place", "place": DAIRY, "since": "2026-03-02T00:00:00Z", "until": "2026-03-02T00:00:00Z"},
        {"kind": "exposure", "minutes": 3, "since": "2026-03-02T00:00:00Z", "until": "2026-03-03T00:00:00Z"},
        {
            "kind": "exposure",
            "above_c": 8.0,
            "minutes": -1,
            "since": "2026-03-02T00:00:00Z",
            "until": "2026-03-03T00:00:00Z",
        },
    ],
)
def test_bad_criteria(acme: Customer, criteria: dict[str, Any]) -> None:
    """Criteria that nothing can fulfil are refused."""
    problem(acme.post("/v1/recalls", {**NEW, "criteria": criteria}), "invalid-input")


@pytest.mark.parametrize(
    ("criteria", "pointer"),
    [
        ({"kind": "place", "place": SHOP, "since": _DAY}, "/criteria/until"),
        ({"kind": "place", "place": 7, "since": _DAY, "until": "2026-03-03T00:00:00Z"}, "/criteria/place"),
        ({"kind": "place", "place": SHOP, "since": _DAY, "until": _DAY}, "/criteria/until"),
        ({"kind": "lots", "items": []}, "/criteria/items"),
        ({"kind": "lots", "items": ["", "1"]}, "/criteria/items/0"),
        ({"kind": "none"}, "/criteria"),
    ],
)
def test_faults_of_criteria_are_pointed_to(acme: Customer, criteria: dict[str, Any], pointer: str) -> None:
    """A pointer leads to the member as it was sent, whatever kind of criteria it is in."""
    said = problem(acme.post("/v1/recalls", {**NEW, "criteria": criteria}), "invalid-input")
    assert [each["pointer"] for each in said["errors"]] == [pointer]


def test_others_find_nothing(dairy: Customer, customer_factory: Callable[[str], Customer]) -> None:
    """Nothing of a recall is found by another tenant, and a lot that nobody tells of is no recall."""
    recall, other = create(dairy), customer_factory("other")
    path = f"/v1/recalls/{recall['recall']['id']}"
    for each in (path, f"{path}/items", f"{path}/notices"):
        problem(other.get(each), "not-found")
    problem(other.post(f"{path}/close", {}), "not-found")
    problem(other.post(f"{path}/revisions", {}), "not-found")
    notice = notices(dairy, recall)[SHOP]["id"]
    said = {"by": "x", "how": "y"}
    problem(other.post(f"{path}/notices/{notice}/tellings", said), "not-found")
    problem(other.post(f"{path}/notices/{notice}/acknowledgements", said), "not-found")
    problem(other.post("/v1/recalls", NEW), "not-found")


def test_tokens_cannot_be_guessed(dairy: Customer) -> None:
    """A link has 256 random bits, and the database holds only their hash."""
    token = link(dairy, create(dairy), SHOP).rsplit("/", 1)[1]
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)
    stored = dairy.superuser.execute("select token_sha256 from recall_entry").fetchall()
    assert [len(digest) for (digest,) in stored] == [32]
    assert token.encode() not in {bytes(digest) for (digest,) in stored}
