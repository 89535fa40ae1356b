"""Tenants, devices, sites, profiles, shipments and assignments in the store."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.errors import InsufficientPrivilege

from wayproof.model.device import DeviceKind
from wayproof.model.errors import Conflict, InvalidInput, NotFound
from wayproof.model.shipment import ShipmentStatus
from wayproof.store import assignments, devices, profiles, shipments, sites, tenants
from wayproof.store.pool import Conn, tenant_transaction
from wayproof.store.violations import INVALID, TAKEN

from fix_registry import MONDAY, TUESDAY, Registry


def test_tenant_is_found_by_its_name(superuser: Conn) -> None:
    """A tenant is found by the name that it was made with, and no other is."""
    created = tenants.create_tenant(superuser, "acme")
    assert tenants.find_tenant(superuser, "acme") == created
    assert tenants.find_tenant(superuser, "other") is None


def test_tenant_name_is_taken_once(superuser: Conn) -> None:
    """A second tenant of the same name is a Conflict."""
    tenants.create_tenant(superuser, "acme")
    with pytest.raises(Conflict, match="tenant of this name"):
        tenants.create_tenant(superuser, "acme")


@pytest.mark.parametrize("name", ["", "Acme", "a b", "-a", "a" * 64])
def test_tenant_name_is_checked(superuser: Conn, name: str) -> None:
    """A tenant's name is lower-case letters, digits and hyphens, up to 63."""
    with pytest.raises(InvalidInput):
        tenants.create_tenant(superuser, name)


def test_nul_character_is_invalid_input(superuser: Conn) -> None:
    """A text that PostgreSQL cannot hold is an InvalidInput, not a fault."""
    with pytest.raises(InvalidInput):
        tenants.find_tenant(superuser, "a\0b")


def test_device_comes_back_as_it_was_made(registry: Registry) -> None:
    """A device is got by its name, with the kind and version it was made with."""
    made = registry.device("reefer-1", DeviceKind.REEFER)
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        got = devices.get_device(conn, "reefer-1")
    assert got == made
    assert (got.kind, got.version, got.retired_at) == (DeviceKind.REEFER, 1, None)


def test_device_name_is_unique_over_tenants(registry_factory: Callable[[str], Registry]) -> None:
    """A device name that another tenant has taken is a Conflict: the broker knows no tenants."""
    registry_factory("acme").device("truck-1")
    other = registry_factory("other")
    with pytest.raises(Conflict, match="over all tenants"):
        other.device("truck-1")


def test_rotating_replaces_the_credential(registry: Registry, superuser: Conn) -> None:
    """Rotation stores the new hash and counts the version up."""
    registry.device("truck-1")
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        assert devices.rotate_credential(conn, name="truck-1", credential="$7$new").version == 2
    assert superuser.execute("select credential from device").fetchall() == [("$7$new",)]


def test_api_role_cannot_read_credentials(registry: Registry) -> None:
    """The hash of a device's secret cannot be read under the API's role."""
    with pytest.raises(InsufficientPrivilege), tenant_transaction(registry.pool, registry.tenant_id) as conn:
        conn.execute("select credential from device")


def test_lists_are_newest_first_without_gap_or_repeat(registry: Registry) -> None:
    """Walking a list page by page gives every item once, newest first."""
    made = [registry.device().name for _ in range(5)]
    seen, position = [], None
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        while page := devices.list_devices(conn, position=position, limit=2):
            seen += [device.name for device in page]
            position = (page[-1].created_at, page[-1].device_id)
    assert seen == made[::-1]


def test_changed_device_is_stored(registry: Registry) -> None:
    """Kind, label and retirement can be changed; the version counts up."""
    device = registry.device()
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        locked = devices.lock_device(conn, device.name)
        changed = devices.update_device(conn, replace(locked, label="Spare", retired_at=MONDAY))
    assert (changed.label, changed.retired_at, changed.version) == ("Spare", MONDAY, 2)


def test_site_is_stored_and_changed(registry: Registry) -> None:
    """What is said of a site comes back, also after a change."""
    site = registry.site("Dock 4")
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        changed = sites.update_site(conn, replace(sites.lock_site(conn, site.site_id), address="Quay 1"))
        assert sites.get_site(conn, site.site_id) == changed
        assert sites.list_sites(conn, limit=9) == [changed]
    assert (changed.name, changed.address, changed.version) == ("Dock 4", "Quay 1", 2)


