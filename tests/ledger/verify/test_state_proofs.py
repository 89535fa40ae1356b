"""Proofs of Ethereum's state: RLP, tries and headers, against published values and a trie of our own."""

from collections.abc import Mapping
from typing import Any, Final

import pytest
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from wayproof.ledger.contract import root_slot
from wayproof.ledger.verify.header import header_of
from wayproof.ledger.verify.mpt import EMPTY_ROOT, account_in, value_in, word_in
from wayproof.ledger.verify.rlp import decode, encode
from wayproof.model.errors import InvalidProof, Unavailable

from fix_chain import Chain, Ledger

BLOCK_1: Final = {
    "hash": "0x88e96d4537bea4d9c05d12549907b32561d3bf31f45aae734cdc119f13406cb6",
    "parentHash": "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
    "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
    "miner": "0x05a56e2d52c817161883f50c441c3228cfe54d9f",
    "stateRoot": "0xd67e4d450343046425ae4271474353857ab860dbc0a1dde64b41b5cd3a532bf3",
    "transactionsRoot": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
    "receiptsRoot": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
    "logsBloom": "0x" + "00" * 256,
    "difficulty": "0x3ff800000",
    "number": "0x1",
    "gasLimit": "0x1388",
    "gasUsed": "0x0",
    "timestamp": "0x55ba4224",
    "extraData": "0x476574682f76312e302e302f6c696e75782f676f312e342e32",
    "mixHash": "0x969b900de27b6ac6a67742365dd65f55a0526c41fd18e1b16f1a1215c2e66f59",
    "nonce": "0x539bd4979fef1ec4",
}
"""Of Ethereum's main chain."""

Tree = dict[bytes, list[bytes]]


class Trie:
    """A trie by the definition of the Yellow Paper, appendix D, with the proofs that it gives."""

    def __init__(self, values: Mapping[bytes, bytes]) -> None:
        self._nodes: dict[bytes, bytes] = {}
        paths = {tuple(half for byte in key for half in (byte >> 4, byte & 15)): each for key, each in values.items()}
        node = self._node(paths, 0) if paths else b""
        self._nodes[keccak(_rlp(node))] = _rlp(node)
        self.root = keccak(_rlp(node))

    def proof(self, key: bytes) -> list[bytes]:
        """The nodes on the way to a key, or to where it would be."""
        path = [half for byte in key for half in (byte >> 4, byte & 15)]
        found, link = [], self.root
        while len(link) == 32:
            found.append(self._nodes[link])
            link, path = self._down(decode(found[-1]), path)
        return found

    def _down(self, node: Any, path: list[int]) -> tuple[Any, list[int]]:
        """The next link that is a hash, through nodes that stand inside their parents."""
        while isinstance(node, list) and node:
            if len(node) == 17:
                node, path = node[path[0]], path[1:]
                if isinstance(node, bytes):
                    return node, path
                continue
            part = [half for byte in node[0] for half in (byte >> 4, byte & 15)]
            part, is_leaf = part[1 if part[0] & 1 else 2 :], part[0] >= 2
            if is_leaf or path[: len(part)] != part:
                return b"", path
            node, path = node[1], path[len(part) :]
            if isinstance(node, bytes):
                return node, path
        return b"", path

    def _node(self, paths: Mapping[tuple[int, ...], bytes], at: int) -> Any:
        if len(paths) == 1:
            [(path, value)] = paths.items()
            return [_packed(path[at:], is_leaf=True), value]
        first = next(iter(paths))
        common = at
        while len({path[common] for path in paths}) == 1:
            common += 1
        if common > at:
            return [_packed(first[at:common], is_leaf=False), self._link(paths, common)]
        branch: list[Any] = []
        for half in range(16):
            below = {path: value for path, value in paths.items() if path[at] == half}
            branch.append(self._link(below, at + 1) if below else b"")
        return [*branch, b""]

    def _link(self, paths: Mapping[tuple[int, ...], bytes], at: int) -> Any:
        node = self._node(paths, at)
        encoded = _rlp(node)
        if len(encoded) < 32:
            return node
        self._nodes[keccak(encoded)] = encoded
        return keccak(encoded)


def _packed(path: tuple[int, ...], *, is_leaf: bool) -> bytes:
    flag = 2 * is_leaf + len(path) % 2
    halves = [flag, *path] if len(path) % 2 else [flag, 0, *path]
    return bytes(high << 4 | low for high, low in zip(halves[::2], halves[1::2], strict=True))


def _rlp(item: Any) -> bytes:
    if isinstance(item, bytes):
        return encode(item)
    body = b"".join(map(_rlp, item))
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return (bytes([0xC0 + len(body)]) if len(body) < 56 else bytes([0xF7 + len(size)]) + size) + body


