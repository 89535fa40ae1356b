"""EPCIS 1.2 and 2.0 in XML to JSON's form (EPCIS 2.0 §9 and §10, EPCIS 1.2 §9.5).

The two bindings say the same in other words. Wrappers by which 1.2 was extended (`extension`, `baseExtension`) go;
words of the vocabularies become bare words; an element of a namespace becomes a field with that namespace's prefix, its
attributes and children fields within, and its text `#text` where it has those besides.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.reading import DEFAULT_BOUNDS, Bounds, number
from wayproof.trace.epcis.vocabulary import bare_word
from wayproof.trace.epcis.xml_names import Element, Names, local_name, namespace
from wayproof.trace.epcis.xml_tree import parse_tree

CONTEXT_URL: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"

_WRAPPERS = frozenset({"extension", "baseExtension"})
_EVENTS = frozenset({"ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent"})
_NUMBERS = frozenset({"value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue", "quantity"})
_SENSOR_WORDS = {"type": "measurementType", "exception": "alertType", "component": "component"}
_SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"

Json = dict[str, Any]
Read = Callable[[Element, Names], Any]


def read_xml(data: bytes, bounds: Bounds = DEFAULT_BOUNDS) -> Json:
    """The document, query document or single event in JSON's form.

    Raises:
        InvalidInput: no such XML, more of it than `bounds` allows, an element twice, or a number that is none.
    """
    root, names = parse_tree(data, bounds), Names()
    kind = local_name(root)
    if kind in _EVENTS:
        value = _event(root, names)
    elif kind in {"EPCISDocument", "EPCISQueryDocument"}:
        value = _document(root, kind, names)
    else:
        raise InvalidInput(f"XML: expected EPCISDocument, EPCISQueryDocument or an event, got {kind}")
    return {"@context": [CONTEXT_URL, *({prefix: uri} for prefix, uri in names.used.items())], **value}


def _document(root: Element, kind: str, names: Names) -> Json:
    made: Json = {"type": kind, "schemaVersion": "2.0"}
    if "creationDate" in root.attrib:
        made["creationDate"] = root.attrib["creationDate"]
    for child in root:
        if local_name(child) == "EPCISHeader":
            made |= _header(child)
        elif local_name(child) == "EPCISBody":
            _put(made, "epcisBody", _body(child, names), child)
        elif namespace(child):
            _put(made, names.field(child), _free(child, names), child)
    return made


def _header(header: Element) -> Json:
    paths = {
        "sender": ".//{*}Sender/{*}Identifier",
        "receiver": ".//{*}Receiver/{*}Identifier",
        "instanceIdentifier": ".//{*}DocumentIdentification/{*}InstanceIdentifier",
    }
    found = {name: header.find(path) for name, path in paths.items()}
    made: Json = {name: _text(element) for name, element in found.items() if element is not None}
    vocabularies = [_vocabulary(element) for element in header.iterfind(".//{*}VocabularyList/{*}Vocabulary")]
    if vocabularies:
        made["epcisHeader"] = {"epcisMasterData": {"vocabularyList": vocabularies}}
    return made


def _vocabulary(element: Element) -> Json:
    members = [
        _vocabulary_member(member) for member in element.iterfind("{*}VocabularyElementList/{*}VocabularyElement")
    ]
    return {"type": element.get("type", ""), "vocabularyElementList": members}


def _vocabulary_member(element: Element) -> Json:
    attributes = [{"id": a.get("id", ""), "attribute": _text(a)} for a in element.iterfind("{*}attribute")]
    children = [_text(child) for child in element.iterfind("{*}children/{*}id")]
    made: Json = {"id": element.get("id", "")}
    return made | ({"attributes": attributes} if attributes else {}) | ({"children": children} if children else {})


def _body(body: Element, names: Names) -> Json:
    results = next((child for child in body if local_name(child) == "QueryResults"), None)
    if results is None:
        return {"eventList": _events(body, names)}
    made: Json = {}
    for child in results:
        if local_name(child) == "resultsBody":
            _put(made, "resultsBody", {"eventList": _events(child, names)}, child)
        elif namespace(child):
            _put(made, names.field(child), _free(child, names), child)
        else:
            _put(made, local_name(child), _text(child), child)
    return {"queryResults": made}


def _events(parent: Element, names: Names) -> list[Json]:
    lists = [child for child in parent if local_name(child) == "EventList"]
    if len(lists) != 1:
        raise InvalidInput(f"XML: expected one EventList in {local_name(parent)}, got {len(lists)}")
    return [_event(element, names) for element in _unwrapped(lists[0])]


def _unwrapped(parent: Element) -> Iterator[Element]:
    """Children, those within wrappers of EPCIS 1.2 included."""
    for child in parent:
        if local_name(child) in _WRAPPERS and not namespace(child):
            yield from _unwrapped(child)
        else:
            yield child


def _event(element: Element, names: Names) -> Json:
    made: Json = {"type": names.field(element) if namespace(element) else local_name(element)}
    for child in _unwrapped(element):
        name = local_name(child)
        if name == "certificationInfo" and not namespace(child):
            _add(made, name, _text(child))
        else:
            _fill(made, child, names)
    return made


def _fill(made: Json, child: Element, names: Names) -> None:
    """Adds a child of an event, or of what an event is made of."""
    if namespace(child):
        _add(made, names.field(child), _free(child, names))
    else:
        name = local_name(child)
        _put(made, name, _FIELDS.get(name, _plain)(child, names), child)


def _put(made: Json, name: str, value: Any, element: Element) -> None:
    if name in made:
        raise InvalidInput(f"XML line {element.sourceline}: expected {name} once, got it twice")
    made[name] = value


def _add(made: Json, name: str, value: Any) -> None:
    """A field that may come several times, which makes it an array."""
    if name not in made:
        made[name] = value
    elif isinstance(made[name], list):
        made[name].append(value)
    else:
        made[name] = [made[name], value]


def _text(element: Element) -> str:
    return "".join(map(str, element.itertext())).strip()


def _plain(element: Element, names: Names) -> Any:
    """A field that the standard gives one text; one with children is none of the standard's, and is refused later."""
    return _free(element, names) if len(element) else _text(element)


