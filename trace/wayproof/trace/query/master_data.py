"""Conditions on master data: the things they speak of, by which events are found (EPCIS 2.0 §6.1, §8.2.7.1).

Master data come in the header of captured documents. What a later document says of a thing's attribute replaces what
an earlier one said; children add up. A GLN with extension is a part of the GLN, said or not.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wayproof.store.event_queries import master_data
from wayproof.store.pool import Conn
from wayproof.trace.epcis.formats import canonical_identifier
from wayproof.trace.query.query import MasterCondition, MasterKind
from wayproof.trace.query.words import term


@dataclass(frozen=True, kw_only=True, slots=True)
class MasterData:
    """What is known of things, by their canonical URIs."""

    #: Attribute names with their value.
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    children: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def descendants(self, uris: Iterable[str]) -> set[str]:
        """These things, and all that lie in them; circles are walked once."""
        found: set[str] = set()
        ahead = list(uris)
        while ahead:
            uri = ahead.pop()
            if uri not in found:
                found.add(uri)
                ahead.extend(self.children.get(uri, ()))
        return found


def resolved(conn: Conn, conditions: Sequence[MasterCondition]) -> Iterator[tuple[str, ...]]:
    """For each condition the terms of which an event must have one."""
    known = read_master_data(master_data(conn))
    return (terms_for(condition, known) for condition in conditions)


def terms_for(condition: MasterCondition, known: MasterData) -> tuple[str, ...]:
    """The terms of events whose thing fulfils the condition."""
    if condition.kind is MasterKind.WITHIN:
        places = known.descendants(condition.values)
        return tuple(term(name, place) for place in places for name in (condition.field, f"WD_{condition.field}"))
    return tuple(
        term(condition.field, uri) for uri, attributes in known.attributes.items() if _fits(condition, attributes)
    )


def read_master_data(documents: Iterable[Any]) -> MasterData:
    """Master data out of vocabulary lists, the oldest first; what is not of that form is passed over."""
    attributes: defaultdict[str, dict[str, str]] = defaultdict(dict)
    children: defaultdict[str, set[str]] = defaultdict(set)
    for element in _elements(documents):
        uri = canonical_identifier(element["id"])
        children[uri].update(canonical_identifier(child) for child in _list(element, "children") if _is_text(child))
        for each in _list(element, "attributes"):
            if isinstance(each, Mapping) and _is_text(each.get("id")):
                value = each.get("attribute")
                attributes[uri][each["id"]] = value if isinstance(value, str) else str(value)
    return MasterData(attributes=attributes, children={uri: frozenset(found) for uri, found in children.items()})


def _fits(condition: MasterCondition, attributes: Mapping[str, str]) -> bool:
    if condition.kind is MasterKind.HAS_ATTRIBUTE:
        return not attributes.keys().isdisjoint(condition.values)
    return attributes.get(condition.attribute) in condition.values


def _elements(documents: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    for vocabularies in documents:
        for vocabulary in vocabularies if isinstance(vocabularies, list) else ():
            for element in _list(vocabulary, "vocabularyElementList"):
                if isinstance(element, Mapping) and _is_text(element.get("id")):
                    yield element


def _list(holder: Any, name: str) -> list[Any]:
    found = holder.get(name) if isinstance(holder, Mapping) else None
    return found if isinstance(found, list) else []


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
