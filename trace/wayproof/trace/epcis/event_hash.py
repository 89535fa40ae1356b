"""The event hash of CBV 2.0 §8.9: a name for an event that anybody can work out from its fields.

It is an identifier and no proof. It leaves out `eventID`, `recordTime`, `errorDeclaration` and comments; it depends on
the context's version, since `gs1:` is another URI in each; and its authors' reference implementation has changed its
output without a new name. What is written here gives what the reference of October 2025 gave with context 2.0.0, except
where that loses data:

- numbers are exact decimals: there 10000000000000000001 and ...02 are one, here they are two;
- a text is a number only if written as JSON writes one without exponent: `0012`, `1_000`, `1e3`, `inf` stay texts;
- half a millisecond is rounded up, as the standard says: there to even, and an event at 59.9996 s was left out;
- a member of a list of documents or parties is written type first, whatever its order in the document.

As there, a word of somebody's own vocabulary that is written with a prefix of the document is not expanded.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from typing import Any, Final

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.context import Context, context_of
from wayproof.trace.epcis.fields import Leaf
from wayproof.trace.epcis.times import fraction_of, parse_instant
from wayproof.trace.epcis.validate import events_of
from wayproof.trace.identifiers import canonical_uri

VERSION: Final = "CBV2.0"


@dataclass(frozen=True, kw_only=True, slots=True)
class _List:
    """An array, and what the standard calls a member of it."""

    member: str
    shape: Any


_TEXT: Final = Leaf()
_TIME: Final = "time"
_EPCS = _List(member="epc", shape=_TEXT)
_QUANTITIES = _List(member="quantityElement", shape={"epcClass": _TEXT, "quantity": _TEXT, "uom": _TEXT})
_PLACE = {"id": _TEXT}
_PARTY = Leaf(vocabulary="sourceDestinationType")
_DISPOSITION = Leaf(vocabulary="disposition")
_DEVICE = dict.fromkeys(("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod"), _TEXT)

_METADATA = {"time": _TIME, "startTime": _TIME, "endTime": _TIME, **_DEVICE, "bizRules": _TEXT}
_REPORT = {
    "type": Leaf(vocabulary="measurementType"),
    "exception": Leaf(vocabulary="alertType"),
    **_DEVICE,
    "time": _TIME,
    **dict.fromkeys(("microorganism", "chemicalSubstance", "value"), _TEXT),
    "component": Leaf(vocabulary="component"),
    **dict.fromkeys(("stringValue", "booleanValue", "hexBinaryValue", "uriValue"), _TEXT),
    **dict.fromkeys(("minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"), _TEXT),
    **dict.fromkeys(("uom", "coordinateReferenceSystem"), _TEXT),
}
_FIRST: Final[Mapping[str, Any]] = {
    "eventTime": _TIME,
    "eventTimeZoneOffset": _TEXT,
    "certificationInfo": _TEXT,
    "parentID": _TEXT,
    "epcList": _EPCS,
    "inputEPCList": _EPCS,
    "childEPCs": _EPCS,
    "quantityList": _QUANTITIES,
    "childQuantityList": _QUANTITIES,
    "inputQuantityList": _QUANTITIES,
    "outputEPCList": _EPCS,
    "outputQuantityList": _QUANTITIES,
    "action": _TEXT,
    "transformationID": _TEXT,
    "bizStep": Leaf(vocabulary="bizStep"),
    "disposition": _DISPOSITION,
    "persistentDisposition": {"set": _DISPOSITION, "unset": _DISPOSITION},
    "readPoint": _PLACE,
    "bizLocation": _PLACE,
    "sensorElementList": _List(member="sensorElement", shape={"sensorMetadata": _METADATA, "sensorReport": _REPORT}),
}
"""Fields in this order, then those below and extensions, sorted."""
_LATER: Final[Mapping[str, Any]] = {
    "bizTransactionList": _List(
        member="", shape={"type": Leaf(vocabulary="bizTransactionType"), "bizTransaction": _TEXT}
    ),
    "sourceList": _List(member="", shape={"type": _PARTY, "source": _TEXT}),
    "destinationList": _List(member="", shape={"type": _PARTY, "destination": _TEXT}),
    "ilmd": {},
}
_LEFT_OUT: Final = frozenset({"@context", "type", "recordTime", "eventID", "errorDeclaration", "rdfs:comment"})

_STANDARD: Final = Context()

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?")
_MILLISECOND = Decimal("0.001")
_MILLISECOND_DIGITS = 3


def event_hash(event: Mapping[str, Any], context: Context, *, ignored: frozenset[str] = frozenset()) -> str:
    """The event's name, `ni:///sha-256;…?ver=CBV2.0` (RFC 6920).

    Args:
        event: one that passes `check_document`.
        context: that of its document; the event's own is added to it.
        ignored: full URIs of extension fields that take no part.
    """
    digest = sha256(pre_hash(event, context, ignored=ignored).encode()).hexdigest()
    return f"ni:///sha-256;{digest}?ver={VERSION}"


def document_hashes(document: Mapping[str, Any]) -> list[str]:
    """The hash of each event of a document, in its order."""
    context = context_of(document)
    return [event_hash(event, context) for event in events_of(document)[1]]


def pre_hash(event: Mapping[str, Any], context: Context, *, ignored: frozenset[str] = frozenset()) -> str:
    """The text that is hashed."""
    inner = context.within(event.get("@context"))
    writer = _Writer(context=inner)
    first = [writer.known(name, event[name], shape) for name, shape in _FIRST.items() if name in event]
    later = [writer.known(name, event[name], shape) for name, shape in _LATER.items() if name in event]
    free = {
        name: value
        for name, value in event.items()
        if name not in _FIRST.keys() | _LATER.keys() | _LEFT_OUT and inner.expand_field(name) not in ignored
    }
    return "".join((f"eventType={inner.expand(event['type'])}", *first, *sorted([*later, *writer.members(free)])))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Writer:
    context: Context

    def known(self, name: str, value: Any, shape: Any) -> str:
        """A field of the standard; empty where it holds nothing."""
        if isinstance(shape, _List):
            text = self._many(shape.member, value, shape.shape)
        elif isinstance(value, list):
            return self._many(name, value, shape)
        elif isinstance(shape, dict):
            text = self._object(value, shape)
        else:
            text = self._value(value, shape)
            return f"{name}={text}" if text else ""
        return name + text if text else ""

    def _many(self, name: str, values: list[Any], shape: Any) -> str:
        return "".join(sorted(self.known(name, value, shape) for value in values))

    def _object(self, value: Mapping[str, Any], shape: Mapping[str, Any]) -> str:
        known = [self.known(name, value[name], inner) for name, inner in shape.items() if name in value]
        free = {name: part for name, part in value.items() if name not in shape}
        return "".join((*known, *sorted(self.members(free))))

    def _value(self, value: Any, shape: Any) -> str:
        if shape is _TIME:
            return canonical_time(value)
        if isinstance(shape, Leaf) and shape.vocabulary:
            return _STANDARD.expand_word(shape, value)
        return canonical_text(value)

    def members(self, values: Mapping[str, Any]) -> Iterator[str]:
        """Fields of extensions, each member of an array on its own, unsorted."""
        for name, value in values.items():
            if name != "#text":
                yield from self._extension(self._qualified(name), value)

    def _extension(self, name: str, value: Any) -> Iterator[str]:
        if isinstance(value, list):
            for member in value:
                yield from self._extension(name, member)
        elif isinstance(value, Mapping):
            text = canonical_text(value.get("#text", ""))
            yield name + (f"={text}" if text else "") + "".join(sorted(self.members(value)))
        else:
            text = canonical_text(value)
            yield f"{name}={text}" if text else name

    def _qualified(self, name: str) -> str:
        prefix, colon, rest = name.partition(":")
        namespace = self.context.prefixes.get(prefix) if colon else None
        return name if namespace is None else f"{{{namespace}}}{rest}"


def canonical_time(text: str) -> str:
    """An instant in UTC with milliseconds, halves rounded up; any other text as it is."""
    try:
        at = parse_instant(text).replace(microsecond=0)
    except InvalidInput:
        return text
    fraction = Decimal(f"0.{fraction_of(text) or 0}").quantize(_MILLISECOND, rounding=ROUND_HALF_UP)
    rounded = (at + timedelta(milliseconds=int(fraction.scaleb(_MILLISECOND_DIGITS)))).astimezone(UTC)
    return rounded.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def canonical_text(value: Any) -> str:
    """A value without superfluous zeros, or an identifier as the canonical Digital Link, or the text itself."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return ""
    text = value.strip() if isinstance(value, str) else f"{Decimal(value):f}"
    if _NUMBER.fullmatch(text):
        return _without_zeros(text)
    return _canonical_identifier(text) if text.startswith(("urn:epc:", "http://", "https://")) else text


def _without_zeros(text: str) -> str:
    short = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if short in {"-0", ""} else short


def _canonical_identifier(text: str) -> str:
    try:
        # The standard leaves an apostrophe as it is.
        return canonical_uri(text, check_digits=False).replace("%27", "'")
    except InvalidInput:
        return text
