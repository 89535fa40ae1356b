"""Proof of the contract's state that needs no trust in any one node (EIP-1186).

Several agree on a block's hash, and from there everything is hashes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wayproof.ledger.contract import root_slot
from wayproof.ledger.hexadecimal import HASH_BYTES, to_hex
from wayproof.ledger.keccak import keccak
from wayproof.ledger.verify.bundle import AnchorClaim
from wayproof.ledger.verify.header import Header, header_of
from wayproof.ledger.verify.mpt import account_in, word_in
from wayproof.ledger.verify.onchain import tagged
from wayproof.ledger.verify.report import Check, failed, passed, unchecked
from wayproof.ledger.verify.rpc import Rpc, data_of
from wayproof.model.errors import InvalidProof, Unavailable

NAME: Final = "state proof"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Agreed:
    header: Header
    is_final: bool


def check_state(anchor: AnchorClaim, rpcs: Sequence[Rpc]) -> Check:
    """That `rootAt[size]` is the anchor's root in a state that all nodes stand for."""
    if len(rpcs) < 2:  # noqa: PLR2004 - one node agrees with itself
        return unchecked(NAME, "rests on the word of one node; give a second --rpc of another operator")
    try:
        agreed = _agreed(anchor, rpcs)
        code_hash = _prove(anchor, agreed.header, rpcs)
    except InvalidProof as error:
        return failed(NAME, str(error))
    except Unavailable as error:
        return unchecked(NAME, str(error), is_asked=True)
    kind = "final" if agreed.is_final else "latest common"
    return passed(
        NAME,
        f"{len(rpcs)} nodes agree on {kind} block {agreed.header.number}; under its state root the contract, of code "
        f"hash {to_hex(code_hash)}, keeps this root for {anchor.size} leaves",
    )


def _agreed(anchor: AnchorClaim, rpcs: Sequence[Rpc]) -> _Agreed:
    """The newest block of which all nodes say that it is final, or else that they have it."""
    finals = [tagged(rpc, "finalized") for rpc in rpcs]
    known = [number for number in finals if number is not None]
    is_final = len(known) == len(rpcs) and min(known) >= anchor.block_number
    number = min(known) if is_final else min(tagged(rpc, "latest") or 0 for rpc in rpcs)
    _same_header(anchor.block_number, rpcs)
    return _Agreed(header=_same_header(number, rpcs), is_final=is_final)


def _same_header(number: int, rpcs: Sequence[Rpc]) -> Header:
    headers = []
    for rpc in rpcs:
        block = rpc.block(number)
        if block is None:
            raise Unavailable(f"{rpc.name} has no block {number}")
        headers.append(header_of(block))
    for rpc, header in zip(rpcs, headers, strict=True):
        if header.number != number or header.hash != headers[0].hash:
            raise InvalidProof(
                f"{rpcs[0].name} and {rpc.name} disagree on block {number}: {to_hex(headers[0].hash)} and "
                f"{to_hex(header.hash)}"
            )
        if header.computed_hash != header.hash:
            raise InvalidProof(
                f"{rpc.name}: the header of block {number} hashes to {to_hex(header.computed_hash)}, not "
                f"{to_hex(header.hash)}: it was changed, or this chain's headers have other fields than Ethereum's"
            )
    return headers[0]


def _prove(anchor: AnchorClaim, header: Header, rpcs: Sequence[Rpc]) -> bytes:
    """The proven hash of the contract's code. The first node that gives a proof is as good as any."""
    faults = []
    for rpc in rpcs:
        try:
            told = rpc.proof(anchor.domain.contract, [root_slot(anchor.size)], header.number)
            break
        except Unavailable as error:
            faults.append(str(error))
    else:
        raise Unavailable("; ".join(faults))
    account = account_in(header.state_root, anchor.domain.contract, _nodes(told.get("accountProof")))
    word = word_in(account.storage_root, root_slot(anchor.size), _nodes(_storage(told).get("proof")))
    if word != anchor.root:
        raise InvalidProof(
            f"the state proves the root {to_hex(word)} for {anchor.size} leaves, not {to_hex(anchor.root)}"
        )
    if keccak(rpc.code(anchor.domain.contract)) != account.code_hash:
        raise InvalidProof(f"{rpc.name}: the contract's code is not the one of the state")
    return account.code_hash


def _storage(told: Mapping[str, Any]) -> Mapping[str, Any]:
    found = told.get("storageProof")
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
        raise Unavailable("a node answers eth_getProof without one storage proof")
    return found[0]


def _nodes(told: Any) -> list[bytes]:
    if not isinstance(told, list):
        raise Unavailable("a node answers eth_getProof without nodes")
    return [data_of(each, None, most=_MAX_NODE) for each in told]


_MAX_NODE: Final = 32 * HASH_BYTES
"""Bytes of a trie's node: a branch has 17 links of at most 33 bytes."""
