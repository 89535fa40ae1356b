"""Founding a log: its contract on the chain, and its identity in the database. Doing it again changes nothing."""

import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import TransactionNotFound
from web3.types import Wei

from wayproof.ledger.contract import load_contract
from wayproof.ledger.endpoint import Endpoint
from wayproof.ledger.hexadecimal import to_address
from wayproof.ledger.signatures import Signer
from wayproof.ledger.transactions import Call, created_address, sign_call
from wayproof.model.errors import Conflict, InvalidInput, NotFound, Unavailable
from wayproof.model.log import LogIdentity
from wayproof.store import log
from wayproof.store.pool import Conn

DEVELOPMENT_CHAIN: Final = 31_337
"""Chain id of anvil and hardhat, whose first account is rich and unlocked."""
_ENOUGH_WEI: Final = 10**18
_GIFT_WEI: Final = 100 * 10**18
_GAS_MARGIN: Final = 1.25
_PATIENCE_S: Final = 300.0
_POLL_S: Final = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Founding:
    """What a log is founded with."""

    origin: str
    #: Of the key that signs checkpoints: Ed25519, 32 bytes.
    public_key: bytes
    #: Address of the account that will anchor.
    anchorer: bytes
    #: Who may do what is left to do with the contract, and deploys it; None where there is a contract.
    admin: Signer | None = None
    #: Who may pause it; None: the admin.
    guardian: bytes | None = None
    #: A contract that is there already; None: deploy one.
    contract: bytes | None = None


def found(conn: Conn, endpoint: Endpoint, founding: Founding) -> LogIdentity:
    """Deploys the contract unless there is one, and names the log; returns what is there when that was done before.

    Conflict where log, contract or chain are others than those wanted. A crash in between leaves a contract that the
    next try finds.
    """
    chain_id = endpoint.chain_id()
    try:
        present = log.identity(conn)
    except NotFound:
        if chain_id == DEVELOPMENT_CHAIN:
            _fund(endpoint, founding)
        contract = founding.contract or _deploy(endpoint, founding, chain_id)
        _check_code(endpoint, contract, founding.origin)
        present = LogIdentity(
            origin=founding.origin, public_key=founding.public_key, chain_id=chain_id, contract=contract
        )
        log.found_log(conn, present)
        return present
    _check_same(present, founding, chain_id)
    put_back(endpoint, present, founding)
    return present


def put_back(endpoint: Endpoint, identity: LogIdentity, founding: Founding) -> None:
    """Gives a development chain that lost its data the contract back, at the same address; checks it on every other."""
    if endpoint.code(identity.contract) or identity.chain_id != DEVELOPMENT_CHAIN or founding.admin is None:
        _check_code(endpoint, identity.contract, identity.origin)
        return
    _fund(endpoint, founding)
    with endpoint.asked():
        nonce = endpoint.web3.eth.get_transaction_count(Web3.to_checksum_address(founding.admin.address))
    if created_address(founding.admin.address, nonce) != identity.contract:
        _check_code(endpoint, identity.contract, identity.origin)
    _deploy(endpoint, founding, identity.chain_id)


def _check_same(present: LogIdentity, founding: Founding, chain_id: int) -> None:
    wanted = LogIdentity(
        origin=founding.origin,
        public_key=founding.public_key,
        chain_id=chain_id,
        contract=founding.contract or present.contract,
    )
    if present != wanted:
        raise Conflict(
            f"this log was founded as {_told(present)}; expected {_told(wanted)}: correct the settings, or found"
            " another log in a new database"
        )


def _told(identity: LogIdentity) -> str:
    return (
        f"{identity.origin} with key {identity.public_key.hex()} on chain {identity.chain_id}, contract"
        f" {to_address(identity.contract)}"
    )


