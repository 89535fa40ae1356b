"""What an EPCIS event says of things: which, in what part, how much (EPCIS 2.0 §7.4)."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

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


class Thing(Struct, frozen=True):
    """One identifier in an event."""

    #: Canonical: `wayproof.trace.identifiers`.
    uri: str
    role: Role
    #: None for single things, and where a class is named without one.
    quantity: float | None = None
    #: UN/ECE Recommendation 20; None: pieces.
    unit: str | None = None


class Facts(Struct, frozen=True, kw_only=True):
    """An event as the graph needs it. Identifiers are canonical."""

    is_association: bool
    action: str | None
    event_time: datetime
    parent: str | None
    things: tuple[Thing, ...]
    transformation_id: str | None


_ASSOCIATION: Final = "AssociationEvent"
_CONTENT: Final = ("AggregationEvent", _ASSOCIATION)
_LISTS: Final = (
    ("epcList", "quantityList", Role.OBJECT),
    ("childEPCs", "childQuantityList", Role.CHILD),
    ("inputEPCList", "inputQuantityList", Role.INPUT),
    ("outputEPCList", "outputQuantityList", Role.OUTPUT),
)


def facts_of(event: Mapping[str, Any]) -> Facts:
    """The facts of an event in canonical form (`wayproof.trace.epcis.formats.canonical`)."""
    return Facts(
        is_association=event["type"] == _ASSOCIATION,
        action=event.get("action"),
        event_time=parse_instant(event["eventTime"]),
        parent=event.get("parentID"),
        things=tuple(_things(event)),
        transformation_id=event.get("transformationID"),
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
