"""Evidence is exactly the readings of a leg that had been received when it was drafted."""

from datetime import UTC, datetime, timedelta

import pytest

from wayproof.ledger.evidence import EvidenceTree, check_reading
from wayproof.model.custody import Evidence, StoredHandoff
from wayproof.model.device import Device
from wayproof.model.errors import InvalidInput, NotFound
from wayproof.model.handoff import Party
from wayproof.model.merkle import root_of
from wayproof.model.shipment import Shipment
from wayproof.store import evidence
from wayproof.store.packing import pack_day
from wayproof.store.pool import Conn, tenant_transaction

from fix_custody import Organisation
from fix_packing import everything
from fix_registry import MONDAY, TUESDAY
from fix_telemetry import Tell

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def truck(shipper: Organisation) -> Device:
    """A device of the shipper's."""
    return shipper.registry.device("truck-1")


@pytest.fixture
def shipment(shipper: Organisation, truck: Device, tell: Tell) -> Shipment:
    """A shipment on the truck since Monday, with a reading each ten minutes of its first two hours."""
    made = shipper.registry.shipment()
    shipper.registry.assignment(made, truck, MONDAY)
    for n in range(12):
        tell(truck, MONDAY + 10 * n * MINUTE, temperature_c=4.0 + n / 10, extra={"n": n})
    return made


def draft(shipper: Organisation, carrier: Organisation, shipment: Shipment, at: datetime) -> StoredHandoff:
    """A draft of the whole shipment."""
    return shipper.draft(carrier, item=None, shipment_id=shipment.shipment_id, occurred_at=at)


def evidence_of(owner: Organisation, handoff: StoredHandoff) -> Evidence:
    """The evidence as its owner sees it."""
    assert handoff.evidence_id is not None
    with tenant_transaction(owner.registry.pool, owner.tenant_id) as conn:
        return evidence.get_evidence(conn, handoff.evidence_id)


def missing(owner: Organisation, found: Evidence) -> int:
    """How many readings of the evidence are gone or changed."""
    with tenant_transaction(owner.registry.pool, owner.tenant_id) as conn:
        return evidence.count_missing(conn, found)


def test_evidence_is_the_leg(
    shipper: Organisation, carrier: Organisation, shipment: Shipment, truck: Device, tell: Tell
) -> None:
    """The root that is signed is over the readings from the assignment to before the handoff, and no others."""
    tell(truck, MONDAY - MINUTE, temperature_c=1.0)
    other = shipper.registry.device("truck-2")
    tell(other, MONDAY + MINUTE, temperature_c=1.0)
    handoff = draft(shipper, carrier, shipment, MONDAY + HOUR)
    assert handoff.record is not None
    assert handoff.record.evidence_size == 6
    found = evidence_of(shipper, handoff)
    assert handoff.record.evidence_root == root_of(evidence.leaves_of(found)) == found.root
    assert [(leg.device, leg.begins_at, leg.ends_at) for leg in found.legs] == [("truck-1", MONDAY, MONDAY + HOUR)]
    assert '"from":"2026-03-02T00:00:00+00:00"' in (handoff.details or "")


def test_next_leg_begins_where_the_last_one_ended(
    shipper: Organisation, carrier: Organisation, shipment: Shipment, consignee: Organisation
) -> None:
    """Each reading is evidence of one handoff: the next one's begins at the time of the one before."""
    first = carrier.accept(shipper.offer(draft(shipper, carrier, shipment, MONDAY + HOUR)))
    back = shipper.draft(carrier, role=Party.RECEIVER, item=None, shipment_id=shipment.shipment_id, occurred_at=TUESDAY)
    assert first.record is not None
    assert back.record is not None
    assert (first.record.evidence_size, back.record.evidence_size) == (6, 6)
    onward = carrier.draft(consignee, item=first.item)
    assert onward.record is not None
    assert onward.record.evidence_size == 0


def test_several_devices_stand_in_order_of_their_names(
    shipper: Organisation, carrier: Organisation, shipment: Shipment, tell: Tell
) -> None:
    """Leaves stand by device name as bytes, then by time."""
    for name in ("truck-10", "Truck-2"):
        device = shipper.registry.device(name)
        shipper.registry.assignment(shipment, device, MONDAY)
        tell(device, MONDAY + MINUTE, temperature_c=5.0)
    found = evidence_of(shipper, draft(shipper, carrier, shipment, MONDAY + HOUR))
    assert [leg.device for leg in found.legs] == ["Truck-2", "truck-1", "truck-10"]
    assert found.size == 8


def test_late_reading_changes_nothing(
    shipper: Organisation, carrier: Organisation, shipment: Shipment, truck: Device, tell: Tell
) -> None:
    """A reading of the leg that comes after the draft is no part of the evidence and takes nothing from it."""
    handoff = draft(shipper, carrier, shipment, MONDAY + HOUR)
    tell(truck, MONDAY + MINUTE, received_at=datetime.now(UTC) + MINUTE, seq=500, temperature_c=9.0)
    found = evidence_of(shipper, handoff)
    assert missing(shipper, found) == 0
    again = draft(shipper, carrier, shipment, MONDAY + HOUR)
    assert again.record is not None
    assert handoff.record is not None
    assert again.record.evidence_root == handoff.record.evidence_root
    with tenant_transaction(shipper.registry.pool, shipper.tenant_id) as conn:
        late = evidence.find_reading(conn, device="truck-1", observed_at=MONDAY + MINUTE, boot=1, seq=500)
    with pytest.raises(NotFound, match="came later or was changed"):
        EvidenceTree(evidence.leaves_of(found)).proof("truck-1", late)


