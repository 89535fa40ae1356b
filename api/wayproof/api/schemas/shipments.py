"""Documents of shipments and assignments."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field

from wayproof.api.paging import PageQuery
from wayproof.api.schemas.base import (
    Body,
    DeviceName,
    Instant,
    Listing,
    Name,
    OptionalName,
    Reference,
    View,
    unset,
)
from wayproof.api.schemas.devices import ClimateView, PositionView
from wayproof.model.shipment import Shipment, ShipmentStatus
from wayproof.model.telemetry import Climate, Position, within_profile

_ORIGIN = "5f0c7a52-6f0e-4b8e-9a55-0b8f3c1d2e4f"
_DESTINATION = "b7a1f2d4-9c3e-4d5f-8a6b-7c8d9e0f1a2b"
_PROFILE = "0d9f2c51-3a0b-4f6e-8f5d-2f1f6f7f8a9b"
_SHIPMENT = "3c9a1b7e-5d2f-4e8a-b6c4-1f0e2d3c4b5a"
_MONDAY = "2026-03-02T08:00:00Z"
_TUESDAY = "2026-03-03T16:00:00Z"


class NewShipment(Body):
    """A shipment to be followed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "reference": "PO-4711",
                    "consignor": "Acme Pharma",
                    "consignee": "City Hospital",
                    "carrier": "Northern Freight",
                    "origin_site_id": _ORIGIN,
                    "destination_site_id": _DESTINATION,
                    "profile_id": _PROFILE,
                    "planned_pickup_at": _MONDAY,
                    "planned_delivery_at": _TUESDAY,
                }
            ]
        }
    )

    reference: Reference = Field(description="The customer's own number; unique within the tenant")
    consignor: Name
    consignee: Name
    carrier: OptionalName = ""
    origin_site_id: UUID
    destination_site_id: UUID
    profile_id: UUID | None = Field(default=None, description="null: no condition is promised")
    planned_pickup_at: Instant
    planned_delivery_at: Instant


class ShipmentChange(Body):
    """What shall be different; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"picked_up_at": "2026-03-02T08:12:00Z"}]})

    reference: Reference = Field(default_factory=unset)
    consignor: Name = Field(default_factory=unset)
    consignee: Name = Field(default_factory=unset)
    carrier: OptionalName = Field(default_factory=unset)
    origin_site_id: UUID = Field(default_factory=unset)
    destination_site_id: UUID = Field(default_factory=unset)
    profile_id: UUID | None = Field(default=None, description="null: no condition is promised")
    planned_pickup_at: Instant = Field(default_factory=unset)
    planned_delivery_at: Instant = Field(default_factory=unset)
    picked_up_at: Instant | None = Field(default=None, description="null: not yet")
    delivered_at: Instant | None = Field(default=None, description="null: not yet. Ends every leg")
    cancelled_at: Instant | None = Field(default=None, description="null: it is not. Ends every leg")


class PlaceView(View):
    """An end of a shipment's way: a site."""

    id: UUID = Field(examples=[_ORIGIN])
    name: str = Field(examples=["Rotterdam, Maasvlakte"])
    latitude_deg: float = Field(examples=[51.9496])
    longitude_deg: float = Field(examples=[4.1453])


class LimitsView(View):
    """The limits of a condition profile that temperature and humidity are held to."""

    id: UUID = Field(examples=[_PROFILE])
    name: str = Field(examples=["Vaccines 2-8 °C"])
    version: int = Field(examples=[1])
    temperature_min_c: float | None = Field(examples=[2.0])
    temperature_max_c: float | None = Field(examples=[8.0])
    humidity_min_pct: float | None = Field(examples=[None])
    humidity_max_pct: float | None = Field(examples=[None])


class ConditionView(ClimateView):
    """The newest temperature on the shipment, and whether it is within the promise."""

    device: str = Field(examples=["truck-17"])
    profile: LimitsView | None
    within_profile: bool | None = Field(
        description="null: nothing is promised, or what is cannot be judged", examples=[True]
    )


