"""Evidence: one root over a leg's readings, and the proof of one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from handoff_strategies import a_handoff
from hypothesis import given
from hypothesis import strategies as st

from wayproof.ledger.evidence import EvidenceTree, check_reading, reading_leaf
from wayproof.model.canonical import reading_bytes
from wayproof.model.clock import ClockFlag
from wayproof.model.errors import InvalidProof, NotFound
from wayproof.model.handoff import ZERO_HASH, Handoff
from wayproof.model.merkle import root_from_inclusion, root_of
from wayproof.model.reading import Reading
from wayproof.model.telemetry import StoredReading

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def leg(count: int) -> list[StoredReading]:
    """So many readings, a minute apart, ever warmer."""
    return [
        StoredReading(
            reading=Reading(observed_at=AT + timedelta(minutes=n), boot=1, seq=n + 1, temperature_c=2 + n / 10),
            received_at=AT + timedelta(minutes=n, seconds=2),
            clock_flags=ClockFlag(0),
        )
        for n in range(count)
    ]


def signed_leg(count: int) -> tuple[EvidenceTree, Handoff]:
    """The tree of truck-1's readings, and the handoff that names its root."""
    tree = EvidenceTree(reading_leaf("truck-1", reading) for reading in leg(count))
    return tree, a_handoff(evidence_root=tree.root, evidence_size=len(tree))


@given(st.integers(1, 70))
def test_tree_is_that_of_the_log(size: int) -> None:
    """Root and every inclusion proof are those of RFC 9162, for every size."""
    leaves = [sha256(bytes([n])).digest() for n in range(size)]
    tree = EvidenceTree(leaves)
    assert tree.root == root_of(leaves)
    for index, leaf in enumerate(leaves):
        assert root_from_inclusion(leaf=leaf, index=index, size=size, proof=tree.path(index)) == tree.root


def test_no_readings() -> None:
    """Without readings the root is 32 zero bytes, and nothing can be proven."""
    tree = EvidenceTree([])
    assert (tree.root, len(tree)) == (ZERO_HASH, 0)
    with pytest.raises(NotFound):
        tree.path(0)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 61])
def test_proof_of_each(count: int) -> None:
    """Each reading of a leg is proven to be part of what was signed, and the proof says device and reading."""
    tree, handoff = signed_leg(count)
    for reading in leg(count):
        assert check_reading(handoff, tree.proof("truck-1", reading)) == ("truck-1", reading)


def test_changed_reading_has_no_proof() -> None:
    """A reading that was changed after signing, or came later, is not found in the evidence."""
    tree, _ = signed_leg(9)
    reading = leg(9)[4]
    for changed in (
        replace(reading, received_at=AT),
        replace(reading, reading=Reading(observed_at=reading.reading.observed_at, boot=1, seq=5, temperature_c=2.41)),
        leg(10)[9],
    ):
        with pytest.raises(NotFound, match="came later or was changed"):
            tree.proof("truck-1", changed)
    with pytest.raises(NotFound, match="truck-2"):
        tree.proof("truck-2", reading)


def test_forged_proofs() -> None:
    """A proof whose reading, place or path was changed, or of another handoff, is refused."""
    tree, handoff = signed_leg(9)
    proof = tree.proof("truck-1", leg(9)[4])
    warmer = replace(leg(9)[4], reading=leg(9)[5].reading)
    forged = [
        replace(proof, data=reading_bytes("truck-1", warmer)),
        replace(proof, data=proof.data + b"\0"),
        replace(proof, data=b""),
        replace(proof, index=5),
        replace(proof, index=9),
        replace(proof, index=-1),
        replace(proof, path=proof.path[:-1]),
        replace(proof, path=[*proof.path, bytes(32)]),
        replace(proof, path=[bytes(32), *proof.path[1:]]),
        replace(proof, path=[]),
    ]
    for wrong in forged:
        with pytest.raises(InvalidProof):
            check_reading(handoff, wrong)
    with pytest.raises(InvalidProof, match="both parties signed"):
        check_reading(replace(handoff, evidence_root=bytes(31) + b"\1"), proof)


def test_node_is_no_reading() -> None:
    """An inner node of the tree cannot be passed off as a reading: leaves are hashed apart."""
    leaves = [sha256(bytes([n])).digest() for n in range(2)]
    assert reading_leaf("truck-1", leg(1)[0]) != sha256(reading_bytes("truck-1", leg(1)[0])).digest()
    assert EvidenceTree([EvidenceTree(leaves).root]).root == root_of([root_of(leaves)])
