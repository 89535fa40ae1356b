"""EPCIS documents of third parties beside the repository; tests that need them are skipped where they are absent."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from lxml import etree

VECTORS: Final = Path(__file__).parents[2] / "shared" / "vectors" / "epcis"
_DOCUMENTS = ("gs1-epcis/JSON", "openepcis/JSON", "fsma204", "event-hash/tests")
_FIELDS = frozenset((
    "epcList", "childEPCs", "inputEPCList", "outputEPCList", "parentID", "epcClass", "transformationID", "source",
    "destination", "bizTransaction", "deviceID", "deviceMetadata", "rawData", "bizRules", "dataProcessingMethod",
))  # fmt: skip
_PLACES = frozenset(("readPoint", "bizLocation"))

epcis_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason=f"no EPCIS documents in {VECTORS}")


def documents(*suffixes: str) -> list[Path]:
    """Every document of these suffixes, valid or not."""
    return [path for root in _DOCUMENTS for path in sorted((VECTORS / root).rglob("*")) if path.suffix in suffixes]


def identifiers() -> set[str]:
    """Every identifier in every document: what stands in a field for identifiers, and every EPC URN anywhere."""
    found: set[str] = set()
    for path in documents(".json", ".jsonld"):
        found.update(_in_json(json.loads(path.read_text(encoding="utf-8-sig"))))
    for path in documents(".xml"):
        tree = etree.parse(path, etree.XMLParser(resolve_entities=False, no_network=True))
        found.update(text for node in tree.iter() if (text := str(node.text).strip()).startswith("urn:epc:"))
    return found


def _in_json(value: Any, field: str = "", above: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _in_json(inner, key, field)
    elif isinstance(value, list):
        for inner in value:
            yield from _in_json(inner, field, above)
    elif isinstance(value, str) and (
        field in _FIELDS or (field == "id" and above in _PLACES) or value.startswith("urn:epc:")
    ):
        yield value
