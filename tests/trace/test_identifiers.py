"""Identifiers as GS1, OpenEPCIS and others write them."""

import json

import pytest

from wayproof.model.errors import InvalidInput
from wayproof.trace.identifiers import (
    Level,
    canonical_uri,
    display,
    element_string,
    is_class,
    is_instance,
    parse,
    pattern_terms,
    to_digital_link,
    to_urn,
)

from identifier_vectors import VECTORS, epcis_vectors, identifiers

_WRONG_CHECK_DIGITS = {
    "http://example.de/gtin-8/01/97803111": "expected 9, got 1",
    "http://example.de/01/040123451234/cpv/344/lot/ABD": "expected 5, got 4",
    "https://id.example.com/8003/030013450007718765": "expected 6, got 1",
}
"""Identifiers of third parties that break the rule of check digits."""


def _vectors() -> dict[str, list[list[str]]]:
    loaded: dict[str, list[list[str]]] = json.loads(
        (VECTORS / "event-hash" / "dl_normaliser_vectors.json").read_bytes()
    )
    return loaded


@epcis_vectors
def test_vectors_of_the_normaliser() -> None:
    """All 62 pairs of the reference normaliser come out alike; the two with wrong check digits only where they are let
    through
    """
    pairs = _vectors()["pairs"]
    assert len(pairs) == 62
    for text, expected in pairs:
        assert canonical_uri(text, check_digits=text not in _WRONG_CHECK_DIGITS) == expected


@epcis_vectors
def test_what_the_normaliser_refuses_names_nothing_of_gs1() -> None:
    """What the reference normaliser refuses is refused, or somebody's own URI that stays as it is"""
    for text in [*map(str, _vectors()["expect_none"])]:
        try:
            identifier = parse(text)
        except InvalidInput:
            continue
        assert (identifier.scheme, identifier.uri) == ("uri", text)


@epcis_vectors
def test_every_identifier_of_every_document_parses() -> None:
    """Every identifier in the documents of GS1, OpenEPCIS, FSMA 204 and the event hash parses, but for one wrong check
    digit; canonical forms are their own canonical form
    """
    found = identifiers()
    assert len(found) > 250
    for text in found - set(_WRONG_CHECK_DIGITS):
        uri = canonical_uri(text)
        assert canonical_uri(uri) == uri
        assert parse(uri).level is parse(text).level


@pytest.mark.parametrize(("text", "said"), _WRONG_CHECK_DIGITS.items())
def test_wrong_check_digit_says_expected_and_got(text: str, said: str) -> None:
    """A wrong check digit is refused with the right one; an import that forgives it keeps the digit that came"""
    with pytest.raises(InvalidInput, match=said):
        parse(text)
    assert parse(text, check_digits=False).scheme != "uri"


@pytest.mark.parametrize(
    ("urn", "scheme", "level"),
    [
        ("urn:epc:id:sgtin:0614141.112345.400", "sgtin", Level.INSTANCE),
        ("urn:epc:id:imovn:9176187", "imovn", Level.INSTANCE),
        ("urn:epc:id:bic:CSQU3054383", "bic", Level.INSTANCE),
        ("urn:epc:id:adi:W81X9C.3KL984PX1.2WMA52", "adi", Level.INSTANCE),
        ("urn:epc:id:adi:35962..%23123", "adi", Level.INSTANCE),
        ("urn:epc:id:gid:95100000.12345.400", "gid", Level.INSTANCE),
        ("urn:epc:id:usdod:CJ0WG.12345678", "usdod", Level.INSTANCE),
        ("urn:epc:class:lgtin:4012345.012345.998877", "lgtin", Level.LOT),
        ("urn:epc:idpat:sgtin:4012345.012345.*", "gtin", Level.CLASS),
        ("urn:epc:idpat:grai:4012345.66666.*", "grai", Level.CLASS),
        ("urn:epc:idpat:sgtin:4012345.*.*", "sgtin", Level.PATTERN),
        ("urn:epc:idpat:sgln:4012345.00005.*", "sgln", Level.PATTERN),
        ("urn:epc:idpat:itip:4012345.012345.01.*.*", "itip", Level.PATTERN),
        ("urn:epc:idpat:bic:*", "bic", Level.PATTERN),
    ],
)
def test_schemes_and_levels(urn: str, scheme: str, level: Level) -> None:
    """Each scheme is known by name and level, and keeps its URN"""
    identifier = parse(urn)
    assert (identifier.scheme, identifier.level, identifier.urn, to_urn(identifier)) == (scheme, level, urn, urn)
    assert is_instance(identifier) == (level is Level.INSTANCE)
    assert is_class(identifier) == (level in {Level.LOT, Level.CLASS, Level.PATTERN})


