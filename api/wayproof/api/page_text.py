"""What people read of a shipment. The list's first state comes from here; static/js/text.js says the same later."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

STALE_AFTER: Final = timedelta(minutes=5)
FILTERS: Final = {
    "all": "All",
    "in_transit": "In transit",
    "attention": "Needs attention",
    "planned": "Planned",
    "delivered": "Delivered",
}
_STATUS: Final = {
    "planned": "Planned",
    "in_transit": "In transit",
    "delivered": "Delivered",
    "cancelled": "Cancelled",
}
_VERDICTS: Final = {None: "unknown", True: "within", False: "outside"}
_VERDICT_TEXTS: Final = {None: "", True: "in range", False: "out of range"}

Json = Mapping[str, Any]


def card(shipment: Json, now: datetime) -> dict[str, Any]:
    """The fields of one card, from an item of GET /v1/shipments with its times as aware datetimes."""
    condition = shipment["condition"] or {}
    position = shipment["position"] or {}
    seen_at = _seen_at(shipment)
    delivered_at = shipment["delivered_at"]
    return {
        **{name: shipment[name] for name in ("id", "reference", "status", "consignor", "consignee", "carrier")},
        "status_text": _STATUS[shipment["status"]],
        "origin": shipment["origin"]["name"],
        "destination": shipment["destination"]["name"],
        "verdict": _VERDICTS[condition.get("within_profile")],
        "verdict_text": _verdict_text(shipment),
        "temperature": _with_unit(condition.get("temperature_c"), 1, "°C") or "No temperature yet",
        "seen_at": seen_at,
        "stale": shipment["status"] == "in_transit" and (seen_at is None or now - seen_at > STALE_AFTER),
        "due_name": "Delivered" if delivered_at else "Due",
        "due_at": delivered_at or shipment["planned_delivery_at"],
        "device": position.get("device") or condition.get("device"),
        "speed": _with_unit(_kmh(position.get("speed_mps")), 0, "km/h"),
        "humidity": _with_unit(condition.get("humidity_pct"), 0, "%"),
    }


def utc(moment: datetime | None) -> str:
    """A time for people who run no scripts: they get UTC, and are told so."""
    return f"{moment.astimezone(UTC):%-d %b %Y, %H:%M} UTC" if moment else "never"


def _seen_at(shipment: Json) -> datetime | None:
    return max((part["observed_at"] for part in (shipment["position"], shipment["condition"]) if part), default=None)


def _verdict_text(shipment: Json) -> str:
    if shipment["profile"] is None:
        return "no limits agreed"
    within = (shipment["condition"] or {}).get("within_profile")
    return " · ".join(part for part in (_VERDICT_TEXTS[within], _limits(shipment["profile"])) if part)


def _limits(profile: Json) -> str:
    """What a profile allows: "2 to 8 °C, at most 70 %"."""
    bands = (
        _band(profile["temperature_min_c"], profile["temperature_max_c"], "°C"),
        _band(profile["humidity_min_pct"], profile["humidity_max_pct"], "%"),
    )
    return ", ".join(band for band in bands if band)


def _band(low: float | None, high: float | None, unit: str) -> str:
    if low is not None and high is not None:
        return f"{_plain(low)} to {_plain(high)} {unit}"
    if low is not None:
        return f"at least {_plain(low)} {unit}"
    return "" if high is None else f"at most {_plain(high)} {unit}"


def _plain(value: float) -> str:
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def _kmh(speed_mps: float | None) -> float | None:
    return None if speed_mps is None else speed_mps * 3.6


def _with_unit(value: float | None, digits: int, unit: str) -> str | None:
    """Rounded, with a real minus sign; adding 0 turns -0 into 0."""
    if value is None:
        return None
    return f"{round(value, digits) + 0.0:.{digits}f} {unit}".replace("-", "\N{MINUS SIGN}")
