"""What the events at hand tell of each lot: where it was harvested, cooled and packed, and which are not packed yet."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from wayproof.trace.exports.cargo import Cargo
from wayproof.trace.exports.history import Event
from wayproof.trace.exports.words import gtin_of

LANDED: Final = ("harvestDateStart", "harvestDateEnd")
"""Fields of the GS1 Web Vocabulary by which a first land-based receiver tells when fish was caught."""

_OF_CATCH: Final = ("catchZone", "catchArea", *LANDED)
_DESCRIPTIONS: Final = (
    "productName",
    "descriptionShort",
    "tradeItemDescription",
    "regulatedProductName",
    "functionalName",
    "fishType",
)
_CREATING: Final = frozenset({"creating_class_instance", "commissioning"})
_SENDING: Final = frozenset({"transporting", "shipping", "departing"})
_TEMPERATURE: Final = "Temperature"


class Lots:
    """Lots by their events, which come in order of time."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.cargo = Cargo(events)
        created = [event for event in events if is_creation(event)]
        landings = [event for event in created if is_landing(event)]
        self._harvests = _by_lot(event for event in created if not is_landing(event))
        self._coolings = _by_lot(event for event in events if is_cooling(event))
        self._made = _by_lot([*landings, *(event for event in events if event.event_type == "TransformationEvent")])
        self._objects = _by_lot(event for event in events if event.event_type == "ObjectEvent")
        self._descriptions = _descriptions(events)

    @cached_property
    def raw(self) -> set[str]:
        """Lots that are not packed: harvested or cooled, and made by no transformation."""
        return (self._harvests.keys() | self._coolings.keys()) - self._made.keys()

    def harvest(self, lot: str) -> Event | None:
        """How it was harvested, as told in most detail."""
        return max(self._harvests.get(lot, ()), key=lambda event: len(event.body), default=None)

    def source(self, lot: str) -> str | None:
        """Where its traceability lot code was given."""
        made = self._made.get(lot)
        return (made[0].location or made[0].read_point) if made else None

    def description(self, lot: str) -> str | None:
        """What its master data calls it; else its GTIN."""
        gtin = gtin_of(lot)
        return self._descriptions.get(lot) or (gtin and self._descriptions.get(gtin)) or (gtin and f"GTIN {gtin}")

    def received(self, lot: str, before: Event) -> Event | None:
        """Its last receipt at the place of an event, up to that event."""
        return _last(self._objects.get(lot, ()), before, is_receiving, before.read_point)

    def cooled(self, lot: str, before: Event) -> Event | None:
        """Its last cooling before an event, wherever."""
        return _last(self._coolings.get(lot, ()), before, is_cooling, None)

    def sent_on(self, lot: str, after: Event) -> Event | None:
        """How it left the place of an event."""
        later = (event for event in self._objects.get(lot, ()) if event.at >= after.at and event.step in _SENDING)
        return next((event for event in later if event.read_point == after.read_point), None)

    @staticmethod
    def temperature(event: Event) -> str | None:
        """The first temperature that an event tells, with its unit."""
        report = next(_temperatures(event), None)
        value = None if report is None else report.get("value", report.get("meanValue", report.get("maxValue")))
        return None if report is None or value is None else f"{value} {report.get('uom', '')}".strip()


def is_creation(event: Event) -> bool:
    """Whether food was harvested, or fish landed: a lot began that nothing was made into."""
    return event.event_type == "ObjectEvent" and event.action == "ADD" and event.step in _CREATING


def is_landing(event: Event) -> bool:
    """Whether a lot that began was caught: its master data tells when or where."""
    return is_creation(event) and event.master(*_OF_CATCH) is not None


def is_cooling(event: Event) -> bool:
    """The vocabulary has no word for cooling: the step is `other`, and the event tells a temperature."""
    is_other = event.event_type == "ObjectEvent" and event.action == "OBSERVE" and event.step == "other"
    return is_other and next(_temperatures(event), None) is not None


def is_receiving(event: Event) -> bool:
    """Whether things arrived and were taken in."""
    return event.step == "receiving" and event.event_type in {"ObjectEvent", "AggregationEvent"}


def _temperatures(event: Event) -> Iterator[Mapping[str, Any]]:
    for element in event.body.get("sensorElementList") or ():
        for report in element.get("sensorReport") or ():
            if event.word("measurementType", report.get("type")) == _TEMPERATURE:
                yield report


def _by_lot(events: Iterable[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in events:
        for uri in {line.uri for line in event.lines("epcList", "quantityList", "outputEPCList", "outputQuantityList")}:
            found.setdefault(uri, []).append(event)
    return found


def _descriptions(events: Iterable[Event]) -> dict[str, str]:
    """By lot, and by GTIN for lots of the same trade item."""
    found: dict[str, str] = {}
    for event in events:
        name = event.master(*_DESCRIPTIONS)
        if isinstance(name, str):
            for line in event.lines("epcList", "quantityList", "outputEPCList", "outputQuantityList"):
                found.setdefault(line.uri, name)
                found.setdefault(gtin_of(line.uri) or line.uri, name)
    return found


def _last(events: Sequence[Event], before: Event, fits: Callable[[Event], bool], place: str | None) -> Event | None:
    fitting = [event for event in events if event.at <= before.at and fits(event)]
    return next((event for event in reversed(fitting) if place is None or event.read_point == place), None)