@pytest.mark.parametrize(
    "text",
    [
        "urn:epc:id:sgtin:0614141.107346.2017",
        "https://id.gs1.org/01/10614141073464/21/2017",
        "http://shop.example/some/where/gtin/10614141073464/ser/2017/?17=271231#top",
        "HTTPS://ID.GS1.ORG/01/10614141073464/10/LOT/21/2017",
        "(01)10614141073464 (21)2017 (17)271231",
        "]C1011061414107346417271231212017",
        "0110614141073464212017\x1d10LOT",
    ],
)
def test_all_spellings_meet(text: str) -> None:
    """URN, Digital Link of any domain and age, and element string of one thing have one canonical form"""
    assert canonical_uri(text) == "https://id.gs1.org/01/10614141073464/21/2017"


@pytest.mark.parametrize("text", ["https://example.org/products/42", "urn:uuid:0b1c", "http://ex.org/2000/01/report#x"])
def test_other_uris_are_themselves(text: str) -> None:
    """A URI of somebody else is its own canonical form, names neither thing nor class, and has no GS1 spelling"""
    identifier = parse(text)
    assert (identifier.uri, identifier.level) == (text, Level.UNKNOWN)
    assert not is_instance(identifier)
    assert not is_class(identifier)
    assert pattern_terms(identifier) == (text,)
    for write in (to_urn, to_digital_link, element_string):
        with pytest.raises(InvalidInput):
            write(identifier)
    assert display(identifier) == text


def test_urn_of_a_link_needs_the_length_of_the_company_prefix() -> None:
    """A Digital Link yields a URN only with the length of its company prefix, which nothing in it tells"""
    identifier = parse("https://id.gs1.org/00/340123451111111111")
    with pytest.raises(InvalidInput, match="expected company_prefix_digits of 6 to 12, got None"):
        to_urn(identifier)
    assert to_urn(identifier, 7) == "urn:epc:id:sscc:4012345.3111111111"
    with pytest.raises(InvalidInput, match="has none"):
        to_urn(parse("https://id.gs1.org/8006/040123451234560102/10/XYZ"), 7)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("urn:epc:id:sscc:0614141.0123456789", "SSCC (00) 0 0614141 123456789 0"),
        ("https://id.gs1.org/00/006141411234567890", "SSCC (00) 006141411234567890"),
        ("urn:epc:class:lgtin:4012345.012345.L-1", "LGTIN (01) 0 4012345 12345 6 (10) L-1"),
        ("urn:epc:id:grai:4012345.55555.987", "GRAI (8003) 0 4012345 55555 4 987"),
        ("urn:epc:id:giai:4000001.111", "GIAI (8004) 4000001 111"),
        ("urn:epc:id:bic:CSQU3054383", "BIC CSQU3054383"),
        ("urn:epc:idpat:sgtin:4012345.*.*", "SGTIN 4012345.*.*"),
    ],
)
def test_display(text: str, shown: str) -> None:
    """People read scheme, Application Identifiers and the parts of the key, as far as they are known"""
    assert display(parse(text)) == shown
