"""Families of parameters: which names there are, and what each asks of an event (EPCIS 2.0 §8.2.7.1)."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from math import inf, nextafter
from typing import Any, Final

from wayproof.model.errors import InvalidInput
from wayproof.trace.identifiers import Level, parse
from wayproof.trace.query.query import MasterCondition, MasterKind, Period, Query, Range
from wayproof.trace.query.reading import (
    Parameter,
    read_field,
    read_flag,
    read_identifiers,
    read_numbers,
    read_time,
    read_vocabulary,
    read_word,
    read_words,
)
from wayproof.trace.query.values import INSTANT, comparable, instant_of, instant_word, number_word, seconds_of
from wayproof.trace.query.words import exists_term, term

_WIDE: Final = frozenset({Level.CLASS, Level.PATTERN})

Match = re.Match[str]
Read = Callable[[Query, Parameter, Match], Query]


def find_family(name: str) -> tuple[Read, Match] | None:
    """What reads the parameter of that name; None where there is no such parameter."""
    for pattern, read in _FAMILIES:
        match = pattern.fullmatch(name)
        if match is not None:
            return read, match
    return None


def _any_of(query: Query, fields: Iterable[str], values: Iterable[str]) -> Query:
    """The event has one of these values in one of these fields."""
    known = tuple(values)
    return replace(query, terms=(*query.terms, tuple(term(field, value) for field in fields for value in known)))


def _event_types(query: Query, parameter: Parameter, _: Match) -> Query:
    return _any_of(query, ["eventType"], map(parameter.context.expand, parameter.texts()))


def _actions(query: Query, parameter: Parameter, _: Match) -> Query:
    return _any_of(query, ["action"], read_words(parameter, ("ADD", "OBSERVE", "DELETE")))


def _vocabulary(vocabulary: str) -> Read:
    return lambda query, parameter, match: _any_of(query, [match["field"]], read_vocabulary(parameter, vocabulary))


def _identifiers(query: Query, parameter: Parameter, match: Match) -> Query:
    return _any_of(query, [match["field"]], read_identifiers(parameter))


def _things(*fields: str) -> Read:
    """The event names one of these things, lots, classes or patterns."""

    def read(query: Query, parameter: Parameter, match: Match) -> Query:
        uris = read_identifiers(parameter)
        is_narrow = query.is_narrow or not any(map(_is_wide, uris))
        return replace(_any_of(query, fields or [match["field"]], uris), is_narrow=is_narrow)

    return read


def _is_wide(uri: str) -> bool:
    try:
        return parse(uri, check_digits=False).level in _WIDE
    except InvalidInput:  # an identifier that breaks its scheme's rules is asked for as it is
        return False


def _typed(vocabulary: str) -> Read:
    def read(query: Query, parameter: Parameter, match: Match) -> Query:
        kind = read_word(parameter, vocabulary, match["type"])
        return _any_of(query, [f"{match['field']}_{kind}"], read_identifiers(parameter))

    return read


def _texts(query: Query, parameter: Parameter, match: Match) -> Query:
    return _any_of(query, [match["field"]], parameter.texts())


def _expanded(query: Query, parameter: Parameter, match: Match) -> Query:
    return _any_of(query, [match["field"]], map(parameter.context.expand, parameter.texts()))


def _boolean(query: Query, parameter: Parameter, match: Match) -> Query:
    return _any_of(query, [match["field"]], [str(read_flag(parameter)).lower()])


def _event_ids(query: Query, parameter: Parameter, _: Match) -> Query:
    return replace(query, event_ids=parameter.texts())


def _period(name: str) -> Read:
    def read(query: Query, parameter: Parameter, match: Match) -> Query:
        period: Period = getattr(query, name)
        at = read_time(parameter)
        changed = replace(period, since=at) if match["relation"] == "GE" else replace(period, before=at)
        # Said so, because dataclasses.replace knows no names that are made up.
        changes: dict[str, Any] = {name: changed}
        return replace(query, **changes)

    return read


def _exists(query: Query, parameter: Parameter, match: Match) -> Query:
    """Required where true; where false, events are returned whether they have it or not."""
    return replace(query, terms=(*query.terms, (exists_term(match["field"]),))) if read_flag(parameter) else query


def _exists_extension(query: Query, parameter: Parameter, match: Match) -> Query:
    if not read_flag(parameter):
        return query
    return replace(query, terms=(*query.terms, (exists_term(_extension_field(parameter, match)),)))


def _within(query: Query, parameter: Parameter, match: Match) -> Query:
    condition = MasterCondition(kind=MasterKind.WITHIN, field=match["field"], values=read_identifiers(parameter))
    return replace(query, master=(*query.master, condition))


def _has_attribute(query: Query, parameter: Parameter, match: Match) -> Query:
    field = _attributed(parameter, match["field"])
    condition = MasterCondition(kind=MasterKind.HAS_ATTRIBUTE, field=field, values=_names(parameter))
    return replace(query, master=(*query.master, condition))


def _attribute(query: Query, parameter: Parameter, match: Match) -> Query:
    field = _attributed(parameter, match["field"])
    name = parameter.context.expand(match["attribute"])
    condition = MasterCondition(kind=MasterKind.ATTRIBUTE, field=field, values=parameter.texts(), attribute=name)
    return replace(query, master=(*query.master, condition))


def _names(parameter: Parameter) -> tuple[str, ...]:
    return tuple(map(parameter.context.expand, parameter.texts()))


def _attributed(parameter: Parameter, name: str) -> str:
    return read_field(parameter, name) if ":" in name else name


def _numbers(query: Query, parameter: Parameter, match: Match) -> Query:
    """Numbers of one of EPCIS's own fields, converted where a unit stands in the parameter's name."""
    name, uom = match["field"], match.groupdict().get("uom")
    is_difference = name == "sDev"
    ranges = tuple(
        _range(name, match["relation"], *comparable(value, uom, is_difference=is_difference))
        for value in _values(parameter, match)
    )
    return replace(query, ranges=(*query.ranges, ranges))


def _values(parameter: Parameter, match: Match) -> tuple[int | Decimal, ...]:
    return read_numbers(parameter if match["relation"] == "EQ" else parameter.alone())


def _times(query: Query, parameter: Parameter, match: Match) -> Query:
    found = _range(match["field"], match["relation"], INSTANT, seconds_of(read_time(parameter)))
    return replace(query, ranges=(*query.ranges, (found,)))


def _range(field: str, relation: str, dimension: str, value: float) -> Range:
    low, high = {
        "EQ": (value, value),
        "GE": (value, inf),
        "GT": (nextafter(value, inf), inf),
        "LE": (-inf, value),
        "LT": (-inf, nextafter(value, -inf)),
    }[relation]
    return Range(field=field, dimension=dimension, low=low, high=high)


def _extension_field(parameter: Parameter, match: Match) -> str:
    return f"{match['inner'] or ''}{match['place'] or ''}{read_field(parameter, match['name'])}"


def _extension_equal(query: Query, parameter: Parameter, match: Match) -> Query:
    """Texts are equal letter by letter; numbers and times also where they are only written otherwise."""
    field = _extension_field(parameter, match)
    if not parameter.values:
        raise parameter.wrong("a value", "none")
    return _any_of(query, [field], [word for value in parameter.values for word in _spellings(parameter, value)])


def _spellings(parameter: Parameter, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, int | Decimal):
        return [str(value), number_word(value)]
    (text,) = replace(parameter, values=(value,)).texts()
    at = instant_of(text)
    if at is not None:
        return [text, instant_word(at)]
    return [text, number_word(Decimal(text))] if _NUMBER.fullmatch(text) else [text]


def _extension_range(query: Query, parameter: Parameter, match: Match) -> Query:
    field = _extension_field(parameter, match)
    value = parameter.single()
    at = instant_of(value.replace(" ", "+")) if isinstance(value, str) else None
    if at is not None:
        found = _range(field, match["relation"], INSTANT, seconds_of(at))
    else:
        found = _range(field, match["relation"], *comparable(read_numbers(parameter)[0], None))
    return replace(query, ranges=(*query.ranges, (found,)))


_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,100}(\.[0-9]{1,100})?", re.ASCII)
_PLACE: Final = (
    r"(?P<inner>INNER_)?"
    r"(?P<place>ILMD_|ERROR_DECLARATION_|SENSORELEMENT_|SENSORMETADATA_|SENSORREPORT_|readPoint_|bizLocation_)?"
    r"(?P<name>[^_][^:]*:.+|_[^:]*:.+)"
)
_UOM: Final = r"_(?P<uom>[A-Z0-9]{2,4})"
_RELATION: Final = r"(?P<relation>EQ|GT|GE|LT|LE)"
_ATTRIBUTED: Final = (
    r"readPoint|bizLocation|bizStep|disposition|epc|epcClass|inputEPC|outputEPC|parentID|transformationID"
)
_ANY_EPC: Final = ("epc", "parentID", "inputEPC", "outputEPC")
_ANY_CLASS: Final = ("epcClass", "inputEPCClass", "outputEPCClass")

_FAMILIES: Final[tuple[tuple[re.Pattern[str], Read], ...]] = tuple(
    (re.compile(pattern, re.DOTALL), read)
    for pattern, read in (
        ("eventType", _event_types),
        ("EQ_action", _actions),
        ("EQ_(?P<field>bizStep)", _vocabulary("bizStep")),
        ("EQ_(?P<field>disposition)", _vocabulary("disposition")),
        ("EQ_(?P<field>persistentDisposition_(?:set|unset))", _vocabulary("disposition")),
        ("EQ_(?P<field>errorReason)", _vocabulary("errorReason")),
        ("EQ_(?P<field>type)", _vocabulary("measurementType")),
        ("EQ_(?P<field>component)", _vocabulary("component")),
        ("EQ_(?P<field>readPoint|bizLocation|transformationID)", _identifiers),
        ("EQ_(?P<field>deviceID|dataProcessingMethod|bizRules)", _identifiers),
        ("EQ_(?P<field>microorganism|chemicalSubstance|uriValue)", _expanded),
        ("EQ_(?P<field>stringValue|hexBinaryValue|correctiveEventID)", _texts),
        ("EQ_(?P<field>booleanValue)", _boolean),
        ("EQ_(?P<field>bizTransaction)_(?P<type>.+)", _typed("bizTransactionType")),
        ("EQ_(?P<field>source|destination)_(?P<type>.+)", _typed("sourceDestinationType")),
        ("EQ_eventID", _event_ids),
        ("MATCH_(?P<field>epc|parentID|inputEPC|outputEPC)", _things()),
        ("MATCH_(?P<field>epcClass|inputEPCClass|outputEPCClass)", _things()),
        ("MATCH_anyEPC", _things(*_ANY_EPC)),
        ("MATCH_anyEPCClass", _things(*_ANY_CLASS)),
        ("WD_(?P<field>readPoint|bizLocation)", _within),
        ("(?P<relation>GE|LT)_eventTime", _period("event_time")),
        ("(?P<relation>GE|LT)_recordTime", _period("record_time")),
        ("(?P<relation>GE|LT)_errorDeclaration_?Time", _period("declared")),
        ("(?P<relation>GE|LT)_(?P<field>time|startTime|endTime)", _times),
        ("EXISTS_(?P<field>errorDeclaration|sensorElementList)", _exists),
        (f"{_RELATION}_(?P<field>quantity)(?:{_UOM})?", _numbers),
        (f"{_RELATION}_(?P<field>value|minValue|maxValue|meanValue|sDev|percValue){_UOM}", _numbers),
        (f"{_RELATION}_(?P<field>percRank)", _numbers),
        (f"HASATTR_(?P<field>{_ATTRIBUTED}|[^:]+:.+)", _has_attribute),
        (f"EQ_?ATTR_(?P<field>{_ATTRIBUTED}|[^:_]+:[^_]+)_(?P<attribute>.+)", _attribute),
        (f"EXISTS_{_PLACE}", _exists_extension),
        (f"EQ_{_PLACE}", _extension_equal),
        (f"(?P<relation>GT|GE|LT|LE)_{_PLACE}", _extension_range),
    )
)
