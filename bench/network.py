"""A supply network that never was: 20 suppliers, 5 plants, 50 warehouses, 2,000 shops, four levels of transformation.

A lot of each level is made of three of the level below, so a raw lot is in some hundred finished ones; a finished lot
goes out on pallets, is unpacked in a warehouse, and reaches shops in crates: a hundred events a finished lot.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID

_BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_STEP: Final = timedelta(seconds=20)
_CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
_SUPPLIERS, _PLANTS, _WAREHOUSES, _SHOPS = 20, 5, 50, 2_000
#: Lots of each level for twenty finished ones, raw ones first.
_LEVELS: Final = (1, 2, 4, 8, 20)
_INPUTS: Final = 3
#: Lots of the level below among which the inputs are.
_STOCK: Final = 6
_PALLETS: Final = 10
_CRATES: Final = 20

Event = dict[str, Any]


def documents(events: int, *, a_document: int = 1_000, seed: int = 1) -> Iterator[bytes]:
    """EPCIS documents of so many events in all, in order of time; the same for the same seed."""
    told = islice(network(seed), events)
    while batch := list(islice(told, a_document)):
        document = {
            "@context": _CONTEXT,
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-01T00:00:00Z",
            "epcisBody": {"eventList": batch},
        }
        yield json.dumps(document).encode()


def network(seed: int = 1) -> Iterator[Event]:
    """Events without end."""
    rng = random.Random(seed)
    made = [0] * len(_LEVELS)
    at = _BEGIN
    finished = 0
    while True:
        finished += 1
        for level, share in enumerate(_LEVELS):
            while made[level] * _LEVELS[-1] < finished * share:
                made[level] += 1
                for event in _lot_events(level, made[level], rng):
                    at += _STEP
                    yield {**event, **_common(at, rng)}


def lot(level: int, number: int) -> str:
    """A lot's Digital Link; level 0 is raw."""
    item = _with_check_digit(f"0952{level:03}{number % 50:06}")
    return f"https://id.gs1.org/01/{item}/10/L{level}-{number}"


def pallet(number: int, place: int) -> str:
    """A pallet's SSCC."""
    return _sscc(1, number * _PALLETS + place)


def crate(number: int, place: int) -> str:
    """A crate's SSCC."""
    return _sscc(2, number * _CRATES + place)


def _lot_events(level: int, number: int, rng: random.Random) -> Iterator[Event]:
    if level == 0:
        yield {
            **_object([], "ADD", "commissioning", _place(0, number % _SUPPLIERS)),
            "quantityList": [_element(lot(0, number), 5_000)],
        }
        return
    stock = range(max(1, number * _LEVELS[level - 1] // _LEVELS[level] - _STOCK + 1), number)
    below = sorted({rng.choice(stock) if stock else 1 for _ in range(_INPUTS)})
    yield {
        "type": "TransformationEvent",
        "bizStep": "commissioning",
        "inputQuantityList": [_element(lot(level - 1, each), 50) for each in below],
        "outputQuantityList": [_element(lot(level, number), 900)],
        **_place(1, number % _PLANTS),
    }
    if level == len(_LEVELS) - 1:
        yield from _distribution(number, rng)


def _distribution(number: int, rng: random.Random) -> Iterator[Event]:
    plant, finished = _place(1, number % _PLANTS), lot(len(_LEVELS) - 1, number)
    for place in range(_PALLETS):
        house, sscc = _place(2, rng.randrange(_WAREHOUSES)), pallet(number, place)
        yield _packing(sscc, finished, 90, "ADD", plant)
        yield _object([sscc], "OBSERVE", "shipping", plant)
        yield _object([sscc], "OBSERVE", "receiving", house)
        yield _packing(sscc, finished, 90, "DELETE", house)
    for place in range(_CRATES):
        house, sscc = _place(2, rng.randrange(_WAREHOUSES)), crate(number, place)
        yield _packing(sscc, finished, 45, "ADD", house)
        yield _object([sscc], "OBSERVE", "shipping", house)
        yield _object([sscc], "OBSERVE", "receiving", _place(3, rng.randrange(_SHOPS)))


def _common(at: datetime, rng: random.Random) -> Event:
    return {
        "eventID": f"urn:uuid:{UUID(int=rng.getrandbits(128))}",
        "eventTime": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventTimeZoneOffset": "+00:00",
    }


def _object(epcs: list[str], action: str, step: str, place: Event) -> Event:
    return {"type": "ObjectEvent", "action": action, "bizStep": step, "epcList": epcs, **place}


def _packing(parent: str, content: str, quantity: float, action: str, place: Event) -> Event:
    return {
        "type": "AggregationEvent",
        "action": action,
        "bizStep": "packing" if action == "ADD" else "unpacking",
        "parentID": parent,
        "childEPCs": [],
        "childQuantityList": [_element(content, quantity)],
        **place,
    }


def _element(epc_class: str, quantity: float) -> Event:
    return {"epcClass": epc_class, "quantity": quantity, "uom": "KGM"}


def _place(kind: int, number: int) -> Event:
    place = {"id": f"https://id.gs1.org/414/{_with_check_digit(f'952{kind}{number:08}')}"}
    return {"readPoint": place, "bizLocation": place}


def _sscc(kind: int, number: int) -> str:
    return f"https://id.gs1.org/00/{_with_check_digit(f'0952{kind}{number:012}')}"


def _with_check_digit(digits: str) -> str:
    total = sum((3 if place % 2 == 0 else 1) * int(digit) for place, digit in enumerate(reversed(digits)))
    return digits + str(-total % 10)
