"""Block headers: a node's JSON as the bytes whose Keccak-256 is the block's hash.

Yellow Paper 4.3, and what EIP-1559, 4895, 4844, 4788 and 7685 added.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from wayproof.ledger.hexadecimal import ADDRESS_BYTES, HASH_BYTES
from wayproof.ledger.keccak import keccak
from wayproof.ledger.verify.rlp import encode, encode_number
from wayproof.ledger.verify.rpc import data_of, list_of, number_of, time_of_seconds

_BLOOM_BYTES: Final = 256
_NONCE_BYTES: Final = 8
_EXTRA_BYTES: Final = 1_024


def _number(value: Any) -> bytes:
    return encode_number(number_of(value))


def _exactly(size: int) -> Callable[[Any], bytes]:
    return lambda value: data_of(value, size)


_hash = _exactly(HASH_BYTES)

_FIELDS: Final[Mapping[str, Callable[[Any], bytes]]] = {
    "parentHash": _hash,
    "sha3Uncles": _hash,
    "miner": _exactly(ADDRESS_BYTES),
    "stateRoot": _hash,
    "transactionsRoot": _hash,
    "receiptsRoot": _hash,
    "logsBloom": _exactly(_BLOOM_BYTES),
    "difficulty": _number,
    "number": _number,
    "gasLimit": _number,
    "gasUsed": _number,
    "timestamp": _number,
    "extraData": lambda value: data_of(value, None, most=_EXTRA_BYTES),
    "mixHash": _hash,
    "nonce": _exactly(_NONCE_BYTES),
}
_LATER: Final[Mapping[str, Callable[[Any], bytes]]] = {
    "baseFeePerGas": _number,  # London
    "withdrawalsRoot": _hash,  # Shanghai
    "blobGasUsed": _number,  # Cancun
    "excessBlobGas": _number,
    "parentBeaconBlockRoot": _hash,
    "requestsHash": _hash,  # Prague
}
"""What forks have added at the end, in their order; a block has those of its fork and before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What matters here of a block, as a node tells it."""

    number: int
    #: What the node calls it.
    hash: bytes
    #: What its header really hashes to.
    computed_hash: bytes
    state_root: bytes
    time: datetime
    transactions: tuple[bytes, ...]


def header_of(block: Mapping[str, Any]) -> Header:
    """The header in the answer to eth_getBlockBy…, with hashes of transactions. Unavailable where it is malformed."""
    fields = [read(block.get(name)) for name, read in _FIELDS.items()]
    fields += [read(block[name]) for name, read in _LATER.items() if block.get(name) is not None]
    return Header(
        number=number_of(block.get("number")),
        hash=data_of(block.get("hash"), HASH_BYTES),
        computed_hash=keccak(encode(fields)),
        state_root=data_of(block.get("stateRoot"), HASH_BYTES),
        time=time_of_seconds(number_of(block.get("timestamp"))),
        transactions=tuple(data_of(each, HASH_BYTES) for each in list_of(block.get("transactions"))),
    )
