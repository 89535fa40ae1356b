"""A WebSocket is told what a named query finds anew."""

from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from wayproof.model.access import Scope
from wayproof.store.pool import Pool, tenant_transaction
from wayproof.trace.capture import capture

from fix_api import Customer
from fix_epcis import dumped, new_document, new_event


def test_a_stream_tells_what_is_new(acme: Customer, api_pool: Pool) -> None:
    """A WebSocket is told the events that match and are captured while it is open."""
    acme.post("/epcis/queries", {"name": "shipped", "query": {"EQ_bizStep": ["shipping"]}})
    _add(acme, api_pool, new_event(100))
    with _stream(acme, "shipped", "stream=true") as stream:
        _add(acme, api_pool, new_event(101), new_event(102, bizStep="receiving"), new_event(103))
        document = stream.receive_json()
    results = document["epcisBody"]["queryResults"]
    assert results["queryName"] == "shipped"
    told = [event["eventID"] for event in results["resultsBody"]["eventList"]]
    assert told == [new_event(number)["eventID"] for number in (101, 103)]


def test_a_stream_ends_with_its_query(acme: Customer) -> None:
    """Who deletes a query ends the streams of it."""
    acme.post("/epcis/queries", {"name": "all", "query": {}})
    with _stream(acme, "all", "stream=true") as stream:
        acme.request("DELETE", "/epcis/queries/all")
        with pytest.raises(WebSocketDisconnect):
            stream.receive_json()


def test_a_scheduled_stream_tells_at_its_time(acme: Customer) -> None:
    """A WebSocket with a schedule is told at its times, also of nothing where it wants that."""
    acme.post("/epcis/queries", {"name": "all", "query": {}})
    with _stream(acme, "all", "second=[0-59]&reportIfEmpty=true") as stream:
        assert stream.receive_json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"] == []


@pytest.mark.parametrize(
    ("query_name", "parameters"),
    [("nothing", "stream=true"), ("all", ""), ("all", "stream=true&hour=1"), ("all", "hour=99")],
)
def test_streams_that_cannot_be(acme: Customer, query_name: str, parameters: str) -> None:
    """A stream of no query, or without saying when, is refused."""
    acme.post("/epcis/queries", {"name": "all", "query": {}})
    with pytest.raises(WebSocketDisconnect), _stream(acme, query_name, parameters):
        pass


def test_streams_need_a_key(acme: Customer) -> None:
    """Without a key of its scope nobody streams."""
    acme.post("/epcis/queries", {"name": "all", "query": {}})
    for customer in (acme.holding(Scope.EVENTS_WRITE), Customer(**{**vars(acme), "token": "wp_nothing"})):
        with pytest.raises(WebSocketDisconnect), _stream(customer, "all", "stream=true"):
            pass


def _stream(customer: Customer, query_name: str, parameters: str) -> Any:
    headers = {"Authorization": f"Bearer {customer.token}"}
    return customer.client.websocket_connect(f"/epcis/queries/{query_name}/events?{parameters}", headers=headers)


def _add(customer: Customer, pool: Pool, *events: dict[str, Any]) -> None:
    tenant_id = customer.registry.tenant_id
    with tenant_transaction(pool, tenant_id) as conn:
        assert not capture(conn, tenant_id, dumped(new_document(*events))).faults
