"""What our own events tell of shipments and devices."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from wayproof.model.custody import EvidenceLeg
from wayproof.model.telemetry import Leg
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import fetch_one, fetch_tuples

_SQL: Final = load("sensing")


@dataclass(frozen=True, kw_only=True, slots=True)
class Journey:
    """Where a shipment began, and where it ends."""

    shipment_id: UUID
    origin_gln: str | None
    origin_site_id: UUID
    destination_gln: str | None
    destination_site_id: UUID


def get_journey(conn: Conn, shipment_id: UUID) -> Journey:
    """The journey of a shipment; NotFound where the tenant has none of that id."""
    return fetch_one(conn, Journey, _SQL["get_journey"], {"shipment_id": shipment_id}, f"shipment {shipment_id}")


def leg_of(conn: Conn, leg: EvidenceLeg) -> Leg | None:
    """The leg with its device's number; None where the tenant has no such device."""
    rows = fetch_tuples(conn, _SQL["find_device"], {"name": leg.device})
    return Leg(device=leg.device, device_id=rows[0][0], begins_at=leg.begins_at, ends_at=leg.ends_at) if rows else None
