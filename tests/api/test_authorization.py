"""Nobody gets anything without a key, beyond its scopes, or of another tenant."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from wayproof.model.access import Scope, join_token
from wayproof.store.keys import create_key, revoke_key

from fix_api import Customer, problem

OPEN = {
    "/livez",
    "/readyz",
    "/session",
    "/problems/{slug}",
    "/.well-known/gs1resolver",
    "/v1/log",
    "/v1/log/checkpoint",
    "/v1/log/tile/{path}",
    "/v1/log/proofs/inclusion",
    "/v1/log/proofs/consistency",
}
"""What answers without a key; a route that is not named here must not."""
OPEN_BELOW = "/v1/log"
"""The log of custody is public."""

IDS = {
    "name": "truck-1",
    "site_id": str(uuid4()),
    "profile_id": str(uuid4()),
    "shipment_id": str(uuid4()),
    "assignment_id": str(uuid4()),
    "key_id": "a" * 12,
    "party_id": str(uuid4()),
    "address": "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
    "handoff_id": str(uuid4()),
    "sheet": "fsma204",
    "event_id": "urn:uuid:7",
    "capture_id": str(uuid4()),
    "value": "shipping",
    "query_name": "myQuery",
    "token": "abc",
    "subscription_id": str(uuid4()),
    "item": "urn:epc:id:sscc:0614141.1",
    "recall_id": str(uuid4()),
    "notice_id": str(uuid4()),
}

WRITE_SCOPES = {
    "assignments": Scope.SHIPMENTS_WRITE,
    "condition-profiles": Scope.SHIPMENTS_WRITE,
    "devices": Scope.DEVICES_WRITE,
    "handoffs": Scope.CUSTODY_WRITE,
    "keys": Scope.KEYS_WRITE,
    "parties": Scope.PARTIES_WRITE,
    "recalls": Scope.TRACE_WRITE,
    "shipments": Scope.SHIPMENTS_WRITE,
    "sites": Scope.SITES_WRITE,
}
READ_SCOPES = {
    "assignments": Scope.SHIPMENTS_READ,
    "condition-profiles": Scope.SHIPMENTS_READ,
    "devices": Scope.DEVICES_READ,
    "dossiers": Scope.DOSSIERS_READ,
    "exports": Scope.EVENTS_READ,
    "handoffs": Scope.CUSTODY_READ,
    "items": Scope.CUSTODY_READ,
    "keys": Scope.KEYS_WRITE,
    "metrics": Scope.METRICS_READ,
    "parties": Scope.CUSTODY_READ,
    "recalls": Scope.TRACE_READ,
    "shipments": Scope.SHIPMENTS_READ,
    "sites": Scope.SITES_READ,
}


def closed_operations(app: FastAPI) -> list[tuple[str, str, Scope]]:
    """Method, path and the one scope that it needs, of every operation that is not open."""
    paths = {path: item for path, item in app.openapi()["paths"].items() if not path.startswith(OPEN_BELOW)}
    operations = [(method.upper(), path) for path, item in paths.items() if path not in OPEN for method in item]
    return [(method, path.format(**IDS), _scope(method, path)) for method, path in operations]


def _scope(method: str, path: str) -> Scope:
    if path.endswith("/custody"):
        return Scope.CUSTODY_READ
    if path.startswith("/epcis"):
        return Scope.EVENTS_READ if method == "GET" else Scope.EVENTS_WRITE
    if path.startswith("/v1/trace") or path == "/v1/recalls/evaluate":
        return Scope.TRACE_READ
    resource = path.removeprefix("/v1/").split("/")[1 if path.startswith("/metrics") else 0]
    return (READ_SCOPES if method == "GET" else WRITE_SCOPES)[resource]


def test_every_route_is_closed_to_strangers(app: FastAPI, client: TestClient) -> None:
    """Without a key every operation but the open ones answers 401 and says how to do better."""
    operations = closed_operations(app)
    assert len(operations) > 25
    for method, path, _ in operations:
        response = client.request(method, path)
        problem(response, "unauthenticated")
        assert response.headers["www-authenticate"].startswith("Bearer")


def test_every_route_needs_its_scope(app: FastAPI, acme: Customer) -> None:
    """With every scope but its own an operation answers 403; with its own alone it does not."""
    for method, path, scope in closed_operations(app):
        document = problem(acme.holding(*set(Scope) - {scope}).request(method, path), "forbidden")
        assert scope in document["detail"]
        assert acme.holding(scope).request(method, path).status_code not in {401, 403}


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", "Bearer wp_aaaaaaaaaaaa_" + "a" * 43, "Bearer \xff"]
)
def test_bad_authorization_is_unauthenticated(client: TestClient, header: str) -> None:
    """Whatever stands in the header, a request without a valid key is unauthenticated."""
    response = client.get("/v1/devices", headers={b"Authorization": header.encode("latin-1")})
    problem(response, "unauthenticated")


def test_expired_and_revoked_keys_are_unauthenticated(acme: Customer) -> None:
    """A key is refused from its expiry, and at once when it is revoked."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    tenant_id = acme.registry.tenant_id
    _, expired = create_key(acme.superuser, tenant_id=tenant_id, label="x", scopes=[*Scope], expires_at=past)
    key, revoked = create_key(acme.superuser, tenant_id=tenant_id, label="x", scopes=[*Scope])
    revoke_key(acme.superuser, key.key_id)
    for token in (expired, revoked, join_token(key.key_id, "a" * 43)):
        answer = acme.client.get("/v1/devices", headers={"Authorization": f"Bearer {token}"})
        problem(answer, "unauthenticated")


