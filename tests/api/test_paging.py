"""Lists page by page."""

import base64
import json
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof.api.paging import InvalidCursor, PageQuery, Pager
from wayproof.api.schemas.devices import ReadingsQuery
from wayproof.model.access import Scope

from fix_api import Customer, problem
from fix_registry import MONDAY

TENANT = UUID(int=1)


def _walk(customer: Customer, path: str, limit: int) -> list[str]:
    seen, cursor = [], None
    while True:
        page = customer.get(path, limit=limit, **({"cursor": cursor} if cursor else {})).json()
        seen += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return seen


@pytest.mark.parametrize("limit", [1, 2, 5, 6])
def test_pages_hold_every_item_once(acme: Customer, limit: int) -> None:
    """Following the cursors gives every item once, newest first, and the last page says that it is."""
    made = [acme.registry.device().name for _ in range(5)]
    assert _walk(acme, "/v1/devices", limit) == made[::-1]


def test_new_items_do_not_shift_pages(acme: Customer) -> None:
    """An item made between two pages neither repeats nor hides another."""
    made = [acme.registry.device().name for _ in range(3)]
    first = acme.get("/v1/devices", limit=2).json()
    acme.registry.device()
    rest = acme.get("/v1/devices", limit=2, cursor=first["next_cursor"]).json()
    assert [item["name"] for item in first["items"] + rest["items"]] == made[::-1]


def test_limit_is_held_to_the_greatest(acme: Customer) -> None:
    """However many are asked for, a page has at most 200 items; 50 where nobody asks."""
    acme.superuser.execute(
        "insert into device (tenant_id, name, kind) select %s, 'd' || n, 'truck' from generate_series(1, 250) n",
        [acme.registry.tenant_id],
    )
    assert len(acme.get("/v1/devices", limit=10**30).json()["items"]) == 200
    assert len(acme.get("/v1/devices").json()["items"]) == 50


def test_every_list_has_pages(acme: Customer) -> None:
    """Every list gives a cursor, and for the cursor what the page before did not hold."""
    for _ in range(2):
        shipment = acme.registry.shipment(profile=acme.registry.profile())
        acme.registry.assignment(shipment, acme.registry.device())
        acme.holding(*Scope)
    for name in ("devices", "sites", "condition-profiles", "shipments", "assignments", "keys"):
        whole = acme.get(f"/v1/{name}", limit=2).json()["items"]
        first = acme.get(f"/v1/{name}", limit=1).json()
        second = acme.get(f"/v1/{name}", limit=1, cursor=first["next_cursor"]).json()
        assert first["items"] + second["items"] == whole, name


def test_cursor_belongs_to_its_list(customer_factory: Callable[[str], Customer]) -> None:
    """A cursor of another list, other filters or another tenant is refused."""
    acme, other = customer_factory("acme"), customer_factory("other")
    for _ in range(2):
        acme.registry.shipment()
    cursor = acme.get("/v1/shipments", limit=1).json()["next_cursor"]
    assert acme.get("/v1/shipments", cursor=cursor, limit=5).status_code == 200
    problem(acme.get("/v1/sites", cursor=cursor), "invalid-cursor")
    problem(acme.get("/v1/shipments", cursor=cursor, status="planned"), "invalid-cursor")
    problem(other.get("/v1/shipments", cursor=cursor), "invalid-cursor")


def _forged(position: object) -> str:
    pager = Pager(PageQuery(), of="devices", tenant_id=TENANT)
    return base64.urlsafe_b64encode(json.dumps([pager._binding, position]).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "é", "\0", "AAAA", _forged(None), _forged([]), _forged([1, 2]), _forged([MONDAY.isoformat(), "x"])],
)
def test_nonsense_is_no_cursor(acme: Customer, cursor: str) -> None:
    """A cursor that no list has given out is refused."""
    problem(acme.get("/v1/devices", cursor=cursor), "invalid-cursor")


_AT = MONDAY.isoformat()


@pytest.mark.parametrize(
    ("of", "path", "position"),
    [
        ("devices", "/v1/devices", ["2026-03-02T08:00:00", 1]),
        ("devices", "/v1/devices", [_AT, 2**31]),
        ("devices", "/v1/devices", [_AT, 2**63]),
        ("devices", "/v1/devices", [_AT, -1]),
        ("devices", "/v1/devices", [_AT, 10**30]),
        ("keys", "/v1/keys", [_AT, "a\0b"]),
        ("sites", "/v1/sites", ["2026-03-02T08:00:00", str(TENANT)]),
        ("readings of truck-1", "/v1/devices/truck-1/readings", [_AT, 2**31, 1]),
        ("readings of truck-1", "/v1/devices/truck-1/readings", [_AT, 1, 2**63]),
    ],
)
def test_forged_position_is_refused(acme: Customer, of: str, path: str, position: object) -> None:
    """A cursor forged with a value that no column holds is refused like any other that was never given out."""
    acme.registry.device("truck-1")
    query = ReadingsQuery() if of.startswith("readings") else PageQuery()
    pager = Pager(query, of=of, tenant_id=acme.registry.tenant_id)
    raw = json.dumps([pager._binding, position]).encode()
    problem(acme.get(path, cursor=base64.urlsafe_b64encode(raw).decode()), "invalid-cursor")


@given(st.text(max_size=100))
def test_any_text_is_a_position_or_refused(text: str) -> None:
    """Whatever stands in a cursor, decoding it gives a position or InvalidCursor."""
    pager = Pager(PageQuery(cursor=text), of="devices", tenant_id=TENANT)
    with pytest.raises(InvalidCursor):
        pager.position(tuple[str, int])


@given(st.datetimes(timezones=st.just(MONDAY.tzinfo)), st.integers(-(2**63), 2**63 - 1))
def test_position_survives_its_cursor(at: datetime, number: int) -> None:
    """The position that a cursor was made of is the position that it gives."""
    pager = Pager(PageQuery(limit=1), of="devices", tenant_id=TENANT)
    _, cursor = pager.page([(at, number), (at, number)], lambda item: item)
    again = Pager(PageQuery(cursor=cursor), of="devices", tenant_id=TENANT)
    assert again.position(tuple[datetime, int]) == (at, number)
