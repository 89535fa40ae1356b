"""The compiled contract: ABI, code, and where its state lies. Read by who deploys it and by who verifies it.

`make contract` writes `contract.json` out of `ledger/contract/WayproofLedger.sol`; a test recompiles and compares.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from wayproof.ledger.keccak import keccak

ZERO_ADDRESS: Final = "0x" + "00" * 20
LATEST_SIZE_SLOT: Final = bytes(32)
"""Storage slot whose last 8 bytes are `latestSize`, big-endian; the anchorer and the pause share it."""
_ROOT_AT_SLOT: Final = (1).to_bytes(32)


@dataclass(frozen=True, kw_only=True)
class CompiledContract:
    """What the compiler made of the contract."""

    name: str
    compiler: str
    """Version of solc with its commit."""
    abi: tuple[Mapping[str, Any], ...]
    bytecode: bytes
    """What a deployment sends, before the constructor's arguments."""
    deployed_bytecode: bytes
    """What then stands on the chain, with zeros where the immutable values go."""
    immutables: Mapping[str, tuple[int, ...]]
    """Offsets of each immutable's 32-byte places in `deployed_bytecode`."""

    def runtime_code(self, *, origin_hash: bytes, predecessor: bytes = bytes(20)) -> bytes:
        """The code that `eth_getCode` answers for a deployment with these constructor arguments (32 and 20 bytes)."""
        code = bytearray(self.deployed_bytecode)
        values = {"originHash": origin_hash, "predecessor": bytes(12) + predecessor}
        for name, places in self.immutables.items():
            for start in places:
                code[start : start + 32] = values[name]
        return bytes(code)


@cache
def load_contract() -> CompiledContract:
    """The artefact that belongs to this version of Wayproof."""
    found = json.loads(files(__package__).joinpath("contract.json").read_bytes())
    return CompiledContract(
        name=found["contract"],
        compiler=found["compiler"],
        abi=tuple(found["abi"]),
        bytecode=_unhex(found["bytecode"]),
        deployed_bytecode=_unhex(found["deployedBytecode"]),
        immutables={name: tuple(places) for name, places in found["immutables"].items()},
    )


def root_slot(size: int) -> bytes:
    """The storage slot of `rootAt[size]`, for eth_getProof (Solidity: layout of mappings in storage)."""
    return keccak(size.to_bytes(32) + _ROOT_AT_SLOT)


def latest_size_in(word: bytes) -> int:
    """`latestSize` out of the 32-byte value of its slot."""
    return int.from_bytes(word.rjust(32, b"\0")[24:])


def _unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
