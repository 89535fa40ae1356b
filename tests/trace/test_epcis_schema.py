"""Our schema of EPCIS 2.0 against GS1's own, on documents of third parties and on what becomes of them."""

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from wayproof.trace.epcis.schema import _DOCUMENT, _QUICK, SCHEMA, Kind, find
from wayproof.trace.epcis.validate import events_of

from epcis_vectors import gs1_schema, invalid_files, loaded, needs_vectors, valid_files

pytestmark = needs_vectors

_NEWER_WORDS = ("Molar_concentration", "EffectiveDose", "EffectiveDoseRate")
_DISPOSITION = Draft202012Validator(
    {"$ref": "#/$defs/persistentDisposition", "$defs": SCHEMA["$defs"]}, validate_formats=True
)
_ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1.5,
    "",
    "word",
    "a:b",
    "ObjectEvent",
    "DELETE",
    "2020-01-01T00:00:00Z",
    [],
    {},
    ["a:b", "a:b"],
    [{"a:b": 1}],
    {"id": "a:b"},
)


def _names(files: Mapping[str, Path]) -> list[str]:
    return list(files)


def as_of_2_0_0(document: Any) -> Any:
    """The document without what is newer than GS1's schema: what that should then say is what ours says at once."""
    made = copy.deepcopy(document)
    for event in events_of(made)[1] if isinstance(made, dict) else ():
        if isinstance(event, dict):
            _age(event)
    return made


def _age(event: dict[str, Any]) -> None:
    lately = ("AggregationEvent", "AssociationEvent", "TransactionEvent")
    if event.get("type") in lately and _DISPOSITION.is_valid(event.get("persistentDisposition")):
        del event["persistentDisposition"]
    for report in _reports(event):
        if report.get("type") in _NEWER_WORDS or ("exception" in report and "type" not in report):
            report["type"] = "Temperature"


def _reports(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    elements = event.get("sensorElementList")
    for element in elements if isinstance(elements, list) else ():
        reports = element.get("sensorReport") if isinstance(element, dict) else None
        yield from (report for report in (reports if isinstance(reports, list) else ()) if isinstance(report, dict))


@pytest.mark.parametrize("name", _names(invalid_files()))
def test_what_others_call_invalid_has_findings(name: str) -> None:
    """Every document that its authors call invalid has findings, and each says what was expected."""
    findings = find(loaded(invalid_files()[name]))

    assert findings
    assert all(finding.expected and finding.said for finding in findings)


@pytest.mark.parametrize("name", _names(valid_files()))
def test_verdicts_on_every_altered_field_are_those_of_gs1(name: str) -> None:
    """Whichever one field of a valid document is dropped, replaced or added, all schemas say the same."""
    document = copy.deepcopy(loaded(valid_files()[name]))
    if find(document) or len(json.dumps(document)) > 6_000:
        pytest.skip("large documents hold the same fields more often")
    gs1 = gs1_schema()
    for what in _altered(document):
        assert gs1.is_valid(as_of_2_0_0(document)) is not bool(find(document)), what
        assert _QUICK.is_valid(document) is _DOCUMENT.is_valid(document), what


def _altered(document: Any) -> Iterator[str]:
    """Alters one place after the other in the document itself, and puts it right again."""
    for holder, key in list(_places(document)):
        kept = holder[key]
        for value in _ODD_VALUES:
            holder[key] = value
            yield f"{key!r} = {value!r}"
        holder[key] = {**kept, "bogus": 1} if isinstance(kept, dict) else [kept]
        yield f"{key!r} = {holder[key]!r}"
        holder[key] = kept
        if isinstance(holder, dict):
            order = dict(holder)
            del holder[key]
            yield f"without {key!r}"
            holder.clear()
            holder.update(order)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(("word", "a:b", "ADD", "2020-01-01T00:00:00Z")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("id", "a:b", "type")), inner),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_verdicts_on_many_alterations_at_once_are_those_of_gs1(data: st.DataObject) -> None:
    """Several alterations of one document, drawn at random, leave both schemas of one mind."""
    names = [name for name, path in valid_files().items() if len(json.dumps(loaded(path))) < 6_000]
    document = copy.deepcopy(loaded(valid_files()[data.draw(st.sampled_from(names))]))
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(list(_places(document))))
        holder[key] = data.draw(_JSON)

    assert gs1_schema().is_valid(as_of_2_0_0(document)) is not bool(find(document))


def _event(**fields: Any) -> dict[str, Any]:
    return {
        "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventTime": "2026-01-01T00:00:00Z",
        "eventTimeZoneOffset": "+01:00",
        "epcList": [],
        **fields,
    }


def test_a_wrong_value_is_found_once_and_not_as_an_unknown_field() -> None:
    """What JSON Schema calls unevaluated because its value is wrong is told once, by its value."""
    (finding,) = find(_event(bizStep="transforming"))

    assert (finding.path, finding.kind, finding.got) == (("bizStep",), Kind.UNKNOWN_WORD, "transforming")


def test_an_unknown_field_is_found_at_its_own_place() -> None:
    """A field that nobody defines is pointed at itself, not at the object around it."""
    (finding,) = find(_event(readPoint={"id": "urn:x:y"}, weather="rain"))

    assert (finding.path, finding.kind, finding.got) == (("weather",), Kind.UNKNOWN_FIELD, "rain")


def test_findings_are_bounded() -> None:
    """A document with very many faults yields about a thousand findings, not all of them."""
    assert 900 < len(find({**_event(), "epcList": [number for number in range(50_000)]})) <= 1_001  # noqa: C416
