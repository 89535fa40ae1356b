"""EPCIS documents for benchmarks: lots made out of lots, packed, shipped and received."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_STEP = timedelta(seconds=7)
_CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"


def documents(count: int, events: int, seed: int = 1) -> Iterator[bytes]:
    """So many documents of so many events each, every event with an id of its own."""
    randomness = random.Random(seed)
    for first in range(0, count * events, events):
        made = [_event(number, randomness) for number in range(first, first + events)]
        document = {
            "@context": [_CONTEXT, {"ex": "https://example.org/x/"}],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-01T00:00:00Z",
            "epcisBody": {"eventList": made},
        }
        yield json.dumps(document).encode()


def _event(number: int, randomness: random.Random) -> dict[str, Any]:
    at = (_BEGIN + number * _STEP).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    place = {"id": f"https://id.gs1.org/414/{_with_check_digit(f'952{number % 300:09}')}"}
    common = {
        "eventID": f"urn:uuid:{UUID(int=randomness.getrandbits(128))}",
        "eventTime": at,
        "eventTimeZoneOffset": "+00:00",
        "readPoint": place,
        "bizLocation": place,
    }
    pallet = f"https://id.gs1.org/00/{_with_check_digit(f'0952{number // 4:013}')}"
    return {**_MADE[number % 4](number, pallet), **common}


def _made(number: int, _: str) -> dict[str, Any]:
    inputs = [{"epcClass": _lot(number // 4 - i), "quantity": 100.5, "uom": "KGM"} for i in range(1, 4)]
    return {
        "type": "TransformationEvent",
        "bizStep": "commissioning",
        "disposition": "active",
        "inputQuantityList": inputs,
        "outputQuantityList": [{"epcClass": _lot(number // 4), "quantity": 300, "uom": "KGM"}],
    }


def _packed(number: int, pallet: str) -> dict[str, Any]:
    return {
        "type": "AggregationEvent",
        "action": "ADD",
        "bizStep": "packing",
        "parentID": pallet,
        "childEPCs": [],
        "childQuantityList": [{"epcClass": _lot(number // 4), "quantity": 30, "uom": "KGM"}],
    }


def _moved(number: int, pallet: str) -> dict[str, Any]:
    return {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": "shipping" if number % 4 == 2 else "receiving",
        "disposition": "in_transit",
        "epcList": [pallet],
        "bizTransactionList": [{"type": "po", "bizTransaction": f"urn:epcglobal:cbv:bt:9521234567899:{number // 4}"}],
    }


_MADE = (_made, _packed, _moved, _moved)


def _lot(number: int) -> str:
    number = max(number, 0)
    return f"https://id.gs1.org/01/{_with_check_digit(f'0952{number % 40:09}')}/10/L{number}"


def _with_check_digit(digits: str) -> str:
    total = sum((3 if place % 2 == 0 else 1) * int(digit) for place, digit in enumerate(reversed(digits)))
    return digits + str(-total % 10)
