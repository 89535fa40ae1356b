"""Readings and states of devices by HTTP."""

from datetime import timedelta

from wayproof.model.reading import MEASURES, UNCOUNTED_BOOT

from fix_api import Customer, problem
from fix_registry import MONDAY
from fix_telemetry import Tell

HOUR = timedelta(hours=1)


def test_reading_comes_back_as_it_was_sent(acme: Customer, tell: Tell) -> None:
    """Every value of a reading comes back exactly, and what was not sent is null."""
    truck = acme.registry.device("truck-1")
    sent = {"temperature_c": 0.1 + 0.2, "door_open": False, "extra": {"mode": "eco", "n": [1, 2.5, None]}}
    tell(truck, MONDAY, received_at=MONDAY + HOUR, boot=7, seq=120, **sent)
    [reading] = acme.get("/v1/devices/truck-1/readings").json()["items"]
    assert {name: reading[name] for name in MEASURES} == {**dict.fromkeys(MEASURES), **sent}
    assert (reading["observed_at"], reading["received_at"]) == ("2026-03-02T00:00:00Z", "2026-03-02T01:00:00Z")
    assert (reading["boot"], reading["seq"], reading["clock_flags"]) == (7, 120, [])


def test_device_that_counts_nothing_shows_no_count(acme: Customer, tell: Tell) -> None:
    """The content hash that tells uncounted readings apart is ours, and is not shown."""
    truck = acme.registry.device("truck-1")
    tell(truck, MONDAY, boot=UNCOUNTED_BOOT, seq=2**62)
    [reading] = acme.get("/v1/devices/truck-1/readings").json()["items"]
    assert (reading["boot"], reading["seq"]) == (None, None)


def test_readings_are_listed_in_order_of_observation(acme: Customer, tell: Tell) -> None:
    """Readings come oldest first in whatever order they arrived, page by page, within the times asked for."""
    truck = acme.registry.device("truck-1")
    for hours in (3, 0, 2, 1, 4):
        tell(truck, MONDAY + hours * HOUR, received_at=MONDAY + 9 * HOUR, temperature_c=hours)
    query = {"from": "2026-03-02T01:00:00Z", "to": "2026-03-02T04:00:00Z", "limit": 2}
    first = acme.get("/v1/devices/truck-1/readings", **query).json()
    rest = acme.get("/v1/devices/truck-1/readings", **query, cursor=first["next_cursor"]).json()
    assert [item["temperature_c"] for item in first["items"] + rest["items"]] == [1, 2, 3]
    assert rest["next_cursor"] is None
    moved = {**query, "to": "2026-03-02T05:00:00Z", "cursor": first["next_cursor"]}
    problem(acme.get("/v1/devices/truck-1/readings", **moved), "invalid-cursor")


def test_wrong_clocks_are_named(acme: Customer, tell: Tell) -> None:
    """A reading with a wrong clock is listed with what is wrong, and is not the device's state."""
    truck = acme.registry.device("truck-1")
    tell(truck, MONDAY + HOUR, received_at=MONDAY, latitude_deg=1, longitude_deg=1)
    tell(truck, MONDAY.replace(year=2004), received_at=MONDAY, battery_pct=5)
    flags = [item["clock_flags"] for item in acme.get("/v1/devices/truck-1/readings").json()["items"]]
    assert flags == [["before_device_time"], ["future"]]
    state = acme.get("/v1/devices/truck-1/state").json()
    assert (state["received_at"], state["observed_at"], state["position"]) == ("2026-03-02T00:00:00Z", None, None)


def test_state_is_the_latest(acme: Customer, tell: Tell) -> None:
    """The state tells the latest of everything, each with the time of its own."""
    truck = acme.registry.device("truck-1")
    silent = acme.get("/v1/devices/truck-1/state").json()
    assert silent == {**dict.fromkeys(silent), "device": "truck-1"}
    tell(truck, MONDAY, latitude_deg=51.5, longitude_deg=5.5, temperature_c=4.5, humidity_pct=60.5)
    tell(truck, MONDAY + HOUR, battery_pct=87.5, door_open=True)
    assert acme.get("/v1/devices/truck-1/state").json() == {
        "device": "truck-1",
        "received_at": "2026-03-02T01:00:00Z",
        "observed_at": "2026-03-02T01:00:00Z",
        "battery_pct": 87.5,
        "door_open": True,
        "position": {
            "device": "truck-1",
            "observed_at": "2026-03-02T00:00:00Z",
            "latitude_deg": 51.5,
            "longitude_deg": 5.5,
            "altitude_m": None,
            "accuracy_m": None,
            "speed_mps": None,
            "heading_deg": None,
        },
        "climate": {"observed_at": "2026-03-02T00:00:00Z", "temperature_c": 4.5, "humidity_pct": 60.5},
    }
