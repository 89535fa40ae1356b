"""The proof vectors of transparency-dev/merkle, run by the deployed code through eth_call."""

import base64
import json
from pathlib import Path
from typing import Any, Final

import pytest
from web3.exceptions import MismatchedABI

from fix_chain import Ledger

VECTORS: Final = Path(__file__).parents[4] / "shared/vectors/ledger/transparency-dev-merkle/testdata"
CONSISTENCY: Final = sorted(VECTORS.glob("consistency/**/*.json"))
INCLUSION: Final = sorted(VECTORS.glob("inclusion/**/*.json"))
NOTE: Final = bytes(32)

needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason=f"no vectors in {VECTORS}")


def _load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def _hashes(proof: list[str] | None) -> list[bytes]:
    return [base64.b64decode(each) for each in proof or []]


def _takes(ledger: Ledger, vector: dict[str, Any]) -> bool:
    """Whether the contract anchors the vector's second tree while its first one is the latest."""
    old_root = base64.b64decode(vector["root1"])
    if len(old_root) != 32:
        return False  # cannot stand in the state
    state = ledger.standing_at(vector["size1"], old_root)
    args = (vector["size2"], base64.b64decode(vector["root2"]), _hashes(vector["proof"]), NOTE)
    try:
        return ledger.refusal("anchor", *args, by=ledger.anchorer, state=state) is None
    except MismatchedABI:  # a root or hash that is not 32 bytes cannot be sent
        return False


def _includes(ledger: Ledger, vector: dict[str, Any]) -> bool:
    """What `verifyInclusion` says while the vector's tree is anchored."""
    root = base64.b64decode(vector["root"] or "")
    if len(root) != 32:
        return False
    args = (base64.b64decode(vector["leafHash"] or ""), vector["leafIdx"], vector["treeSize"], _hashes(vector["proof"]))
    try:
        return bool(ledger.call("verifyInclusion", *args, state=ledger.standing_at(vector["treeSize"], root)))
    except MismatchedABI:
        return False


@needs_vectors
def test_consistency_vectors(ledger: Ledger) -> None:
    """Every vector's verdict is the contract's, but that a tree of the same size is never anchored again."""
    wrong = []
    for path in CONSISTENCY:
        vector = _load(path)
        wanted = not vector["wantErr"] and vector["size1"] != vector["size2"]
        if _takes(ledger, vector) != wanted:
            wrong.append(str(path.relative_to(VECTORS)))
    assert len(CONSISTENCY) == 98
    assert wrong == []


@needs_vectors
def test_inclusion_vectors(ledger: Ledger) -> None:
    """Every vector's verdict is the contract's."""
    wrong = []
    for path in INCLUSION:
        vector = _load(path)
        found = _includes(ledger, vector)
        if found == vector["wantErr"]:
            wrong.append(str(path.relative_to(VECTORS)))
    assert len(INCLUSION) == 98
    assert wrong == []
