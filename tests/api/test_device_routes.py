"""Devices by HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from wayproof.devices.credentials import secret_matches
from wayproof.store.pool import Conn

from fix_api import Customer, problem

NEW = {"name": "truck-1", "kind": "truck", "label": "MAN TGX"}


def test_new_device_is_answered_with_its_secret_once(acme: Customer, superuser: Conn) -> None:
    """Registering answers the secret that the broker will accept; no later answer holds it."""
    made = acme.post("/v1/devices", NEW)
    assert made.status_code == 201
    assert made.headers["location"] == "/v1/devices/truck-1"
    assert made.headers["cache-control"] == "no-store"
    row = superuser.execute("select credential from device").fetchone()
    assert row is not None
    assert secret_matches(made.json()["secret"], row[0])
    got = acme.get("/v1/devices/truck-1").json()
    assert got == {key: value for key, value in made.json().items() if key != "secret"}
    assert (got["kind"], got["label"], got["version"], got["retired_at"]) == ("truck", "MAN TGX", 1, None)


def test_rotating_answers_a_new_secret(acme: Customer, superuser: Conn) -> None:
    """After a rotation the new secret is good and the old one is not."""
    old = acme.post("/v1/devices", NEW).json()["secret"]
    new = acme.post("/v1/devices/truck-1/credential").json()["secret"]
    row = superuser.execute("select credential from device").fetchone()
    assert row is not None
    assert (secret_matches(new, row[0]), secret_matches(old, row[0])) == (True, False)


def test_taken_name_is_a_conflict(customer_factory: Callable[[str], Customer]) -> None:
    """A name that any tenant has taken is a conflict."""
    customer_factory("acme").post("/v1/devices", NEW)
    problem(customer_factory("other").post("/v1/devices", NEW), "conflict")


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a..b", "é", "svc@x", "a" * 65, "a\0", "+", "#"])
def test_name_must_fit_a_topic(acme: Customer, name: str) -> None:
    """A name that cannot be a topic level is refused, and the answer points to it."""
    document = problem(acme.post("/v1/devices", {**NEW, "name": name}), "invalid-input")
    assert [(error["in"], error["pointer"]) for error in document["errors"]] == [("body", "/name")]


def test_change_touches_only_what_is_named(acme: Customer) -> None:
    """A change leaves alone what it does not name, and null takes a device back into service."""
    acme.post("/v1/devices", NEW)
    retired = acme.patch("/v1/devices/truck-1", {"retired_at": "2026-03-02T09:00:00+01:00"}).json()
    assert (retired["retired_at"], retired["label"], retired["version"]) == ("2026-03-02T08:00:00Z", "MAN TGX", 2)
    back = acme.patch("/v1/devices/truck-1", {"retired_at": None, "kind": "reefer"}).json()
    assert (back["retired_at"], back["kind"], back["label"]) == (None, "reefer", "MAN TGX")


def test_device_cannot_be_retired_in_advance(acme: Customer) -> None:
    """A device that is to be retired is retired at once, so a time in the future is refused and changes nothing."""
    acme.post("/v1/devices", NEW)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    document = problem(acme.patch("/v1/devices/truck-1", {"retired_at": tomorrow}), "invalid-input")
    [error] = document["errors"]
    assert error["pointer"] == "/retired_at"
    assert "not in the future" in error["detail"]
    assert acme.get("/v1/devices/truck-1").json()["retired_at"] is None
    now = datetime.now(UTC).isoformat()
    assert acme.patch("/v1/devices/truck-1", {"retired_at": now}).status_code == 200


def test_null_does_not_clear_what_cannot_be_empty(acme: Customer) -> None:
    """Null for a value that every device has is refused, not ignored."""
    acme.post("/v1/devices", NEW)
    assert (
        problem(acme.patch("/v1/devices/truck-1", {"label": None}), "invalid-input")["errors"][0]["pointer"] == "/label"
    )


def test_unknown_device_is_not_found(acme: Customer) -> None:
    """A device that does not exist, and a name that none can have, are both not found."""
    for path in ("/v1/devices/nobody", "/v1/devices/a%00b", "/v1/devices/a%20b"):
        problem(acme.get(path), "not-found")
