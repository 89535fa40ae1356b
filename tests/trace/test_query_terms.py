"""What is indexed of events."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.context import Context, context_of
from wayproof.trace.epcis.formats import canonical
from wayproof.trace.epcis.reading import read_json
from wayproof.trace.epcis.validate import events_of
from wayproof.trace.identifiers import parse, pattern_terms
from wayproof.trace.identifiers.characters import check_digit
from wayproof.trace.query.identifier_terms import identifier_terms, place_around
from wayproof.trace.query.terms import MOST_WORDS, Number, TooMuch, terms_of
from wayproof.trace.query.values import comparable, number_word
from wayproof.trace.query.words import exists_term, term

_VECTORS = Path(__file__).parents[3] / "shared/vectors/epcis"
_DIGITS = st.text("0123456789", min_size=17, max_size=17)
_SERIALS = st.text("ABCxyz0123456789-", min_size=1, max_size=12)


def _checked(digits: str) -> str:
    return digits + check_digit(digits)


@given(_DIGITS, _SERIALS)
def test_words_of_an_identifier_are_those_of_its_patterns(digits: str, serial: str) -> None:
    """An identifier is indexed under itself, its class and every pattern that takes it in, and under nothing else."""
    gtin, gln = _checked(digits[:13]), _checked(digits[:12])
    links = [
        f"01/{gtin}/21/{serial}",
        f"01/{gtin}/10/{serial}",
        f"01/{gtin}/235/{serial}",
        f"01/{gtin}",
        f"00/{_checked(digits)}",
        f"414/{gln}",
        f"414/{gln}/254/{serial}",
        f"417/{gln}",
        f"8003/0{gln}{serial}",
        f"8004/{digits[:9]}{serial}",
        f"8018/{_checked(digits)}",
        f"253/{gln}{serial}",
        f"402/{_checked(digits[:16])}",
    ]
    for link in links:
        uri = parse(f"https://id.gs1.org/{link}").uri
        assert set(identifier_terms("epc", uri)) == {term("epc", each) for each in pattern_terms(parse(uri))}


@pytest.mark.parametrize(
    "uri", ["urn:epc:id:gid:12.34.56", "urn:epc:id:imovn:9176187", "urn:uuid:1", "https://example.com/01/x"]
)
def test_identifiers_without_digital_link_are_indexed_too(uri: str) -> None:
    """What has no Digital Link is indexed under itself and the patterns of its own scheme."""
    assert set(identifier_terms("epc", uri)) == {term("epc", each) for each in pattern_terms(parse(uri))}


def test_a_broken_identifier_is_found_by_itself() -> None:
    """An identifier that a lenient import let through is indexed as it came."""
    uri = "https://id.gs1.org/01/09506000134353/21/1"
    assert identifier_terms("epc", uri) == (term("epc", uri),)


def test_a_part_of_a_place_lies_in_that_place() -> None:
    """A GLN with extension lies within the GLN."""
    assert place_around("https://id.gs1.org/414/9506000111117/254/1") == "https://id.gs1.org/414/9506000111117"
    assert place_around("https://id.gs1.org/414/9506000111117") is None


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**6), max_value=10**6))
def test_equal_numbers_have_one_word(value: Decimal) -> None:
    """A number is the same however many zeros it was written with."""
    assert number_word(value) == number_word(Decimal(f"{value:f}00"))


def test_units_are_compared_in_si() -> None:
    """Eight degrees Celsius are 281.15 kelvin, and a deviation of one degree is one kelvin."""
    assert comparable(8, "CEL") == comparable(Decimal("281.15"), "KEL") == ("K", 281.15)
    assert comparable(1, "CEL", is_difference=True) == ("K", 1.0)
    assert comparable(1, "ZZZ") == ("unit ZZZ", 1.0)
    assert comparable(10**99, None) == ("", 1e99)


def test_extensions_are_indexed_by_place_and_full_name() -> None:
    """An extension is known by where it stands and its full URI; what is nested in it is INNER."""
    event = {
        "type": "ObjectEvent",
        "ex:a": {"ex:b": [1, "x"], "ex:c": {"#text": "y", "unit": "z"}},
        "ilmd": {"ex:d": "2026-01-01T00:00:00Z", "ex:e": {"ex:f": True}},
        "bizLocation": {"id": "urn:x:1", "ex:g": "2.50"},
    }
    found = terms_of(event, Context(prefixes={"ex": "urn:ex:"}))
    expected = {
        exists_term("urn:ex:a"),
        exists_term("INNER_urn:ex:b"),
        term("INNER_urn:ex:b", "# 1"),
        term("INNER_urn:ex:b", "x"),
        term("INNER_urn:ex:c", "y"),
        exists_term("ILMD_urn:ex:d"),
        term("INNER_ILMD_urn:ex:f", "true"),
        term("bizLocation_urn:ex:g", "2.50"),
    }
    assert expected <= set(found.terms)
    assert Number("ILMD_urn:ex:d", "instant", 1767225600.0) in found.numbers
    assert Number("bizLocation_urn:ex:g", "", 2.5) in found.numbers


@pytest.mark.parametrize("text", ["1e999999999", "9" * 1_000_000, "1e-999999999", "1_000", "infinity"])
def test_a_text_is_a_number_within_bounds(text: str) -> None:
    """A text that only looks like a number, or like one that nobody can hold, is a text and costs nothing."""
    found = terms_of({"type": "ObjectEvent", "ex:a": text}, Context(prefixes={"ex": "urn:ex:"}))
    assert found.numbers == ()
    assert term("urn:ex:a", text) in found.terms


@pytest.mark.parametrize(
    "fields",
    [
        {"ex:a": list(range(MOST_WORDS + 1))},
        {"ex:a": ["x"] * 1_000_000},
        {"epcList": [f"urn:x:{number}" for number in range(MOST_WORDS + 1)]},
        {"quantityList": [{"epcClass": "urn:x:1"}] * (MOST_WORDS + 1)},
    ],
)
def test_what_cannot_be_indexed_is_refused(fields: dict[str, Any]) -> None:
    """An event of more words or numbers than an index holds is refused, and early."""
    with pytest.raises(TooMuch, match="at most"):
        terms_of({"type": "ObjectEvent", **fields}, Context(prefixes={"ex": "urn:ex:"}))


def _third_party() -> Iterator[tuple[Any, Context]]:
    for path in sorted(_VECTORS.glob("**/*.json*")):
        if "Invalid" in path.parts or "REST" in str(path):
            continue
        try:
            document = read_json(path.read_bytes())
        except InvalidInput:
            continue
        yield from ((event, context_of(document)) for event in events_of(document)[1] if "eventTime" in event)


def test_every_third_party_event_can_be_indexed() -> None:
    """Whatever others wrote has words and finite numbers."""
    if not _VECTORS.exists():
        pytest.skip(f"no third-party documents at {_VECTORS}")
    count = 0
    for event, context in _third_party():
        found = terms_of(canonical(event, context), context)
        assert exists_term("x") not in found.terms
        assert all(len(each) == 16 and int(each, 16) >= 0 for each in found.terms)
        assert json.dumps(found.numbers, allow_nan=False)
        count += 1
    assert count > 150
