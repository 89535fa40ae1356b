"""A query, ready to be run: what must hold of an event, in what order events come, and how many."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from wayproof.model.errors import InvalidInput


class QueryTooLarge(InvalidInput):
    """More events match than the caller or this server wants (EPCIS 2.0 §8.2.3)."""


class QueryTooComplex(InvalidInput):
    """A query that asks more than this server works on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """From a time on, and before another; None: unbounded."""

    since: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """A number of `field` that lies within low and high, both included."""

    field: str
    dimension: str
    low: float
    high: float


class MasterKind(StrEnum):
    """What is asked of the master data of a thing that an event names."""

    WITHIN = "within"
    """The thing is one of the values, or a descendant of one (WD_)."""
    HAS_ATTRIBUTE = "has_attribute"
    """The thing has an attribute with one of the values as name (HASATTR_)."""
    ATTRIBUTE = "attribute"
    """The thing's attribute has one of the values (EQATTR_)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MasterCondition:
    """A condition on what master data say of the value of `field`."""

    kind: MasterKind
    field: str
    values: tuple[str, ...]
    #: Of ATTRIBUTE: its name.
    attribute: str = ""


class OrderBy(StrEnum):
    """By what events are ordered; events of the same rank come in the order of capture, or its reverse."""

    CAPTURE = "capture"
    EVENT_TIME = "eventTime"
    RECORD_TIME = "recordTime"
    FIELD = "field"
    """A field of others, on the event itself: numbers and times by value, texts by their UTF-8 bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """How events are ordered."""

    by: OrderBy = OrderBy.CAPTURE
    is_descending: bool = False
    #: Of FIELD: its full URI.
    field: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """All of these conditions must hold."""

    #: Of each of these, the event has one term at least.
    terms: tuple[tuple[str, ...], ...] = ()
    #: Of each of these, the event has a number in one range at least.
    ranges: tuple[tuple[Range, ...], ...] = ()
    master: tuple[MasterCondition, ...] = ()
    #: Whether a condition names single things or lots, which few events do.
    is_narrow: bool = False
    event_ids: tuple[str, ...] | None = None
    event_time: Period = field(default_factory=Period)
    record_time: Period = field(default_factory=Period)
    declared: Period = field(default_factory=Period)
    order: Order = field(default_factory=Order)
    #: No more than the first so many (eventCountLimit).
    limit: int | None = None
    #: More than so many are an error (maxEventCount).
    most: int | None = None
