"""The event hash of CBV 2.0: what it tells apart, and what it does not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof.trace.epcis.context import Context
from wayproof.trace.epcis.documents import read_document
from wayproof.trace.epcis.event_hash import canonical_text, canonical_time, document_hashes, event_hash, pre_hash

from epcis_vectors import VECTORS, needs_vectors

CONTEXT = Context().within({"ex": "https://ex.example/"})
EVENT = {
    "type": "ObjectEvent",
    "action": "OBSERVE",
    "eventTime": "2026-01-01T12:00:00+01:00",
    "eventTimeZoneOffset": "+01:00",
    "epcList": ["urn:epc:id:sscc:4012345.0000000333"],
}


def hash_with(**fields: Any) -> str:
    """The hash of the event with these fields; names may stand for extensions, as ex_a for ex:a."""
    return event_hash({**EVENT, **{name.replace("ex_", "ex:"): value for name, value in fields.items()}}, CONTEXT)


@needs_vectors
def test_representations_of_one_event_have_one_hash() -> None:
    """All events of a document that its authors call equal have the same hash."""
    documents = sorted((VECTORS / "event-hash/tests/expected_equal").iterdir())

    assert {
        path.name for path in documents if len(set(document_hashes(read_document(path.read_bytes())))) != 1
    } == set()
    assert len(documents) > 10


def test_the_hash_is_a_name_of_rfc_6920() -> None:
    """A hash names algorithm and version, and is the SHA-256 of the pre-hash text."""
    assert hash_with().startswith("ni:///sha-256;")
    assert hash_with().endswith("?ver=CBV2.0")
    assert pre_hash(EVENT, CONTEXT) == (
        "eventType=ObjectEventeventTime=2026-01-01T11:00:00.000ZeventTimeZoneOffset=+01:00"
        "epcListepc=https://id.gs1.org/00/040123450000003338action=OBSERVE"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"ex_a": "10000000000000000001"}, {"ex_a": "10000000000000000002"}),
        ({"ex_a": 10000000000000000001}, {"ex_a": 10000000000000000002}),
        ({"ex_a": "0012"}, {"ex_a": "12"}),
        ({"ex_a": "1_000"}, {"ex_a": "1000"}),
        ({"ex_a": "1e3"}, {"ex_a": "1000"}),
        ({"ex_a": "inf"}, {"ex_a": "Infinity"}),
        ({"ex_a": "x"}, {"ex_b": "x"}),
        ({"bizStep": "shipping"}, {"bizStep": "receiving"}),
    ],
)
def test_different_events_have_different_hashes(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Values that floating point, or a generous parser, would take for one are two."""
    assert hash_with(**one) != hash_with(**other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"ex_a": "2.50"}, {"ex_a": 2.5}),
        ({"ex_a": ["1", "2"]}, {"ex_a": ["2", "1"]}),
        ({"bizStep": "shipping"}, {"bizStep": "https://ref.gs1.org/cbv/BizStep-shipping"}),
        ({"epcList": ["https://other.example/00/040123450000003338?x=y"]}, {}),
        ({"eventTime": "2026-01-01T11:00:00Z"}, {}),
        ({"recordTime": "2026-01-01T11:00:00Z", "eventID": "urn:uuid:1", "rdfs:comment": "x"}, {}),
        ({"errorDeclaration": {"declarationTime": "2026-01-01T11:00:00Z"}}, {}),
        ({"bizTransactionList": []}, {}),
        (
            {"bizTransactionList": [{"type": "po", "bizTransaction": "urn:a:b"}]},
            {"bizTransactionList": [{"bizTransaction": "urn:a:b", "type": "po"}]},
        ),
    ],
)
def test_one_event_in_other_words_has_the_same_hash(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Spelling, order, and the fields that the standard leaves out do not change the hash."""
    assert hash_with(**one) == hash_with(**other)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2026-01-01T00:00:30.0025Z", "2026-01-01T00:00:30.003Z"),
        ("2026-01-01T00:00:30.0024999999Z", "2026-01-01T00:00:30.002Z"),
        ("2026-12-31T23:59:59.9996Z", "2027-01-01T00:00:00.000Z"),
        ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000Z"),
        ("yesterday", "yesterday"),
    ],
)
def test_times_are_rounded_half_up_to_milliseconds(text: str, canonical: str) -> None:
    """An instant is written in UTC with milliseconds; halves go up, into the next second and year if need be."""
    assert canonical_time(text) == canonical


@given(st.integers(-(10**30), 10**30), st.integers(0, 12))
def test_superfluous_zeros_change_nothing(number: int, zeros: int) -> None:
    """A number has one form, whatever zeros stand behind its point, and different numbers have different ones."""
    assert canonical_text(f"{number}.{'0' * zeros}" if zeros else str(number)) == str(number)
