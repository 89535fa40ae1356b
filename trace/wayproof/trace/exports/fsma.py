"""The electronic sortable spreadsheet of FSMA 204: seven critical tracking events and their key data elements.

Source of the columns: 21 CFR 1.1325 (harvesting, cooling), 1.1330 (initial packing), 1.1335 (first land-based
receiver), 1.1340 (shipping), 1.1345 (receiving), 1.1350 (transformation). Which event is which: GS1 US, "EPCIS
Recommendations for FSMA 204 CTEs" R2.0. A key data element that no event tells is left empty and named in the last
column: nothing is made up.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from wayproof.trace.exports.fsma_lots import LANDED, Lots, is_cooling, is_creation, is_landing, is_receiving
from wayproof.trace.exports.history import Event, Line, Scope
from wayproof.trace.exports.sheets import Cell, Table, limited
from wayproof.trace.exports.words import reference_documents

Row = dict[str, Cell]

CTE: Final = "Critical tracking event"
MISSING: Final = "Not told by any event"

_TLC: Final = "Traceability lot code"
_DOCUMENTS: Final = "Reference document type and number"
_QUANTITY: Final = "Quantity"
_UNIT: Final = "Unit of measure"
_PRODUCT: Final = "Product description"
_SOURCE: Final = "Traceability lot code source location"
_RECIPIENT: Final = "Immediate subsequent recipient location"
_COMMODITY: Final = "Commodity and variety"
_LOT: Final = "Lot as harvested"
_FARM: Final = "Farm location"
_FIELD: Final = "Field or growing area"
_EVENT: Final = "EPCIS event"


class Kind(StrEnum):
    """The critical tracking events, named as their sheets are."""

    HARVESTING = "Harvesting"
    COOLING = "Cooling"
    INITIAL_PACKING = "Initial packing"
    FIRST_RECEIVER = "First land-based receiver"
    SHIPPING = "Shipping"
    RECEIVING = "Receiving"
    TRANSFORMATION = "Transformation"


COLUMNS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.HARVESTING: (
        _RECIPIENT, _COMMODITY, _LOT, _QUANTITY, _UNIT, _FARM, _FIELD, "Date of harvesting", "Harvester", _DOCUMENTS,
    ),
    Kind.COOLING: (
        _RECIPIENT, _COMMODITY, _LOT, _QUANTITY, _UNIT, "Cooling location", "Date of cooling", _FARM,
        "Temperature when cooled", _DOCUMENTS,
    ),
    Kind.INITIAL_PACKING: (
        _COMMODITY, _LOT, "Date received", "Quantity received", "Unit of measure received", _FARM, _FIELD, "Harvester",
        "Date of harvesting", "Cooling location", "Date of cooling", _TLC, _PRODUCT, _QUANTITY, _UNIT, _SOURCE,
        "Date of initial packing", _DOCUMENTS,
    ),
    Kind.FIRST_RECEIVER: (
        _TLC, "Species or acceptable market name", _QUANTITY, _UNIT, "First date of harvest", "Last date of harvest",
        "Harvest locations", _SOURCE, "Date landed", _DOCUMENTS,
    ),
    Kind.SHIPPING: (
        _TLC, _QUANTITY, _UNIT, _PRODUCT, _RECIPIENT, "Ship-from location", "Date shipped", _SOURCE, "Logistic unit",
        _DOCUMENTS,
    ),
    Kind.RECEIVING: (
        _TLC, _QUANTITY, _UNIT, _PRODUCT, "Immediate previous source location", "Receiving location", "Date received",
        _SOURCE, "Logistic unit", _DOCUMENTS,
    ),
    Kind.TRANSFORMATION: (
        "Traceability lot code used", "Product description used", "Quantity used", "Unit of measure used", _TLC,
        _PRODUCT, _QUANTITY, _UNIT, _SOURCE, "Date transformation completed", _DOCUMENTS,
    ),
}  # fmt: skip
"""The key data elements of each critical tracking event, in the order of the regulation."""

_OPTIONAL: Final = frozenset({"Temperature when cooled", "Logistic unit", "Cooling location", "Date of cooling"})
"""Of these the regulation wants some only where they apply, and others are ours."""
_ALWAYS: Final = {Kind.COOLING: frozenset({"Cooling location", "Date of cooling"})}
_WANTED: Final = {
    kind: [column for column in columns if column not in _OPTIONAL or column in _ALWAYS.get(kind, ())]
    for kind, columns in COLUMNS.items()
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sources:
    lots: Lots
    places: Mapping[str, str]
    #: Of which lots and things the spreadsheet is when; None: of all.
    scope: Scope | None

    def place(self, uri: str | None) -> str | None:
        return None if uri is None else self.places.get(uri, uri)

    def takes_in(self, event: Event, *uris: str) -> bool:
        return self.scope is None or any(self.scope(uri, event.at) for uri in uris)


def fsma_tables(events: Sequence[Event], places: Mapping[str, str], scope: Scope | None = None) -> list[Table]:
    """One table for each kind of critical tracking event, empty ones as well.

    Args:
        events: histories of the lots and of what they were made of and became, and of their containers then; by time.
        places: what places and parties are called, by URI.
        scope: whose rows of when to list; None: of everything that the events name.

    Raises:
        InvalidInput: more rows than a spreadsheet should have.
    """
    sources = _Sources(lots=Lots(events), places=places, scope=scope)
    rows: dict[Kind, list[Row]] = {kind: [] for kind in Kind}
    found = ((kind, _finished(kind, event, row)) for event in events for kind, row in _rows(event, sources))
    for kind, row in limited(found):
        rows[kind].append(row)
    return [Table(title=kind, columns=(*COLUMNS[kind], MISSING, _EVENT), rows=rows[kind]) for kind in Kind]


def _finished(kind: Kind, event: Event, row: Row) -> Row:
    missing = "; ".join([column for column in _WANTED[kind] if row.get(column) is None])
    return {**row, MISSING: missing or None, _EVENT: event.epcis_id}


def _rows(event: Event, sources: _Sources) -> Iterator[tuple[Kind, Row]]:
    if event.event_type == "TransformationEvent":
        yield from _transformed(event, sources)
        return
    found = _kind(event)
    if found is None:
        return
    kind, write, lists = found
    for line in sources.lots.cargo.moved(event, *lists):
        if sources.takes_in(event, line.uri) and not (kind in _TRANSPORTS and line.uri in sources.lots.raw):
            yield kind, {**_amount(line), **write(event, line, sources)}


_Write = Callable[[Event, Line, _Sources], Row]
_OBJECTS: Final = ("epcList", "quantityList")
_CHILDREN: Final = ("childEPCs", "childQuantityList")
# Food that is not packed yet is shipped and received without these records (21 CFR 1.1340(c), 1.1345(c)).
_TRANSPORTS: Final = frozenset({Kind.SHIPPING, Kind.RECEIVING})


def _kind(event: Event) -> tuple[Kind, _Write, tuple[str, ...]] | None:
    if is_landing(event):
        return Kind.FIRST_RECEIVER, _landing, _OBJECTS
    if is_creation(event):
        return Kind.HARVESTING, _harvesting, _OBJECTS
    if is_cooling(event):
        return Kind.COOLING, _cooling, _OBJECTS
    lists = _OBJECTS if event.event_type == "ObjectEvent" else _CHILDREN
    if event.event_type not in {"ObjectEvent", "AggregationEvent"}:
        return None
    if event.step == "shipping":
        return Kind.SHIPPING, _shipping, lists
    return (Kind.RECEIVING, _receiving, lists) if is_receiving(event) else None


def _amount(line: Line) -> Row:
    return {_QUANTITY: 1 if line.quantity is None else line.quantity, _UNIT: line.unit or "each"}


def _harvesting(event: Event, line: Line, sources: _Sources) -> Row:
    sent = sources.lots.sent_on(line.uri, event)
    return {
        _RECIPIENT: sources.place(_end(sent, "destination")),
        _LOT: line.uri,
        **_harvest(event, line.uri, sources),
        _DOCUMENTS: reference_documents(event, sent),
    }


def _harvest(event: Event | None, lot: str, sources: _Sources) -> Row:
    """What was said where it was harvested; empty where no event tells."""
    sent = None if event is None else sources.lots.sent_on(lot, event)
    return {
        _COMMODITY: sources.lots.description(lot),
        _FARM: sources.place(event.read_point if event else None),
        _FIELD: sources.place(event.location if event else None),
        "Date of harvesting": _day(event),
        "Harvester": sources.place(_end(sent, "source", "owning_party")),
    }


def _cooling(event: Event, line: Line, sources: _Sources) -> Row:
    lots = sources.lots
    sent, received, harvest = lots.sent_on(line.uri, event), lots.received(line.uri, event), lots.harvest(line.uri)
    farm = harvest.read_point if harvest else _end(received, "source")
    return {
        _RECIPIENT: sources.place(_end(sent, "destination")),
        _COMMODITY: lots.description(line.uri),
        _LOT: line.uri,
        "Cooling location": sources.place(_place(event)),
        "Date of cooling": event.local_date,
        _FARM: sources.place(farm),
        "Temperature when cooled": lots.temperature(event),
        _DOCUMENTS: reference_documents(event, received, sent),
    }


def _landing(event: Event, line: Line, sources: _Sources) -> Row:
    return {
        _TLC: line.uri,
        "Species or acceptable market name": event.master("fishType", "speciesForFisheryStatisticsPurposesName")
        or sources.lots.description(line.uri),
        "First date of harvest": event.master(LANDED[0]),
        "Last date of harvest": event.master(LANDED[1]),
        "Harvest locations": event.master("catchZone", "catchArea"),
        _SOURCE: sources.place(event.read_point),
        "Date landed": event.local_date,
        _DOCUMENTS: reference_documents(event),
    }


def _shipping(event: Event, line: Line, sources: _Sources) -> Row:
    to = event.party("destination", "location") or event.party("destination", "possessing_party")
    return {
        **_packed(event, line, sources),
        _RECIPIENT: sources.place(to or event.party("destination", "owning_party")),
        "Ship-from location": sources.place(event.party("source", "location") or event.read_point),
        "Date shipped": event.local_date,
    }


def _receiving(event: Event, line: Line, sources: _Sources) -> Row:
    source = event.party("source", "location") or event.party("source", "possessing_party")
    here = event.party("destination", "location") or event.location or event.read_point
    return {
        **_packed(event, line, sources),
        "Immediate previous source location": sources.place(source or event.party("source", "owning_party")),
        "Receiving location": sources.place(here),
        "Date received": event.local_date,
    }


def _packed(event: Event, line: Line, sources: _Sources) -> Row:
    unit = event.parent or next((each.uri for each in event.lines("epcList") if each.uri != line.uri), None)
    return {
        _TLC: line.uri,
        _PRODUCT: sources.lots.description(line.uri),
        _SOURCE: sources.place(sources.lots.source(line.uri)),
        "Logistic unit": unit,
        _DOCUMENTS: reference_documents(event),
    }


def _transformed(event: Event, sources: _Sources) -> Iterator[tuple[Kind, Row]]:
    """A row for each lot that went in and each that came out."""
    used = event.lines("inputEPCList", "inputQuantityList")
    is_packing = bool(used) and all(line.uri in sources.lots.raw for line in used)
    kind, write = (Kind.INITIAL_PACKING, _packing) if is_packing else (Kind.TRANSFORMATION, _using)
    for made in event.lines("outputEPCList", "outputQuantityList"):
        for line in used:
            if sources.takes_in(event, made.uri, line.uri):
                yield kind, {**_amount(made), **_made(event, made, sources), **write(event, line, sources)}


def _made(event: Event, made: Line, sources: _Sources) -> Row:
    return {
        _TLC: made.uri,
        _PRODUCT: sources.lots.description(made.uri),
        _SOURCE: sources.place(_place(event)),
        _DOCUMENTS: reference_documents(event),
    }


def _using(event: Event, line: Line, sources: _Sources) -> Row:
    amount = _amount(line)
    return {
        "Traceability lot code used": line.uri,
        "Product description used": sources.lots.description(line.uri),
        "Quantity used": amount[_QUANTITY],
        "Unit of measure used": amount[_UNIT],
        "Date transformation completed": event.local_date,
    }


def _packing(event: Event, line: Line, sources: _Sources) -> Row:
    lots = sources.lots
    received, cooled = lots.received(line.uri, event), lots.cooled(line.uri, event)
    # What was received is told by the receipt; without one, by what was used.
    told = received and next((each for each in received.lines(*_OBJECTS) if each.uri == line.uri), None)
    amount = _amount(told or line)
    return {
        _LOT: line.uri,
        **_harvest(lots.harvest(line.uri), line.uri, sources),
        "Date received": _day(received),
        "Quantity received": amount[_QUANTITY],
        "Unit of measure received": amount[_UNIT],
        "Cooling location": sources.place(_place(cooled)),
        "Date of cooling": _day(cooled),
        "Date of initial packing": event.local_date,
    }


def _place(event: Event | None) -> str | None:
    return None if event is None else event.location or event.read_point


def _day(event: Event | None) -> date | None:
    return None if event is None else event.local_date


def _end(event: Event | None, side: str, kind: str = "location") -> str | None:
    return None if event is None else event.party(side, kind)
