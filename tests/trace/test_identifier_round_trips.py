"""What holds for every identifier of every scheme, and for every text that is none."""

import string

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from wayproof.model.errors import InvalidInput
from wayproof.trace.identifiers import (
    canonical_uri,
    element_string,
    is_class,
    is_instance,
    parse,
    pattern_terms,
    to_digital_link,
    to_urn,
)
from wayproof.trace.identifiers.schemes import KEY_SCHEMES

from gs1_strategies import SET_82, Urn, key_urns

_texts = st.text() | st.text(SET_82 + "\x1d[]\\ #")
_heads = st.sampled_from([
    "", "urn:epc:", *(f"urn:epc:{'class' if s.is_lot else 'id'}:{s.name}:" for s in KEY_SCHEMES),
    "urn:epc:idpat:sgtin:",
    "urn:epc:id:bic:", "urn:epc:id:imovn:", "urn:epc:id:gid:", "urn:epc:id:adi:", "https://id.gs1.org/",
   "http://a.example/01/",
    "https://id.gs1.org/01/10614141073464/", "https://a.example/8004/", "(01)", "(00)", "]C1", "01", "00", "8010", "https://[",
])  # fmt: skip


def test_every_scheme_with_a_key_is_drawn() -> None:
    """The strategy knows the schemes that the code knows"""
    drawn = {"sgtin", "lgtin", "upui", "sscc", "sgln", "pgln", "grai", "gdti", "sgcn", "gsrn", "gsrnp", "gsin"}
    assert {scheme.name for scheme in KEY_SCHEMES} == drawn | {"giai", "ginc", "cpi", "itip"}


@given(key_urns)
def test_urn_and_link_and_element_string_are_one(urn: Urn) -> None:
    """URN, Digital Link of any domain and element string lead to one canonical form, and back to the same URN"""
    identifier = parse(urn.text)
    assert to_urn(identifier) == urn.text
    link = to_digital_link(identifier, "https://shop.example/items")
    for text in (identifier.uri, link, element_string(identifier)):
        other = parse(text)
        assert (other.scheme, other.level, other.uri, other.elements) == (
            identifier.scheme,
            identifier.level,
            identifier.uri,
            identifier.elements,
        )
        assert to_urn(other, urn.prefix_digits) == urn.text


@given(key_urns)
def test_every_pattern_over_an_identifier_is_among_its_terms(urn: Urn) -> None:
    """Whoever asks by class or pattern finds the identifier, whether it came as URN or as Digital Link"""
    identifier = parse(urn.text)
    link = parse(identifier.uri)
    for known in range(len(urn.fields)):
        term = canonical_uri(urn.pattern(known))
        assert term in pattern_terms(identifier)
        assert term in pattern_terms(link)
    assert pattern_terms(identifier)[0] == identifier.uri


@given(key_urns, key_urns)
def test_no_pattern_of_another_company_is_among_the_terms(urn: Urn, other: Urn) -> None:
    """A pattern of a company finds nothing of another, given that no company prefix begins with another one"""
    prefix, another = urn.fields[0], other.fields[0]
    assume(not prefix.startswith(another) and not another.startswith(prefix))
    patterns = {canonical_uri(other.pattern(known)) for known in range(1, len(other.fields))}
    assert patterns.isdisjoint(pattern_terms(parse(urn.text)))
    assert patterns.isdisjoint(pattern_terms(parse(canonical_uri(urn.text))))


@given(key_urns, st.sampled_from(string.digits))
def test_wrong_check_digits_are_refused(urn: Urn, digit: str) -> None:
    """Of the ten digits that could stand at the check digit's place, one is taken and nine say expected and got"""
    identifier = parse(urn.text)
    code, key = identifier.elements[0]
    place = {"00": 17, "8017": 17, "8018": 17, "402": 16, "01": 13, "8006": 13, "8003": 13}.get(code, 12)
    assume(code not in {"8004", "401", "8010"} and key[place] != digit)
    wrong = identifier.uri.replace(key[: place + 1], key[:place] + digit, 1)
    with pytest.raises(InvalidInput, match=f"expected {key[place]}, got {digit}"):
        parse(wrong)
    assert parse(wrong, check_digits=False).uri == wrong


@given(_heads, _texts)
@example("", "urn:epc:id:sgtin:0614141.107346.%")
@example("", "urn:epc:id:sgtin:٠٦١٤١٤١.107346.1")
@example("", "https://id.gs1.org/01/%D9%A1")
@example("", "ex:\ud800")
@example("", "https://a.example/gtin/%FF")
@example("", "a:" + "b" * 3_000)
def test_any_text_is_an_identifier_or_invalid_input(head: str, text: str) -> None:
    """Random text raises InvalidInput or nothing; what parses has a canonical form that is its own, and can be shown"""
    try:
        identifier = parse(head + text)
    except InvalidInput:
        return
    assert canonical_uri(identifier.uri) == identifier.uri
    assert identifier.uri in pattern_terms(identifier)
    assert not (is_instance(identifier) and is_class(identifier))
    identifier.uri.encode()


@given(key_urns, st.data())
def test_damaged_identifiers_are_refused_or_something_else(urn: Urn, data: st.DataObject) -> None:
    """An identifier with one character removed, doubled or replaced raises InvalidInput or nothing"""
    spellings = (urn.text, canonical_uri(urn.text), element_string(parse(urn.text)))
    text = data.draw(st.sampled_from(spellings))
    place = data.draw(st.integers(0, len(text) - 1))
    put = data.draw(st.just("") | st.just(text[place] * 2) | st.characters(max_codepoint=0x2FF))
    try:
        identifier = parse(text[:place] + put + text[place + 1 :])
    except InvalidInput:
        return
    assert canonical_uri(identifier.uri) == identifier.uri
