"""One RPC endpoint of the chain. Whatever goes wrong on the way to it is Unavailable.

Nothing here signs: transactions come as raw bytes, because a middleware that signs loses races for the nonce.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from eth_utils.abi import event_signature_to_log_topic, function_signature_to_4byte_selector
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.exceptions import (
    BadFunctionCallOutput,
    BlockNotFound,
    ContractLogicError,
    TransactionNotFound,
    Web3Exception,
    Web3RPCError,
)
from web3.middleware import ExtraDataToPOAMiddleware
from web3.types import BlockData, BlockIdentifier, FilterParams, RPCEndpoint, RPCResponse, TxParams, TxReceipt

from wayproof.ledger.anchors import Head, Sight
from wayproof.ledger.contract import load_contract
from wayproof.ledger.within import within
from wayproof.model.anchor import Anchor, Inclusion
from wayproof.model.errors import Conflict, Unavailable

_FAULTS: Final = (requests.RequestException, Web3Exception, OSError, ValueError, KeyError, TypeError, AttributeError)
"""What web3 and requests raise when an endpoint is away, or answers what is no answer."""

_CHECKPOINT_TOPIC: Final = event_signature_to_log_topic("Checkpoint(uint64,bytes32,bytes32)")
_LOG_BLOCKS: Final = 5_000
"""Blocks that are searched at once: providers refuse wider spans."""
_LOG_SPANS: Final = 100
_NO_SUCH_TAG: Final = (-32_602, -39_001)
"""JSON-RPC's "invalid params", and geth's "unknown block"."""
_LONGEST_REST_S: Final = 15.0
_TAKEN: Final = ("already known", "already imported", "alreadyknown", "known transaction")
"""How nodes say that they have a transaction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Depths:
    """How many blocks make one safe or final where the chain has no such tags; its own block counts."""

    safe: int
    final: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Which contract on which chain, and who anchors there."""

    chain_id: int
    contract: bytes
    anchorer: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a call would take; `refusal` names the contract's error where it would revert."""

    gas: int
    refusal: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyEntry:
    """What the contract holds of a key; zeros where it knows none."""

    custodian: bytes
    is_added: bool
    is_revoked: bool


class _Provider(HTTPProvider):
    """web3's own, but with one time for a whole answer."""

    def __init__(self, url: str, timeout_s: float) -> None:
        super().__init__(url, {"timeout": timeout_s}, exception_retry_configuration=None)
        self._timeout_s = timeout_s
        self._session = requests.Session()

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """The answer to one call; TimeoutError, or what requests raises."""
        session, request = self._session, self.encode_rpc_request(method, params)
        try:
            return self.decode_rpc_response(within(self._timeout_s, lambda: self._post(session, request)))
        except TimeoutError:
            self._session = requests.Session()  # the other one is still held
            raise

    def _post(self, session: requests.Session, request: bytes) -> bytes:
        with session.post(str(self.endpoint_uri), data=request, **self.get_request_kwargs()) as response:
            response.raise_for_status()
            return response.content


