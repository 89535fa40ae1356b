"""Factories of a tenant's rows, made under the API's role as a request would make them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from wayproof.model.device import Device, DeviceKind
from wayproof.model.shipment import Assignment, ConditionProfile, NewProfile, NewShipment, Shipment
from wayproof.model.site import NewSite, Site, SiteKind
from wayproof.store import assignments, devices, profiles, shipments, sites
from wayproof.store.pool import Pool, tenant_transaction
from wayproof.store.settings import Role

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
TUESDAY = datetime(2026, 3, 3, tzinfo=UTC)


@dataclass(kw_only=True)
class Registry:
    """Makes rows of one tenant; what a test does not care about has a value that will do."""

    pool: Pool
    tenant_id: UUID
    made: dict[str, int] = field(default_factory=dict)

    def site(self, name: str = "") -> Site:
        """A new site in Rotterdam."""
        site = NewSite(
            name=name or self._name("site"),
            kind=SiteKind.PORT,
            latitude_deg=51.95,
            longitude_deg=4.14,
            radius_m=250,
            gln=None,
            address="",
        )
        with tenant_transaction(self.pool, self.tenant_id) as conn:
            return sites.create_site(conn, tenant_id=self.tenant_id, site=site)

    def profile(self, name: str = "", version: int = 1) -> ConditionProfile:
        """A new condition profile, 2 to 8 degrees Celsius."""
        profile = NewProfile(
            name=name or self._name("profile"),
            version=version,
            temperature_min_c=2,
            temperature_max_c=8,
            humidity_min_pct=None,
            humidity_max_pct=None,
            shock_max_g=None,
        )
        with tenant_transaction(self.pool, self.tenant_id) as conn:
            return profiles.create_profile(conn, tenant_id=self.tenant_id, profile=profile)

    def device(self, name: str = "", kind: DeviceKind = DeviceKind.TRUCK) -> Device:
        """A new device that may not connect."""
        with tenant_transaction(self.pool, self.tenant_id) as conn:
            return devices.create_device(
                conn, tenant_id=self.tenant_id, name=name or self._name("device"), kind=kind, credential=None
            )

    def shipment(self, reference: str = "", *, profile: ConditionProfile | None = None) -> Shipment:
        """A new shipment, planned from Monday to Tuesday."""
        shipment = NewShipment(
            reference=reference or self._name("shipment"),
            consignor="Acme Pharma",
            consignee="City Hospital",
            carrier="",
            origin_site_id=self.site().site_id,
            destination_site_id=self.site().site_id,
            profile_id=profile.profile_id if profile else None,
            planned_pickup_at=MONDAY,
            planned_delivery_at=TUESDAY,
        )
        with tenant_transaction(self.pool, self.tenant_id) as conn:
            return shipments.create_shipment(conn, tenant_id=self.tenant_id, shipment=shipment)

    def change(self, shipment: Shipment, **facts: datetime | None) -> Shipment:
        """The shipment with other facts."""
        with tenant_transaction(self.pool, self.tenant_id) as conn:
            return shipments.update_shipment(conn, replace(shipment, **facts))  # type: ignore[arg-type]

    def assignment(
        self, shipment: Shipment, device: Device, begins_at: datetime = MONDAY, ends_at: datetime | None = None
    ) -> Assignment:
        """A new assignment, open-ended from Monday on."""
        with tenant_transaction(self.pool, self.tenant_id) as conn:
            return assignments.create_assignment(
                conn,
                tenant_id=self.tenant_id,
                shipment_id=shipment.shipment_id,
                device=device.name,
                begins_at=begins_at,
                ends_at=ends_at,
            )

    def _name(self, what: str) -> str:
        self.made[what] = self.made.get(what, 0) + 1
        return f"{what}-{str(self.tenant_id)[:8]}-{self.made[what]}"


@pytest.fixture
def api_pool(pool_factory: Callable[[Role | None], Pool]) -> Pool:
    """A pool under the API's role."""
    return pool_factory("wayproof_api")


@pytest.fixture
def registry_factory(api_pool: Pool, tenant_factory: Callable[[str], UUID]) -> Callable[[str], Registry]:
    """Makes a tenant and returns the factory of its rows."""

    def make(tenant: str) -> Registry:
        return Registry(pool=api_pool, tenant_id=tenant_factory(tenant))

    return make


@pytest.fixture
def registry(registry_factory: Callable[[str], Registry]) -> Registry:
    """Rows of tenant acme."""
    return registry_factory("acme")
