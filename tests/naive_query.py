"""The query language once more, as plainly as can be: parameters against one event, without any index.

Works on `epcis_vectors.meaning`-like events: names of fields and words written out in full.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.context import Context
from wayproof.trace.epcis.times import parse_instant
from wayproof.trace.epcis.units import to_si, unit_of
from wayproof.trace.identifiers import parse, pattern_terms

_LISTS = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
_NUMBERS = {"quantity", "value", "minValue", "maxValue", "meanValue", "sDev", "percValue", "percRank"}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "EQ": lambda one, other: bool(one == other),
    "GT": lambda one, other: bool(one > other),
    "GE": lambda one, other: bool(one >= other),
    "LT": lambda one, other: bool(one < other),
    "LE": lambda one, other: bool(one <= other),
}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One event of the journal."""

    event_id: int
    epcis_id: str
    record_time: datetime
    #: Canonical: identifiers and words as URIs.
    event: Mapping[str, Any]
    context: Context


def matches(seen: Seen, name: str, value: str) -> bool:
    """Whether the event is one that a parameter with one value lets through."""
    event = seen.event
    relation, _, rest = name.partition("_")
    if name == "eventType":
        return seen.context.expand(event["type"]) == value
    if name == "EQ_eventID":
        return seen.epcis_id == value
    if rest in {"eventTime", "recordTime", "errorDeclarationTime"}:
        return _time(seen, rest, relation, value)
    if relation == "MATCH":
        return any(_takes_in(value, uri) for uri in _identifiers(event, rest))
    if name.startswith("EXISTS_"):
        return _has(seen, rest)
    return _field(seen, relation, rest, value)


def _time(seen: Seen, name: str, relation: str, value: str) -> bool:
    declared = seen.event.get("errorDeclaration", {}).get("declarationTime")
    at = {
        "eventTime": parse_instant(seen.event["eventTime"]),
        "recordTime": seen.record_time,
        "errorDeclarationTime": parse_instant(declared) if declared else None,
    }[name]
    return at is not None and _COMPARE[relation](at, parse_instant(value))


def _takes_in(pattern: str, uri: str) -> bool:
    try:
        return parse(pattern).uri in pattern_terms(parse(uri))
    except InvalidInput:
        return pattern == uri


def _identifiers(event: Mapping[str, Any], name: str) -> list[str]:
    classes = {each: [element["epcClass"] for element in event.get(each) or ()] for each in _LISTS}
    parent = [event["parentID"]] if "parentID" in event else []
    simple = [*event.get("epcList", ()), *event.get("childEPCs", ())]
    inputs, outputs = [*event.get("inputEPCList", ())], [*event.get("outputEPCList", ())]
    goods = classes["quantityList"] + classes["childQuantityList"]
    return {
        "epc": simple,
        "parentID": parent,
        "inputEPC": inputs,
        "outputEPC": outputs,
        "anyEPC": simple + parent + inputs + outputs,
        "epcClass": goods,
        "inputEPCClass": classes["inputQuantityList"],
        "outputEPCClass": classes["outputQuantityList"],
        "anyEPCClass": goods + classes["inputQuantityList"] + classes["outputQuantityList"],
    }[name]


def _has(seen: Seen, name: str) -> bool:
    if name in {"errorDeclaration", "sensorElementList"}:
        return bool(seen.event.get(name))
    return any(True for _ in _extensions(seen, name))


def _field(seen: Seen, relation: str, name: str, value: str) -> bool:
    event = seen.event
    head, _, tail = name.partition("_")
    if head in {"bizTransaction", "source", "destination"}:
        return any(each.get("type") == tail and each[head] == value for each in event.get(f"{head}List") or ())
    if head in _NUMBERS:
        return any(
            _compared(relation, said, uom, value, tail or None, is_difference=head == "sDev")
            for said, uom in _numbers(event, head)
        )
    if name in {"time", "startTime", "endTime"}:
        found = [parse_instant(part[name]) for part in _sensor_parts(event) if name in part]
        return any(_COMPARE[relation](at, parse_instant(value)) for at in found)
    if ":" in name:
        return any(_extension_matches(relation, found, value) for found in _extensions(seen, name))
    return value in _words(event, name)


