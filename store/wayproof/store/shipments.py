"""The tenant's shipments."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from wayproof.model.shipment import NewShipment, Place, ProfileLimits, Shipment, ShipmentStatus
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import after, fetch_all, fetch_one

_SQL: Final = load("shipments")


def create_shipment(conn: Conn, *, tenant_id: UUID, shipment: NewShipment) -> Shipment:
    """A new shipment. Conflict where the reference is taken; InvalidInput where a site or profile is unknown."""
    values = {**asdict(shipment), "tenant_id": tenant_id}
    return get_shipment(conn, fetch_one(conn, _id, _SQL["create_shipment"], values, "shipment made"))


def get_shipment(conn: Conn, shipment_id: UUID) -> Shipment:
    """One shipment; NotFound where the tenant has none of that id."""
    values = {"shipment_id": shipment_id}
    return fetch_one(conn, _shipment, _SQL["get_shipment"], values, f"shipment {shipment_id}")


def lock_shipment(conn: Conn, shipment_id: UUID) -> Shipment:
    """The same, held against other changes until the transaction ends."""
    fetch_one(conn, _id, _SQL["lock_shipment"], {"shipment_id": shipment_id}, f"shipment {shipment_id}")
    return get_shipment(conn, shipment_id)


def list_shipments(
    conn: Conn,
    *,
    position: tuple[datetime, UUID] | None = None,
    limit: int,
    status: ShipmentStatus | None = None,
    reference: str | None = None,
) -> list[Shipment]:
    """Up to `limit` shipments of the tenant, newest first, from after `position` (creation time and id) on."""
    values = {**after(position), "limit": limit, "status": status, "reference": reference}
    return fetch_all(conn, _shipment, _SQL["list_shipments"], values)


def update_shipment(conn: Conn, shipment: Shipment) -> Shipment:
    """Stores what is said of `shipment`, and counts its version up. Conflict where another has its reference."""
    what = f"shipment {shipment.shipment_id}"
    return get_shipment(conn, fetch_one(conn, _id, _SQL["update_shipment"], asdict(shipment), what))


def _id(*, shipment_id: UUID) -> UUID:
    return shipment_id


def _shipment(**columns: Any) -> Shipment:
    return Shipment(
        origin=_place(columns, "origin"),
        destination=_place(columns, "destination"),
        profile=_profile(columns),
        **columns,
    )


def _place(columns: dict[str, Any], end: str) -> Place:
    return Place(
        id=columns[f"{end}_site_id"],
        name=columns.pop(f"{end}_name"),
        latitude_deg=columns.pop(f"{end}_latitude_deg"),
        longitude_deg=columns.pop(f"{end}_longitude_deg"),
    )


def _profile(columns: dict[str, Any]) -> ProfileLimits | None:
    limits = ProfileLimits(
        id=columns["profile_id"],
        name=columns.pop("profile_name"),
        version=columns.pop("profile_version"),
        temperature_min_c=columns.pop("temperature_min_c"),
        temperature_max_c=columns.pop("temperature_max_c"),
        humidity_min_pct=columns.pop("humidity_min_pct"),
        humidity_max_pct=columns.pop("humidity_max_pct"),
    )
    return None if columns["profile_id"] is None else limits