def _check_code(endpoint: Endpoint, contract: bytes, origin: str) -> None:
    if endpoint.code(contract) != load_contract().runtime_code(origin_hash=_origin_hash(origin)):
        raise Conflict(
            f"expected the contract of {origin} at {to_address(contract)} on chain {endpoint.chain_id()}, found other"
            " code or none: correct the RPC URL or the contract's address, or give the chain its data back"
        )


def _deploy(endpoint: Endpoint, founding: Founding, chain_id: int) -> bytes:
    """The address of a contract of our own: of one that a try before this one left, else of a new one."""
    if founding.admin is None:
        raise InvalidInput("expected WAYPROOF_LEDGER_ADMIN_KEY to deploy a contract with, or --contract; got neither")
    creator = founding.admin.address
    with endpoint.asked():
        nonce = endpoint.web3.eth.get_transaction_count(Web3.to_checksum_address(creator))
    expected = load_contract().runtime_code(origin_hash=_origin_hash(founding.origin))
    left_behind = created_address(creator, nonce - 1) if nonce else b""
    if left_behind and endpoint.code(left_behind) == expected:
        return left_behind
    _send_and_wait(endpoint, _creation(endpoint, founding, founding.admin, chain_id, nonce), founding.admin)
    return created_address(creator, nonce)


def _creation(endpoint: Endpoint, founding: Founding, admin: Signer, chain_id: int, nonce: int) -> Call:
    data = deployment_data(
        admin=admin.address,
        guardian=founding.guardian or admin.address,
        anchorer=founding.anchorer,
        origin_hash=_origin_hash(founding.origin),
    )
    estimate = endpoint.estimate({"from": to_address(admin.address), "data": HexBytes(data)})
    if estimate.refusal:
        raise Conflict(f"the contract cannot be deployed: {estimate.refusal}")
    priority_fee = endpoint.priority_fee_wei()
    with endpoint.asked():
        base_fee = endpoint.web3.eth.get_block("latest").get("baseFeePerGas", 0)
    return Call(
        chain_id=chain_id,
        nonce=nonce,
        max_fee_wei=2 * base_fee + priority_fee,
        priority_fee_wei=priority_fee,
        gas=round(estimate.gas * _GAS_MARGIN),
        to=b"",
        data=data,
    )


def deployment_data(*, admin: bytes, guardian: bytes, anchorer: bytes, origin_hash: bytes) -> bytes:
    """What a transaction sends to make the contract: its code and the constructor's arguments."""
    compiled = load_contract()
    factory = Web3().eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
    people = [to_address(address) for address in (admin, guardian, anchorer)]
    return bytes(HexBytes(factory.constructor(*people, origin_hash, to_address(bytes(20))).data_in_transaction))


def _send_and_wait(endpoint: Endpoint, call: Call, signer: Signer) -> None:
    tx_hash, raw = sign_call(call, signer)
    refusal = endpoint.broadcast(raw)
    if refusal:
        raise Unavailable(f"the chain does not take the contract: {refusal}")
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        with endpoint.asked(), suppress(TransactionNotFound):
            if endpoint.web3.eth.get_transaction_receipt(HexBytes(tx_hash))["status"] == 1:
                return
            raise Conflict(f"the deployment {tx_hash.hex()} was reverted")
        time.sleep(_POLL_S)
    raise Unavailable(f"the deployment {tx_hash.hex()} was not mined within {_PATIENCE_S:.0f} s: try again later")


def _fund(endpoint: Endpoint, founding: Founding) -> None:
    """On a development chain our accounts live on what its first account gives them."""
    ours = {founding.anchorer, *([founding.admin.address] if founding.admin else [])}
    with endpoint.asked():
        eth = endpoint.web3.eth
        for address in map(Web3.to_checksum_address, ours):
            if eth.get_balance(address) < _ENOUGH_WEI:
                eth.send_transaction({"from": eth.accounts[0], "to": address, "value": Wei(_GIFT_WEI)})


def _origin_hash(origin: str) -> bytes:
    """What the contract knows of the log's name."""
    return sha256(origin.encode()).digest()
