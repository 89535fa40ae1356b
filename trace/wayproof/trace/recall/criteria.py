"""From what a recall starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.formats import canonical_identifier
from wayproof.trace.epcis.query_document import written_time
from wayproof.trace.epcis.times import parse_instant

MOST_LOTS: Final = 1_000
_S_PER_MINUTE: Final = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Lots:
    """Lots, things or containers; a container stands for what was in it."""

    #: Canonical URIs.
    items: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Everything that was at a place within [since, until)."""

    #: Canonical URI; parts of the place belong to it.
    place: str
    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Supplier:
    """Everything that came from a party or a place within [since, until)."""

    #: Canonical URI.
    source: str
    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """Everything that stood above or below a temperature for so long within [since, until), without a break.

    The limit itself is still good, to a hundredth of a degree.
    """

    above_c: float | None
    below_c: float | None
    at_least: timedelta
    since: datetime
    until: datetime
    #: Name; None: every device of the tenant.
    device: str | None = None


Criteria: TypeAlias = Lots | Place | Supplier | Exposure


def lots(*items: str) -> Lots:
    """Of identifiers in any spelling, each once."""
    if not 0 < len(items) <= MOST_LOTS:
        raise InvalidInput(f"expected 1 to {MOST_LOTS} items, got {len(items)}", pointer="/items")
    return Lots(items=tuple(dict.fromkeys(map(canonical_identifier, items))))


def checked(criteria: Criteria) -> Criteria:
    """The criteria; InvalidInput where nothing can fulfil them."""
    if not isinstance(criteria, Lots) and criteria.since >= criteria.until:
        raise InvalidInput(f"expected an end after {criteria.since.isoformat()}", pointer="/until")
    if isinstance(criteria, Exposure):
        if (criteria.above_c is None) == (criteria.below_c is None):
            raise InvalidInput("expected either a limit above which or one below which it was", pointer="/above_c")
        if criteria.at_least < timedelta():
            raise InvalidInput("expected a duration of no less than nothing", pointer="/minutes")
    return criteria


def to_json(criteria: Criteria) -> dict[str, Any]:
    """The form in which criteria are stored and sent."""
    match criteria:
        case Lots():
            return {"kind": "lots", "items": list(criteria.items)}
        case Place():
            return {"kind": "place", "place": criteria.place, **_span(criteria)}
        case Supplier():
            return {"kind": "supplier", "source": criteria.source, **_span(criteria)}
        case Exposure():
            return {
                "kind": "exposure",
                "above_c": criteria.above_c,
                "below_c": criteria.below_c,
                "minutes": criteria.at_least.total_seconds() / _S_PER_MINUTE,
                "device": criteria.device,
                **_span(criteria),
            }


def of_json(document: Mapping[str, Any]) -> Criteria:
    """The criteria that are written so; identifiers may be in any spelling."""
    kind = document["kind"]
    if kind == "lots":
        return lots(*document["items"])
    span = {"since": _instant(document["since"]), "until": _instant(document["until"])}
    if kind == "place":
        return checked(Place(place=canonical_identifier(document["place"]), **span))
    if kind == "supplier":
        return checked(Supplier(source=canonical_identifier(document["source"]), **span))
    return checked(
        Exposure(
            above_c=document.get("above_c"),
            below_c=document.get("below_c"),
            at_least=timedelta(minutes=document["minutes"]),
            device=document.get("device"),
            **span,
        )
    )


def _span(criteria: Place | Supplier | Exposure) -> dict[str, str]:
    return {"since": written_time(criteria.since), "until": written_time(criteria.until)}


def _instant(value: str | datetime) -> datetime:
    return value if isinstance(value, datetime) else parse_instant(value)
