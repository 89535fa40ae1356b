"""Shipments and assignments by HTTP, with what devices told of them."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from fix_api import Customer, problem
from fix_registry import MONDAY, TUESDAY
from fix_telemetry import Tell

HOUR = timedelta(hours=1)


def _new(acme: Customer) -> dict[str, Any]:
    return {
        "reference": "PO-4711",
        "consignor": "Acme Pharma",
        "consignee": "City Hospital",
        "carrier": "Northern Freight",
        "origin_site_id": str(acme.registry.site("Rotterdam").site_id),
        "destination_site_id": str(acme.registry.site("Eindhoven").site_id),
        "profile_id": str(acme.registry.profile("2-8 °C").profile_id),
        "planned_pickup_at": "2026-03-02T09:00:00+01:00",
        "planned_delivery_at": "2026-03-03T16:00:00Z",
    }


def test_new_shipment_is_planned(acme: Customer) -> None:
    """A new shipment is planned, nowhere yet, and names its places and its promise."""
    made = acme.post("/v1/shipments", _new(acme))
    assert made.status_code == 201
    document = made.json()
    assert (document["status"], document["position"], document["condition"]) == ("planned", None, None)
    assert (document["origin"]["name"], document["destination"]["name"]) == ("Rotterdam", "Eindhoven")
    assert (document["profile"]["name"], document["profile"]["temperature_max_c"]) == ("2-8 °C", 8)
    assert document["planned_pickup_at"] == "2026-03-02T08:00:00Z"
    assert acme.get(made.headers["location"]).json() == document
    assert acme.get("/v1/shipments").json()["items"] == [document]


def test_facts_move_the_status(acme: Customer) -> None:
    """Pickup, delivery and cancellation move the status, and null takes a fact back."""
    path = acme.post("/v1/shipments", _new(acme)).headers["location"]
    for change, status in (
        ({"picked_up_at": "2026-03-02T08:12:00Z"}, "in_transit"),
        ({"delivered_at": "2026-03-03T15:00:00Z"}, "delivered"),
        ({"delivered_at": None}, "in_transit"),
        ({"cancelled_at": "2026-03-03T15:00:00Z"}, "cancelled"),
    ):
        assert acme.patch(path, change).json()["status"] == status


def test_shipments_are_filtered(acme: Customer) -> None:
    """A list can be narrowed to a status, to a reference, or to both."""
    planned, moving = (
        acme.registry.shipment("A"),
        acme.registry.change(acme.registry.shipment("B"), picked_up_at=MONDAY),
    )
    for query, expected in (
        ({"status": "planned"}, [planned]),
        ({"status": "in_transit"}, [moving]),
        ({"status": "delivered"}, []),
        ({"reference": "B"}, [moving]),
        ({"reference": "B", "status": "planned"}, []),
        ({}, [moving, planned]),
    ):
        items = acme.get("/v1/shipments", **query).json()["items"]
        assert [item["id"] for item in items] == [str(shipment.shipment_id) for shipment in expected]
    problem(acme.get("/v1/shipments", status="lost"), "invalid-input")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"origin_site_id": str(uuid4())}, "/origin_site_id"),
        ({"destination_site_id": "x"}, "/destination_site_id"),
        ({"profile_id": str(uuid4())}, "/profile_id"),
        ({"planned_delivery_at": "2026-03-01T00:00:00Z"}, "/planned_delivery_at"),
        ({"reference": ""}, "/reference"),
        ({"consignee": None}, "/consignee"),
        ({"picked_up_at": "2026-03-03T00:00:00Z", "delivered_at": "2026-03-02T00:00:00Z"}, "/delivered_at"),
    ],
)
def test_refusal_points_to_the_value(acme: Customer, change: dict[str, Any], pointer: str) -> None:
    """Whether the form or the database refuses a value, the answer points to it."""
    path = acme.post("/v1/shipments", _new(acme)).headers["location"]
    assert problem(acme.patch(path, change), "invalid-input")["errors"][0]["pointer"] == pointer


def test_reference_is_taken_once(acme: Customer) -> None:
    """A second shipment with the same reference is a conflict."""
    acme.registry.shipment("PO-4711")
    problem(acme.post("/v1/shipments", _new(acme)), "conflict")


def test_latest_position_and_condition_are_shown(acme: Customer, tell: Tell) -> None:
    """A shipment shows where its device is and how the goods are kept, exactly as the device told."""
    shipment, truck = acme.registry.shipment(profile=acme.registry.profile()), acme.registry.device("truck-1")
    acme.registry.assignment(shipment, truck)
    tell(truck, MONDAY, latitude_deg=51.4393123, longitude_deg=5.4786, speed_mps=22.4, temperature_c=4.2)
    for document in (
        acme.get(f"/v1/shipments/{shipment.shipment_id}").json(),
        acme.get("/v1/shipments").json()["items"][0],
    ):
        assert document["position"] == {
            "device": "truck-1",
            "observed_at": "2026-03-02T00:00:00Z",
            "latitude_deg": 51.4393123,
            "longitude_deg": 5.4786,
            "altitude_m": None,
            "accuracy_m": None,
            "speed_mps": 22.4,
            "heading_deg": None,
        }
        assert document["condition"]["temperature_c"] == 4.2
        assert document["condition"]["within_profile"] is True
        assert document["condition"]["profile"] == document["profile"]
    tell(truck, MONDAY + HOUR, temperature_c=8.1)
    assert acme.get(f"/v1/shipments/{shipment.shipment_id}").json()["condition"]["within_profile"] is False


def test_device_that_moved_on_hides_where_it_is(acme: Customer, tell: Tell) -> None:
    """Once its assignment is ended a device shows its last state on the shipment, whatever it does since."""
    shipment, truck = acme.registry.shipment(), acme.registry.device()
    assignment = acme.registry.assignment(shipment, truck)
    for hours in (1, 2, 3):
        tell(truck, MONDAY + hours * HOUR, latitude_deg=hours, longitude_deg=hours, temperature_c=hours)
    path = f"/v1/assignments/{assignment.assignment_id}"
    ended = acme.patch(path, {"ends_at": "2026-03-02T02:30:00Z"}).json()
    assert (ended["begins_at"], ended["ends_at"]) == ("2026-03-02T00:00:00Z", "2026-03-02T02:30:00Z")
    document = acme.get(f"/v1/shipments/{shipment.shipment_id}").json()
    assert (document["position"]["latitude_deg"], document["condition"]["temperature_c"]) == (2, 2)


def test_track_is_geojson_by_legs(acme: Customer, tell: Tell) -> None:
    """The track has one feature a leg: a line with its times, a point, or nothing where nothing is known."""
    shipment = acme.registry.shipment()
    truck, van, silent = (acme.registry.device(name) for name in ("truck", "van", "silent"))
    acme.registry.assignment(shipment, truck, MONDAY, TUESDAY)
    acme.registry.assignment(shipment, van, TUESDAY)
    acme.registry.assignment(shipment, silent, TUESDAY + HOUR)
    for hours in (1, 2, 25):
        tell(truck, MONDAY + hours * HOUR, latitude_deg=50 + hours, longitude_deg=hours)
    tell(van, TUESDAY + HOUR, latitude_deg=10, longitude_deg=-20)
    answer = acme.get(f"/v1/shipments/{shipment.shipment_id}/track")
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.json()["type"] == "FeatureCollection"
    line, point, nothing = answer.json()["features"]
    assert line["geometry"] == {"type": "LineString", "coordinates": [[1, 51], [2, 52]]}
    assert line["properties"] == {
        "device": "truck",
        "begins_at": "2026-03-02T00:00:00Z",
        "ends_at": "2026-03-03T00:00:00Z",
        "times": ["2026-03-02T01:00:00Z", "2026-03-02T02:00:00Z"],
    }
    assert point["geometry"] == {"type": "Point", "coordinates": [-20, 10]}
    assert (nothing["geometry"], nothing["properties"]["device"]) == (None, "silent")


def test_track_is_thinned(acme: Customer, tell: Tell) -> None:
    """A track holds no more positions a leg than are asked for."""
    shipment, truck = acme.registry.shipment(), acme.registry.device()
    acme.registry.assignment(shipment, truck)
    for minutes in range(20):
        tell(truck, MONDAY + minutes * HOUR / 60, latitude_deg=minutes, longitude_deg=0)
    path = f"/v1/shipments/{shipment.shipment_id}/track"
    [feature] = acme.get(path, max_points=5).json()["features"]
    latitudes = [latitude for _, latitude in feature["geometry"]["coordinates"]]
    assert len(latitudes) <= 5
    assert (latitudes[0], latitudes[-1]) == (0, 19)
    problem(acme.get(path, max_points=1), "invalid-input")


def test_series_are_by_device_and_bucket(acme: Customer, tell: Tell) -> None:
    """A series has least, mean, greatest and number for each device and bucket, within the times asked for."""
    shipment, truck, van = acme.registry.shipment(), acme.registry.device("truck"), acme.registry.device("van")
    acme.registry.assignment(shipment, truck)
    acme.registry.assignment(shipment, van)
    for minutes, celsius in ((0, 1.0), (5, 2.0), (14, 6.0), (15, 9.0)):
        tell(truck, MONDAY + minutes * HOUR / 60, temperature_c=celsius)
    tell(van, MONDAY, temperature_c=-18.5)
    path = f"/v1/shipments/{shipment.shipment_id}/series"
    document = acme.get(path, measure="temperature_c", bucket_s=900).json()
    assert document == {
        "shipment_id": str(shipment.shipment_id),
        "measure": "temperature_c",
        "bucket_s": 900,
        "series": [
            {
                "device": "truck",
                "buckets": [
                    {"begins_at": "2026-03-02T00:00:00Z", "min": 1, "mean": 3, "max": 6, "count": 3},
                    {"begins_at": "2026-03-02T00:15:00Z", "min": 9, "mean": 9, "max": 9, "count": 1},
                ],
            },
            {
                "device": "van",
                "buckets": [
                    {"begins_at": "2026-03-02T00:00:00Z", "min": -18.5, "mean": -18.5, "max": -18.5, "count": 1}
                ],
            },
        ],
    }
    part = {"from": "2026-03-02T00:05:00Z", "to": "2026-03-02T00:15:00Z"}
    [only] = acme.get(path, measure="temperature_c", **part).json()["series"]
    assert [bucket["count"] for bucket in only["buckets"]] == [2]


@pytest.mark.parametrize(
    "query",
    [{}, {"measure": "heading_deg"}, {"measure": "x"}, {"bucket_s": 0}, {"bucket_s": 10**9}, {"from": "x"}, {"a": "b"}],
)
def test_series_query_is_checked(acme: Customer, query: dict[str, Any]) -> None:
    """A series needs a measure that has a mean, and a bucket of a second to a month."""
    path = f"/v1/shipments/{acme.registry.shipment().shipment_id}/series"
    wrong = query if "measure" in query or not query else {"measure": "temperature_c", **query}
    problem(acme.get(path, **wrong), "invalid-input")


def test_assignment_is_made_and_listed(acme: Customer) -> None:
    """An assignment is listed by its shipment and by its device."""
    shipment, truck = acme.registry.shipment(), acme.registry.device("truck-1")
    body = {"shipment_id": str(shipment.shipment_id), "device": "truck-1", "begins_at": "2026-03-02T08:00:00Z"}
    made = acme.post("/v1/assignments", body)
    assert made.status_code == 201
    assert made.json() == {**made.json(), **body, "ends_at": None, "version": 1}
    assert acme.get(made.headers["location"]).json() == made.json()
    for query, count in (
        ({"shipment_id": str(shipment.shipment_id)}, 1),
        ({"device": truck.name}, 1),
        ({"device": "other"}, 0),
        ({"shipment_id": str(uuid4()), "device": truck.name}, 0),
    ):
        assert len(acme.get("/v1/assignments", **query).json()["items"]) == count


def test_assignment_is_refused(acme: Customer) -> None:
    """Twice at one time is a conflict; an end before the beginning, and an unknown device, are invalid."""
    shipment, truck = acme.registry.shipment(), acme.registry.device()
    body = {"shipment_id": str(shipment.shipment_id), "device": truck.name, "begins_at": "2026-03-02T08:00:00Z"}
    path = acme.post("/v1/assignments", body).headers["location"]
    problem(acme.post("/v1/assignments", {**body, "begins_at": "2026-03-03T08:00:00Z"}), "conflict")
    for answer, pointer in (
        (acme.patch(path, {"ends_at": "2026-03-02T08:00:00Z"}), "/ends_at"),
        (acme.post("/v1/assignments", {**body, "device": "nobody"}), "/device"),
        (acme.post("/v1/assignments", {**body, "shipment_id": str(uuid4())}), "/shipment_id"),
    ):
        assert problem(answer, "invalid-input")["errors"][0]["pointer"] == pointer
