"""Every error leaves as a problem document."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from wayproof.api.app import create_app
from wayproof.api.problems import KINDS, OF_ERROR
from wayproof.api.settings import ApiSettings
from wayproof.model.errors import WayproofError
from wayproof.store import devices
from wayproof.store.pool import Conn
from wayproof.store.settings import DatabaseSettings

from fix_api import Customer, problem
from fix_postgres import Server


def _tree(error: type[WayproofError]) -> Iterator[type[WayproofError]]:
    for below in error.__subclasses__():
        yield below
        yield from _tree(below)


def test_every_domain_error_has_its_problem() -> None:
    """The table names every error of the model; what another room adds is in it or a kind of those."""
    tree = set(_tree(WayproofError))
    assert {error for error in tree if error.__module__ == WayproofError.__module__} <= set(OF_ERROR) <= tree


def test_every_problem_is_explained(client: TestClient) -> None:
    """The type of every problem can be looked up, without a key."""
    for kind in KINDS.values():
        answer = client.get(kind.uri)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        assert kind.explanation in answer.text
    problem(client.get("/problems/nonsense"), "not-found")


def test_unknown_path_is_a_problem(client: TestClient) -> None:
    """A path that no route knows, or that ends in a slash too many, is not found."""
    for path in ("/nonsense", "/v1", "/v1/devices/", "/v1/nonsense/x", "/%00"):
        problem(client.get(path), "not-found")


def test_unknown_method_is_a_problem(acme: Customer) -> None:
    """A method that the resource does not know is named as such, with those that it knows."""
    answer = acme.request("PUT", "/v1/devices/truck-1", json={})
    problem(answer, "method-not-allowed")
    assert answer.headers["allow"] == "GET, HEAD, PATCH"


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b"[" * 200_000, b'{"name": ' + b"9" * 5000 + b"}"])
def test_body_that_is_no_json(acme: Customer, body: bytes) -> None:
    """Bytes that are no JSON, or nest or count beyond reason, are a problem of the caller."""
    answer = acme.request("POST", "/v1/devices", content=body, headers={"Content-Type": "application/json"})
    problem(answer, "malformed-request" if body else "invalid-input")


def test_api_keeps_the_recursion_limit() -> None:
    """Nothing that the API imports raises the limit that refuses deep JSON; web3 and eth_account do, by py_ecc."""
    program = "import sys, wayproof.api.__main__, wayproof.api.app; print(sys.getrecursionlimit())"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "1000"


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "x"])
def test_body_must_be_sent_as_json(acme: Customer, kind: str) -> None:
    """JSON that is sent as something else is refused: a form of another site could send it."""
    content = b'{"name": "truck-1", "kind": "truck"}'
    answer = acme.request("POST", "/v1/devices", content=content, headers={"Content-Type": kind})
    problem(answer, "invalid-input")


def test_body_has_a_limit(acme: Customer) -> None:
    """A body of more than 1 MiB is refused, whether its length is told or found out."""
    large = b'"' + b"a" * 1024 * 1024 + b'"'
    json = {"Content-Type": "application/json"}
    problem(acme.request("POST", "/v1/devices", content=large, headers=json), "content-too-large")
    pieces = iter([large[:700_000], large[700_000:]])
    problem(acme.request("POST", "/v1/devices", content=pieces, headers=json), "content-too-large")
    problem(acme.request("POST", "/session", content=large, headers=json), "content-too-large")


@pytest.mark.parametrize(
    "change",
    [
        {"label": "a\0b"},
        {"label": "a" * 201},
        {"label": 5},
        {"label": True},
        {"kind": "spaceship"},
        {"nonsense": 1},
        {"version": 7},
        {"retired_at": 1772438400},
        {"retired_at": "1772438400"},
        {"retired_at": "2026-03-02"},
        {"retired_at": "2026-03-02T08:00:00"},
        {"retired_at": "9999-12-31T23:59:59-12:00"},
        {"retired_at": "0001-01-01T00:00:00+12:00"},
        {"retired_at": "1969-12-31T23:59:59Z"},
        {"retired_at": "2100-01-01T00:00:00Z"},
        {"retired_at": "2026-02-30T00:00:00Z"},
        {"retired_at": "2026-03-02T08:00:00+99:00"},
    ],
)
def test_hostile_values_are_invalid(acme: Customer, change: dict[str, Any]) -> None:
    """A value of the wrong type, form or range is refused, and the answer points to it."""
    acme.registry.device("truck-1")
    document = problem(acme.patch("/v1/devices/truck-1", change), "invalid-input")
    [name] = change
    assert document["errors"][0]["pointer"] == f"/{name}"


def test_text_that_utf8_cannot_carry_is_invalid(acme: Customer) -> None:
    """A lone surrogate, in a name or in a value, is refused and the refusal can be sent."""
    acme.registry.device("truck-1")
    for change in ({"\ud800": 1}, {"label": "\ud800"}, {"a\ud800/~": 1}):
        problem(acme.patch("/v1/devices/truck-1", change), "invalid-input")


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e400", "91", "1" + "0" * 400, "true", '"5"', "null"]
)
def test_hostile_numbers_are_invalid(acme: Customer, number: str) -> None:
    """A number that is none, is not finite or lies out of range is refused."""
    site = acme.registry.site()
    content = f'{{"latitude_deg": {number}}}'.encode()
    answer = acme.request(
        "PATCH", f"/v1/sites/{site.site_id}", content=content, headers={"Content-Type": "application/json"}
    )
    assert problem(answer, "invalid-input")["errors"][0]["pointer"] == "/latitude_deg"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=x", "limit=" + "9" * 5000, "nonsense=1", "limit=1e400"]
)
def test_hostile_queries_are_invalid(acme: Customer, query: str) -> None:
    """A query that the list does not know, or with a value it cannot take, is refused."""
    document = problem(acme.get(f"/v1/devices?{query}"), "invalid-input")
    assert (document["errors"][0]["in"], document["errors"][0]["pointer"]) == ("query", "/" + query.partition("=")[0])


def test_fault_of_ours_tells_nothing(acme: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected error answers 500 without a word of what happened inside."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr(devices, "list_devices", broken)
    with capture_logs() as logs:
        answer = acme.get("/v1/devices")
    assert [(log["event"], log["exc_info"]) for log in logs] == [("request failed", True)]
    problem(answer, "internal")
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_database_that_is_gone_is_unavailable(acme: Customer, postgres: Server, database: DatabaseSettings) -> None:
    """While the database refuses connections requests answer 503, and work again as soon as it takes them."""
    hasty = ApiSettings(database=database.model_copy(update={"connect_timeout": timedelta(seconds=1)}))
    name = database.url.get_secret_value().rsplit("/", 1)[1]
    with TestClient(create_app(hasty)) as client, postgres.admin() as admin, capture_logs():
        caller = replace(acme, client=client)
        assert caller.get("/v1/devices").status_code == 200
        admin.execute(f"alter database {name} allow_connections false".encode())
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        for path in ("/v1/devices", "/readyz"):
            answer = caller.get(path)
            problem(answer, "unavailable")
            assert answer.headers["retry-after"]
        assert caller.get("/livez").status_code == 200
        admin.execute(f"alter database {name} allow_connections true".encode())
        assert caller.get("/v1/devices").status_code == 200


def test_question_that_takes_too_long(acme: Customer, database: DatabaseSettings, superuser: Conn) -> None:
    """Whoever asks for more than the database does in its time is told to ask for less, not that it is away."""
    hasty = ApiSettings(database=database.model_copy(update={"statement_timeout": timedelta(milliseconds=100)}))
    with TestClient(create_app(hasty)) as client, superuser.transaction(), capture_logs():
        superuser.execute("lock table device")
        answer = replace(acme, client=client).get("/v1/devices")
    assert "ask for less" in problem(answer, "unavailable")["detail"]
    assert answer.status_code == 503


def test_security_headers_stand_on_every_answer(app: FastAPI, client: TestClient) -> None:
    """Good or bad, every answer forbids what a page of ours never needs."""
    for path in ("/livez", "/v1/devices", "/nonsense", "/problems/conflict"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
