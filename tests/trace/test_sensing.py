"""Wayproof's own events: each once, with what the sensors saw, and with nothing that nobody told."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from wayproof.model.shipment import Shipment
from wayproof.store.events import get_events
from wayproof.store.pool import tenant_transaction
from wayproof.store.untold import list_own
from wayproof.trace.epcis.reading import read_json
from wayproof.trace.recorder import tell as record

from fix_custody import Organisation
from fix_registry import MONDAY, Registry
from fix_telemetry import Tell

API = "https://track.example"


def recorded(registry: Registry) -> list[str]:
    """Records what is untold of the tenant; the ids of new events."""
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        subjects = list_own(conn, limit=100)
    told = [record(registry.pool, subject, API) for subject in subjects]
    assert not any(each.failure for each in told)
    return [epcis_id for each in told for epcis_id in each.epcis_ids]


def event(registry: Registry, epcis_id: str) -> Any:
    """The event of that id."""
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        [stored] = get_events(conn, epcis_id)
    return read_json(stored.body.encode())


def transported(registry: Registry, tell: Tell, *temperatures: float) -> Shipment:
    """A shipment under way since Monday with a sensor that told a temperature every ten minutes."""
    shipment, device = registry.shipment(profile=registry.profile()), registry.device("logger-1")
    registry.assignment(shipment, device, MONDAY)
    for place, value in enumerate(temperatures):
        tell(device, MONDAY + timedelta(minutes=10 * place), temperature_c=value)
    return registry.change(shipment, picked_up_at=MONDAY)


def test_departure_and_arrival(registry: Registry, tell: Tell) -> None:
    """What the owner told becomes two events; the arrival tells least, greatest and mean of the way."""
    shipment = transported(registry, tell, 4, 6, 5)
    here = f"urn:wayproof:event:departure:{shipment.shipment_id}"
    assert recorded(registry) == [here]
    registry.change(shipment, delivered_at=MONDAY + timedelta(minutes=30))
    there = f"urn:wayproof:event:arrival:{shipment.shipment_id}"
    assert recorded(registry) == [there]
    left, arrived = event(registry, here), event(registry, there)
    assert (left["bizStep"], left["readPoint"]) == ("departing", {"id": f"urn:wayproof:site:{shipment.origin_site_id}"})
    assert "sensorElementList" not in left
    [element] = arrived["sensorElementList"]
    assert [
        (float(each["minValue"]), float(each["maxValue"]), float(each["meanValue"])) for each in element["sensorReport"]
    ] == [(4, 6, 5.25)]
    assert shipment.profile is not None
    assert element["sensorMetadata"] == {
        "startTime": "2026-03-02T00:00:00Z",
        "endTime": "2026-03-02T00:20:00Z",
        "deviceID": "urn:wayproof:device:logger-1",
        "rawData": f"{API}/v1/shipments/{shipment.shipment_id}/series?measure=temperature_c",
        "bizRules": f"{API}/v1/condition-profiles/{shipment.profile.id}",
    }


def test_excursions(registry: Registry, tell: Tell) -> None:
    """Each excursion is an event of its own, with its peak, its time and an alarm."""
    shipment = transported(registry, tell, 5, 9, 11, 5)
    registry.change(shipment, delivered_at=MONDAY + timedelta(minutes=40))
    _, name, _ = recorded(registry)
    assert name.startswith(f"urn:wayproof:event:excursion:{shipment.shipment_id}:logger-1:")
    told = event(registry, name)
    [element] = told["sensorElementList"]
    assert (told["bizStep"], told["eventTime"]) == ("sensor_reporting", "2026-03-02T00:30:00Z")
    assert [report.get("exception", report.get("maxValue")) for report in element["sensorReport"]] == [
        11,
        "ALARM_CONDITION",
    ]


def test_everything_once(registry: Registry, tell: Tell) -> None:
    """However often something is changed, each event is recorded once."""
    shipment = transported(registry, tell, 5, 9, 5)
    registry.change(shipment, delivered_at=MONDAY + timedelta(minutes=30))
    registry.change(registry.shipment(), picked_up_at=MONDAY)
    found = recorded(registry)
    assert len(found) == len(set(found)) == 4
    registry.change(shipment, picked_up_at=MONDAY + timedelta(minutes=1))
    assert recorded(registry) == []


def test_nothing_is_made_up(registry: Registry) -> None:
    """A shipment that is only planned is no event, and one without sensors arrives without a sensor element."""
    shipment = registry.shipment()
    assert recorded(registry) == []
    registry.change(shipment, picked_up_at=MONDAY, delivered_at=MONDAY + timedelta(hours=1))
    assert len(recorded(registry)) == 2
    assert "sensorElementList" not in event(registry, f"urn:wayproof:event:arrival:{shipment.shipment_id}")


@pytest.mark.parametrize("who", ["shipper", "carrier"])
def test_handoffs(shipper: Organisation, carrier: Organisation, tell: Tell, who: str) -> None:
    """An accepted handoff is an event of both parties; who owns the sensors has what they saw in it."""
    shipment = transported(shipper.registry, tell, 4, 6)
    handoff = shipper.hand_over(
        carrier, item=None, shipment_id=shipment.shipment_id, occurred_at=MONDAY + timedelta(hours=1)
    )
    registry = {"shipper": shipper, "carrier": carrier}[who].registry
    name = f"urn:wayproof:event:handoff:{handoff.handoff_id}"
    assert name in recorded(registry)
    assert recorded(registry) == []
    told = event(registry, name)
    assert (told["bizStep"], told["epcList"]) == ("accepting", [handoff.item])
    assert told["sourceList"] == [
        {"type": "possessing_party", "source": f"urn:wayproof:party:{shipper.party.party_id}"}
    ]
    means = [element["sensorReport"][0]["meanValue"] for element in told.get("sensorElementList", ())]
    assert means == ([5] if who == "shipper" else [])


def test_offers_are_no_events(shipper: Organisation, carrier: Organisation) -> None:
    """A handoff that nobody has accepted yet is no event."""
    shipper.offer(shipper.draft(carrier))
    assert recorded(shipper.registry) == []


def test_nothing_of_another_tenant(registry_factory: Callable[[str], Registry], tell: Tell) -> None:
    """One tenant's journeys are no events of another's."""
    transported(registry_factory("one"), tell, 5)
    other = registry_factory("two")
    assert isinstance(other.tenant_id, UUID)
    assert recorded(other) == []
