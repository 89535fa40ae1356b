"""What EPCIS 2.0 and CBV 2.0 demand of one event beyond the schema.

Each rule is a generator over an event that has passed the schema, save for words and fields that a lenient import
forgives.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain
from typing import Any, Final, TypeAlias

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.fields import IDENTIFIER, QUANTITY_LISTS, Path, identifier_texts, leaves
from wayproof.trace.epcis.times import FIRST_YEAR, LAST_YEAR, parse_instant, parse_offset
from wayproof.trace.identifiers import parse


class Rule(StrEnum):
    """What a fault breaks. Names stand in reports and may be counted by programs, so they never change."""

    STRUCTURE = "structure"
    """The JSON schema."""
    UNKNOWN_FIELD = "unknown_field"
    """A field that neither EPCIS nor a namespace defines."""
    UNKNOWN_WORD = "unknown_word"
    """A bare word that the vocabulary of its field does not have."""
    IDENTIFIER = "identifier"
    """Check digits and forms of GS1 identifiers (Tag Data Standard, Digital Link)."""
    TIME = "time"
    """An instant that does not exist, lies in the future, or outside of what anybody recorded."""
    TIME_ZONE = "time_zone"
    """eventTime in a zone other than UTC that contradicts eventTimeZoneOffset."""
    PARENT = "parent"
    """A parent may be missing only where action is OBSERVE (EPCIS 2.0 §7.4.3, §7.4.6)."""
    QUANTITY = "quantity"
    """A quantity that nothing can have (EPCIS 2.0 §7.3.3.3)."""
    DISPOSITION = "disposition"
    """A persistent disposition both set and unset."""
    SENSOR_TIME = "sensor_time"
    """A sensor's time after the event's own (conformance requirement M122)."""
    SENSOR_PERIOD = "sensor_period"
    """A sensor's period that ends before it begins."""
    SENSOR_TWICE = "sensor_twice"
    """The same attribute on sensorMetadata and on its sensorReport (conformance test TCR-53)."""
    DUPLICATE = "duplicate"
    """An eventID that the journal has already, without an error declaration."""
    SIZE = "size"
    """More in one event than can be indexed."""
    INTERNAL = "internal"
    """None: Wayproof itself failed."""


ADVISORY: Final = frozenset({Rule.TIME_ZONE, Rule.SENSOR_TIME, Rule.SENSOR_TWICE})
"""Breaking these is never refused, only told: examples of the standard's own authors do it."""

FORGIVABLE: Final = ADVISORY | {Rule.UNKNOWN_FIELD, Rule.UNKNOWN_WORD, Rule.IDENTIFIER, Rule.SENSOR_PERIOD}
"""Breaking these leaves clear what happened to what and when."""

_TOLERANCE = timedelta(days=1)
_GREATEST_QUANTITY = 10**15
_INSTANTS = ("eventTime", "recordTime")
_SENSOR_INSTANTS = ("time", "startTime", "endTime")


@dataclass(frozen=True, kw_only=True, slots=True)
class Breach:
    """One place of an event that breaks a rule."""

    path: Path
    rule: Rule
    said: str
    expected: str
    got: object


def breaches(event: Mapping[str, Any], *, now: datetime | None = None) -> list[Breach]:
    """Everything that is wrong with an event beyond the schema."""
    rules = _EVERY_RULE if "sensorElementList" in event else _RULES
    found = list(chain.from_iterable(rule(event) for rule in rules))
    return found if now is None else found + list(_in_future(event, now))


def _identifiers(event: Mapping[str, Any]) -> Iterator[Breach]:
    if all(map(_is_identifier, identifier_texts(event))):
        return
    for path, leaf, text in leaves(event):
        if leaf is IDENTIFIER:
            try:
                parse(text)
            except InvalidInput as error:
                # Messages of `identifiers` are of this form.
                said, _, rest = str(error).partition(": expected ")
                yield Breach(
                    path=path, rule=Rule.IDENTIFIER, said=said, expected=rest.rpartition(", got ")[0], got=text
                )


def _is_identifier(text: str) -> bool:
    try:
        parse(text)
    except InvalidInput:
        return False
    return True


def _instants(event: Mapping[str, Any]) -> Iterator[Breach]:
    yield from _impossible((), event, _INSTANTS)
    declaration = event.get("errorDeclaration")
    if declaration:
        yield from _impossible(("errorDeclaration",), declaration, ("declarationTime",))


def _sensor_instants(event: Mapping[str, Any]) -> Iterator[Breach]:
    for path, values in _sensor_parts(event):
        yield from _impossible(path, values, _SENSOR_INSTANTS)