def test_site_name_is_taken_once_per_tenant(registry_factory: Callable[[str], Registry]) -> None:
    """Two tenants may use one site name; one tenant may not use it twice."""
    acme = registry_factory("acme")
    acme.site("Dock")
    registry_factory("other").site("Dock")
    with pytest.raises(Conflict, match="site of this name"):
        acme.site("Dock")


def test_profile_versions_stand_side_by_side(registry: Registry) -> None:
    """A corrected profile is a new version; the same version twice is a Conflict."""
    first, second = registry.profile("2-8 °C"), registry.profile("2-8 °C", version=2)
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        assert profiles.list_profiles(conn, limit=9) == [second, first]
        assert profiles.get_profile(conn, first.profile_id) == first
    with pytest.raises(Conflict, match="next one"):
        registry.profile("2-8 °C", version=2)


def test_shipment_carries_places_and_profile(registry: Registry) -> None:
    """A shipment comes with the name and position of its ends and the limits of its profile."""
    profile = registry.profile()
    shipment = registry.shipment(profile=profile)
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        assert shipments.get_shipment(conn, shipment.shipment_id) == shipment
        origin = sites.get_site(conn, shipment.origin_site_id)
    assert (shipment.origin.name, shipment.origin.latitude_deg) == (origin.name, 51.95)
    assert shipment.profile is not None
    assert (shipment.profile.id, shipment.profile.temperature_max_c) == (profile.profile_id, 8)
    assert registry.shipment().profile is None


def test_shipment_reference_is_taken_once(registry: Registry) -> None:
    """A second shipment with the same reference is a Conflict."""
    registry.shipment("PO-1")
    with pytest.raises(Conflict, match="reference"):
        registry.shipment("PO-1")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"origin_site_id": uuid4()}, "/origin_site_id"),
        ({"destination_site_id": uuid4()}, "/destination_site_id"),
        ({"profile_id": uuid4()}, "/profile_id"),
        ({"planned_delivery_at": MONDAY - timedelta(seconds=1)}, "/planned_delivery_at"),
        ({"picked_up_at": TUESDAY, "delivered_at": MONDAY}, "/delivered_at"),
    ],
)
def test_refused_shipment_names_the_field(registry: Registry, change: dict[str, Any], pointer: str) -> None:
    """A shipment that the database refuses is an InvalidInput that points to the value."""
    shipment = registry.shipment()
    with (
        pytest.raises(InvalidInput) as refused,
        tenant_transaction(registry.pool, registry.tenant_id) as conn,
    ):
        shipments.update_shipment(conn, replace(shipment, **change))
    assert refused.value.pointer == pointer


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, ShipmentStatus.PLANNED),
        ({"picked_up_at": MONDAY}, ShipmentStatus.IN_TRANSIT),
        ({"picked_up_at": MONDAY, "delivered_at": TUESDAY}, ShipmentStatus.DELIVERED),
        ({"delivered_at": TUESDAY, "cancelled_at": MONDAY}, ShipmentStatus.CANCELLED),
    ],
)
def test_status_filter_agrees_with_the_model(registry: Registry, facts: dict[str, Any], status: ShipmentStatus) -> None:
    """The database filters shipments by the status that the model derives from their facts."""
    shipment = registry.shipment()
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        changed = shipments.update_shipment(conn, replace(shipment, **facts))
        listed = {kind: shipments.list_shipments(conn, limit=9, status=kind) for kind in ShipmentStatus}
    assert changed.status is status
    assert {kind: len(found) for kind, found in listed.items()} == {kind: kind is status for kind in ShipmentStatus}


def test_assignments_are_listed_by_shipment_and_by_device(registry: Registry) -> None:
    """Assignments can be listed by the shipment or by the device that they join."""
    truck, reefer = registry.device(), registry.device()
    first, second = registry.shipment(), registry.shipment()
    made = [registry.assignment(first, truck), registry.assignment(first, reefer), registry.assignment(second, truck)]
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        by_shipment = assignments.list_assignments(conn, limit=9, shipment_id=first.shipment_id)
        by_device = assignments.list_assignments(conn, limit=9, device=truck.name)
    assert by_shipment == [made[1], made[0]]
    assert by_device == [made[2], made[0]]


