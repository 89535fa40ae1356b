"""Proofs, right and wrong: the contract's verdict is that of our own verifier, on any tree."""

from functools import cache
from typing import Any, Final

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from wayproof.model.errors import InvalidProof
from wayproof.model.merkle import check_consistency, root_from_inclusion

from fix_chain import Ledger
from merkle_trees import Tree, leaf, tree

MAX_LEAVES: Final = 300
NOTE: Final = bytes(32)
ON_CHAIN: Final = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # the contract is only called, never changed


@cache
def big_tree() -> Tree:
    """Its prefixes are the trees of all sizes."""
    return tree(MAX_LEAVES)


hashes = st.integers(0, 2 * MAX_LEAVES).map(leaf) | st.just(bytes(32))


@st.composite
def mutated(draw: st.DrawFn, proof: list[bytes]) -> list[bytes]:
    """A proof with something dropped, added, swapped or flipped, or none at all."""
    kind = draw(st.sampled_from(["drop", "insert", "swap", "flip", "garbage"]))
    event(kind)
    changed = list(proof)
    place = draw(st.integers(0, max(0, len(proof) - 1)))
    if kind == "insert":
        changed.insert(place, draw(hashes))
    elif kind == "garbage":
        changed = draw(st.lists(hashes, max_size=70))
    elif proof and kind == "drop":
        del changed[place]
    elif proof and kind == "swap":
        changed[place], changed[-1] = changed[-1], changed[place]
    elif proof and kind == "flip":
        bit = draw(st.integers(0, 255))
        changed[place] = (int.from_bytes(changed[place]) ^ 1 << bit).to_bytes(32)
    return changed


def sizes(true: int) -> st.SearchStrategy[int]:
    """Sizes or indices, near a true one or any."""
    return st.integers(max(0, true - 2), true + 2) | st.integers(0, 2**64 - 1)


@st.composite
def spoilt(draw: st.DrawFn, true: dict[str, Any], others: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    """A true statement; in half of all cases, some parts of it are drawn anew."""
    names = draw(st.just(set()) | st.sets(st.sampled_from(sorted(others)), min_size=1))
    return true | {name: draw(others[name]) for name in sorted(names)}


@st.composite
def growths(draw: st.DrawFn) -> dict[str, Any]:
    """Two sizes, roots and a proof."""
    size = draw(st.integers(2, MAX_LEAVES))
    old = draw(st.integers(1, size - 1))
    proof = big_tree().consistency(old, size)
    roots = st.integers(1, MAX_LEAVES).map(big_tree().root)
    true = {"old_size": old, "old_root": big_tree().root(old), "size": size, "root": big_tree().root(size)}
    others = {"old_size": sizes(old), "old_root": roots, "size": sizes(size), "root": roots, "proof": mutated(proof)}
    return draw(spoilt(true | {"proof": proof}, others))


@st.composite
def memberships(draw: st.DrawFn) -> dict[str, Any]:
    """A leaf, its index, a tree's size and root, and a proof."""
    size = draw(st.integers(1, MAX_LEAVES))
    index = draw(st.integers(0, size - 1))
    proof = big_tree().inclusion(index, size)
    true = {"leaf": leaf(index), "index": index, "size": size, "proof": proof, "root": big_tree().root(size)}
    others = {"leaf": hashes, "index": sizes(index), "size": sizes(size), "proof": mutated(proof)}
    return draw(spoilt(true, others))


@ON_CHAIN
@given(growth=growths())
def test_contract_and_verifier_agree_on_consistency(ledger: Ledger, growth: dict[str, Any]) -> None:
    """An anchor on a log with leaves is taken exactly when the tree is larger and `check_consistency` passes."""
    old_size, size = growth["old_size"] or 1, growth["size"]
    try:
        check_consistency(**(growth | {"old_size": old_size}))
        right = size > old_size
    except InvalidProof:
        right = False
    event(f"right: {right}")
    state = ledger.standing_at(old_size, growth["old_root"])
    refusal = ledger.refusal("anchor", size, growth["root"], growth["proof"], NOTE, by=ledger.anchorer, state=state)
    expected = "BadProof()" if size > old_size else f"SizeNotGrowing({old_size}, {size})"
    assert refusal == (None if right else expected)


@ON_CHAIN
@given(membership=memberships())
def test_contract_and_verifier_agree_on_inclusion(ledger: Ledger, membership: dict[str, Any]) -> None:
    """`verifyInclusion` says yes exactly when `root_from_inclusion` leads to the anchored root."""
    leaf_hash, index, size = membership["leaf"], membership["index"], membership["size"]
    try:
        found = root_from_inclusion(leaf=leaf_hash, index=index, size=size, proof=membership["proof"])
    except InvalidProof:
        found = b""
    right = found == membership["root"]
    event(f"right: {right}")
    state = ledger.standing_at(size, membership["root"])
    assert ledger.call("verifyInclusion", leaf_hash, index, size, membership["proof"], state=state) == right
