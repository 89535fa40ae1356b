"""A browser that signs in."""

import pytest
from starlette.testclient import TestClient

from wayproof.model.access import Scope

from fix_api import Customer, problem


def _cookie(header: str) -> dict[str, str]:
    return {name.lower(): value for name, _, value in (part.strip().partition("=") for part in header.split(";"))}


def test_session_reads_and_changes_nothing(acme: Customer, client: TestClient) -> None:
    """A signed-in browser may read; a change needs the key in the header, so no other site can cause one."""
    assert client.post("/session", json={"token": acme.token}).status_code == 204
    assert client.get("/v1/devices").status_code == 200
    assert client.head("/v1/devices").status_code == 200
    problem(client.post("/v1/devices", json={"name": "truck-1", "kind": "truck"}), "unauthenticated")
    problem(client.patch("/v1/devices/truck-1", json={}), "unauthenticated")


def test_session_is_kept_from_scripts_and_other_sites(acme: Customer, client: TestClient) -> None:
    """The cookie is HttpOnly and SameSite=Strict, and Secure where the page came by TLS."""
    plain = _cookie(client.post("/session", json={"token": acme.token}).headers["set-cookie"])
    assert plain["wayproof_session"] == acme.token
    assert (plain["samesite"], "httponly" in plain, "secure" in plain) == ("strict", True, False)
    tls = client.post("https://testserver/session", json={"token": acme.token})
    assert "secure" in _cookie(tls.headers["set-cookie"])


def test_form_signs_in_and_goes_on_to_the_page(acme: Customer, client: TestClient) -> None:
    """A form without any script signs in and is sent to the first page."""
    answer = client.post("/session", data={"token": acme.token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert client.get("/v1/devices").status_code == 200


def test_signing_out_ends_it(acme: Customer, client: TestClient) -> None:
    """After signing out the browser has no cookie."""
    client.post("/session", json={"token": acme.token})
    assert client.delete("/session").status_code == 204
    problem(client.get("/v1/devices"), "unauthenticated")


def test_session_has_the_scopes_of_its_key(acme: Customer, client: TestClient) -> None:
    """A session can read what its key can and no more."""
    client.post("/session", json={"token": acme.holding(Scope.SITES_READ).token})
    assert client.get("/v1/sites").status_code == 200
    problem(client.get("/v1/devices"), "forbidden")


@pytest.mark.parametrize("token", ["", "wp_aaaaaaaaaaaa_" + "a" * 43, "\u2603"])
def test_wrong_token_sets_no_cookie(client: TestClient, token: str) -> None:
    """A token that proves nothing is refused, by form or by JSON, and no cookie is set."""
    for answer in (client.post("/session", json={"token": token}), client.post("/session", data={"token": token})):
        problem(answer, "unauthenticated")
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"token": 1}', b"\xff", b"[" * 100_000])
def test_body_without_a_token_is_invalid(client: TestClient, body: bytes) -> None:
    """A body that holds no token is refused as invalid."""
    problem(client.post("/session", content=body, headers={"Content-Type": "application/json"}), "invalid-input")


def test_form_of_another_site_is_refused(acme: Customer, client: TestClient) -> None:
    """No other site can sign a browser in, as itself or anybody."""
    answer = client.post("/session", data={"token": acme.token}, headers={"Origin": "https://evil.example"})
    problem(answer, "forbidden")
    same = client.post("/session", data={"token": acme.token}, headers={"Origin": "http://testserver"})
    assert same.status_code == 303


@pytest.mark.parametrize("origin", ["http://[bad", "null", "", "testserver", "http://testserver.evil.example"])
def test_what_is_no_origin_of_ours_is_refused(acme: Customer, client: TestClient, origin: str) -> None:
    """An Origin that is broken, opaque or only looks like ours is refused like that of another site."""
    problem(client.post("/session", data={"token": acme.token}, headers={"Origin": origin}), "forbidden")
