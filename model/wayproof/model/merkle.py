"""The Merkle tree of the log: RFC 9162 section 2.1, with SHA-256. Hashes are 32 bytes; sizes count leaves.

Nothing here holds a tree: who stores it (`wayproof.store.log`) hands over the hashes that a proof needs.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from wayproof.model.errors import InvalidProof

HASH_BYTES: Final = 32

EMPTY_ROOT: Final = sha256().digest()
"""The root of no leaves (RFC 9162 section 2.1.1)."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of one entry (RFC 9162 section 2.1.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees (RFC 9162 section 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over leaf hashes in their order; in memory of the tree's height."""
    peaks: list[tuple[int, bytes]] = []  # (height, hash), heights falling
    for leaf in leaf_hashes:
        height, joined = 0, leaf
        while peaks and peaks[-1][0] == height:
            joined = node_hash(peaks.pop()[1], joined)
            height += 1
        peaks.append((height, joined))
    return fold_peaks([peak for _, peak in peaks])


def fold_peaks(peaks: Sequence[bytes]) -> bytes:
    """The root over complete subtrees from the largest to the smallest."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


class Node(NamedTuple):
    """A complete subtree: the `2 ** height` leaves from `nth * 2 ** height` on."""

    height: int
    nth: int


def subtrees(start: int, end: int) -> list[Node]:
    """The complete subtrees that leaves `start` to below `end` consist of, largest first.

    Only for what occurs in a tree: `start` is a multiple of a power of two that is not less than `end - start`.
    """
    found = []
    while start < end:
        height = (end - start).bit_length() - 1
        found.append(Node(height, start >> height))
        start += 1 << height
    return found


def inclusion_path(index: int, size: int) -> list[range]:
    """The leaves below each hash of an inclusion proof, nearest first (RFC 9162 section 2.1.3.1)."""
    if not 0 <= index < size:
        raise InvalidProof(f"inclusion proof: expected an index from 0 to below the size {size}, got {index}")
    return _path(index, size)


def consistency_path(old_size: int, size: int) -> list[range]:
    """The leaves below each hash of a consistency proof, nearest first (RFC 9162 section 2.1.4.1)."""
    if not 0 < old_size <= size:
        raise InvalidProof(f"consistency proof: expected sizes 0 < old <= new, got {old_size} and {size}")
    if old_size == size:
        return []
    last = subtrees(0, old_size)[-1]
    begin = old_size - (1 << last.height)
    above = _path(begin, size)[last.height :]
    # Where that subtree is the whole old tree, the verifier knows its hash.
    return [range(begin, old_size), *above] if begin else above


def root_from_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to from a leaf's hash (RFC 9162 section 2.1.3.2).

    InvalidProof where the numbers do not fit one another; the caller compares the root with one that it trusts.
    """
    if not 0 <= index < size:
        raise InvalidProof(f"inclusion proof: expected an index from 0 to below the size {size}, got {index}")
    _check_lengths("inclusion proof", leaf, *proof)
    place, last = index, size - 1
    root = leaf
    for sibling in proof:
        if last == 0:
            raise InvalidProof(f"inclusion proof: {len(proof)} hashes are too many for leaf {index} of {size}")
        if place & 1 or place == last:
            root = node_hash(sibling, root)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise InvalidProof(f"inclusion proof: {len(proof)} hashes are too few for leaf {index} of {size}")
    return root


def check_consistency(*, old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """That the tree of `size` leaves extends the one of `old_size` (RFC 9162 section 2.1.4.2); InvalidProof if not.

    The empty tree is a prefix of every tree and proves nothing, so `old_size` 0 is refused.
    """
    if not 0 < old_size <= size:
        raise InvalidProof(f"consistency proof: expected sizes 0 < old <= new, got {old_size} and {size}")
    if old_size == size:
        if proof or old_root != root:
            raise InvalidProof(f"consistency proof: one size {size}, so expected equal roots and no hashes")
        return
    _check_lengths("consistency proof", old_root, root, *proof)
    old_found, found = _roots_from_consistency(old_size, old_root, size, proof)
    if old_found != old_root:
        raise InvalidProof(f"consistency proof leads to {old_found.hex()} for size {old_size}, not {old_root.hex()}")
    if found != root:
        raise InvalidProof(f"consistency proof leads to {found.hex()} for size {size}, not {root.hex()}")


def _check_lengths(what: str, *hashes: bytes) -> None:
    # With other lengths two different pairs could be hashed as the same bytes.
    if any(len(found) != HASH_BYTES for found in hashes):
        raise InvalidProof(f"{what}: expected hashes of {HASH_BYTES} bytes, got {[len(found) for found in hashes]}")


def _path(index: int, size: int) -> list[range]:
    start, end = 0, size
    path = []
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            path.append(range(middle, end))
            end = middle
        else:
            path.append(range(start, middle))
            start = middle
    return path[::-1]


def _roots_from_consistency(old_size: int, old_root: bytes, size: int, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not path:
        raise InvalidProof("consistency proof: no hashes, expected some")
    place, last = old_size - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old_found = found = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise InvalidProof(f"consistency proof: too many hashes from {old_size} to {size}")
        if place & 1 or place == last:
            old_found = node_hash(sibling, old_found)
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise InvalidProof(f"consistency proof: too few hashes from {old_size} to {size}")
    return old_found, found