def test_published_values() -> None:
    """Root of the empty trie and of the three dogs (ethereum/tests, TrieTests, secure trie), and RLP's own examples."""
    assert EMPTY_ROOT.hex() == "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
    dogs = {b"doe": b"reindeer", b"dog": b"puppy", b"dogglesworth": b"cat"}
    trie = Trie({keccak(key): value for key, value in dogs.items()})
    assert trie.root.hex() == "d4cd937e4a4368d7931a9cf51686b7e10abb3dce38a39000fd7902a092b64585"
    for key, value in dogs.items():
        assert value_in(trie.root, keccak(key), trie.proof(keccak(key))) == value
    assert encode([b"cat", b"dog"]).hex() == "c88363617483646f67"
    lorem = b"Lorem ipsum dolor sit amet, consectetur adipisicing elit"
    assert encode(lorem) == b"\xb8\x38" + lorem
    assert decode(bytes.fromhex("c7c0c1c0c3c0c1c0")) == [[], [[]], [[], [[]]]]


@pytest.mark.parametrize(
    "text", ["", "81", "8100", "b800", "b83761", "c1", "c28100", "00ff", "f800", "b90037" + "61" * 55, "c1" * 20 + "80"]
)
def test_rlp_has_one_form(text: str) -> None:
    """What is cut off, too long, nested without end, or not in its shortest form is refused."""
    with pytest.raises(InvalidProof):
        decode(bytes.fromhex(text))


@given(st.binary(max_size=200))
def test_rlp_takes_any_bytes(data: bytes) -> None:
    """Any bytes either decode to what encodes to the same bytes, or are refused."""
    try:
        item = decode(data)
    except InvalidProof:
        return
    assert _rlp(item) == data


keys = st.binary(min_size=1, max_size=3).map(lambda short: short.ljust(4, b"\0"))


@given(st.dictionaries(keys, st.binary(min_size=1, max_size=40), max_size=30), keys)
def test_tries(values: dict[bytes, bytes], other: bytes) -> None:
    """Every entry of any trie is proven with its value, and every other key is proven to be absent."""
    trie = Trie(values)
    for key in {*values, other}:
        assert value_in(trie.root, key, trie.proof(key)) == values.get(key, b"")


@given(st.dictionaries(keys, st.binary(min_size=1, max_size=40), min_size=1, max_size=30), st.data())
def test_changed_proofs(values: dict[bytes, bytes], data: st.DataObject) -> None:
    """A proof with a changed, missing, doubled or foreign node proves nothing."""
    trie = Trie(values)
    key = data.draw(st.sampled_from(sorted(values)))
    proof = trie.proof(key)
    at = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, len(proof[at]) * 8 - 1))
    flipped = (int.from_bytes(proof[at]) ^ 1 << bit).to_bytes(len(proof[at]))
    for wrong in ([*proof[:at], flipped, *proof[at + 1 :]], proof[:at] + proof[at + 1 :], [*proof, proof[at]]):
        with pytest.raises(InvalidProof):
            value_in(trie.root, key, wrong)


def test_header_of_the_main_chain() -> None:
    """Ethereum's first block hashes to its published hash, and to another when any field changes."""
    header = header_of(BLOCK_1)
    assert header.computed_hash == header.hash
    for name in BLOCK_1.keys() - {"hash", "extraData"}:
        digits = BLOCK_1[name]
        changed = digits[:-1] + ("1" if digits[-1] != "1" else "2")
        assert header_of({**BLOCK_1, name: changed}).computed_hash != header.hash
    with pytest.raises(Unavailable):
        header_of({**BLOCK_1, "miner": None})


def test_real_state(chain: Chain, ledger: Ledger) -> None:
    """Header, account and storage of a real EVM are proven: what is anchored, and that nothing else is."""
    ledger.send("anchor", 5, b"\1" * 32, [], b"\2" * 32, by=ledger.anchorer)
    block = chain.rpc("eth_getBlockByNumber", "latest", False)
    header = header_of(block)
    assert header.computed_hash == header.hash
    address = bytes.fromhex(ledger.address[2:])
    for size, root in ((5, b"\1" * 32), (6, bytes(32))):
        told = chain.rpc("eth_getProof", ledger.address, ["0x" + root_slot(size).hex()], block["number"])
        account = account_in(header.state_root, address, [_bytes(node) for node in told["accountProof"]])
        storage = [_bytes(node) for node in told["storageProof"][0]["proof"]]
        assert word_in(account.storage_root, root_slot(size), storage) == root
        assert account.code_hash == keccak(_bytes(chain.rpc("eth_getCode", ledger.address, "latest")))
    nobody = chain.rpc("eth_getProof", "0x" + "77" * 20, [], block["number"])
    with pytest.raises(InvalidProof, match="no account"):
        account_in(header.state_root, b"\x77" * 20, [_bytes(node) for node in nobody["accountProof"]])


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