class Endpoint:
    """One RPC endpoint. Every method raises Unavailable when it does not answer as a node does."""

    def __init__(self, url: str, place: Place, depths: Depths, *, timeout_s: float) -> None:
        parts = urlsplit(url)
        #: Host and port: paths and user names of providers' URLs are keys.
        self.name = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        self.web3 = Web3(_Provider(url, timeout_s))
        self.web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)  # else blocks of many chains are refused
        self._place = place
        self._depths = depths
        self._address = Web3.to_checksum_address(place.contract)
        self._anchorer = Web3.to_checksum_address(place.anchorer)
        self.contract = self.web3.eth.contract(self._address, abi=load_contract().abi)
        self._failures = 0
        self._rests_until_s = 0.0
        #: What went wrong the last time that it was asked in vain.
        self.fault = ""

    @property
    def is_resting(self) -> bool:
        """Whether it failed so recently that asking again would only cost time."""
        return time.monotonic() < self._rests_until_s

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Turns what goes wrong into Unavailable, and keeps count of it."""
        try:
            yield
        except _FAULTS as error:
            self._failures += 1
            self._rests_until_s = time.monotonic() + min(_LONGEST_REST_S, 2.0 ** min(self._failures, 10) / 4)
            self.fault = f"the chain's endpoint {self.name} does not answer: {_words(error)}"
            raise Unavailable(self.fault) from error
        self._failures = 0

    def head(self) -> Head:
        """How far its chain has come; Conflict where it is another chain, or has no contract there."""
        with self.asked():
            self._check_chain()
            block = self.web3.eth.get_block("latest")
            number = block["number"]
            size, root = self._latest(number)
            return Head(
                number=number,
                safe=self._tagged("safe", number, self._depths.safe),
                final=self._tagged("finalized", number, self._depths.final),
                nonce=self.web3.eth.get_transaction_count(self._anchorer, number),
                balance_wei=self.web3.eth.get_balance(self._anchorer, number),
                base_fee_wei=block.get("baseFeePerGas", 0),
                latest_size=size,
                latest_root=root,
            )

    def sight(self, anchor: Anchor, head: Head) -> Sight:
        """What it shows of one anchor, as of `head`."""
        with self.asked():
            root = bytes(self.contract.functions.rootAt(anchor.size).call(block_identifier=head.number))
            found = self._find(anchor, head) if root == anchor.root else None
            return Sight(head=head, root=root, inclusion=found, is_known=found is not None or self._knows(anchor, head))

    def broadcast(self, raw: bytes) -> str:
        """Gives it a transaction; returns why it did not take it, or nothing where it has it now."""
        with self.asked():
            try:
                self.web3.eth.send_raw_transaction(HexBytes(raw))
            except Web3RPCError as error:
                said = _words(error)
                return "" if any(words in said.lower() for words in _TAKEN) else said
        return ""

    def estimate(self, call: Mapping[str, Any]) -> Estimate:
        """The gas that a call takes now, or the name of the error with which the contract refuses it."""
        with self.asked():
            try:
                return Estimate(gas=self.web3.eth.estimate_gas(TxParams(**call), "latest"))  # type: ignore[typeddict-item]
            except ContractLogicError as error:
                return Estimate(gas=0, refusal=_refusal(error))

    def priority_fee_wei(self) -> int:
        """What others pay a block's maker for a unit of gas."""
        with self.asked():
            return self.web3.eth.max_priority_fee

    def account(self, address: bytes, number: int) -> tuple[int, int]:
        """The next nonce of an account, and the wei that it holds, at a block."""
        with self.asked():
            eth, account = self.web3.eth, Web3.to_checksum_address(address)
            return eth.get_transaction_count(account, number), eth.get_balance(account, number)

    def key_entries(self, addresses: Sequence[bytes], number: int) -> list[KeyEntry]:
        """What the contract holds of these keys at a block."""
        with self.asked():
            return [self._key_entry(address, number) for address in addresses]

    def has_custodian(self, custodian: bytes, number: int) -> bool:
        """Whether the contract knows the custodian at a block."""
        with self.asked():
            controller: str = self.contract.functions.controllerOf(custodian).call(block_identifier=number)
            return bool(int(controller, 16))

    def chain_id(self) -> int:
        """The chain that it speaks for."""
        with self.asked():
            return self.web3.eth.chain_id

    def code(self, address: bytes) -> bytes:
        """The code of a contract; empty where there is none."""
        with self.asked():
            return bytes(self.web3.eth.get_code(Web3.to_checksum_address(address)))

    def mine(self) -> None:
        """Makes a development chain mine a block."""
        with self.asked():
            self.web3.provider.make_request(RPCEndpoint("evm_mine"), [])

    def _key_entry(self, address: bytes, number: int) -> KeyEntry:
        account = Web3.to_checksum_address(address)
        custodian, added_at, revoked_at = self.contract.functions.keyOf(account).call(block_identifier=number)
        return KeyEntry(custodian=bytes(custodian), is_added=added_at != 0, is_revoked=revoked_at != 0)

    def _check_chain(self) -> None:
        told = self.web3.eth.chain_id
        if told != self._place.chain_id:
            raise Conflict(
                f"{self.name} speaks for chain {told}, and the log was founded on chain {self._place.chain_id}:"
                " correct WAYPROOF_LEDGER_RPC_URLS"
            )

    def _latest(self, number: int) -> tuple[int, bytes]:
        try:
            size = self.contract.functions.latestSize().call(block_identifier=number)
            return size, bytes(self.contract.functions.rootAt(size).call(block_identifier=number))
        except BadFunctionCallOutput as error:
            raise Conflict(
                f"{self.name} has no contract of ours at {self._address} on chain {self._place.chain_id}:"
                " correct WAYPROOF_LEDGER_RPC_URLS, or give the chain its data back"
            ) from error

    def _tagged(self, tag: BlockIdentifier, number: int, depth: int) -> int:
        try:
            return min(number, self.web3.eth.get_block(tag)["number"])
        except Web3RPCError as error:
            if not isinstance(error, BlockNotFound) and _code(error) not in _NO_SUCH_TAG:
                raise  # a node that is too busy to answer must not make anything final sooner
            return number - depth + 1

    def _find(self, anchor: Anchor, head: Head) -> Inclusion | None:
        """Where on the canonical chain the contract took this root."""
        known = anchor.inclusion
        if known and self._hash_of(known.block_number) == known.block_hash:
            return known
        for transaction in reversed(anchor.transactions):
            if found := self._included(transaction.tx_hash, head):
                return found
        event = self._event(anchor.size, head.number)
        return self._included(event, head) if event else None

    def _included(self, tx_hash: bytes, head: Head) -> Inclusion | None:
        try:
            receipt = self.web3.eth.get_transaction_receipt(HexBytes(tx_hash))
            block = self.web3.eth.get_block(receipt["blockNumber"])
        except (TransactionNotFound, BlockNotFound):
            return None
        is_canonical = block["hash"] == receipt["blockHash"] and block["number"] <= head.number
        return _inclusion(receipt, block) if is_canonical and receipt["status"] == 1 else None

    def _event(self, size: int, newest: int) -> bytes | None:
        """The transaction in which the contract took a checkpoint of that size, where we know of none."""
        topics = [HexBytes(_CHECKPOINT_TOPIC), HexBytes(size.to_bytes(32, "big"))]
        for last in range(newest, max(-1, newest - _LOG_BLOCKS * _LOG_SPANS), -_LOG_BLOCKS):
            first = max(0, last - _LOG_BLOCKS + 1)
            span = FilterParams(address=self._address, fromBlock=first, toBlock=last, topics=topics)
            for event in self.web3.eth.get_logs(span):
                return bytes(event["transactionHash"])
        return None

    def _knows(self, anchor: Anchor, head: Head) -> bool:
        newest = anchor.transactions[-1:]
        if not newest or newest[0].nonce < head.nonce:
            return False
        try:
            self.web3.eth.get_transaction(HexBytes(newest[0].tx_hash))
        except TransactionNotFound:
            return False
        return True

    def _hash_of(self, number: int) -> bytes | None:
        try:
            return bytes(self.web3.eth.get_block(number)["hash"])
        except BlockNotFound:
            return None


