"""Proofs in Ethereum's Merkle-Patricia tries, as `eth_getProof` gives them (Yellow Paper, appendix D; EIP-1186)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wayproof.ledger.keccak import keccak
from wayproof.ledger.verify.rlp import Item, decode, encode
from wayproof.model.errors import InvalidProof

EMPTY_ROOT: Final = keccak(encode(b""))
"""The root of a trie without entries."""

_BRANCH: Final = 17
_SHORTCUT: Final = 2
_HASH: Final = 32
_ACCOUNT_FIELDS: Final = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What the state says of an account, as far as it matters here."""

    storage_root: bytes
    code_hash: bytes


def account_in(state_root: bytes, address: bytes, proof: Sequence[bytes]) -> Account:
    """The account of an address in the state of that root. InvalidProof where the proof fails, or is of absence."""
    fields = decode(value_in(state_root, keccak(address), proof) or encode(b""))
    if not isinstance(fields, list) or len(fields) != _ACCOUNT_FIELDS:
        raise InvalidProof("account proof: there is no account of this address")
    storage_root, code_hash = fields[2:]
    if not isinstance(storage_root, bytes) or not isinstance(code_hash, bytes):
        raise InvalidProof("account proof: malformed account")
    return Account(storage_root=storage_root, code_hash=code_hash)


def word_in(storage_root: bytes, slot: bytes, proof: Sequence[bytes]) -> bytes:
    """The 32 bytes in a storage slot; zeros where the proof shows that nothing stands there."""
    value = value_in(storage_root, keccak(slot), proof)
    word = decode(value) if value else b""
    if not isinstance(word, bytes) or len(word) > _HASH:
        raise InvalidProof("storage proof: malformed value")
    return word.rjust(_HASH, b"\0")


def value_in(root: bytes, key: bytes, proof: Sequence[bytes]) -> bytes:
    """The value of a key in the trie of that root; empty where the proof shows that there is none.

    InvalidProof where nodes are missing, too many, malformed, or hash to something else than their parents say.
    """
    if root == EMPTY_ROOT and (not proof or list(proof) == [encode(b"")]):
        return b""
    nodes, path = list(proof), _nibbles(key)
    link: Item = root
    is_value = False
    while link and not is_value:
        node = _node(link, nodes)
        link, path, is_value = _step(node, path) if len(node) == _BRANCH else _jump(node, path)
    if nodes:
        raise InvalidProof(f"trie proof: {len(nodes)} nodes too many")
    if not isinstance(link, bytes):
        raise InvalidProof("trie proof: the path ends in a node, not in a value")
    return link


def _node(link: Item, nodes: list[bytes]) -> list[Item]:
    """The node that a link names by its hash, or holds where it is shorter than a hash."""
    if isinstance(link, bytes):
        if not nodes:
            raise InvalidProof("trie proof: a node is missing")
        encoded = nodes.pop(0)
        if keccak(encoded) != link:
            raise InvalidProof(f"trie proof: expected a node of hash {link.hex()}, got one of {keccak(encoded).hex()}")
        link = decode(encoded)
    if not isinstance(link, list) or len(link) not in {_BRANCH, _SHORTCUT}:
        raise InvalidProof("trie proof: a node that is neither branch, extension nor leaf")
    return link


def _step(node: list[Item], path: list[int]) -> tuple[Item, list[int], bool]:
    """Past a branch. Keys are all hashes of one length, so none ends there."""
    if not path:
        raise InvalidProof("trie proof: the path ends at a branch")
    return node[path[0]], path[1:], False


def _jump(node: list[Item], path: list[int]) -> tuple[Item, list[int], bool]:
    """Past an extension, or to the value in a leaf; an empty link where the path goes elsewhere."""
    encoded, link = node
    if not isinstance(encoded, bytes) or not encoded or encoded[0] >> 4 > 3:  # noqa: PLR2004 - two flag bits
        raise InvalidProof("trie proof: malformed path of a node")
    flag, *rest = _nibbles(encoded)
    is_leaf, part = flag >= 2, rest if flag & 1 else rest[1:]  # noqa: PLR2004 - the flag of a leaf
    if path[: len(part)] != part or (is_leaf and len(part) != len(path)):
        return b"", path, False
    return link, path[len(part) :], is_leaf


def _nibbles(data: bytes) -> list[int]:
    return [half for byte in data for half in (byte >> 4, byte & 15)]
