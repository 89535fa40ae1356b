"""Sites and condition profiles by HTTP."""

import pytest

from fix_api import Customer, problem

SITE = {"name": "Maasvlakte", "kind": "port", "latitude_deg": 51.9496, "longitude_deg": 4.1453, "gln": "8712345000004"}
PROFILE = {"name": "2-8 °C", "temperature_min_c": 2, "temperature_max_c": 8}


def test_site_comes_back_as_it_was_made(acme: Customer) -> None:
    """What is said of a site is answered, also by its address."""
    made = acme.post("/v1/sites", SITE)
    assert made.status_code == 201
    assert made.json() == {**made.json(), **SITE, "radius_m": 250, "address": "", "version": 1}
    assert acme.get(made.headers["location"]).json() == made.json()


def test_site_change_touches_only_what_is_named(acme: Customer) -> None:
    """A change leaves alone what it does not name; null clears what may be unknown."""
    path = acme.post("/v1/sites", SITE).headers["location"]
    changed = acme.patch(path, {"gln": None, "radius_m": 800}).json()
    assert (changed["gln"], changed["radius_m"], changed["name"], changed["version"]) == (None, 800, "Maasvlakte", 2)


def test_site_name_is_taken_once(acme: Customer) -> None:
    """A second site of the same name is a conflict, new or renamed."""
    acme.post("/v1/sites", SITE)
    problem(acme.post("/v1/sites", SITE), "conflict")
    path = acme.post("/v1/sites", {**SITE, "name": "Other"}).headers["location"]
    problem(acme.patch(path, {"name": "Maasvlakte"}), "conflict")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("latitude_deg", 90.1),
        ("longitude_deg", -180.5),
        ("radius_m", 0),
        ("gln", "123"),
        ("kind", "moon"),
        ("name", ""),
    ],
)
def test_site_values_are_checked(acme: Customer, field: str, value: object) -> None:
    """A value out of range is refused, and the answer points to it."""
    document = problem(acme.post("/v1/sites", {**SITE, field: value}), "invalid-input")
    assert document["errors"][0]["pointer"] == f"/{field}"


def test_profile_comes_back_as_it_was_made(acme: Customer) -> None:
    """What is promised is answered, also by its address; limits that do not apply are null."""
    made = acme.post("/v1/condition-profiles", PROFILE)
    assert made.status_code == 201
    assert made.json() == {**made.json(), **PROFILE, "version": 1, "humidity_min_pct": None, "shock_max_g": None}
    assert acme.get(made.headers["location"]).json() == made.json()


def test_profile_is_corrected_by_a_new_version(acme: Customer) -> None:
    """The same version twice is a conflict, the next one is not."""
    acme.post("/v1/condition-profiles", PROFILE)
    problem(acme.post("/v1/condition-profiles", PROFILE), "conflict")
    assert acme.post("/v1/condition-profiles", {**PROFILE, "version": 2}).status_code == 201


def test_profile_limits_stand_in_order(acme: Customer) -> None:
    """A lower limit above the upper one is refused with both values."""
    document = problem(acme.post("/v1/condition-profiles", {**PROFILE, "temperature_min_c": 9}), "invalid-input")
    assert "9.0 and 8.0" in document["errors"][0]["detail"]