def test_every_reading_can_be_proven(shipper: Organisation, carrier: Organisation, shipment: Shipment) -> None:
    """Each reading of the leg, and none outside, is proven against the record that was signed."""
    handoff = draft(shipper, carrier, shipment, MONDAY + HOUR)
    assert handoff.record is not None
    tree = EvidenceTree(evidence.leaves_of(evidence_of(shipper, handoff)))
    for n in range(6):
        at = MONDAY + 10 * n * MINUTE
        with tenant_transaction(shipper.registry.pool, shipper.tenant_id) as conn:
            stored = evidence.find_reading(conn, device="truck-1", observed_at=at, boot=1, seq=n + 1)
        assert check_reading(handoff.record, tree.proof("truck-1", stored)) == ("truck-1", stored)


@pytest.mark.usefixtures("plain")
def test_packing_changes_no_leaf(
    shipper: Organisation, carrier: Organisation, shipment: Shipment, superuser: Conn
) -> None:
    """Packed days give the same evidence, bit for bit, and their readings are still proven."""
    before = evidence_of(shipper, draft(shipper, carrier, shipment, TUESDAY))
    rows = everything(superuser)
    pack_day(superuser, MONDAY.date())
    assert everything(superuser) == rows
    assert missing(shipper, before) == 0
    after = evidence_of(shipper, draft(shipper, carrier, shipment, TUESDAY))
    assert (after.root, after.size) == (before.root, 12)
    with tenant_transaction(shipper.registry.pool, shipper.tenant_id) as conn:
        stored = evidence.find_reading(conn, device="truck-1", observed_at=MONDAY, boot=1, seq=1)
    assert EvidenceTree(evidence.leaves_of(before)).proof("truck-1", stored).index == 0


@pytest.mark.parametrize(
    "tamper",
    [
        "update reading set temperature_c = temperature_c + 1e-9 where seq = 3",
        "delete from reading where seq = 3",
        "update reading set received_at = received_at + interval '1 microsecond' where seq = 3",
        "update reading set extra = '{\"n\": 99}' where seq = 3",
        "update reading set extra = null where seq = 3",
    ],
)
def test_changed_reading_is_found(
    shipper: Organisation, carrier: Organisation, shipment: Shipment, superuser: Conn, tamper: str
) -> None:
    """One reading that is changed in any way, or deleted, is missed."""
    found = evidence_of(shipper, draft(shipper, carrier, shipment, MONDAY + HOUR))
    superuser.execute(tamper.encode())
    assert missing(shipper, found) == 1


def test_counterparty_sees_evidence_and_no_readings(
    shipper: Organisation, carrier: Organisation, consignee: Organisation, shipment: Shipment
) -> None:
    """The other party sees what an offer's evidence is of, not the readings; a third tenant sees neither."""
    handoff = shipper.offer(draft(shipper, carrier, shipment, MONDAY + HOUR))
    assert evidence_of(carrier, handoff).size == 6
    with pytest.raises(NotFound):
        evidence_of(consignee, handoff)
    with (
        pytest.raises(NotFound, match="no reading"),
        tenant_transaction(carrier.registry.pool, carrier.tenant_id) as conn,
    ):
        evidence.find_reading(conn, device="truck-1", observed_at=MONDAY, boot=1, seq=1)


def test_amendment_keeps_the_evidence(shipper: Organisation, carrier: Organisation, shipment: Shipment) -> None:
    """The other party's words stand over the same readings."""
    offered = shipper.offer(draft(shipper, carrier, shipment, MONDAY + HOUR))
    amended = carrier.amend(offered)
    assert amended.record is not None
    assert offered.record is not None
    assert amended.record.evidence_root == offered.record.evidence_root
    assert amended.evidence_id == offered.evidence_id
    assert '"legs"' in (amended.details or "")


def test_another_tenants_shipment_begins_no_chain(
    shipper: Organisation, carrier: Organisation, shipment: Shipment
) -> None:
    """Only the tenant of a shipment can begin its chain of custody."""
    with pytest.raises(InvalidInput, match="shipment that exists"):
        carrier.draft(shipper, item=None, shipment_id=shipment.shipment_id)


def test_delivery_ends_the_leg(shipper: Organisation, carrier: Organisation, shipment: Shipment) -> None:
    """What a device told after the delivery is no evidence of the shipment."""
    shipper.registry.change(shipment, picked_up_at=MONDAY, delivered_at=MONDAY + 25 * MINUTE)
    assert evidence_of(shipper, draft(shipper, carrier, shipment, MONDAY + HOUR)).size == 3
