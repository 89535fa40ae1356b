"""Shipments, the condition that is promised for them, and the devices that ride with them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class ShipmentStatus(StrEnum):
    """Where a shipment stands. Derived from its facts, never stored: cancelled before delivered before picked up."""

    PLANNED = "planned"
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewProfile:
    """The band in which goods must be kept. A limit that is None does not apply."""

    name: str
    #: A profile is never changed: a correction is a new version under the same name.
    version: int
    temperature_min_c: float | None
    temperature_max_c: float | None
    humidity_min_pct: float | None
    humidity_max_pct: float | None
    shock_max_g: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ConditionProfile(NewProfile):
    """A condition profile as it is stored."""

    profile_id: UUID
    tenant_id: UUID
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NewShipment:
    """What a caller says of a shipment."""

    #: The customer's own number.
    reference: str
    consignor: str
    consignee: str
    carrier: str
    origin_site_id: UUID
    destination_site_id: UUID
    #: None: no condition is promised.
    profile_id: UUID | None
    planned_pickup_at: datetime
    planned_delivery_at: datetime
    picked_up_at: datetime | None = None
    delivered_at: datetime | None = None
    cancelled_at: datetime | None = None

    @property
    def status(self) -> ShipmentStatus:
        """Where the shipment stands; query `list_shipments` filters by the same rule."""
        if self.cancelled_at is not None:
            return ShipmentStatus.CANCELLED
        if self.delivered_at is not None:
            return ShipmentStatus.DELIVERED
        return ShipmentStatus.PLANNED if self.picked_up_at is None else ShipmentStatus.IN_TRANSIT


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """An end of a shipment's way."""

    id: UUID
    name: str
    latitude_deg: float
    longitude_deg: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ProfileLimits:
    """What of a condition profile stands with a shipment."""

    id: UUID
    name: str
    version: int
    temperature_min_c: float | None
    temperature_max_c: float | None
    humidity_min_pct: float | None
    humidity_max_pct: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shipment(NewShipment):
    """A shipment as it is stored, with the places and the profile that it names."""

    shipment_id: UUID
    tenant_id: UUID
    version: int
    created_at: datetime
    updated_at: datetime
    origin: Place
    destination: Place
    profile: ProfileLimits | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """From when to when a device rode with a shipment."""

    assignment_id: UUID
    tenant_id: UUID
    shipment_id: UUID
    #: The device's name.
    device: str
    begins_at: datetime
    #: The first instant that is no longer part of it; None: still riding.
    ends_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
