"""What an EPCIS event says of things: which, in what part, how much (EPCIS 2.0 §7.4)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from wayproof.trace.epcis.times import parse_instant


class Role(StrEnum):
    """The part that a thing has in an event. Stored as its letter."""

    OBJECT = "o"
    """What an ObjectEvent or a TransactionEvent is about."""
    PARENT = "p"
    CHILD = "c"
    INPUT = "i"
    OUTPUT = "t"
    EMPTIED = "e"
    """The parent of a disaggregation that lists no child: everything was taken out."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One identifier in an event."""

    #: Canonical: `wayproof.trace.identifiers`.
    uri: str
    role: Role
    #: None for single things, and where a class is named without one.
    quantity: float | None = None
    #: UN/ECE Recommendation 20; None: pieces.
    unit: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """An event as the graph needs it. Identifiers and words are canonical."""

    event_type: str
    action: str | None
    event_time: datetime
    biz_step: str | None
    read_point: str | None
    biz_location: str | None
    parent: str | None
    things: tuple[Thing, ...]
    transformation_id: str | None
    #: Type and URI of each.
    sources: tuple[tuple[str, str], ...]
    destinations: tuple[tuple[str, str], ...]
    biz_transactions: tuple[tuple[str, str], ...]


ASSOCIATION: Final = "AssociationEvent"
_CONTENT: Final = ("AggregationEvent", ASSOCIATION)
_LISTS: Final = (
    ("epcList", "quantityList", Role.OBJECT),
    ("childEPCs", "childQuantityList", Role.CHILD),
    ("inputEPCList", "inputQuantityList", Role.INPUT),
    ("outputEPCList", "outputQuantityList", Role.OUTPUT),
)


def facts_of(event: Mapping[str, Any]) -> Facts:
    """The facts of an event in canonical form (`wayproof.trace.epcis.formats.canonical`)."""
    return Facts(
        event_type=event["type"],
        action=event.get("action"),
        event_time=parse_instant(event["eventTime"]),
        biz_step=event.get("bizStep"),
        read_point=_id(event.get("readPoint")),
        biz_location=_id(event.get("bizLocation")),
        parent=event.get("parentID"),
        things=tuple(_things(event)),
        transformation_id=event.get("transformationID"),
        sources=_pairs(event, "sourceList", "source"),
        destinations=_pairs(event, "destinationList", "destination"),
        biz_transactions=_pairs(event, "bizTransactionList", "bizTransaction"),
    )


def _things(event: Mapping[str, Any]) -> Iterator[Thing]:
    parent, has_children = event.get("parentID"), False
    for singles, quantities, role in _LISTS:
        for uri in event.get(singles) or ():
            has_children |= role is Role.CHILD
            yield Thing(uri, role)
        for element in event.get(quantities) or ():
            has_children |= role is Role.CHILD
            quantity = element.get("quantity")
            yield Thing(element["epcClass"], role, None if quantity is None else float(quantity), element.get("uom"))
    if parent is not None:
        yield Thing(parent, Role.PARENT)
        if event["type"] in _CONTENT and event.get("action") == "DELETE" and not has_children:
            yield Thing(parent, Role.EMPTIED)


def _id(place: Mapping[str, str] | None) -> str | None:
    return place["id"] if place else None


def _pairs(event: Mapping[str, Any], field: str, name: str) -> tuple[tuple[str, str], ...]:
    found: Sequence[Mapping[str, str]] = event.get(field) or ()
    return tuple((each.get("type", ""), each[name]) for each in found)