def _inclusion(receipt: TxReceipt, block: BlockData) -> Inclusion:
    return Inclusion(
        tx_hash=bytes(receipt["transactionHash"]),
        block_number=block["number"],
        block_hash=bytes(block["hash"]),
        block_time=datetime.fromtimestamp(block["timestamp"], UTC),
        fee_wei=receipt["gasUsed"] * receipt["effectiveGasPrice"],
    )


def _refusal(error: ContractLogicError) -> str:
    """The name of the contract's error: nodes give its selector only."""
    data = str(error.data or error.message or error)
    return _error_names().get(data[:10], _words(error))


@cache
def _error_names() -> Mapping[str, str]:
    errors = [item for item in load_contract().abi if item["type"] == "error"]
    signatures = {item["name"]: ",".join(argument["type"] for argument in item["inputs"]) for item in errors}
    return {
        "0x" + function_signature_to_4byte_selector(f"{name}({types})").hex(): name
        for name, types in signatures.items()
    }


def _code(error: Web3RPCError) -> int:
    return int((error.rpc_response or {}).get("error", {}).get("code", 0))


def _words(error: Exception) -> str:
    """What a node said, else the kind of fault alone: messages of requests hold the URL, and the URL may hold a key."""
    if isinstance(error, Web3RPCError) and error.rpc_response:
        return str(error.rpc_response.get("error", {}).get("message", "an error without words"))
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code}"
    return str(error) if isinstance(error, Web3Exception) else type(error).__name__
