"""Anchors: checkpoints of the log on their way to the chain, their transactions, and what there is to worry about."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wayproof.model.handoff import AnchorState


class Alarm(StrEnum):
    """What keeps anchors from becoming final, or says that history was touched. Stored as text."""

    LOG_BEHIND_CHAIN = "log_behind_chain"
    """The chain holds a checkpoint of more leaves than the log has: the database was put back to an older state."""
    ROOT_MISMATCH = "root_mismatch"
    """The chain holds another root than the log has for the same size: leaves were changed."""
    FINAL_LOST = "final_lost"
    """An anchor that was final is on the chain no more."""
    WRONG_CHAIN = "wrong_chain"
    """An endpoint speaks for another chain, or at the contract's address there is no contract of this log."""
    ENDPOINTS_DISAGREE = "endpoints_disagree"
    """Two endpoints tell different stories of the contract; nothing new is signed until they agree."""
    CHAIN_UNREACHABLE = "chain_unreachable"
    """No endpoint answers."""
    NOT_FUNDED = "not_funded"
    """The anchorer's account cannot pay for the next transaction."""
    REFUSED = "refused"
    """The contract or a node refuses the transaction."""
    FEE_CAPPED = "fee_capped"
    """A transaction waits, and the fee must not be raised any more."""
    NOT_ANCHORED = "not_anchored"
    """The oldest leaf that no final anchor covers is older than promised."""
    KEYS_NOT_ON_CHAIN = "keys_not_on_chain"
    """Keys of parties are not in the contract as they should be; handoffs that they signed cannot be verified there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inclusion:
    """Where on the chain an anchor stands."""

    tx_hash: bytes
    block_number: int
    block_hash: bytes
    #: Of the block; aware, UTC.
    block_time: datetime
    #: What its transaction cost, in wei.
    fee_wei: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AnchorTransaction:
    """A signed transaction, stored before any node hears of it."""

    tx_hash: bytes
    #: Of the anchor that it is for.
    size: int
    nonce: int
    #: The bytes that are broadcast, again and again if need be.
    raw: bytes
    max_fee_wei: int
    priority_fee_wei: int
    signed_at: datetime
    #: When a node first took it.
    submitted_at: datetime | None = None
    #: Why the last node that was asked did not take it.
    refusal: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Anchor:
    """A checkpoint on its way to the chain."""

    size: int
    root: bytes
    #: SHA-256 of the signed note, which the contract's event repeats.
    note_hash: bytes
    state: AnchorState
    queued_at: datetime
    #: Where it stands; None unless it is mined.
    inclusion: Inclusion | None = None
    #: In the order of signing. Those of one nonce replace one another.
    transactions: tuple[AnchorTransaction, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RaisedAlarm:
    """An alarm, since when it stands, and what it is about."""

    alarm: Alarm
    detail: str
    since: datetime
