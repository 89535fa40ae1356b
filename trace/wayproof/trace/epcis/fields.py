"""Where identifiers and words of a vocabulary stand in an event (EPCIS 2.0 §7.4, JSON binding §10.2)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Leaf:
    """What a text in an event is. One equals itself alone, so that what is remembered by it is found at once."""

    #: Definition in schema.json that lists the words of this vocabulary; None for an identifier.
    vocabulary: str | None = None


IDENTIFIER: Final = Leaf()
_BIZ_STEP = Leaf(vocabulary="bizStep")
_DISPOSITION = Leaf(vocabulary="disposition")

_SENSOR_SOURCE: Final = dict.fromkeys(
    ("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"), IDENTIFIER
)
_QUANTITIES = [{"epcClass": IDENTIFIER}]
_PARTIES = {"type": Leaf(vocabulary="sourceDestinationType")}

SHAPE: Final[Mapping[str, Any]] = {
    "bizStep": _BIZ_STEP,
    "disposition": _DISPOSITION,
    "persistentDisposition": {"set": [_DISPOSITION], "unset": [_DISPOSITION]},
    "epcList": [IDENTIFIER],
    "parentID": IDENTIFIER,
    "childEPCs": [IDENTIFIER],
    "inputEPCList": [IDENTIFIER],
    "outputEPCList": [IDENTIFIER],
    "quantityList": _QUANTITIES,
    "childQuantityList": _QUANTITIES,
    "inputQuantityList": _QUANTITIES,
    "outputQuantityList": _QUANTITIES,
    "transformationID": IDENTIFIER,
    "readPoint": {"id": IDENTIFIER},
    "bizLocation": {"id": IDENTIFIER},
    "bizTransactionList": [{"type": Leaf(vocabulary="bizTransactionType"), "bizTransaction": IDENTIFIER}],
    "sourceList": [{**_PARTIES, "source": IDENTIFIER}],
    "destinationList": [{**_PARTIES, "destination": IDENTIFIER}],
    "sensorElementList": [
        {
            "sensorMetadata": _SENSOR_SOURCE,
            "sensorReport": [
                {
                    **_SENSOR_SOURCE,
                    "type": Leaf(vocabulary="measurementType"),
                    "exception": Leaf(vocabulary="alertType"),
                    "component": Leaf(vocabulary="component"),
                }
            ],
        }
    ],
    "errorDeclaration": {"reason": Leaf(vocabulary="errorReason")},
}
"""An event's fields that hold such texts; a list of one stands for each of its members."""

QUANTITY_LISTS: Final = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")


# Dicts and lists are what the JSON parser and the reader of XML make; the abstract classes take longer to ask.


def leaves(value: Any, shape: Any = SHAPE, path: Path = ()) -> Iterator[tuple[Path, Leaf, str]]:
    """Every such text of an event, with its place; what has another type than it should is passed over."""
    if isinstance(shape, Leaf):
        if isinstance(value, str):
            yield path, shape, value
    elif isinstance(shape, list):
        for place, member in enumerate(value if isinstance(value, list) else ()):
            yield from leaves(member, shape[0], (*path, place))
    elif isinstance(value, dict):
        for name in value.keys() & shape.keys():
            yield from leaves(value[name], shape[name], (*path, name))


def identifier_texts(value: Any, shape: Any = SHAPE) -> list[str]:
    """The identifiers among `leaves`, without their places, which takes a third of the time."""
    found: list[str] = []
    _collect(value, shape, found)
    return found


def _collect(value: Any, shape: Any, found: list[str]) -> None:
    if isinstance(shape, list):
        for member in value if isinstance(value, list) else ():
            _collect(member, shape[0], found)
    elif shape is IDENTIFIER:
        if isinstance(value, str):
            found.append(value)
    elif isinstance(value, dict) and not isinstance(shape, Leaf):
        for name, part in value.items():
            if name not in shape:
                continue
            inner = shape[name]
            if inner is IDENTIFIER and isinstance(part, str):  # as above: a call for each text would double the time
                found.append(part)
            else:
                _collect(part, inner, found)


def rewritten(value: Any, rewrite: Callable[[Leaf, str], str], shape: Any = SHAPE) -> Any:
    """A copy of the event with each such text rewritten; everything else is the same object, in the same order."""
    if isinstance(shape, Leaf):
        return rewrite(shape, value) if isinstance(value, str) else value
    if isinstance(shape, list):
        return [rewritten(member, rewrite, shape[0]) for member in value] if isinstance(value, list) else value
    if not isinstance(value, dict):
        return value
    made = value.copy()
    for name, part in value.items():
        if name in shape:
            inner = shape[name]
            is_text = isinstance(part, str) and isinstance(inner, Leaf)  # as above
            made[name] = rewrite(inner, part) if is_text else rewritten(part, rewrite, inner)
    return made
