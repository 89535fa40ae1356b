"""Entity tags: reading only what changed, changing only what was read."""

import pytest

from fix_api import Customer, problem
from fix_registry import MONDAY
from fix_telemetry import Tell


def test_unchanged_resource_is_not_sent_again(acme: Customer) -> None:
    """With the tag of the present state, alone, in a list, weak or as `*`, the answer is an empty 304."""
    acme.registry.device("truck-1")
    for path in ("/v1/devices/truck-1", "/v1/devices", "/v1/devices/truck-1/state", "/v1/shipments"):
        tag = acme.get(path).headers["etag"]
        for known in (tag, f'"x", {tag}', f"W/{tag}", "*"):
            answer = acme.request("GET", path, headers={"If-None-Match": known})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
            assert answer.headers["cache-control"] == "private, no-cache"
        assert acme.request("GET", path, headers={"If-None-Match": '"x"'}).status_code == 200


def test_tag_changes_with_the_resource(acme: Customer, tell: Tell) -> None:
    """Whatever can be seen of a resource is in its tag: a change of it, or of where it is."""
    shipment, device = acme.registry.shipment(), acme.registry.device()
    acme.registry.assignment(shipment, device)
    path = f"/v1/shipments/{shipment.shipment_id}"
    tags = [acme.get(path).headers["etag"]]
    tell(device, MONDAY, latitude_deg=51, longitude_deg=5)
    tags.append(acme.get(path).headers["etag"])
    tags.append(acme.patch(path, {"carrier": "Other"}).headers["etag"])
    assert len(set(tags)) == 3
    assert acme.get(path).headers["etag"] == tags[-1]


def test_change_of_what_was_read_is_made(acme: Customer) -> None:
    """With the tag that was read a change is made, and its answer carries the next tag."""
    acme.registry.device("truck-1")
    tag = acme.get("/v1/devices/truck-1").headers["etag"]
    answer = acme.patch("/v1/devices/truck-1", {"label": "a"}, if_match=tag)
    assert answer.status_code == 200
    assert acme.patch("/v1/devices/truck-1", {"label": "b"}, if_match=answer.headers["etag"]).status_code == 200
    assert acme.patch("/v1/devices/truck-1", {"label": "c"}, if_match="*").status_code == 200
    assert acme.patch("/v1/devices/truck-1", {"label": "d"}).status_code == 200


def test_change_of_what_somebody_else_changed_is_refused(acme: Customer) -> None:
    """With an old tag, a weak one or nonsense nothing is changed."""
    acme.registry.device("truck-1")
    tag = acme.get("/v1/devices/truck-1").headers["etag"]
    acme.patch("/v1/devices/truck-1", {"label": "theirs"})
    present = acme.get("/v1/devices/truck-1").headers["etag"]
    for stale in (tag, f"W/{present}", "nonsense", ""):
        problem(acme.patch("/v1/devices/truck-1", {"label": "ours"}, if_match=stale), "precondition-failed")
    assert acme.get("/v1/devices/truck-1").json()["label"] == "theirs"


def test_moving_goods_do_not_fail_a_change(acme: Customer, tell: Tell) -> None:
    """A shipment's position may move between reading it and changing it: only its version decides."""
    shipment, device = acme.registry.shipment(), acme.registry.device()
    acme.registry.assignment(shipment, device)
    path = f"/v1/shipments/{shipment.shipment_id}"
    tag = acme.get(path).headers["etag"]
    tell(device, MONDAY, latitude_deg=51, longitude_deg=5)
    assert acme.patch(path, {"carrier": "Other"}, if_match=tag).status_code == 200


@pytest.mark.parametrize(
    ("resource", "change"),
    [
        ("sites", {"address": "x"}),
        ("shipments", {"carrier": "x"}),
        ("assignments", {"ends_at": None}),
        ("devices", {"label": "x"}),
    ],
)
def test_every_change_honours_the_tag(acme: Customer, resource: str, change: dict[str, str | None]) -> None:
    """Each resource that can be changed refuses a change of an old version; naming nothing makes no new one."""
    shipment = acme.registry.shipment()
    device = acme.registry.device()
    assignment = acme.registry.assignment(shipment, device)
    ids = {
        "sites": shipment.origin_site_id,
        "shipments": shipment.shipment_id,
        "assignments": assignment.assignment_id,
        "devices": device.name,
    }
    path = f"/v1/{resource}/{ids[resource]}"
    old = acme.get(path).headers["etag"]
    nothing = acme.patch(path, {}, if_match=old)
    assert (nothing.status_code, nothing.headers["etag"], nothing.json()["version"]) == (200, old, 1)
    assert acme.patch(path, change, if_match=old).json()["version"] == 2
    problem(acme.patch(path, {}, if_match=old), "precondition-failed")


def test_head_is_get_without_content(acme: Customer) -> None:
    """HEAD answers what GET does, but for the content."""
    acme.registry.device("truck-1")
    got, head = (acme.request(method, "/v1/devices/truck-1") for method in ("GET", "HEAD"))
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", got.headers["etag"])
    assert head.headers["content-length"] == str(len(got.content))