class ShipmentView(View):
    """A shipment, where it is and how it is kept.

    Position and condition come from devices while they are, or were, assigned to the shipment: one that has gone on
    with other goods shows its last state on this shipment.
    """

    id: UUID = Field(validation_alias="shipment_id", examples=[_SHIPMENT])
    reference: str = Field(examples=["PO-4711"])
    status: ShipmentStatus
    consignor: str = Field(examples=["Acme Pharma"])
    consignee: str = Field(examples=["City Hospital"])
    carrier: str = Field(examples=["Northern Freight"])
    origin: PlaceView
    destination: PlaceView
    profile: LimitsView | None
    planned_pickup_at: datetime = Field(examples=[_MONDAY])
    planned_delivery_at: datetime = Field(examples=[_TUESDAY])
    picked_up_at: datetime | None = Field(examples=["2026-03-02T08:12:00Z"])
    delivered_at: datetime | None = Field(examples=[None])
    cancelled_at: datetime | None = Field(examples=[None])
    position: PositionView | None = None
    condition: ConditionView | None = None
    version: int = Field(examples=[2])
    created_at: datetime = Field(examples=["2026-03-01T14:00:00Z"])
    updated_at: datetime = Field(examples=["2026-03-02T08:12:30Z"])

    @classmethod
    def of(cls, shipment: Shipment, position: Position | None, climate: Climate | None) -> Self:
        """The document of a shipment with the newest that its devices told."""
        view = cls.model_validate(shipment)
        view.position = PositionView.model_validate(position) if position else None
        view.condition = _condition(view.profile, shipment, climate) if climate else None
        return view


class ShipmentList(Listing[ShipmentView]):
    """Shipments, newest first."""


class ShipmentsQuery(PageQuery):
    """Which shipments."""

    status: Annotated[ShipmentStatus | None, Field(description="Only those that stand there")] = None
    reference: Annotated[
        Reference | None, Field(description="Only the one of this reference", examples=["PO-4711"])
    ] = None


class NewAssignment(Body):
    """A device to be put on a shipment."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"shipment_id": _SHIPMENT, "device": "truck-17", "begins_at": _MONDAY}]}
    )

    shipment_id: UUID
    device: DeviceName
    begins_at: Instant
    ends_at: Instant | None = Field(
        default=None, description="The first instant that is no longer part of it; null: until it is ended"
    )


class AssignmentChange(Body):
    """What shall be different; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ends_at": _TUESDAY}]})

    begins_at: Instant = Field(default_factory=unset)
    ends_at: Instant | None = Field(default=None, description="null: still riding")


class AssignmentView(View):
    """From when to when a device rode with a shipment."""

    id: UUID = Field(validation_alias="assignment_id", examples=["9e8d7c6b-5a49-4838-a726-150413f2e1d0"])
    shipment_id: UUID = Field(examples=[_SHIPMENT])
    device: str = Field(examples=["truck-17"])
    begins_at: datetime = Field(examples=[_MONDAY])
    ends_at: datetime | None = Field(examples=[None])
    version: int = Field(examples=[1])
    created_at: datetime = Field(examples=["2026-03-02T07:55:00Z"])
    updated_at: datetime = Field(examples=["2026-03-02T07:55:00Z"])


class AssignmentList(Listing[AssignmentView]):
    """Assignments, newest first."""


class AssignmentsQuery(PageQuery):
    """Which assignments."""

    shipment_id: Annotated[UUID | None, Field(description="Only those of this shipment", examples=[_SHIPMENT])] = None
    device: Annotated[DeviceName | None, Field(description="Only those of this device", examples=["truck-17"])] = None


def _condition(profile: LimitsView | None, shipment: Shipment, climate: Climate) -> ConditionView:
    return ConditionView(
        device=climate.device,
        observed_at=climate.observed_at,
        temperature_c=climate.temperature_c,
        humidity_pct=climate.humidity_pct,
        profile=profile,
        within_profile=within_profile(shipment.profile, climate),
    )
