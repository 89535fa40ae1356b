"""Signed transactions of Ethereum (type 2, EIP-1559), and calls of our contract."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import rlp
from hexbytes import HexBytes
from web3 import Web3
from web3.contract import Contract

from wayproof.ledger.contract import load_contract
from wayproof.ledger.keccak import keccak
from wayproof.ledger.signatures import Signer

_TYPE: bytes = b"\x02"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What a transaction does and pays."""

    chain_id: int
    nonce: int
    max_fee_wei: int
    priority_fee_wei: int
    gas: int
    #: Address, 20 bytes; empty: a new contract.
    to: bytes
    data: bytes
    value_wei: int = 0


def sign_call(call: Call, signer: Signer) -> tuple[bytes, bytes]:
    """Hash and raw bytes of the signed transaction; the same each time (EIP-1559, "Specification")."""
    fields = [
        call.chain_id,
        call.nonce,
        call.priority_fee_wei,
        call.max_fee_wei,
        call.gas,
        call.to,
        call.value_wei,
        call.data,
        [],  # access list
    ]
    signature = signer.sign(keccak(_TYPE + rlp.encode(fields)))
    r, s, v = (int.from_bytes(part) for part in (signature[:32], signature[32:64], signature[64:]))
    raw = _TYPE + rlp.encode([*fields, v - 27, r, s])
    return keccak(raw), raw


def created_address(creator: bytes, nonce: int) -> bytes:
    """Where a contract will stand (Yellow Paper, section 7: CREATE)."""
    return keccak(rlp.encode([creator, nonce]))[12:]


def call_data(function: str, arguments: Sequence[object]) -> bytes:
    """What a transaction sends that calls a function of the contract."""
    return bytes(HexBytes(_interface().encode_abi(function, list(arguments))))


@cache
def _interface() -> Contract:
    return Web3().eth.contract(Web3.to_checksum_address(bytes(20)), abi=load_contract().abi)
