"""Which device rode with which shipment, and when."""

from dataclasses import asdict
from datetime import datetime
from typing import Final
from uuid import UUID

from wayproof.model.errors import InvalidInput
from wayproof.model.shipment import Assignment
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import after, fetch_all, fetch_one, fetch_optional
from wayproof.store.violations import INVALID

_SQL: Final = load("assignments")


def create_assignment(
    conn: Conn, *, tenant_id: UUID, shipment_id: UUID, device: str, begins_at: datetime, ends_at: datetime | None = None
) -> Assignment:
    """Assigns a device, by its name, to a shipment; `ends_at` None: until it is ended.

    Conflict where it is assigned to that shipment at that time already; InvalidInput where the tenant has no such
    device or shipment, or the end is not after the beginning. A device may ride with several shipments at once.
    """
    _check_order(begins_at, ends_at)
    values = {
        "tenant_id": tenant_id,
        "shipment_id": shipment_id,
        "device": device,
        "begins_at": begins_at,
        "ends_at": ends_at,
    }
    made = fetch_optional(conn, Assignment, _SQL["create_assignment"], values)
    if made is None:
        pointer, message = INVALID["assignment_device"]
        raise InvalidInput(message, pointer=pointer)
    return made


def get_assignment(conn: Conn, assignment_id: UUID) -> Assignment:
    """One assignment; NotFound where the tenant has none of that id."""
    values = {"assignment_id": assignment_id}
    return fetch_one(conn, Assignment, _SQL["get_assignment"], values, f"assignment {assignment_id}")


def lock_assignment(conn: Conn, assignment_id: UUID) -> Assignment:
    """The same, held against other changes until the transaction ends."""
    values = {"assignment_id": assignment_id}
    return fetch_one(conn, Assignment, _SQL["lock_assignment"], values, f"assignment {assignment_id}")


def list_assignments(
    conn: Conn,
    *,
    position: tuple[datetime, UUID] | None = None,
    limit: int,
    shipment_id: UUID | None = None,
    device: str | None = None,
) -> list[Assignment]:
    """Up to `limit` assignments of the tenant, newest first, from after `position` (creation time and id) on."""
    values = {**after(position), "limit": limit, "shipment_id": shipment_id, "device": device}
    return fetch_all(conn, Assignment, _SQL["list_assignments"], values)


def update_assignment(conn: Conn, assignment: Assignment) -> Assignment:
    """Stores from when to when, and counts the version up. Conflict and InvalidInput as for a new one."""
    _check_order(assignment.begins_at, assignment.ends_at)
    what = f"assignment {assignment.assignment_id}"
    return fetch_one(conn, Assignment, _SQL["update_assignment"], asdict(assignment), what)


def _check_order(begins_at: datetime, ends_at: datetime | None) -> None:
    if ends_at is not None and ends_at <= begins_at:
        message = f"expected an end after {begins_at.isoformat()}, got {ends_at.isoformat()}"
        raise InvalidInput(message, pointer="/ends_at")