def _words(event: Mapping[str, Any], name: str) -> list[str]:
    """Texts of EPCIS's own fields."""
    declaration = event.get("errorDeclaration", {})
    persistent = event.get("persistentDisposition", {})
    found = [
        event.get(name) if name in {"action", "bizStep", "disposition", "transformationID"} else None,
        event.get(name, {}).get("id") if name in {"readPoint", "bizLocation"} else None,
        declaration.get("reason") if name == "errorReason" else None,
        *(declaration.get("correctiveEventIDs", ()) if name == "correctiveEventID" else ()),
        *(persistent.get(name.partition("_")[2], ()) if name.startswith("persistentDisposition_") else ()),
        *(str(part[name]).replace("True", "true") for part in _sensor_parts(event) if name in part),
    ]
    return [text for text in found if text is not None]


def _numbers(event: Mapping[str, Any], name: str) -> list[tuple[Any, str | None]]:
    """Values of one of EPCIS's own fields, with their units."""
    elements = [element for each in _LISTS for element in event.get(each) or ()]
    holders = elements if name == "quantity" else list(_sensor_parts(event))
    return [(holder[name], holder.get("uom")) for holder in holders if name in holder]


def _compared(
    relation: str, said: Any, its_uom: str | None, value: str, uom: str | None, *, is_difference: bool = False
) -> bool:
    """Numbers with a unit are compared in SI; without one in the parameter, as they are written."""
    if uom is None:
        return _COMPARE[relation](Fraction(said), Fraction(value))
    if its_uom is None:
        return False
    one, other = unit_of(its_uom), unit_of(uom)
    if one is None or other is None:
        return its_uom == uom and _COMPARE[relation](Fraction(said), Fraction(value))
    if one.dimension is not other.dimension:
        return False
    if is_difference:
        return _COMPARE[relation](one.factor * Fraction(said), other.factor * Fraction(value))
    return _COMPARE[relation](to_si(Decimal(said), its_uom), to_si(Decimal(value), uom))


def _sensor_parts(event: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for element in event.get("sensorElementList") or ():
        if "sensorMetadata" in element:
            yield element["sensorMetadata"]
        yield from element.get("sensorReport") or ()


def holders(seen: Seen) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Everything of an event that may have fields of others, with the prefix that parameters give it."""
    event = seen.event
    yield "", event
    yield "ILMD_", event.get("ilmd") or {}
    yield "ERROR_DECLARATION_", event.get("errorDeclaration") or {}
    yield "readPoint_", event.get("readPoint") or {}
    yield "bizLocation_", event.get("bizLocation") or {}
    for element in event.get("sensorElementList") or ():
        yield "SENSORELEMENT_", element
        yield "SENSORMETADATA_", element.get("sensorMetadata") or {}
        for report in element.get("sensorReport") or ():
            yield "SENSORREPORT_", report


def extension_fields(seen: Seen) -> Iterator[tuple[str, Any]]:
    """Every field of others, as parameters call it, with its value."""
    for prefix, holder in holders(seen):
        for name, value in holder.items():
            uri = seen.context.expand_field(name)
            if ":" in uri:
                yield f"{prefix}{uri}", value
                yield from _inner(seen.context, f"INNER_{prefix}", value)


def _inner(context: Context, prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    for member in value if isinstance(value, list) else [value]:
        if isinstance(member, Mapping):
            for name, part in member.items():
                uri = context.expand_field(name)
                # One without a namespace cannot be asked for.
                if ":" in uri:
                    yield f"{prefix}{uri}", part
                yield from _inner(context, prefix, part)
        elif isinstance(member, list):
            yield from _inner(context, prefix, member)


def _extensions(seen: Seen, name: str) -> Iterator[Any]:
    return (value for field, value in extension_fields(seen) if field == name)


def _extension_matches(relation: str, found: Any, value: str) -> bool:
    if isinstance(found, list):
        return any(_extension_matches(relation, each, value) for each in found)
    if isinstance(found, Mapping):
        return any(_extension_matches(relation, found[name], value) for name in ("#text", "@value") if name in found)
    if found is None:
        return False
    if relation == "EQ":
        return _equal(found, value)
    one, other = _ordered(found), _ordered(value)
    return one is not None and type(one) is type(other) and _COMPARE[relation](one, other)


def _equal(found: Any, value: str) -> bool:
    if isinstance(found, bool):
        return str(found).lower() == value
    if isinstance(found, str):
        at = _instant(found)
        return found == value or (at is not None and at == _instant(value))
    number = _number(value)
    return number is not None and Fraction(found) == number


def _ordered(value: Any) -> Any:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _instant(value) or _number(value)
    return Fraction(value)


def _instant(text: str) -> datetime | None:
    try:
        return parse_instant(text)
    except InvalidInput:
        return None


def _number(text: str) -> Fraction | None:
    try:
        return Fraction(Decimal(text))
    except (ArithmeticError, ValueError):
        return None
