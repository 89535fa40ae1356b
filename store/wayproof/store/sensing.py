"""What has happened and is no event yet: accepted handoffs, shipments that left or arrived."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from wayproof.model.custody import EvidenceLeg
from wayproof.model.telemetry import Leg
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import fetch_all, fetch_tuples

_SQL: Final = load("sensing")


@dataclass(frozen=True, kw_only=True, slots=True)
class Journey:
    """A shipment that has begun or ended without an event that says so."""

    shipment_id: UUID
    origin_gln: str | None
    origin_site_id: UUID
    destination_gln: str | None
    destination_site_id: UUID
    #: Which events are missing.
    departs: bool
    arrives: bool


def list_handoffs(conn: Conn, *, limit: int) -> list[UUID]:
    """Accepted handoffs that no event of ours tells of, in order of the log."""
    return [handoff_id for (handoff_id,) in fetch_tuples(conn, _SQL["list_handoffs"], {"limit": limit})]


def list_journeys(conn: Conn, *, limit: int) -> list[Journey]:
    """Shipments whose departure or arrival no event of ours tells, oldest first."""
    return fetch_all(conn, Journey, _SQL["list_journeys"], {"limit": limit})


def leg_of(conn: Conn, leg: EvidenceLeg) -> Leg | None:
    """The leg with its device's number; None where the tenant has no such device."""
    rows = fetch_tuples(conn, _SQL["find_device"], {"name": leg.device})
    return Leg(device=leg.device, device_id=rows[0][0], begins_at=leg.begins_at, ends_at=leg.ends_at) if rows else None
