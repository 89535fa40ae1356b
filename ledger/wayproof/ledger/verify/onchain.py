"""What nodes of the chain tell about a bundle. Each is asked for itself; what all of them say the same is believed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, Final

from wayproof.ledger.contract import load_contract
from wayproof.ledger.hexadecimal import HASH_BYTES, shown, to_address, to_hex
from wayproof.ledger.keccak import keccak
from wayproof.ledger.verify.bundle import AnchorClaim, Bundle
from wayproof.ledger.verify.header import header_of
from wayproof.ledger.verify.offline import Trusted
from wayproof.ledger.verify.report import Check, Status, failed, judged, passed, unchecked
from wayproof.ledger.verify.rpc import Rpc, RpcError, data_of, list_of, number_of, time_of_seconds
from wayproof.model.errors import Unavailable

GRACE: Final = timedelta(hours=24)
"""How long after a key's revocation an anchor still counts for what was signed before it."""

_CHECKPOINT_TOPIC: Final = keccak(b"Checkpoint(uint64,bytes32,bytes32)")
_ROOT_AT: Final = keccak(b"rootAt(uint64)")[:4]
_LATEST_SIZE: Final = keccak(b"latestSize()")[:4]
_KEY_OF: Final = keccak(b"keyOf(address)")[:4]

_TO_ASK: Final = "an archive or another node may know it: give another --rpc"


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredKey:
    """What the contract's registry says of a key. All zero: it does not know it."""

    custodian: bytes
    added_at: datetime
    #: None: it lives.
    revoked_at: datetime | None

    @property
    def is_known(self) -> bool:
        """Whether it was ever registered."""
        return any(self.custodian)


def check_on_chain(bundle: Bundle, trusted: Trusted, rpcs: Sequence[Rpc]) -> Iterator[Check]:
    """Every question to every node; the worst answer stands, and says whose it is."""
    told = [_ask(bundle, trusted, rpc) for rpc in rpcs]
    for answers in zip(*told, strict=True):
        yield _worst(answers, rpcs)


def _ask(bundle: Bundle, trusted: Trusted, rpc: Rpc) -> list[Check]:
    handoff = bundle.signed.handoff
    questions: list[tuple[str, Callable[[str], Check]]] = [
        ("chain id", lambda name: _chain_id(name, bundle, rpc)),
        ("contract code", lambda name: check_code(name, bundle.domain.contract, bundle.log_key.name, trusted, rpc)),
        ("seen root", lambda name: _seen_root(name, bundle, rpc)),
    ]
    if bundle.anchor is not None:
        questions += [
            ("anchored root", partial(_anchored_root, bundle.anchor, rpc)),
            ("anchor transaction", partial(_transaction, bundle, bundle.anchor, rpc)),
            ("anchor block", partial(_block, bundle.anchor, rpc)),
            ("finality", partial(_finality, bundle.anchor, rpc)),
            ("releaser key", partial(_key, bundle, bundle.anchor, rpc, handoff.releaser)),
            ("receiver key", partial(_key, bundle, bundle.anchor, rpc, handoff.receiver)),
        ]
    return [_answered(name, question) for name, question in questions]


def _answered(name: str, question: Callable[[str], Check]) -> Check:
    try:
        return question(name)
    except Unavailable as error:
        return unchecked(name, str(error), is_asked=True)


def _worst(answers: Sequence[Check], rpcs: Sequence[Rpc]) -> Check:
    by_status = {status: index for index, status in enumerate((Status.PASSED, Status.UNCHECKED, Status.FAILED))}
    worst, rpc = max(zip(answers, rpcs, strict=True), key=lambda pair: by_status[pair[0].status])
    if worst.status is Status.PASSED or len(rpcs) == 1:
        return worst
    return Check(name=worst.name, status=worst.status, detail=f"{rpc.name}: {worst.detail}", is_asked=worst.is_asked)


def _chain_id(name: str, bundle: Bundle, rpc: Rpc) -> Check:
    found, wanted = rpc.chain_id(), bundle.domain.chain_id
    return judged(
        name, f"{found}" + ("" if found == wanted else f", the parties signed for {wanted}"), holds=found == wanted
    )


