"""What is indexed of an event: words that it has, and numbers that are compared.

Every condition on text is a word (see `words`); an event has all of its words in one `tsvector`, and a query is one
`tsquery` over them. A field is called as query parameters call it: `bizStep`, `epc`, `source_<type>`, `ILMD_<URI>`,
`INNER_<URI>` (EPCIS 2.0 §8.2.7.1).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.context import Context
from wayproof.trace.epcis.reading import number
from wayproof.trace.query.identifier_terms import identifier_terms, place_around
from wayproof.trace.query.values import INSTANT, comparable, instant_of, instant_word, number_word, seconds_of
from wayproof.trace.query.words import common_term, exists_term, term

MOST_WORDS: Final = 65_000
"""Distinct words under which one event is indexed, and numbers. A `tsvector` takes a mebibyte, each word 16 bytes."""
_MOST_VALUES: Final = 10 * MOST_WORDS
"""Values of one event that are looked at, however often they repeat."""


class TooMuch(InvalidInput):
    """An event that says more than can be indexed."""


class Number(NamedTuple):
    """One number of an event."""

    field: str
    #: What `comparable` gives: numbers of one dimension can be compared.
    dimension: str
    value: float


@dataclass(frozen=True, kw_only=True, slots=True)
class EventTerms:
    """Everything by which queries find one event."""

    #: 16 hexadecimal digits each; some may come twice.
    terms: tuple[str, ...]
    numbers: tuple[Number, ...]


def terms_of(canonical_event: Mapping[str, Any], context: Context) -> EventTerms:
    """Words and numbers of an event in canonical form (`epcis.formats.canonical`), out of a document of `context`.

    Raises:
        TooMuch: more of either than can be indexed.
    """
    found = _Found(context.within(canonical_event.get("@context")))
    for name, value in canonical_event.items():
        read = _FIELDS.get(name)
        if read is not None:
            read(found, value)
        elif name not in _UNSEARCHED:
            found.extension("", name, value)
    for much in (found.terms, found.numbers):
        if len(much) > MOST_WORDS and (count := len(set(much))) > MOST_WORDS:
            raise TooMuch(f"event: expected at most {MOST_WORDS:,} words of an index, got {count:,}")
    return EventTerms(terms=tuple(found.terms), numbers=tuple(found.numbers))


class _Found:
    """Words and numbers as they are found."""

    __slots__ = ("context", "numbers", "terms")

    def __init__(self, context: Context) -> None:
        self.context = context
        self.terms: list[str] = []
        self.numbers: list[Number] = []

    def extensions(self, prefix: str, values: Any, known: Iterable[str] = ()) -> None:
        """Every field of an object that is none of EPCIS's own."""
        if isinstance(values, Mapping):
            for name, value in values.items():
                if name not in known:
                    self.extension(prefix, name, value)

    def extension(self, prefix: str, name: str, value: Any) -> None:
        """One field of others, and what is nested in it: `prefix` says where it stands, as ILMD_ does."""
        if name.startswith("@"):
            return
        field = prefix + self.context.expand_field(name)
        if ":" in field:  # no parameter can ask for what has no namespace, only for what is nested in it
            self.terms.append(exists_term(field))
        for member in value if isinstance(value, list) else (value,):
            self._member(field, prefix, member)

    def _member(self, field: str, prefix: str, value: Any) -> None:
        if isinstance(value, Mapping):
            inner = prefix if prefix.startswith("INNER_") else f"INNER_{prefix}"
            for name, part in value.items():
                if name in _TEXT_OF_OBJECT:
                    self._member(field, prefix, part)
                else:
                    self.extension(inner, name, part)
        elif isinstance(value, list):
            for part in value:
                self._member(field, prefix, part)
        elif value is not None:
            self._scalar(field, value)

    def _scalar(self, field: str, value: Any) -> None:
        if len(self.terms) > _MOST_VALUES:
            raise TooMuch(f"event: expected at most {_MOST_VALUES:,} values in extensions, got more")
        if isinstance(value, bool):
            self.terms.append(common_term(field, str(value).lower()))
        elif isinstance(value, str):
            self.terms.append(term(field, value))
            at = instant_of(value)
            if at is not None:
                self.terms.append(term(field, instant_word(at)))
                self.numbers.append(Number(field, INSTANT, seconds_of(at)))
            else:
                self._number_in_text(field, value)
        else:
            self.terms.append(term(field, number_word(value)))
            self.numbers.append(Number(field, *comparable(value, None)))

    def _number_in_text(self, field: str, text: str) -> None:
        """Everything in XML is text: it has an order where it is a number, while equality goes by the text."""
        if text[:1] in _NUMBER_STARTS:
            try:
                # Within bounds: to compare 1e999999999 exactly takes a gigabyte.
                value = number(text)
            except InvalidInput:
                return
            self.numbers.append(Number(field, *comparable(value, None)))


