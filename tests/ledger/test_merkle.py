"""The tree's arithmetic, by the vectors of others and by RFC 9162's own words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof.model.errors import InvalidProof
from wayproof.model.merkle import (
    check_consistency,
    consistency_path,
    fold_peaks,
    inclusion_path,
    leaf_hash,
    root_from_inclusion,
    root_of,
)

from fix_log import bytes_of, merkle_vectors, path_of, proof_of, tree_hash, vectors

ENTRIES = [bytes_of(number) for number in range(300)]
SIZES = st.integers(1, len(ENTRIES))


def test_roots_of_rfc_6962() -> None:
    """The roots of RFC 6962's eight example leaves come out at every size."""
    constants = vectors("constants/rfc6962-roots.json")
    leaves = [leaf_hash(bytes.fromhex(text)) for text in constants["leaf_inputs_hex"]]
    roots = [bytes.fromhex(text) for text in constants["root_hashes_hex_by_size"]]
    assert len(roots) == 9
    assert [root_of(leaves[:size]) for size in range(9)] == roots


def test_inclusion_vectors(subtests: pytest.Subtests) -> None:
    """Every inclusion case of transparency-dev is judged as they judge it."""
    cases = merkle_vectors("inclusion")
    assert len(cases) == 98
    for name, case in cases:
        with subtests.test(name):
            assert _includes(case) is not case["wantErr"]


def _includes(case: dict[str, object]) -> bool:
    numbers_and_proof = {"index": case["leafIdx"], "size": case["treeSize"], "proof": case["proof"]}
    try:
        return root_from_inclusion(leaf=case["leafHash"], **numbers_and_proof) == case["root"]  # type: ignore[arg-type]
    except InvalidProof:
        return False


def test_consistency_vectors(subtests: pytest.Subtests) -> None:
    """Every consistency case of transparency-dev is judged as they judge it, from size 0 always refused."""
    cases = merkle_vectors("consistency")
    assert len(cases) == 98
    for name, case in cases:
        with subtests.test(name):
            assert _extends(case) is not case["wantErr"]


def _extends(case: dict[str, object]) -> bool:
    old = {"old_size": case["size1"], "old_root": case["root1"]}
    new = {"size": case["size2"], "root": case["root2"], "proof": case["proof"]}
    try:
        check_consistency(**old, **new)  # type: ignore[arg-type]
    except InvalidProof:
        return False
    return True


@given(SIZES, st.data())
def test_proofs_are_those_of_the_rfc(size: int, data: st.DataObject) -> None:
    """The leaves below each hash of a proof are those that the RFC's recursion names, and the proof verifies."""
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    tree = ENTRIES[:size]
    inclusion = [tree_hash(tree[span.start : span.stop]) for span in inclusion_path(index, size)]
    consistency = [tree_hash(tree[span.start : span.stop]) for span in consistency_path(old, size)]
    assert inclusion == path_of(index, tree)
    assert consistency == proof_of(old, tree)
    root = tree_hash(tree)
    assert root_from_inclusion(leaf=leaf_hash(tree[index]), index=index, size=size, proof=inclusion) == root
    check_consistency(old_size=old, old_root=tree_hash(tree[:old]), size=size, root=root, proof=consistency)


@given(SIZES, st.data())
def test_changed_proofs_do_not_verify(size: int, data: st.DataObject) -> None:
    """A proof with a bit turned, a hash more or a hash less does not lead to the root."""
    index = data.draw(st.integers(0, size - 1))
    tree = ENTRIES[:size]
    root, proof = tree_hash(tree), path_of(index, tree)
    for changed in (_turned(proof, data), [*proof, bytes(32)], proof[:-1]):
        if changed == proof:
            continue
        try:
            found = root_from_inclusion(leaf=leaf_hash(tree[index]), index=index, size=size, proof=changed)
        except InvalidProof:
            continue
        assert found != root


def _turned(proof: list[bytes], data: st.DataObject) -> list[bytes]:
    if not proof:
        return proof
    at, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
    turned = (int.from_bytes(proof[at]) ^ 1 << bit).to_bytes(32)
    return [*proof[:at], turned, *proof[at + 1 :]]


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
def test_hashes_of_another_length_are_refused(size: int) -> None:
    """A leaf, a root or a hash of a proof that is not 32 bytes long is refused."""
    wrong, right = bytes(size), bytes(32)
    for leaf, proof in ((wrong, [right]), (right, [wrong])):
        with pytest.raises(InvalidProof, match="32 bytes"):
            root_from_inclusion(leaf=leaf, index=0, size=2, proof=proof)
    for old_root, root, proof in ((wrong, right, [right]), (right, wrong, [right]), (right, right, [wrong])):
        with pytest.raises(InvalidProof, match="32 bytes"):
            check_consistency(old_size=1, old_root=old_root, size=2, root=root, proof=proof)


def test_no_leaves_have_the_hash_of_nothing() -> None:
    """The root of the empty tree is SHA-256 of no bytes."""
    assert root_of([]) == fold_peaks([]) == tree_hash([])
