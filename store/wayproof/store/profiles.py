"""The tenant's condition profiles. None is ever changed: a correction is a new version."""

from dataclasses import asdict
from datetime import datetime
from typing import Final
from uuid import UUID

from wayproof.model.shipment import ConditionProfile, NewProfile
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import after, fetch_all, fetch_one

_SQL: Final = load("profiles")


def create_profile(conn: Conn, *, tenant_id: UUID, profile: NewProfile) -> ConditionProfile:
    """A new profile. Conflict where the tenant has this version of it."""
    values = {**asdict(profile), "tenant_id": tenant_id}
    return fetch_one(conn, ConditionProfile, _SQL["create_profile"], values, "condition profile made")


def get_profile(conn: Conn, profile_id: UUID) -> ConditionProfile:
    """One profile; NotFound where the tenant has none of that id."""
    what = f"condition profile {profile_id}"
    return fetch_one(conn, ConditionProfile, _SQL["get_profile"], {"profile_id": profile_id}, what)


def list_profiles(conn: Conn, *, position: tuple[datetime, UUID] | None = None, limit: int) -> list[ConditionProfile]:
    """Up to `limit` profiles of the tenant, newest first, from after `position` (creation time and id) on."""
    return fetch_all(conn, ConditionProfile, _SQL["list_profiles"], {**after(position), "limit": limit})