def _texts(element: Element, _names: Names) -> list[str]:
    return [_text(child) for child in _unwrapped(element)]


def _quantities(element: Element, names: Names) -> list[Json]:
    return [_record(child, names) for child in _unwrapped(element)]


def _record(element: Element, names: Names) -> Json:
    """An object whose fields are the children: readPoint, bizLocation, quantityElement, errorDeclaration, ilmd."""
    made: Json = {}
    for child in _unwrapped(element):
        _fill(made, child, names)
    return made


def _word(vocabulary: str) -> Read:
    return lambda element, names: _as_word(vocabulary, _text(element), element, names)


def _as_word(vocabulary: str, text: str, element: Element, names: Names) -> str:
    """The bare word; a word that is none of the standard's stays as it is, and its prefix becomes known."""
    word = bare_word(vocabulary, text) or bare_word(vocabulary, names.expand(text, element))
    return word or names.prefixed(text, element)


def _words(vocabulary: str) -> Read:
    def read(element: Element, names: Names) -> Json:
        made: dict[str, list[str]] = {}
        for child in _unwrapped(element):
            made.setdefault(local_name(child), []).append(_as_word(vocabulary, _text(child), child, names))
        return made

    return read


def _typed(field: str, vocabulary: str) -> Read:
    """A list whose members have their type in an attribute: bizTransaction, source, destination."""

    def read(element: Element, names: Names) -> list[Json]:
        return [_typed_member(child, field, vocabulary, names) for child in _unwrapped(element)]

    return read


def _typed_member(element: Element, field: str, vocabulary: str, names: Names) -> Json:
    kind = element.get("type")
    made = {} if kind is None else {"type": _as_word(vocabulary, kind.strip(), element, names)}
    return made | {field: _text(element)}


def _amount(element: Element, _names: Names) -> Any:
    return _as_number(_text(element), element)


def _as_number(text: str, element: Element) -> Any:
    try:
        return number(text)
    except InvalidInput as error:
        raise InvalidInput(f"XML line {element.sourceline}: {error}") from error


def _sensor_elements(element: Element, names: Names) -> list[Json]:
    return [_sensor_element(child, names) for child in _unwrapped(element)]


def _sensor_element(element: Element, names: Names) -> Json:
    made: Json = {}
    for child in _unwrapped(element):
        name = local_name(child)
        if name == "sensorReport" and not namespace(child):
            made.setdefault(name, []).append(_sensor_part(child, names))
        elif name == "sensorMetadata" and not namespace(child):
            _put(made, name, _sensor_part(child, names), child)
        else:
            _fill(made, child, names)
    return made


def _sensor_part(element: Element, names: Names) -> Json:
    """A sensorMetadata or sensorReport: attributes, and elements of other namespaces."""
    made = {
        names.attribute(name, element): _attribute(name, text, element, names) for name, text in _attributes(element)
    }
    for child in _unwrapped(element):
        _fill(made, child, names)
    return made


def _attribute(name: str, text: str, element: Element, names: Names) -> Any:
    if name in _SENSOR_WORDS:
        return _as_word(_SENSOR_WORDS[name], text, element, names)
    if name in _NUMBERS:
        return _as_number(text, element)
    if name == "booleanValue":
        return {"true": True, "1": True, "false": False, "0": False}.get(text.strip(), text)
    return text


def _attributes(element: Element) -> list[tuple[str, str]]:
    found = ((str(name), str(text)) for name, text in element.attrib.items())
    return [(name, text) for name, text in found if not name.startswith(f"{{{_SCHEMA_INSTANCE}}}")]


def _free(element: Element, names: Names) -> Any:
    """An element of somebody's namespace, with anything in it."""
    made: Json = {names.attribute(name, element): text for name, text in _attributes(element)}
    for child in element:
        _add(made, names.field(child), _free(child, names))
    if not made:
        return _text(element)
    text = (element.text or "").strip()
    return {**made, "#text": text} if text else made


_FIELDS: Final[dict[str, Read]] = {
    "bizStep": _word("bizStep"),
    "disposition": _word("disposition"),
    "reason": _word("errorReason"),
    "persistentDisposition": _words("disposition"),
    "epcList": _texts,
    "childEPCs": _texts,
    "inputEPCList": _texts,
    "outputEPCList": _texts,
    "correctiveEventIDs": _texts,
    "quantityList": _quantities,
    "childQuantityList": _quantities,
    "inputQuantityList": _quantities,
    "outputQuantityList": _quantities,
    "quantity": _amount,
    "readPoint": _record,
    "bizLocation": _record,
    "errorDeclaration": _record,
    "ilmd": _record,
    "bizTransactionList": _typed("bizTransaction", "bizTransactionType"),
    "sourceList": _typed("source", "sourceDestinationType"),
    "destinationList": _typed("destination", "sourceDestinationType"),
    "sensorElementList": _sensor_elements,
}
