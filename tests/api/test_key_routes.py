"""API keys by HTTP."""

from datetime import UTC, datetime, timedelta

import pytest

from wayproof.model.access import Scope
from wayproof.store.keys import create_key

from fix_api import Customer, problem


def test_new_key_works_and_is_told_once(acme: Customer) -> None:
    """The token of a new key opens what its scopes allow; no later answer holds it."""
    made = acme.post("/v1/keys", {"label": "Dashboard", "scopes": ["sites:read"]})
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    token = made.json()["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert acme.client.get("/v1/sites", headers=bearer).status_code == 200
    problem(acme.client.get("/v1/devices", headers=bearer), "forbidden")
    got = acme.get(made.headers["location"])
    assert got.json() == {key: value for key, value in made.json().items() if key != "token"}
    assert token not in acme.get("/v1/keys").text


def test_key_cannot_grant_more_than_it_holds(acme: Customer) -> None:
    """A key grants its own scopes and no others."""
    limited = acme.holding(Scope.KEYS_WRITE, Scope.SITES_READ)
    assert limited.post("/v1/keys", {"label": "x", "scopes": ["sites:read"]}).status_code == 201
    document = problem(limited.post("/v1/keys", {"label": "x", "scopes": ["sites:read", "sites:write"]}), "forbidden")
    assert "sites:write" in document["detail"]


def test_key_cannot_be_outlived_by_those_it_makes(acme: Customer) -> None:
    """A key that ends makes only keys that end no later."""
    end = datetime.now(UTC) + timedelta(hours=1)
    _, token = create_key(
        acme.superuser, tenant_id=acme.registry.tenant_id, label="x", scopes=[Scope.KEYS_WRITE], expires_at=end
    )
    new = {"label": "x", "scopes": ["keys:write"]}
    for expires_at, status in ((None, 403), (end + timedelta(seconds=1), 403), (end, 201)):
        body = {**new, "expires_at": expires_at and expires_at.isoformat()}
        answer = acme.client.post("/v1/keys", json=body, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status


def test_key_that_has_ended_is_not_made(acme: Customer) -> None:
    """A key that would be of no use from the beginning is refused, and the answer points to its end."""
    for expires_at in ("2020-01-01T00:00:00Z", datetime.now(UTC).isoformat()):
        new = {"label": "x", "scopes": ["sites:read"], "expires_at": expires_at}
        document = problem(acme.post("/v1/keys", new), "invalid-input")
        assert [error["pointer"] for error in document["errors"]] == ["/expires_at"]


def test_revoked_key_stops_at_once(acme: Customer) -> None:
    """A revoked key opens nothing any more and stays in the list with the time of its end."""
    made = acme.post("/v1/keys", {"label": "Lost", "scopes": ["sites:read"]}).json()
    revoked = acme.request("DELETE", f"/v1/keys/{made['id']}")
    assert revoked.status_code == 200
    assert revoked.json()["revoked_at"]
    assert acme.request("DELETE", f"/v1/keys/{made['id']}").json() == revoked.json()
    problem(acme.client.get("/v1/sites", headers={"Authorization": f"Bearer {made['token']}"}), "unauthenticated")
    assert revoked.json() in acme.get("/v1/keys").json()["items"]


@pytest.mark.parametrize("scopes", [[], ["everything"], "sites:read", None, ["sites:read"] * (len(Scope) + 1)])
def test_scopes_are_checked(acme: Customer, scopes: object) -> None:
    """A key needs at least one scope, and only those that exist."""
    problem(acme.post("/v1/keys", {"label": "x", "scopes": scopes}), "invalid-input")


def test_unknown_key_is_not_found(acme: Customer) -> None:
    """A key that does not exist, and an id that none can have, are not found."""
    problem(acme.get("/v1/keys/" + "a" * 12), "not-found")
    problem(acme.request("DELETE", "/v1/keys/x%00"), "not-found")