_Read = Callable[[_Found, Any], None]


def _word(field: str) -> _Read:
    return lambda found, value: found.terms.append(common_term(field, value))


def _plain(field: str) -> _Read:
    return lambda found, value: found.terms.append(term(field, value))


def _plain_list(field: str) -> _Read:
    return lambda found, values: found.terms.extend(term(field, value) for value in values)


def _identifier(field: str) -> _Read:
    return lambda found, value: found.terms.extend(identifier_terms(field, value))


def _not_too_many(values: Sequence[Any]) -> Sequence[Any]:
    if len(values) > MOST_WORDS:
        raise TooMuch(f"event: expected lists of at most {MOST_WORDS:,} things, got {len(values):,}")
    return values


def _identifiers(field: str) -> _Read:
    def read(found: _Found, values: Any) -> None:
        for value in _not_too_many(values):
            found.terms.extend(identifier_terms(field, value))

    return read


def _quantities(field: str) -> _Read:
    def read(found: _Found, values: Any) -> None:
        for value in _not_too_many(values):
            found.terms.extend(identifier_terms(field, value["epcClass"]))
            if "quantity" in value:
                found.numbers.append(Number("quantity", *comparable(value["quantity"], None)))
                if "uom" in value:
                    found.numbers.append(Number("quantity", *comparable(value["quantity"], value["uom"])))

    return read


def _place(field: str) -> _Read:
    known = frozenset({"id"})

    def read(found: _Found, value: Any) -> None:
        place = value.get("id")
        if place is not None:
            found.terms.append(common_term(field, place))
            around = place_around(place)
            if around is not None:
                found.terms.append(common_term(f"WD_{field}", around))
        if len(value) > 1:
            found.extensions(f"{field}_", value, known)

    return read


def _typed(field: str, name: str) -> _Read:
    """A list whose members have a type: without one, no parameter can ask for them."""

    def read(found: _Found, values: Any) -> None:
        for value in values:
            if "type" in value:
                found.terms.append(term(f"{field}_{value['type']}", value[name]))

    return read


def _persistent_disposition(found: _Found, value: Any) -> None:
    for which in ("set", "unset"):
        for word in value.get(which) or ():
            found.terms.append(common_term(f"persistentDisposition_{which}", word))


def _error_declaration(found: _Found, value: Any) -> None:
    found.terms.append(exists_term("errorDeclaration"))
    if "reason" in value:
        found.terms.append(common_term("errorReason", value["reason"]))
    found.terms.extend(term("correctiveEventID", each) for each in value.get("correctiveEventIDs") or ())
    found.extensions("ERROR_DECLARATION_", value, _DECLARATION_FIELDS)


def _event_type(found: _Found, value: Any) -> None:
    found.terms.append(common_term("eventType", found.context.expand(value)))


def _ilmd(found: _Found, value: Any) -> None:
    found.extensions("ILMD_", value)


