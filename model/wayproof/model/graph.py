"""Rows of the graph of things: which event says what of which, and what was in which container when."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

EVER_BEFORE: Final = datetime(1, 1, 1, tzinfo=UTC)
"""Since nobody knows when."""
EVER_AFTER: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""Until further notice."""


class ThingRow(Struct, frozen=True):
    """One thing's part in one event of several."""

    #: Which of them, from 0.
    place: int
    node_id: UUID
    #: A letter: `wayproof.trace.facts.Role`.
    role: str
    #: What joins it with others of the event: the container of what was packed, the transformation of inputs and
    #: outputs; None for the rest.
    hub_id: UUID | None
    is_association: bool
    action: str | None
    event_time: datetime
    quantity: float | None
    unit: str | None


class Packing(Struct, frozen=True):
    """Something was put into a container, seen in it, or taken out."""

    parent_id: UUID
    #: None: everything was taken out.
    child_id: UUID | None
    is_association: bool
    #: ADD, OBSERVE or DELETE.
    action: str
    at: datetime
    event_id: int
    #: Orders packings of one instant; the same in every journal that holds the event.
    event_key: str
    quantity: float | None
    unit: str | None


class Containment(Struct, frozen=True, kw_only=True):
    """From when until before when a thing was in a container."""

    parent_id: UUID
    child_id: UUID
    #: Whether they only belong together (EPCIS 2.0 §7.4.6), as a sensor and the crate that it is screwed to.
    is_association: bool
    #: EVER_BEFORE where nobody told.
    since: datetime
    #: EVER_AFTER where it is inside still.
    until: datetime
    #: How much of a lot; None for single things.
    quantity: float | None
    unit: str | None
    #: The events that tell.
    opened_by: int | None
    closed_by: int | None
