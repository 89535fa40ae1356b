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


def mostly(true: Any, other: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The true value six times of seven."""
    return st.one_of(*[st.just(true)] * 6, other)


@st.composite
def mutated(draw: st.DrawFn, proof: list[bytes]) -> list[bytes]:
    """A proof, left as it is or with something dropped, added, swapped or flipped."""
    kind = draw(st.sampled_from(["none"] * 6 + ["drop", "insert", "swap", "flip", "garbage"]))
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


@st.composite
def sizes(draw: st.DrawFn, true: int) -> int:
    """A true size or index, one near it, or any."""
    near = st.integers(max(0, true - 2), true + 2)
    size: int = draw(mostly(true, near | st.integers(0, 2**64 - 1)))
    return size


@st.composite
def growths(draw: st.DrawFn) -> dict[str, Any]:
    """Two sizes, roots and a proof, mostly true."""
    size = draw(st.integers(2, MAX_LEAVES))
    old = draw(st.integers(1, size - 1))
    other_root = st.integers(1, MAX_LEAVES).map(big_tree().root)
    return {
        "old_size": draw(sizes(old)),
        "old_root": draw(mostly(big_tree().root(old), other_root)),
        "size": draw(sizes(size)),
        "root": draw(mostly(big_tree().root(size), other_root)),
        "proof": draw(mutated(big_tree().consistency(old, size))),
    }


@st.composite
def memberships(draw: st.DrawFn) -> dict[str, Any]:
    """A leaf, its index, a tree's size and root, and a proof, mostly true."""
    size = draw(st.integers(1, MAX_LEAVES))
    index = draw(st.integers(0, size - 1))
    return {
        "leaf": draw(mostly(leaf(index), hashes)),
        "index": draw(sizes(index)),
        "size": draw(sizes(size)),
        "root": big_tree().root(size),
        "proof": draw(mutated(big_tree().inclusion(index, size))),
    }


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
