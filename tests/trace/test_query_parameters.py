"""Parameters of the query language, read or refused."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.context import context_of_header
from wayproof.trace.epcis.reading import read_json
from wayproof.trace.query.parameters import MOST_VALUES, query_of_json, query_of_url
from wayproof.trace.query.query import QueryTooComplex

from epcis_vectors import VECTORS, needs_vectors

_EX = context_of_header("ex=https://example.org/x/")
_WHOLE = "https://example.org/x/"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GE_eventDate", "2026-01-01T00:00:00Z", "an unknown one"),
        ("EQ_bizstep", "shipping", "an unknown one"),
        ("", "", "an unknown one"),
        ("MATCH_nothing", "urn:x:1", "an unknown one"),
        ("GE_value", "8", "an unknown one"),
        ("GE_value_celsius", "8", "an unknown one"),
        ("WD_epc", "urn:x:1", "an unknown one"),
        ("EQ_action", "SHIPPED", "ADD or OBSERVE or DELETE"),
        ("EQ_action", "", "ADD or OBSERVE or DELETE"),
        ("EQ_bizStep", "sailing", "a word of bizStep or a URI"),
        ("EQ_bizStep", "shipping|", "a text of 1 to"),
        ("EQ_errorReason", "oops", "a word of errorReason or a URI"),
        ("EQ_bizTransaction_nothing", "urn:x:1", "a word of bizTransactionType or a URI"),
        ("GE_eventTime", "not-a-date", "RFC 3339"),
        ("GE_eventTime", "2026-02-30T00:00:00Z", "RFC 3339"),
        ("GE_eventTime", "2026-01-01T00:00:00", "RFC 3339"),
        ("GE_eventTime", "2026-01-01T00:00:00Z|2026-01-01T00:00:00Z", "one value"),
        ("MATCH_epc", "no identifier", "an EPC URN, Digital Link or other URI"),
        ("MATCH_epc", "nothing", "an EPC URN, Digital Link or other URI"),
        ("EQ_readPoint", "", "a text of 1 to"),
        ("GE_value_CEL", "warm", "a number"),
        ("GE_value_CEL", "NaN", "a number"),
        ("GE_value_CEL", "1e999", "a number"),
        ("GE_value_CEL", "1_000", "a number"),
        ("GE_value_CEL", "8|9", "one value"),
        ("EXISTS_errorDeclaration", "perhaps", "true or false"),
        ("EQ_booleanValue", "2", "true or false"),
        ("EQ_nope:field", "1", "a prefix that GS1-Extensions or @context defines"),
        ("EQ_ex:", "1", "an unknown one"),
        ("GT_ex:field", "text", "a number"),
        ("EQ_stringValue", "a\0b", "a text that can be stored"),
        ("EQ_stringValue", "a\ud800b", "a text that can be stored"),
        ("orderBy", "size", "prefix:name or URI"),
        ("orderDirection", "SIDEWAYS", "ASC or DESC"),
        ("eventCountLimit", "5", "orderBy beside it"),
        ("maxEventCount", "-1", "a whole number"),
        ("maxEventCount", "1.5", "a whole number"),
        ("maxEventCount", str(10**30), "a whole number"),
    ],
)
def test_what_cannot_be_asked_is_said(name: str, value: str, said: str) -> None:
    """A parameter that is unknown or malformed is refused; the message says what was expected, and where."""
    with pytest.raises(InvalidInput) as refused:
        query_of_url([(name, value)], _EX)
    assert said in str(refused.value)
    assert refused.value.pointer is not None
    assert str(refused.value).isprintable()


def test_limits_exclude_each_other() -> None:
    """There is no eventCountLimit beside maxEventCount."""
    with pytest.raises(InvalidInput, match="expected one of the two"):
        query_of_url([("orderBy", "eventTime"), ("eventCountLimit", "5"), ("maxEventCount", "5")])


@pytest.mark.parametrize(
    ("name", "value", "is_narrow"),
    [
        ("MATCH_epc", "https://id.gs1.org/00/095201234567891235", True),
        ("MATCH_anyEPCClass", "https://id.gs1.org/01/09520123456788/10/A1", True),
        ("MATCH_anyEPC", "urn:x:1", True),
        ("MATCH_epcClass", "https://id.gs1.org/01/09520123456788", False),
        ("MATCH_epc", "https://id.gs1.org/00/095201234567891235|urn:epc:idpat:sscc:952012.*", False),
        ("EQ_bizStep", "shipping", False),
    ],
)
def test_few_events_name_a_thing(name: str, value: str, *, is_narrow: bool) -> None:
    """Things and lots are few events' own; classes, patterns and words may be half of the journal's."""
    assert query_of_url([("EQ_action", "ADD"), (name, value)]).is_narrow is is_narrow


def test_a_query_has_its_bound() -> None:
    """A query of more values than anybody needs is too complex."""
    query_of_url([("EQ_stringValue", "|".join(["a"] * MOST_VALUES))])
    with pytest.raises(QueryTooComplex):
        query_of_url([("EQ_stringValue", "|".join(["a"] * (MOST_VALUES + 1)))])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("EQ_bizStep", "shipping"), ("EQ_bizStep", "urn:epcglobal:cbv:bizstep:shipping")),
        (("EQ_bizStep", "shipping"), ("EQ_bizStep", "https://ref.gs1.org/cbv/BizStep-shipping")),
        (("EQ_bizStep", "shipping"), ("EQ_bizStep", "cbv:BizStep-shipping")),
        (("MATCH_epc", "urn:epc:id:sscc:952012.12345678912"), ("MATCH_epc", "https://id.gs1.org/00/195201223456789125")),
        (("MATCH_epc", "https://id.gs1.org/01/09521234567899"), ("MATCH_epc", "urn:epc:idpat:sgtin:952123456.0789.*")),
        (("EQ_bizTransaction_po", "urn:x:1"), ("EQ_bizTransaction_urn:epcglobal:cbv:btt:po", "urn:x:1")),
        (("GE_value_CEL", "8"), ("GE_value_KEL", "281.15")),
        (("LT_quantity_KGM", "1.5"), ("LT_quantity_GRM", "1500")),
        (("GT_sDev_CEL", "1"), ("GT_sDev_KEL", "1")),
        (("EQ_ex:a", "1"), (f"EQ_{_WHOLE}a", "1")),
        (
            ("GE_errorDeclarationTime", "2026-01-01T00:00:00Z"),
            ("GE_errorDeclaration_Time", "2026-01-01T01:00:00+01:00"),
        ),
        (("EQATTR_readPoint_urn:a", "1"), ("EQ_ATTR_readPoint_urn:a", "1")),
        (("GE_eventTime", "2026-01-01T01:00:00 01:00"), ("GE_eventTime", "2026-01-01T00:00:00Z")),
        (("EXISTS_ex:a", ""), ("EXISTS_ex:a", "true")),
    ],
)  # fmt: skip
def test_spellings_ask_the_same(one: tuple[str, str], other: tuple[str, str]) -> None:
    """However words, identifiers, units and times are spelled, the query is the same."""
    first, second = query_of_url([one], _EX), query_of_url([other], _EX)
    assert first == second or _sets(first) == _sets(second)
    assert first != query_of_url([], _EX)


def _sets(query: Any) -> Any:
    return [set(each) for each in query.terms], query.ranges, query.master, query.event_time, query.declared


_NAMES = st.sampled_from(
    [
        "eventType",
        "GE_eventTime",
        "LT_recordTime",
        "EQ_action",
        "EQ_bizStep",
        "EQ_type",
        "MATCH_anyEPC",
        "MATCH_epcClass",
        "WD_readPoint",
        "EQ_eventID",
        "EQ_bizTransaction_po",
        "EQ_source_x",
        "EXISTS_errorDeclaration",
        "GE_errorDeclarationTime",
        "EQ_errorReason",
        "GE_quantity",
        "EQ_quantity_KGM",
        "GE_value_CEL",
        "EQ_value_ZZZ",
        "GT_percRank",
        "LT_time",
        "EQ_stringValue",
        "EQ_booleanValue",
        "EQ_ex:a",
        "GT_ILMD_ex:b",
        "EXISTS_INNER_ex:c",
        "EQ_INNER_SENSORREPORT_ex:d",
        "HASATTR_bizLocation",
        "EQATTR_bizLocation_urn:a",
        "orderBy",
        "orderDirection",
        "eventCountLimit",
        "maxEventCount",
        "@context",
        "perPage",
    ]
)
_VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "shipping",
            "2026-01-01T00:00:00Z",
            "9999-12-31T23:59:59-14:00",
            "0001-01-01T00:00:00+14:00",
            "1e400",
            "-0",
            "urn:epc:idpat:sgtin:*.*.*",
            "https://id.gs1.org/01/1",
            "urn:epc:id:x",
            "ASC",
            "eventTime",
            "5",
            "|",
            "ex:a",
        ]
    ),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | _VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.tuples(_NAMES | st.text(max_size=30), _VALUES), max_size=5))
@example([("GE_eventTime", "0001-01-01T00:00:00+14:00")])
@example([("EQ_quantity", "9" * 101)])
def test_no_address_breaks_the_reader(pairs: list[tuple[str, str]]) -> None:
    """Any parameters are a query, or an error that says what was expected."""
    try:
        query_of_url(pairs, _EX)
    except InvalidInput as error:
        refused = str(error)
    else:
        refused = "expected"
    assert "expected" in refused


@given(st.dictionaries(_NAMES | st.text(max_size=30), _JSON, max_size=5) | _JSON)
def test_no_json_breaks_the_reader(body: Any) -> None:
    """Any JSON is a query, or an error that says what was expected."""
    try:
        query_of_json(read_json(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")))
    except InvalidInput as error:
        refused = str(error)
    else:
        refused = "expected"
    assert "expected" in refused


@needs_vectors
def test_queries_of_others() -> None:
    """A query that others call valid is read, and those that they call invalid are refused."""
    folder = VECTORS / "openepcis" / "JSON" / "Query" / "Queries"
    good = [read_json(path.read_bytes()) for path in folder.glob("*.json")]
    bad = [read_json(path.read_bytes()) for path in (folder / "Invalid").glob("*.json")]
    assert good
    assert bad
    for body in good:
        query_of_json(body)
    for body in bad:
        with pytest.raises(InvalidInput):
            query_of_json(body)


@needs_vectors
def test_every_parameter_of_the_standard_is_known() -> None:
    """Each fixed name of GS1's schema of queries, and one of each of its patterns, is a parameter here."""
    path = VECTORS / "gs1-epcis" / "REST Bindings" / "query-schema.json"
    schema = json.loads(path.read_text())["definitions"]["EPCIS-Query"]
    names = [name for name in schema["properties"] if name != "@context"]
    names += [_example(pattern) for pattern in schema["patternProperties"]]
    assert len(names) > 150
    unknown = [name for name in names if "an unknown one" in _complaint(name)]
    assert unknown == []


def _example(pattern: str) -> str:
    name = pattern.strip("^$").replace(r"[a-z][a-zA-Z0-9]*\\:\\w+", "ex:a").replace("[A-Z0-9]{2,4}", "KGM")
    return name.replace("[a-z][a-zA-Z0-9_]+", "owning_party").replace(r"\\w+_\\w+", "bizLocation_a")


def _complaint(name: str) -> str:
    try:
        query_of_json({name: Decimal(1)}, _EX)
    except InvalidInput as error:
        return str(error)
    return ""
