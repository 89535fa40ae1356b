"""Temperatures as statements need them: whole legs, nothing but time and value."""

from datetime import datetime
from typing import Final

from wayproof.model.clock import LATEST
from wayproof.model.telemetry import Leg
from wayproof.store.pool import Conn
from wayproof.store.queries import load
from wayproof.store.rows import fetch_tuples

_SQL: Final = load("climates")


def list_temperatures(conn: Conn, leg: Leg) -> list[tuple[datetime, float]]:
    """Times and degrees Celsius of a leg in order of time; of two readings of one instant the last."""
    values = {"device_id": leg.device_id, "since": leg.begins_at, "until": leg.ends_at or LATEST}
    rows = fetch_tuples(conn, _SQL["list_temperatures"], values)
    return list({at: (at, value) for at, value in rows}.values())
