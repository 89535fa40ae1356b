"""docs/conformance.md says what is."""

from wayproof.trace.epcis.schema import find
from wayproof.trace.epcis.validate import Checked

from epcis_conformance import HASH_DIFFERENCES, NEWER, REPORT, hash_outcomes, outcomes, report
from epcis_vectors import gs1_schema, invalid_files, loaded, needs_vectors, valid_files

pytestmark = needs_vectors


def test_the_page_is_current() -> None:
    """The page is word for word what the documents give today."""
    assert REPORT.read_text(encoding="utf-8") == report(), "run: python tests/epcis_conformance.py"


def test_every_difference_of_hashes_has_a_reason() -> None:
    """The events whose hash is not the reference's are exactly those named with a reason."""
    found = dict(hash_outcomes())

    assert {name for name, is_same in found.items() if not is_same} == HASH_DIFFERENCES.keys()
    assert len(found) > 80


def test_every_difference_of_schemas_has_a_reason() -> None:
    """The documents on which our verdict is not GS1's are exactly those named as newer, and are valid here."""
    documents = {**valid_files(), **invalid_files()}
    different = {
        name for name, path in documents.items() if gs1_schema().is_valid(loaded(path)) is bool(find(loaded(path)))
    }

    assert different == NEWER.keys()
    assert all(not find(loaded(documents[name])) for name in different)
    assert len(documents) > 120


def test_only_one_document_cannot_be_read() -> None:
    """Of the documents that their authors call valid, one is ambiguous JSON: a name twice with two values."""
    unread = {name: got for name, got in outcomes().items() if not isinstance(got, Checked)}

    assert list(unread) == ["gs1-epcis/JSON/AssociationEvent/AssociationEvent-h.jsonld"]
    assert "'eventID' twice" in str(*unread.values())
