"""Anchoring: the contract takes a root only where its tree extends the last one taken."""

from typing import Final

import pytest

from wayproof.model.merkle import fold_peaks

from fix_chain import Ledger
from merkle_trees import Tree, leaf, tree

NOTE: Final = bytes(31) + b"\7"
TREE: Final = tree(70)


def anchor(ledger: Ledger, size: int) -> None:
    """Anchors the first `size` leaves, with the proof from what is anchored."""
    latest = ledger.call("latestSize")
    proof = TREE.consistency(latest, size) if latest else []
    ledger.send("anchor", size, TREE.root(size), proof, NOTE, by=ledger.anchorer)


def test_anchor_is_kept_in_state_and_told(ledger: Ledger) -> None:
    """An anchor sets the latest size and the root of that size, and tells size, root and note."""
    receipt = ledger.send("anchor", 5, TREE.root(5), [], NOTE, by=ledger.anchorer)
    assert ledger.call("latestSize") == 5
    assert ledger.call("rootAt", 5) == TREE.root(5)
    assert ledger.events(receipt) == [("Checkpoint", {"size": 5, "root": TREE.root(5), "noteHash": NOTE})]


def test_every_extension_is_taken(ledger: Ledger) -> None:
    """With the proof of RFC 9162, any tree of up to 17 leaves can follow any smaller one."""
    for size in range(2, 18):
        for old in range(1, size):
            state = ledger.standing_at(old, TREE.root(old))
            args = (size, TREE.root(size), TREE.consistency(old, size), NOTE)
            assert ledger.refusal("anchor", *args, by=ledger.anchorer, state=state) is None, (old, size)


def test_earlier_roots_stay(ledger: Ledger) -> None:
    """A later anchor leaves the roots of earlier sizes, and sizes between them have none."""
    for size in (3, 8, 70):
        anchor(ledger, size)
    assert [ledger.call("rootAt", size) for size in (3, 8, 70)] == [TREE.root(3), TREE.root(8), TREE.root(70)]
    assert ledger.call("rootAt", 9) == bytes(32)


@pytest.mark.parametrize("size", [0, 1, 7, 8])
def test_log_must_grow(ledger: Ledger, size: int) -> None:
    """A size that is not above the latest is refused with both sizes, also the latest root itself."""
    anchor(ledger, 8)
    refusal = ledger.refusal("anchor", size, TREE.root(8), [], NOTE, by=ledger.anchorer)
    assert refusal == f"SizeNotGrowing(8, {size})"


def test_first_anchor_has_leaves(ledger: Ledger) -> None:
    """The empty tree cannot be anchored."""
    refusal = ledger.refusal("anchor", 0, TREE.root(0), [], NOTE, by=ledger.anchorer)
    assert refusal == "SizeNotGrowing(0, 0)"


def test_first_anchor_takes_no_proof(ledger: Ledger) -> None:
    """Nothing can be proven from the empty tree, so a proof with the first anchor is refused."""
    refusal = ledger.refusal("anchor", 5, TREE.root(5), [TREE.root(1)], NOTE, by=ledger.anchorer)
    assert refusal == "BadProof()"


@pytest.mark.parametrize("old", [0, 3])
def test_zero_root_is_refused(ledger: Ledger, old: int) -> None:
    """A root of zeros means that nothing was anchored, so none can be anchored."""
    state = ledger.standing_at(old, TREE.root(3))
    assert ledger.refusal("anchor", 7, bytes(32), [], NOTE, by=ledger.anchorer, state=state) == "ZeroRoot()"


@pytest.mark.parametrize("size", [7, 8])
def test_rewritten_history_is_refused(ledger: Ledger, size: int) -> None:
    """A tree in which one anchored leaf was changed is refused, whichever leaf, with its own proof or the true one."""
    anchor(ledger, size)
    for index in range(size):
        leaves = TREE.levels[0]
        other = Tree([*leaves[:index], leaf(999), *leaves[index + 1 :]])
        for proof in (other.consistency(size, 70), TREE.consistency(size, 70)):
            assert ledger.refusal("anchor", 70, other.root(70), proof, NOTE, by=ledger.anchorer) == "BadProof()"


def test_log_can_grow_to_the_last_size(ledger: Ledger) -> None:
    """Sizes up to 2^64-1 are reckoned right: proofs of 63 hashes to it are taken, and refused with one bit changed."""
    size = 2**64 - 1
    peaks = [leaf(level) for level in range(64)]  # of a full tree each, the largest last
    for old in (2**63, 2**64 - 2):
        state_root, root, proof = _grown(peaks, old)
        state = ledger.standing_at(old, state_root)
        assert ledger.refusal("anchor", size, root, proof, NOTE, by=ledger.anchorer, state=state) is None
        bad = [*proof[:-1], bytes([proof[-1][0] ^ 1]) + proof[-1][1:]]
        assert ledger.refusal("anchor", size, root, bad, NOTE, by=ledger.anchorer, state=state) == "BadProof()"


def test_proof_of_any_length_costs_little(ledger: Ledger) -> None:
    """A thousand hashes too many make no more steps than the tree has levels: BadProof, within the gas limit."""
    state = ledger.standing_at(3, TREE.root(3))
    long = [*TREE.consistency(3, 70), *[leaf(0)] * 1_000]
    assert ledger.refusal("anchor", 70, TREE.root(70), long, NOTE, by=ledger.anchorer, state=state) == "BadProof()"


def test_inclusion_is_checked_against_an_anchored_root(ledger: Ledger) -> None:
    """Each leaf is found at its index of an anchored size, and at no other index, size or length of proof."""
    anchor(ledger, 7)
    for index in range(7):
        proof = TREE.inclusion(index, 7)
        assert ledger.call("verifyInclusion", leaf(index), index, 7, proof)
        assert not ledger.call("verifyInclusion", leaf(index), index ^ 1, 7, proof)
        assert not ledger.call("verifyInclusion", leaf(index), index, 6, TREE.inclusion(min(index, 5), 6))
        assert not ledger.call("verifyInclusion", leaf(index), index, 7, proof[:-1])
        assert not ledger.call("verifyInclusion", leaf(index), index, 7, [*proof, leaf(0)])
    assert not ledger.call("verifyInclusion", leaf(0), 7, 7, [])
    assert not ledger.call("verifyInclusion", bytes(32), 0, 0, [])


def _grown(peaks: list[bytes], old: int) -> tuple[bytes, bytes, list[bytes]]:
    """Old root, new root and proof from `old` leaves to 2^64-1, where the tree's peak of 2^n leaves is `peaks[n]`."""
    root = fold_peaks(peaks[::-1])
    if old == 2**63:
        return peaks[63], root, [fold_peaks(peaks[62::-1])]
    old_root = fold_peaks(peaks[:0:-1])
    return old_root, root, [peaks[1], peaks[0], *peaks[2:]]
