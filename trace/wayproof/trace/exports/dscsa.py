"""Transaction history, information and statement of prescription drugs, in the manner of the DSCSA.

Source: 21 U.S.C. 360eee(25) to (27), for the elements; GS1 US, "Applying the GS1 System of Standards for DSCSA", R1.3,
for where EPCIS tells them. History is what the events at hand tell: the Act has wanted it no longer from dispensers
since 2023-11-27, auditors do. A statement is only ever what the party that sold has said itself.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from wayproof.trace.exports.cargo import Cargo
from wayproof.trace.exports.history import Event, Line, Scope
from wayproof.trace.exports.sheets import Cell, Table, limited
from wayproof.trace.exports.words import gtin_of, reference_documents

_COLUMNS: Final = (
    "Transaction date", "Received", "From", "To", "Product", "Strength", "Dosage form", "NDC", "GTIN", "Container size",
    "Number of containers", "Serial number", "Lot number", "Expiration date", "Logistic unit", "Reference documents",
    "Transaction statement", "Product URI", "EPCIS event",
)  # fmt: skip
_MASTER: Final = {
    "Product": ("regulatedProductName", "productName", "descriptionShort"),
    "Strength": ("strengthDescription", "strength"),
    "Dosage form": ("dosageFormType", "dosageForm"),
    "NDC": ("additionalTradeItemID", "additionalTradeItemIdentification", "ndc"),
    "Container size": ("netContentDescription", "containerSize"),
    "Lot number": ("lotNumber",),
    "Expiration date": ("itemExpirationDate", "expirationDate"),
}
_STATEMENT: Final = "dscsaTransactionStatement"


def dscsa_tables(events: Sequence[Event], places: Mapping[str, str], scope: Scope | None = None) -> list[Table]:
    """One table: every change of ownership, in order of time, product by product.

    Args:
        events: histories of the products, and of their containers while they were inside; by time.
        places: what parties and places are called, by URI.
        scope: of which products when; None: of all that the events name.

    Raises:
        InvalidInput: more rows than a spreadsheet should have.
    """
    cargo = Cargo(events)
    receipts = _receipts(events, cargo)
    master = _master(events)
    rows = limited(
        {**_row(event, line, places), **_received(event, line, receipts), **master.get(line.uri, {})}
        for event in events
        if event.step == "shipping"
        for line in cargo.moved(event, *_lists(event))
        if gtin_of(line.uri) and (scope is None or scope(line.uri, event.at))
    )
    return [Table(title="Transactions", columns=_COLUMNS, rows=list(rows))]


def _receipts(events: Sequence[Event], cargo: Cargo) -> Mapping[str, Sequence[Event]]:
    """By product, in order of time."""
    found: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.step == "receiving":
            for uri in {line.uri for line in cargo.moved(event, *_lists(event))}:
                found[uri].append(event)
    return found


def _lists(event: Event) -> tuple[str, ...]:
    return ("childEPCs", "childQuantityList") if event.event_type == "AggregationEvent" else ("epcList", "quantityList")


def _row(event: Event, line: Line, places: Mapping[str, str]) -> dict[str, Cell]:
    sold, bought = _owner(event, "source"), _owner(event, "destination")
    unit = event.parent or next((each.uri for each in event.lines("epcList") if each.uri != line.uri), None)
    _, _, serial = line.uri.partition("/21/")
    _, _, lot = line.uri.partition("/10/")
    return {
        "Transaction date": event.local_date,
        "From": places.get(sold, sold) if sold else None,
        "To": places.get(bought, bought) if bought else None,
        "GTIN": gtin_of(line.uri),
        "Number of containers": 1 if line.quantity is None else line.quantity,
        "Serial number": serial or None,
        "Lot number": lot or None,
        "Logistic unit": unit,
        "Reference documents": reference_documents(event),
        "Transaction statement": _statement(event),
        "Product URI": line.uri,
        "EPCIS event": event.epcis_id,
    }


def _owner(event: Event, side: str) -> str | None:
    return event.party(side, "owning_party") or event.party(side, "possessing_party") or event.party(side, "location")


def _received(event: Event, line: Line, receipts: Mapping[str, Sequence[Event]]) -> dict[str, Cell]:
    """The first receipt that is not before it."""
    of_line = receipts.get(line.uri, ())
    place = bisect_left(of_line, event.at, key=lambda receipt: receipt.at)
    return {"Received": of_line[place].local_date if place < len(of_line) else None}


def _statement(event: Event) -> str:
    """What the seller affirmed in the event itself; we say nothing for them."""
    said = next((value for name, value in event.body.items() if name.endswith(_STATEMENT)), None)
    if not isinstance(said, Mapping):
        return "None in the event"
    fields = {name.rpartition(":")[2]: value for name, value in said.items()}
    affirmed = str(fields.get("affirmTransactionStatement", "")).lower() in {"true", "1"}
    return f"{'Affirmed' if affirmed else 'Not affirmed'} by the seller. {fields.get('legalNotice', '')}".strip()


def _master(events: Sequence[Event]) -> dict[str, dict[str, Cell]]:
    """Master data by product, out of the events by which they came to be."""
    found: dict[str, dict[str, Cell]] = {}
    for event in events:
        told = dict(_told(event))
        for line in event.lines("epcList", "quantityList", "outputEPCList", "outputQuantityList") if told else ():
            found.setdefault(line.uri, {}).update(told)
    return found


def _told(event: Event) -> Iterator[tuple[str, Cell]]:
    for column, words in _MASTER.items():
        value = event.master(*words)
        if value is not None:
            yield column, value