def check_code(name: str, contract: bytes, origin: str, trusted: Trusted, rpc: Rpc) -> Check:
    """That the contract's code is the known one, and that it was made for the log of this origin."""
    code = rpc.code(contract)
    if not code:
        return failed(name, f"there is none at {to_address(contract)}: another chain, or another contract")
    if trusted.code_hash is not None:
        return judged(name, f"hashes to {to_hex(keccak(code))}", holds=keccak(code) == trusted.code_hash)
    compiled, masked, origins = load_contract(), bytearray(code), set[bytes]()
    for immutable, places in compiled.immutables.items():
        for start in places:
            if immutable == "originHash":
                origins.add(code[start : start + HASH_BYTES])
            masked[start : start + HASH_BYTES] = bytes(len(masked[start : start + HASH_BYTES]))
    if masked != compiled.deployed_bytecode:
        return failed(name, f"hashes to {to_hex(keccak(code))}, which is no code of this version of Wayproof")
    if origins != {sha256(origin.encode()).digest()}:
        return failed(name, f"is for a log of another origin than {origin}")
    return passed(name, f"is {compiled.name} as {compiled.compiler.split('+')[0]} compiled it, made for {origin}")


def root_at(rpc: Rpc, contract: bytes, size: int) -> bytes:
    """The root that the contract keeps for a size; zeros where it keeps none."""
    return _words(rpc, contract, _ROOT_AT + size.to_bytes(HASH_BYTES), 1)[0]


def latest_anchor(rpc: Rpc, contract: bytes) -> tuple[int, bytes]:
    """Size and root of the largest tree that the contract took; 0 and zeros where it took none."""
    size = int.from_bytes(_words(rpc, contract, _LATEST_SIZE, 1)[0])
    return size, root_at(rpc, contract, size)


def _words(rpc: Rpc, contract: bytes, data: bytes, count: int) -> list[bytes]:
    words = rpc.call(contract, data)
    if len(words) != count or any(len(word) != HASH_BYTES for word in words):
        length = sum(map(len, words))
        raise Unavailable(
            f"{rpc.name}: the contract answers {length} bytes, expected {count * HASH_BYTES}: is it there?"
        )
    return words


def _seen_root(name: str, bundle: Bundle, rpc: Rpc) -> Check:
    handoff = bundle.signed.handoff
    if not handoff.seen_size:
        return unchecked(name, "the parties had seen no checkpoint")
    found = root_at(rpc, bundle.domain.contract, handoff.seen_size)
    if found != handoff.seen_root:
        return failed(
            name, f"the contract keeps {to_hex(found)} for {handoff.seen_size} leaves, not {to_hex(handoff.seen_root)}"
        )
    return passed(
        name, f"the contract keeps the root of {handoff.seen_size} leaves that the parties saw before they signed"
    )


def _anchored_root(anchor: AnchorClaim, rpc: Rpc, name: str) -> Check:
    found = root_at(rpc, anchor.domain.contract, anchor.size)
    if found != anchor.root:
        return failed(name, f"the contract keeps {to_hex(found)} for {anchor.size} leaves, not {to_hex(anchor.root)}")
    return passed(name, f"the contract keeps {to_hex(found)} for {anchor.size} leaves")


def _transaction(bundle: Bundle, anchor: AnchorClaim, rpc: Rpc, name: str) -> Check:
    receipt = rpc.receipt(anchor.tx_hash)
    if receipt is None:
        return _without_receipt(anchor, rpc, name)
    place = data_of(receipt.get("blockHash"), HASH_BYTES), number_of(receipt.get("blockNumber"))
    if place != (anchor.block_hash, anchor.block_number):
        return failed(name, f"{to_hex(anchor.tx_hash)} stands in block {place[1]} {to_hex(place[0])}")
    if number_of(receipt.get("status")) != 1:
        return failed(name, f"{to_hex(anchor.tx_hash)} was reverted")
    event = anchor.size.to_bytes(HASH_BYTES), anchor.root + sha256(bundle.checkpoint.encode()).digest()
    if event not in list(_checkpoints(receipt, anchor.domain.contract)):
        return failed(name, "it left no Checkpoint event of this size, root and signed checkpoint")
    return passed(name, f"{to_hex(anchor.tx_hash)} left the event of this checkpoint")