def _sensor_elements(found: _Found, elements: Any) -> None:
    if elements:
        found.terms.append(exists_term("sensorElementList"))
    for element in elements:
        if "sensorMetadata" in element:
            _sensor_part(found, "SENSORMETADATA_", element["sensorMetadata"])
        for report in element.get("sensorReport") or ():
            _sensor_part(found, "SENSORREPORT_", report)
        found.extensions("SENSORELEMENT_", element, _ELEMENT_FIELDS)


def _sensor_part(found: _Found, prefix: str, part: Mapping[str, Any]) -> None:
    """A sensorMetadata or sensorReport; which of the two says something is all the same (conformance test TCR-53)."""
    for name, value in part.items():
        if name in SENSOR_WORDS:
            text = str(value).lower() if isinstance(value, bool) else value
            found.terms.append(common_term(name, found.context.expand(text) if name in _FOREIGN_URIS else text))
        elif name in SENSOR_VALUES:
            uom = part.get("uom") if name != "percRank" else None
            found.numbers.append(Number(name, *comparable(value, uom, is_difference=name == "sDev")))
        elif name in SENSOR_TIMES:
            at = instant_of(value)
            if at is not None:
                found.numbers.append(Number(name, INSTANT, seconds_of(at)))
        elif name not in _UNSEARCHED_OF_SENSORS:
            found.extension(prefix, name, value)


SENSOR_WORDS: Final = frozenset(
    {
        "type",
        "deviceID",
        "dataProcessingMethod",
        "bizRules",
        "microorganism",
        "chemicalSubstance",
        "component",
        "stringValue",
        "booleanValue",
        "hexBinaryValue",
        "uriValue",
    }
)
_FOREIGN_URIS: Final = frozenset({"microorganism", "chemicalSubstance", "uriValue"})
SENSOR_VALUES: Final = frozenset({"value", "minValue", "maxValue", "meanValue", "sDev", "percValue", "percRank"})
SENSOR_TIMES: Final = frozenset({"time", "startTime", "endTime"})

# What else EPCIS defines there.
_UNSEARCHED: Final = frozenset(
    {"@context", "eventID", "eventTime", "eventTimeZoneOffset", "recordTime", "certificationInfo"}
)
_UNSEARCHED_OF_SENSORS: Final = frozenset(
    {"uom", "deviceMetadata", "rawData", "exception", "coordinateReferenceSystem", "@context"}
)
_DECLARATION_FIELDS: Final = frozenset({"declarationTime", "reason", "correctiveEventIDs"})
_ELEMENT_FIELDS: Final = frozenset({"sensorMetadata", "sensorReport"})
# An object that stands for a text: with attributes in XML, with a type or language in JSON-LD.
_TEXT_OF_OBJECT: Final = frozenset({"#text", "@value"})
_NUMBER_STARTS: Final = frozenset("0123456789-+.")

_FIELDS: Final[Mapping[str, _Read]] = {
    "type": _event_type,
    "action": _word("action"),
    "bizStep": _word("bizStep"),
    "disposition": _word("disposition"),
    "persistentDisposition": _persistent_disposition,
    "readPoint": _place("readPoint"),
    "bizLocation": _place("bizLocation"),
    "transformationID": _plain("transformationID"),
    "epcList": _identifiers("epc"),
    "childEPCs": _identifiers("epc"),
    "parentID": _identifier("parentID"),
    "inputEPCList": _identifiers("inputEPC"),
    "outputEPCList": _identifiers("outputEPC"),
    "quantityList": _quantities("epcClass"),
    "childQuantityList": _quantities("epcClass"),
    "inputQuantityList": _quantities("inputEPCClass"),
    "outputQuantityList": _quantities("outputEPCClass"),
    "bizTransactionList": _typed("bizTransaction", "bizTransaction"),
    "sourceList": _typed("source", "source"),
    "destinationList": _typed("destination", "destination"),
    "errorDeclaration": _error_declaration,
    "ilmd": _ilmd,
    "sensorElementList": _sensor_elements,
}