def test_nothing_of_another_tenant_is_found(customer_factory: Callable[[str], Customer]) -> None:
    """Whatever one tenant has is not found by another, whether it is read, changed or named."""
    acme, other = customer_factory("acme"), customer_factory("other")
    shipment, device = acme.registry.shipment(profile=acme.registry.profile()), acme.registry.device()
    assignment = acme.registry.assignment(shipment, device)
    assert shipment.profile is not None
    for path, change in (
        (f"/v1/devices/{device.name}", {"label": "mine"}),
        (f"/v1/devices/{device.name}/state", None),
        (f"/v1/devices/{device.name}/readings", None),
        (f"/v1/sites/{shipment.origin_site_id}", {"name": "mine"}),
        (f"/v1/condition-profiles/{shipment.profile.id}", None),
        (f"/v1/shipments/{shipment.shipment_id}", {"reference": "mine"}),
        (f"/v1/shipments/{shipment.shipment_id}/track", None),
        (f"/v1/shipments/{shipment.shipment_id}/series?measure=temperature_c", None),
        (f"/v1/assignments/{assignment.assignment_id}", {"ends_at": None}),
        (f"/v1/keys/{acme.token[3:15]}", None),
    ):
        assert acme.get(path).status_code == 200, path
        problem(other.get(path), "not-found")
        if change is not None:
            problem(other.patch(path, change), "not-found")
    problem(other.post(f"/v1/devices/{device.name}/credential"), "not-found")
    problem(other.request("DELETE", f"/v1/keys/{acme.token[3:15]}"), "not-found")


def test_lists_hold_only_what_is_the_tenants(customer_factory: Callable[[str], Customer]) -> None:
    """Every list of a tenant with nothing is empty, however much another has."""
    acme, other = customer_factory("acme"), customer_factory("other")
    acme.registry.assignment(acme.registry.shipment(profile=acme.registry.profile()), acme.registry.device())
    for name in ("devices", "sites", "condition-profiles", "shipments", "assignments"):
        assert acme.get(f"/v1/{name}").json()["items"], name
        assert other.get(f"/v1/{name}").json() == {"items": [], "next_cursor": None}, name
    assert [item["id"] for item in other.get("/v1/keys").json()["items"]] == [other.token[3:15]]


def test_another_tenants_rows_cannot_be_named(customer_factory: Callable[[str], Customer]) -> None:
    """A shipment or assignment that names a row of another tenant is refused as if the row did not exist."""
    acme, other = customer_factory("acme"), customer_factory("other")
    theirs, ours = acme.registry.shipment(), other.registry.shipment()
    device = acme.registry.device()
    path = f"/v1/shipments/{ours.shipment_id}"
    refused: list[Any] = [
        other.patch(path, {"origin_site_id": str(theirs.origin_site_id)}),
        other.patch(path, {"profile_id": str(acme.registry.profile().profile_id)}),
        other.post(
            "/v1/assignments",
            {"shipment_id": str(ours.shipment_id), "device": device.name, "begins_at": "2026-03-02T00:00:00Z"},
        ),
    ]
    pointers = [problem(response, "invalid-input")["errors"][0]["pointer"] for response in refused]
    assert pointers == ["/origin_site_id", "/profile_id", "/device"]
