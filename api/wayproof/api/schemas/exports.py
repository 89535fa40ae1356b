"""Documents of exports."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from wayproof.api.schemas.base import View
from wayproof.trace.exports.gdp import Conclusion

_AT = "2026-03-02T08:00:00Z"


class ExcursionView(View):
    """One unbroken time outside of the limits."""

    begins_at: datetime = Field(examples=[_AT])
    ends_at: datetime = Field(examples=["2026-03-02T08:40:00Z"])
    is_above: bool = Field(description="false: below", examples=[True])
    peak_c: float = Field(description="The most extreme temperature", examples=[9.4])
    known_s: float = Field(description="Seconds covered by readings", examples=[2400])
    unknown_s: float = Field(description="Seconds of it without any", examples=[0])


class ClimateView(View):
    """What one sensor saw."""

    readings: int = Field(examples=[480])
    first_at: datetime = Field(examples=[_AT])
    last_at: datetime = Field(examples=["2026-03-04T08:00:00Z"])
    min_c: float = Field(examples=[3.1])
    min_at: datetime = Field(examples=[_AT])
    max_c: float = Field(examples=[9.4])
    max_at: datetime = Field(examples=[_AT])
    mean_c: float = Field(description="Over time", examples=[5.2])
    mean_kinetic_c: float = Field(description="USP <1079.2>", examples=[5.4])
    covered_s: float = Field(description="Seconds covered by readings", examples=[172800])
    unknown_s: float = Field(description="Seconds without any", examples=[0])
    excursions: list[ExcursionView]


class SensorView(View):
    """One sensor on one leg."""

    device: str = Field(examples=["truck-17"])
    begins_at: datetime = Field(examples=[_AT])
    ends_at: datetime | None = Field(description="null: the leg goes on", examples=[None])
    calibration: str = Field(examples=["Not recorded in Wayproof: ask the sensor's owner for the certificate."])
    climate: ClimateView | None = Field(description="null: no reading")


class TemperatureStatementView(View):
    """The temperatures of a shipment, sensor by sensor."""

    shipment_id: UUID = Field(examples=["3c9a1b7e-5d2f-4e8a-b6c4-1f0e2d3c4b5a"])
    reference: str = Field(examples=["PO-4711"])
    consignor: str = Field(examples=["Example Pharma"])
    consignee: str = Field(examples=["Example Hospital"])
    carrier: str = Field(examples=["Example Logistics"])
    profile: str | None = Field(description="null: none was agreed", examples=["Vaccine, version 1"])
    min_c: float | None = Field(description="Least temperature allowed", examples=[2])
    max_c: float | None = Field(description="Greatest temperature allowed", examples=[8])
    made_at: datetime = Field(examples=[_AT])
    max_gap_s: float = Field(description="A reading holds no longer than this", examples=[1800])
    activation_energy_j_mol: float = Field(examples=[83144])
    gas_constant_j_mol_k: float = Field(examples=[8.3144626])
    conclusion: Conclusion = Field(examples=["within the limits"])
    sensors: list[SensorView]