def _checkpoints(receipt: Mapping[str, Any], contract: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Size and data of the contract's Checkpoint events."""
    for log in list_of(receipt.get("logs")):
        if not isinstance(log, dict):
            raise Unavailable(f"a node answers {shown(log)} as an event")
        topics = [data_of(topic, HASH_BYTES) for topic in list_of(log.get("topics"))]
        if data_of(log.get("address"), len(contract)) == contract and topics[:1] == [_CHECKPOINT_TOPIC] and topics[1:]:
            yield topics[1], data_of(log.get("data"), None)


def _without_receipt(anchor: AnchorClaim, rpc: Rpc, name: str) -> Check:
    block = rpc.block_by_hash(anchor.block_hash)
    if block is None or anchor.tx_hash in header_of(block).transactions:
        # Nodes may drop receipts of old blocks (EIP-4444).
        return unchecked(name, f"the node has no receipt of {to_hex(anchor.tx_hash)}; {_TO_ASK}", is_asked=True)
    return failed(name, f"{to_hex(anchor.tx_hash)} is no transaction of block {to_hex(anchor.block_hash)}")


def _block(anchor: AnchorClaim, rpc: Rpc, name: str) -> Check:
    block = rpc.block(anchor.block_number)
    if block is None:
        return unchecked(name, f"the node has no block {anchor.block_number}; {_TO_ASK}", is_asked=True)
    header = header_of(block)
    if header.hash != anchor.block_hash:
        return failed(name, f"block {anchor.block_number} is {to_hex(header.hash)}, not {to_hex(anchor.block_hash)}")
    if header.time != anchor.block_time:
        return failed(
            name, f"block {anchor.block_number} is of {header.time.isoformat()}, not {anchor.block_time.isoformat()}"
        )
    return passed(name, f"{anchor.block_number} of {header.time.isoformat()}: what is signed is no younger")


def _finality(anchor: AnchorClaim, rpc: Rpc, name: str) -> Check:
    for tag in ("finalized", "safe"):
        number = tagged(rpc, tag)
        if number is not None and number >= anchor.block_number:
            if tag == "finalized":
                return passed(name, f"final: the chain is final up to block {number}")
            return unchecked(name, "safe, not final yet; try again in some minutes", is_asked=True)
    latest = tagged(rpc, "latest") or 0
    if latest < anchor.block_number:
        return unchecked(name, f"the node has come to block {latest} only; {_TO_ASK}", is_asked=True)
    depth = latest - anchor.block_number + 1
    return unchecked(
        name, f"mined, {depth} blocks deep, neither safe nor final yet; try again in some minutes", is_asked=True
    )


def tagged(rpc: Rpc, tag: str) -> int | None:
    """The number of the block that a tag names; None where the chain has no such tag."""
    try:
        block = rpc.block(tag)
    except RpcError:
        return None
    return None if block is None else number_of(block.get("number"))


def registered_key(rpc: Rpc, contract: bytes, key: bytes) -> RegisteredKey:
    """What the registry says of a key now."""
    custodian, added_at, revoked_at = _words(rpc, contract, _KEY_OF + key.rjust(HASH_BYTES, b"\0"), 3)
    revoked = int.from_bytes(revoked_at)
    return RegisteredKey(
        custodian=custodian,
        added_at=time_of_seconds(int.from_bytes(added_at)),
        revoked_at=time_of_seconds(revoked) if revoked else None,
    )


def _key(bundle: Bundle, anchor: AnchorClaim, rpc: Rpc, address: bytes, name: str) -> Check:
    found = registered_key(rpc, bundle.domain.contract, address)
    wrong = key_fault(found, occurred_at=bundle.signed.handoff.occurred_at, anchored_at=anchor.block_time)
    if wrong:
        return failed(name, f"{to_address(address)}: {wrong}")
    return passed(name, f"of custodian {to_hex(found.custodian)}, added {found.added_at.isoformat()}")


def key_fault(key: RegisteredKey, *, occurred_at: datetime, anchored_at: datetime) -> str:
    """Why a key does not count for a handoff; empty where it does.

    It counts when it was added by the time of the anchor's block and is not revoked; or was revoked after the handoff
    occurred, and the anchor came at most `GRACE` after that.
    """
    if not key.is_known:
        return "the contract's registry does not know it, so the chain does not say whose it is"
    if key.added_at > anchored_at:
        return (
            f"was added at {key.added_at.isoformat()}, after the anchor of {anchored_at.isoformat()}: have the bundle "
            "made anew under a later anchor (`wayproof handoff bundle --newest-anchor`)"
        )
    if key.revoked_at is None:
        return ""
    if occurred_at >= key.revoked_at:
        return f"was revoked at {key.revoked_at.isoformat()}, before the handoff of {occurred_at.isoformat()}"
    if anchored_at > key.revoked_at + GRACE:
        return (
            f"was revoked at {key.revoked_at.isoformat()}, and the anchor came at {anchored_at.isoformat()}, more than "
            f"{GRACE} later: sign it anew"
        )
    return ""