def _impossible(path: Path, values: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[Breach]:
    for name in names:
        if name in values and _instant(values[name]) is None:
            yield Breach(
                path=(*path, name),
                rule=Rule.TIME,
                said=f"{name} is impossible",
                expected=f"a time that exists, in the years {FIRST_YEAR} to {LAST_YEAR}",
                got=values[name],
            )


def _instant(text: str) -> datetime | None:
    try:
        at = parse_instant(text)
    except InvalidInput:
        return None
    return at if FIRST_YEAR <= at.year <= LAST_YEAR else None


def _in_future(event: Mapping[str, Any], now: datetime) -> Iterator[Breach]:
    at = _instant(event["eventTime"])
    if at is not None and at > now + _TOLERANCE:
        yield Breach(
            path=("eventTime",),
            rule=Rule.TIME,
            said="eventTime lies in the future",
            expected=f"a time before {(now + _TOLERANCE).isoformat(timespec='seconds')}",
            got=event["eventTime"],
        )


def _time_zone(event: Mapping[str, Any]) -> Iterator[Breach]:
    at = _instant(event["eventTime"])
    written = at.utcoffset() if at is not None else None
    # UTC contradicts nothing: it says when, and leaves the place's own time to eventTimeZoneOffset.
    if written and written != parse_offset(event["eventTimeZoneOffset"]).utcoffset(None):
        yield Breach(
            path=("eventTimeZoneOffset",),
            rule=Rule.TIME_ZONE,
            said="eventTimeZoneOffset contradicts eventTime",
            expected=f"the offset of {event['eventTime']}, or eventTime in UTC",
            got=event["eventTimeZoneOffset"],
        )


def _parent(event: Mapping[str, Any]) -> Iterator[Breach]:
    needs_parent = event["type"] in {"AggregationEvent", "AssociationEvent"} and event["action"] != "OBSERVE"
    if needs_parent and "parentID" not in event:
        yield Breach(
            path=(),
            rule=Rule.PARENT,
            said="parentID is missing",
            expected=f"a parent in an {event['type']} whose action is {event['action']}",
            got=sorted(event),
        )


def _quantities(event: Mapping[str, Any]) -> Iterator[Breach]:
    for name in QUANTITY_LISTS:
        for place, element in enumerate(event.get(name) or ()):
            expected = _wanted_quantity(element)
            if expected:
                yield Breach(
                    path=(name, place, "quantity" if "quantity" in element else "uom"),
                    rule=Rule.QUANTITY,
                    said="the quantity is impossible",
                    expected=expected,
                    got=element.get("quantity"),
                )


def _wanted_quantity(element: Mapping[str, Any]) -> str | None:
    """What should stand where a quantity does not fit; None where it fits."""
    quantity = element.get("quantity")
    if quantity is None:
        return "a quantity beside uom" if "uom" in element else None
    if not 0 <= quantity <= _GREATEST_QUANTITY:
        return f"a quantity of 0 to {_GREATEST_QUANTITY:.0e}"
    return "a whole number of pieces, or a uom" if "uom" not in element and quantity != int(quantity) else None


def _dispositions(event: Mapping[str, Any]) -> Iterator[Breach]:
    persistent = event.get("persistentDisposition")
    if not persistent:
        return
    both = set(persistent.get("set") or ()) & set(persistent.get("unset") or ())
    if both:
        yield Breach(
            path=("persistentDisposition",),
            rule=Rule.DISPOSITION,
            said="the same disposition is set and unset",
            expected="each in one of the two",
            got=sorted(both),
        )


def _sensor_times(event: Mapping[str, Any]) -> Iterator[Breach]:
    event_time = _instant(event["eventTime"])
    for path, values in _sensor_parts(event):
        for name in _SENSOR_INSTANTS:
            at = _instant(values[name]) if name in values else None
            if at and event_time and at > event_time:
                yield Breach(
                    path=(*path, name),
                    rule=Rule.SENSOR_TIME,
                    said=f"the sensor's {name} is after the event",
                    expected=f"a time not after {event['eventTime']}",
                    got=values[name],
                )


def _sensor_periods(event: Mapping[str, Any]) -> Iterator[Breach]:
    for path, values in _sensor_parts(event):
        start, end = (_instant(values[name]) if name in values else None for name in ("startTime", "endTime"))
        if start and end and start > end:
            yield Breach(
                path=(*path, "endTime"),
                rule=Rule.SENSOR_PERIOD,
                said="the sensor's period ends before it begins",
                expected=f"a time not before {values['startTime']}",
                got=values["endTime"],
            )


def _sensor_twice(event: Mapping[str, Any]) -> Iterator[Breach]:
    for place, element in enumerate(event.get("sensorElementList") or ()):
        metadata = element.get("sensorMetadata") or {}
        for number, report in enumerate(element.get("sensorReport") or ()):
            for name in sorted(metadata.keys() & report.keys()):
                yield Breach(
                    path=("sensorElementList", place, "sensorReport", number, name),
                    rule=Rule.SENSOR_TWICE,
                    said=f"{name} stands on sensorMetadata and on sensorReport",
                    expected="it on one of the two",
                    got=report[name],
                )


def _sensor_parts(event: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every sensorMetadata and sensorReport with its place."""
    for place, element in enumerate(event.get("sensorElementList") or ()):
        if "sensorMetadata" in element:
            yield ("sensorElementList", place, "sensorMetadata"), element["sensorMetadata"]
        for number, report in enumerate(element.get("sensorReport") or ()):
            yield ("sensorElementList", place, "sensorReport", number), report


_Rules: TypeAlias = tuple[Callable[[Mapping[str, Any]], Iterator[Breach]], ...]

_RULES: Final[_Rules] = (_identifiers, _instants, _time_zone, _parent, _quantities, _dispositions)
_EVERY_RULE: Final[_Rules] = (*_RULES, _sensor_instants, _sensor_times, _sensor_periods, _sensor_twice)
