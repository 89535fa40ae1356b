"""The temperature statement of a shipment, as EU GDP has it told to distributor and recipient.

Source: Guidelines on Good Distribution Practice, 2013/C 343/01, chapters 3.3 and 9.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from wayproof.model.shipment import Shipment
from wayproof.model.telemetry import Leg
from wayproof.store import climates, shipments, telemetry
from wayproof.store.pool import Conn
from wayproof.trace.exports.temperature import (
    ACTIVATION_ENERGY_J_MOL,
    GAS_CONSTANT_J_MOL_K,
    MAX_GAP,
    Band,
    Climate,
    climate,
)

CALIBRATION_UNKNOWN: Final = "Not recorded in Wayproof: ask the sensor's owner for the certificate."


class Conclusion(StrEnum):
    """What the readings say, and no more."""

    WITHIN = "within the limits"
    OUTSIDE = "outside of the limits"
    UNKNOWN = "no excursion was seen, and for some of the time there is no reading"
    NO_READINGS = "no reading"
    NO_LIMITS = "no limits were agreed"


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorStatement:
    """What one sensor tells of one leg."""

    device: str
    begins_at: datetime
    #: None: the leg goes on; judged up to the statement's time.
    ends_at: datetime | None
    calibration: str
    #: None: no reading.
    climate: Climate | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TemperatureStatement:
    """A shipment's temperatures, leg by leg."""

    shipment_id: UUID
    reference: str
    consignor: str
    consignee: str
    carrier: str
    #: Name and version of the condition profile; None: none was agreed.
    profile: str | None
    min_c: float | None
    max_c: float | None
    made_at: datetime
    #: How long a reading holds at most until the next one.
    max_gap_s: float
    activation_energy_j_mol: float
    gas_constant_j_mol_k: float
    conclusion: Conclusion
    sensors: tuple[SensorStatement, ...]


def temperature_statement(conn: Conn, shipment_id: UUID, *, now: datetime) -> TemperatureStatement:
    """The statement as readings stand now; NotFound where the tenant has no such shipment."""
    shipment = shipments.get_shipment(conn, shipment_id)
    band = band_of(shipment)
    sensors = tuple(_sensor(conn, leg, band, now) for leg in telemetry.list_legs(conn, shipment_id))
    return TemperatureStatement(
        shipment_id=shipment.shipment_id,
        reference=shipment.reference,
        consignor=shipment.consignor,
        consignee=shipment.consignee,
        carrier=shipment.carrier,
        profile=f"{shipment.profile.name}, version {shipment.profile.version}" if shipment.profile else None,
        min_c=band.min_c,
        max_c=band.max_c,
        made_at=now,
        max_gap_s=MAX_GAP.total_seconds(),
        activation_energy_j_mol=ACTIVATION_ENERGY_J_MOL,
        gas_constant_j_mol_k=GAS_CONSTANT_J_MOL_K,
        conclusion=_conclusion(band, sensors),
        sensors=sensors,
    )


def band_of(shipment: Shipment) -> Band:
    """What was promised for a shipment."""
    profile = shipment.profile
    if profile is None:
        return Band(min_c=None, max_c=None)
    return Band(min_c=profile.temperature_min_c, max_c=profile.temperature_max_c)


def _sensor(conn: Conn, leg: Leg, band: Band, now: datetime) -> SensorStatement:
    until = min(leg.ends_at or now, now)
    samples = climates.list_temperatures(conn, leg)
    return SensorStatement(
        device=leg.device,
        begins_at=leg.begins_at,
        ends_at=leg.ends_at,
        calibration=CALIBRATION_UNKNOWN,
        climate=climate(samples, band, since=leg.begins_at, until=max(until, samples[-1][0] if samples else until)),
    )


def _conclusion(band: Band, sensors: Sequence[SensorStatement]) -> Conclusion:
    climates_seen = [sensor.climate for sensor in sensors if sensor.climate]
    if not climates_seen:
        return Conclusion.NO_READINGS
    if band.min_c is None and band.max_c is None:
        return Conclusion.NO_LIMITS
    if any(seen.excursions for seen in climates_seen):
        return Conclusion.OUTSIDE
    is_whole = len(climates_seen) == len(sensors) and not any(seen.unknown_s for seen in climates_seen)
    return Conclusion.WITHIN if is_whole else Conclusion.UNKNOWN