def test_assignment_is_ended_once_and_for_the_range(registry: Registry) -> None:
    """An ended assignment keeps its beginning, and the same device may come back after the end."""
    shipment, truck = registry.shipment(), registry.device()
    open_ended = registry.assignment(shipment, truck)
    with pytest.raises(Conflict, match="assigned to this shipment"):
        registry.assignment(shipment, truck, TUESDAY)
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        locked = assignments.lock_assignment(conn, open_ended.assignment_id)
        ended = assignments.update_assignment(conn, replace(locked, ends_at=TUESDAY))
        assert assignments.get_assignment(conn, ended.assignment_id) == ended
    assert (ended.begins_at, ended.ends_at, ended.version) == (MONDAY, TUESDAY, 2)
    assert registry.assignment(shipment, truck, TUESDAY).begins_at == TUESDAY


def test_assignment_must_end_after_it_begins(registry: Registry) -> None:
    """An empty or backward assignment is an InvalidInput."""
    shipment, truck = registry.shipment(), registry.device()
    for ends_at in (MONDAY, MONDAY - timedelta(days=1)):
        with pytest.raises(InvalidInput, match="expected an end after"):
            registry.assignment(shipment, truck, MONDAY, ends_at)


def test_another_tenants_things_cannot_be_assigned(registry_factory: Callable[[str], Registry]) -> None:
    """Neither a shipment nor a device of another tenant can stand in an assignment."""
    acme, other = registry_factory("acme"), registry_factory("other")
    with pytest.raises(InvalidInput) as shipment:
        acme.assignment(other.shipment(), acme.device())
    with pytest.raises(InvalidInput) as device:
        acme.assignment(acme.shipment(), other.device())
    assert (shipment.value.pointer, device.value.pointer) == ("/shipment_id", "/device")


def test_nothing_of_another_tenant_is_found(registry_factory: Callable[[str], Registry]) -> None:
    """Every getter, lock and list of one tenant is blind to another's rows."""
    acme, other = registry_factory("acme"), registry_factory("other")
    profile, device, shipment = acme.profile(), acme.device(), acme.shipment()
    assignment = acme.assignment(shipment, device)
    with tenant_transaction(other.pool, other.tenant_id) as conn:
        for look in (
            lambda: devices.get_device(conn, device.name),
            lambda: devices.lock_device(conn, device.name),
            lambda: devices.update_device(conn, device),
            lambda: devices.rotate_credential(conn, name=device.name, credential="x"),
            lambda: sites.get_site(conn, shipment.origin_site_id),
            lambda: sites.lock_site(conn, shipment.origin_site_id),
            lambda: profiles.get_profile(conn, profile.profile_id),
            lambda: shipments.get_shipment(conn, shipment.shipment_id),
            lambda: shipments.lock_shipment(conn, shipment.shipment_id),
            lambda: shipments.update_shipment(conn, shipment),
            lambda: assignments.get_assignment(conn, assignment.assignment_id),
            lambda: assignments.lock_assignment(conn, assignment.assignment_id),
            lambda: assignments.update_assignment(conn, assignment),
        ):
            with pytest.raises(NotFound):
                look()
        assert devices.list_devices(conn, limit=9) == []
        assert sites.list_sites(conn, limit=9) == []
        assert profiles.list_profiles(conn, limit=9) == []
        assert shipments.list_shipments(conn, limit=9) == []
        assert assignments.list_assignments(conn, limit=9) == []


def test_no_row_can_be_made_for_another_tenant(registry_factory: Callable[[str], Registry]) -> None:
    """A transaction of one tenant cannot insert a row of another's."""
    acme = registry_factory("acme")
    acme.tenant_id, theirs = UUID(int=1), acme.tenant_id
    with pytest.raises(InsufficientPrivilege), tenant_transaction(acme.pool, theirs) as conn:
        devices.create_device(conn, tenant_id=acme.tenant_id, name="x", kind=DeviceKind.TRUCK, credential=None)


def test_named_constraints_stand_in_the_schema(superuser: Conn) -> None:
    """Every constraint or unique index that is turned into words exists, so that a renamed one is noticed."""
    rows = superuser.execute(
        "select conname from pg_constraint union select indexrelid::regclass::text from pg_index where indisunique"
    ).fetchall()
    assert set(TAKEN) | set(INVALID) <= {name for (name,) in rows}


def test_assignment_times_are_utc(registry: Registry) -> None:
    """Times come back aware and in UTC."""
    begins_at = registry.assignment(registry.shipment(), registry.device()).begins_at
    assert begins_at.tzinfo is not None
    assert begins_at.utcoffset() == UTC.utcoffset(None)
