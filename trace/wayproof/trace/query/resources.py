"""The top-level resources of the REST binding: what events name, and how to ask for the events that name it (§12.8)."""

from dataclasses import replace
from typing import Final

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.context import Context
from wayproof.trace.epcis.formats import EpcFormat
from wayproof.trace.epcis.vocabulary import VOCABULARIES, bare_word, web_uri
from wayproof.trace.identifiers import parse, to_urn
from wayproof.trace.query.parameters import query_of_json
from wayproof.trace.query.query import Query

EVENT_TYPES: Final = ("AggregationEvent", "AssociationEvent", "ObjectEvent", "TransactionEvent", "TransformationEvent")

_PARAMETERS: Final = {
    "eventTypes": "eventType",
    "epcs": "MATCH_anyEPC",
    "bizSteps": "EQ_bizStep",
    "bizLocations": "EQ_bizLocation",
    "readPoints": "EQ_readPoint",
    "dispositions": "EQ_disposition",
}
_VOCABULARIES: Final = {"bizSteps": "bizStep", "dispositions": "disposition"}
_IDENTIFIERS: Final = frozenset({"epcs", "bizLocations", "readPoints"})


def known_words(resource: str) -> frozenset[str]:
    """Values that are there whether events name them or not: the standard's own, in canonical form."""
    if resource == "eventTypes":
        return frozenset(EVENT_TYPES)
    vocabulary = _VOCABULARIES.get(resource)
    if vocabulary is None:
        return frozenset()
    return frozenset(web_uri(vocabulary, word) for word in VOCABULARIES[vocabulary].words)


def told(resource: str, value: str, epcs: EpcFormat) -> str:
    """A canonical value as a reader wants it: bare words of the standard, identifiers in the format asked for."""
    vocabulary = _VOCABULARIES.get(resource)
    if vocabulary is not None:
        return bare_word(vocabulary, value) or value
    if resource not in _IDENTIFIERS or epcs is not EpcFormat.URN:
        return value
    try:
        return to_urn(parse(value))
    except InvalidInput:
        return value


def is_known(resource: str, value: str, context: Context) -> bool:
    """Whether it is one of the standard's own words."""
    expanded = context.expand(value)
    vocabulary = _VOCABULARIES.get(resource)
    return (expanded if vocabulary is None else web_uri(vocabulary, expanded)) in known_words(resource)


def narrowed(query: Query, resource: str, value: str, context: Context) -> Query:
    """The query, of events that name this resource; InvalidInput where nothing of its kind can have that name."""
    condition = query_of_json({_PARAMETERS[resource]: [value]}, context)
    return replace(query, terms=(*query.terms, *condition.terms))
