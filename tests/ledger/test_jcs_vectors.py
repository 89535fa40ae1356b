"""Canonical JSON against the vectors of RFC 8785."""

import json
from pathlib import Path

import pytest

from wayproof.model.canonical import canonical_json

VECTORS = Path(__file__).parents[2].parent / "shared/vectors/ledger/rfc8785-jcs/testdata"
NAMES = ["arrays", "french", "structures", "unicode", "values", "weird"]


@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors of RFC 8785 are not here")
@pytest.mark.parametrize("name", NAMES)
def test_vectors(name: str) -> None:
    """Canonical bytes are those of the vectors of RFC 8785."""
    wanted = bytes.fromhex((VECTORS / "outhex" / f"{name}.txt").read_text())
    assert canonical_json(json.loads((VECTORS / "input" / f"{name}.json").read_bytes())) == wanted
