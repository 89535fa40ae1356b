"""A small supply chain: lots, pallets, places."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any, Final

from fix_epcis import new_event
from fix_registry import MONDAY

Event = dict[str, Any]
NUMBERS = count(1)
FARM: Final = "https://id.gs1.org/414/9520000000103"
DAIRY: Final = "https://id.gs1.org/414/9520000000202"
SHOP: Final = "https://id.gs1.org/414/9520000000301"


def lot(name: str) -> str:
    """A lot."""
    return f"https://id.gs1.org/01/09520000000011/10/{name}"


def sscc(number: int) -> str:
    """A pallet."""
    return f"https://id.gs1.org/00/{_with_check_digit(f'09520{number:012}')}"


def place(uri: str | None) -> Event:
    """Where it was and stays."""
    return {"readPoint": {"id": uri}, "bizLocation": {"id": uri}} if uri else {"readPoint": None}


def at(minute: float) -> Event:
    """A time on Monday."""
    return {"eventTime": (MONDAY + timedelta(minutes=minute)).isoformat(), "eventTimeZoneOffset": "+00:00"}


def moved(
    minute: float,
    step: str,
    thing: str,
    where: str | None,
    *,
    action: str = "OBSERVE",
    quantity: float | None = None,
    source: str | None = None,
) -> Event:
    """A thing is seen; a lot if a quantity is told."""
    what = {"epcList": [thing]} if quantity is None else {"epcList": None, "quantityList": [element(thing, quantity)]}
    came = {} if source is None else {"sourceList": [{"type": "possessing_party", "source": source}]}
    return new_event(next(NUMBERS), action=action, bizStep=step, **what, **came, **place(where), **at(minute))


def made(minute: float, inputs: Mapping[str, float], outputs: Mapping[str, float], where: str | None = None) -> Event:
    """Lots become others."""
    return new_event(
        next(NUMBERS),
        type="TransformationEvent",
        epcList=None,
        action=None,
        bizStep="commissioning",
        inputQuantityList=[element(*each) for each in inputs.items()],
        outputQuantityList=[element(*each) for each in outputs.items()],
        **place(where),
        **at(minute),
    )


def packed(
    minute: float,
    parent: str,
    content: Mapping[str, float] | list[str],
    where: str | None = None,
    *,
    action: str = "ADD",
    kind: str = "AggregationEvent",
) -> Event:
    """Lots, or single things, are put into a container or taken out; or belong to it from then on."""
    inside = (
        {"childEPCs": content}
        if isinstance(content, list)
        else {"childQuantityList": [element(*each) for each in content.items()]}
    )
    return new_event(
        next(NUMBERS),
        type=kind,
        epcList=None,
        action=action,
        bizStep=None,
        parentID=parent,
        **inside,
        **place(where),
        **at(minute),
    )


def element(thing: str, quantity: float) -> Event:
    """So many kilograms."""
    return {"epcClass": thing, "quantity": quantity, "uom": "KGM"}


def _with_check_digit(digits: str) -> str:
    total = sum((3 if place % 2 == 0 else 1) * int(digit) for place, digit in enumerate(reversed(digits)))
    return digits + str(-total % 10)
