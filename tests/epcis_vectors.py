"""Documents of third parties that tests and the conformance report read where they lie beside the project."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema_rs import Draft7Validator

from wayproof.trace.epcis.context import Context, context_of
from wayproof.trace.epcis.documents import read_document
from wayproof.trace.epcis.event_hash import canonical_text, canonical_time
from wayproof.trace.epcis.formats import canonical
from wayproof.trace.epcis.validate import events_of

VECTORS: Final = Path(__file__).parents[2] / "shared" / "vectors" / "epcis"
HASHES: Final = VECTORS / "event-hash" / "tests" / "examples"

needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason=f"third-party documents are not at {VECTORS}")

_VALID: Final = (
    "gs1-epcis/JSON/**/*.jsonld",
    "openepcis/JSON/Capture/Documents/*.json",
    "openepcis/JSON/Capture/Events/*.json",
    "openepcis/JSON/Query/*.json",
    "fsma204/*.jsonld",
    "event-hash/tests/examples/*.jsonld",
    "event-hash/tests/expected_equal/*.json",
)
_INVALID: Final = ("openepcis/JSON/Capture/Invalid/*.json", "openepcis/JSON/Query/Invalid/*.json")


def name_of(path: Path) -> str:
    """How a report names a document."""
    return path.relative_to(VECTORS).as_posix()


def _files(patterns: tuple[str, ...]) -> dict[str, Path]:
    return {name_of(path): path for pattern in patterns for path in sorted(VECTORS.glob(pattern))}


def valid_files() -> dict[str, Path]:
    """Documents that their authors call valid, by name."""
    return _files(_VALID)


def invalid_files() -> dict[str, Path]:
    """Documents that their authors call invalid, by name."""
    return _files(_INVALID)


def xml_files() -> dict[str, Path]:
    """Documents in XML, by name."""
    return _files(("event-hash/tests/examples/*.xml", "event-hash/tests/expected_equal/*.xml"))


@cache
def loaded(path: Path) -> Any:
    """The JSON as GS1's own validator reads it: of a name that comes twice, the last."""
    document = json.loads(path.read_text(encoding="utf-8"))
    # A comment of the FSMA documents' author, who says to strip it.
    document.pop("_comment_gs1us_mapping", None)
    return document


@cache
def gs1_schema() -> Draft7Validator:
    """GS1's schema of EPCIS 2.0.0, with formats checked."""
    schema = json.loads((VECTORS / "gs1-epcis" / "EPCIS-JSON-Schema.json").read_text(encoding="utf-8"))
    return Draft7Validator(schema, validate_formats=True)


def twins() -> Iterator[tuple[str, Path, Path]]:
    """Names, JSON and XML of documents that exist in both bindings."""
    for xml in sorted(HASHES.glob("*.xml")):
        if xml.with_suffix(".jsonld").exists():
            yield xml.stem, xml.with_suffix(".jsonld"), xml


def meanings(path: Path) -> list[Any]:
    """Each event of a document with names and words written out, times in UTC, numbers without superfluous zeros."""
    document = read_document(path.read_bytes())
    context = context_of(document)
    return [meaning(event, context) for event in events_of(document)[1]]


def meaning(event: Mapping[str, Any], context: Context) -> Any:
    """One event in the same form."""
    inner = context.within(event.get("@context"))
    return _plain({name: part for name, part in canonical(event, inner).items() if name != "@context"}, inner)


def _plain(value: Any, context: Context) -> Any:
    if isinstance(value, Mapping):
        return {context.expand_field(name): _plain(part, context) for name, part in value.items() if part != []}
    if isinstance(value, list):
        return [_plain(part, context) for part in value]
    text = canonical_text(value)
    return canonical_time(text) if text[:1].isdigit() else context.expand(text)


def hashes_of(path: Path) -> list[str]:
    """The reference outputs beside a document, one an event."""
    return path.with_suffix(".hashes").read_text(encoding="utf-8").split()


def ignored_fields(document: Mapping[str, Any]) -> frozenset[str]:
    """Extension fields that a document of the reference implementation's tests asks to leave out."""
    results = document.get("epcisBody", {}).get("queryResults", {})
    named = document.get("repository-x:ignoreFields") or results.get("repository-x:ignoreFields") or ()
    return frozenset(map(context_of(document).expand, named))
