"""The committed artefact is what the sources compile to, and says truly where state and code lie."""

import json
from pathlib import Path
from typing import Final

import rlp
from eth_hash.auto import keccak
from hexbytes import HexBytes

from wayproof.ledger import contract as room
from wayproof.ledger.contract import LATEST_SIZE_SLOT, latest_size_in, load_contract, root_slot

from fix_chain import ORIGIN_HASH, Chain, Ledger, compile_contract, deploy
from merkle_trees import tree

ROOT: Final = Path(__file__).parents[3]
ARTEFACT: Final = Path(room.__file__).with_name("contract.json")
TREE: Final = tree(9)


def test_artefact_is_what_the_sources_compile_to(tmp_path: Path) -> None:
    """Compiling again gives the committed file, byte for byte."""
    compile_contract(ROOT / "ledger/contract/WayproofLedger.sol", tmp_path / "contract.json")
    assert (tmp_path / "contract.json").read_bytes() == ARTEFACT.read_bytes()


def test_compiler_is_pinned() -> None:
    """package.json names one version of solc, the one that made the artefact."""
    wanted = json.loads((ROOT / "package.json").read_bytes())["devDependencies"]["solc"]
    assert load_contract().compiler.startswith(f"{wanted}+commit.")


def test_state_lies_where_verifiers_look() -> None:
    """The compiler's own layout has latestSize in the low bytes of slot 0 and rootAt at slot 1."""
    layout = {entry["label"]: entry for entry in json.loads(ARTEFACT.read_bytes())["storageLayout"]}
    assert layout["latestSize"] == {"label": "latestSize", "slot": 0, "offset": 0, "bytes": 8}
    assert layout["rootAt"] == {"label": "rootAt", "slot": 1, "offset": 0, "bytes": 32}


def test_code_on_chain_is_known_beforehand(chain: Chain, ledger: Ledger) -> None:
    """With the constructor's arguments filled in, the artefact gives the very code of a deployment."""
    compiled = load_contract()
    assert compiled.runtime_code(origin_hash=ORIGIN_HASH) == bytes(chain.web3.eth.get_code(ledger.contract.address))
    ledger.send("pause", by=ledger.guardian)
    successor = deploy(chain.web3, predecessor=ledger.address)
    expected = compiled.runtime_code(origin_hash=ORIGIN_HASH, predecessor=bytes.fromhex(ledger.address[2:]))
    assert expected == bytes(chain.web3.eth.get_code(successor.contract.address))


def test_roots_can_be_proven_without_trusting_the_node(chain: Chain, ledger: Ledger) -> None:
    """eth_getProof leads from the block's state root to rootAt[size] and latestSize, at the slots that we name."""
    ledger.send("anchor", 4, TREE.root(4), [], bytes(32), by=ledger.anchorer)
    ledger.send("anchor", 9, TREE.root(9), TREE.consistency(4, 9), bytes(32), by=ledger.anchorer)
    ledger.send("pause", by=ledger.guardian)
    slots = [root_slot(4), root_slot(9), root_slot(5), LATEST_SIZE_SLOT]
    found = chain.rpc("eth_getProof", ledger.address, ["0x" + slot.hex() for slot in slots], "latest")
    state_root = bytes(chain.web3.eth.get_block("latest")["stateRoot"])
    account = rlp.decode(_proven(state_root, HexBytes(ledger.address), found["accountProof"]))
    words = [_word(account[2], slot, each["proof"]) for slot, each in zip(slots, found["storageProof"], strict=True)]
    assert words[:3] == [TREE.root(4), TREE.root(9), bytes(32)]
    assert latest_size_in(words[3]) == 9


def _word(storage_root: bytes, slot: bytes, proof: list[str]) -> bytes:
    value = _proven(storage_root, slot, proof)
    return bytes(rlp.decode(value)).rjust(32, b"\0") if value else bytes(32)


def _proven(root: bytes, key: bytes, proof: list[str]) -> bytes:
    """The value at a key of a Merkle Patricia trie, by a proof from its root (Yellow Paper, appendix D), or b""."""
    path, wanted = keccak(key).hex(), root
    for raw in map(HexBytes, proof):
        assert keccak(raw) == wanted
        node = rlp.decode(raw)
        if len(node) == 17:
            wanted, path = node[int(path[0], 16)], path[1:]
        else:
            flags = node[0].hex()
            part = flags[1:] if int(flags[0], 16) & 1 else flags[2:]
            if not path.startswith(part):
                return b""
            wanted, path = node[1], path[len(part) :]
        if not wanted or not path:
            return bytes(wanted)
    raise AssertionError("the proof ends before the value")
