"""A handoff: what both parties sign when goods change hands, and how it stands."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

ZERO_HASH: Final = bytes(32)
"""`prev` of an item's first handoff; evidence root where there is no evidence; root seen where none was."""


class Party(StrEnum):
    """The two sides of a handoff."""

    RELEASER = "releaser"
    """Who had custody before."""
    RECEIVER = "receiver"
    """Who has custody after."""


class HandoffState(StrEnum):
    """How a handoff stands between the parties. Stored as text, so a state's meaning never changes."""

    DRAFT = "draft"
    """Nobody has signed yet."""
    OFFERED = "offered"
    """One party has signed."""
    ACCEPTED = "accepted"
    """Both have signed, and the record is in the log."""
    REFUSED = "refused"
    """The other party has signed that it refuses."""
    AMENDED = "amended"
    """The other party has answered with another handoff, for example of fewer goods."""
    EXPIRED = "expired"
    """Nobody answered in time."""


class AnchorState(StrEnum):
    """How far a checkpoint, and each leaf below it, has come on the chain."""

    QUEUED = "queued"
    """In the log; no transaction yet."""
    SIGNED = "signed"
    """The transaction is stored, and not yet given to a node."""
    SUBMITTED = "submitted"
    """A node has taken it."""
    MINED = "mined"
    """In a block of the canonical chain, which a reorganisation can still remove."""
    SAFE = "safe"
    """Below the chain's `safe` block."""
    FINAL = "final"
    """Below the chain's `finalized` block."""
    SUPERSEDED = "superseded"
    """The chain holds a later checkpoint without this one, so it never will; the later one covers its leaves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Handoff:
    """The record itself: the EIP-712 struct `Handoff`, field by field in this order."""

    #: What changes hands: an EPC as a Web URI or URN, or `urn:wayproof:shipment:<uuid>`.
    item: str
    #: 1 for the item's first handoff, then one more each.
    seq: int
    #: Digest of the item's handoff before; 32 zero bytes for the first.
    prev: bytes
    #: Ethereum address (20 bytes) of the key by which the releaser signs.
    releaser: bytes
    #: The same of the receiver.
    receiver: bytes
    #: When the goods change hands; aware, UTC, whole seconds.
    occurred_at: datetime
    #: Until when the other party may answer; aware, UTC, whole seconds.
    expires_at: datetime
    #: SHA-256 over a 32-byte salt and the RFC 8785 bytes of the details, which can be erased.
    details_hash: bytes
    #: RFC 9162 root over the readings of the leg that ends here.
    evidence_root: bytes
    #: How many readings that is.
    evidence_size: int
    #: The latest final checkpoint that the parties saw: this was signed no earlier. 0 where there is none.
    seen_size: int
    #: Its root.
    seen_root: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class SigningDomain:
    """For which log the signatures hold: the EIP-712 domain, name `Wayproof`, version `1`."""

    chain_id: int
    #: Address of the contract, 20 bytes.
    contract: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedHandoff:
    """A handoff that both have signed; 65 bytes r ‖ s ‖ v each, s in the lower half, v 27 or 28."""

    handoff: Handoff
    releaser_signature: bytes
    receiver_signature: bytes
