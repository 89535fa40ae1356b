"""Custody as it is kept: parties and their keys, handoffs as they stand, and the evidence that they name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from wayproof.model.handoff import AnchorState, Handoff, HandoffState, Party

SHIPMENT_ITEM: Final = "urn:wayproof:shipment:"
"""Before a shipment's id: the item that a shipment is as a whole."""

HASH_BYTES: Final = 32


def shipment_item(shipment_id: UUID) -> str:
    """The item that stands for a whole shipment."""
    return f"{SHIPMENT_ITEM}{shipment_id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PartyKey:
    """A key by which a party signs. Registered once, over all tenants; revoked for ever."""

    #: Ethereum address, 20 bytes.
    address: bytes
    party_id: UUID
    #: When the holder of the key signed that it is the party's.
    claimed_at: datetime
    valid_from: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Custodian:
    """An organisation that takes goods into custody. `wayproof.model.handoff.Party` is the side that it is on."""

    party_id: UUID
    tenant_id: UUID
    name: str
    #: GS1 Global Location Number, 13 digits.
    gln: str | None
    created_at: datetime
    #: Oldest first, revoked ones among them.
    keys: tuple[PartyKey, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceLeg:
    """From when to before when one device's readings belong to the evidence."""

    device: str
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEvidence:
    """The readings of the legs that end in a handoff, as they stood when it was drafted."""

    legs: Sequence[EvidenceLeg]
    #: Readings that were received later are not part of it.
    cutoff: datetime
    #: RFC 9162 root over the readings in order of device name, time of observation, boot and seq.
    root: bytes
    #: The leaf hashes in that order, 32 bytes each.
    leaf_hashes: bytes

    @property
    def size(self) -> int:
        """How many readings."""
        return len(self.leaf_hashes) // HASH_BYTES


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence(NewEvidence):
    """Evidence as it is stored."""

    evidence_id: UUID
    tenant_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemHead:
    """The last accepted handoff of an item, as far as the one who claims to hold the item may know it."""

    seq: int
    digest: bytes
    occurred_at: datetime
    #: Whether the party that asks for it is the one that received the item last.
    is_held: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One party to a handoff."""

    tenant_id: UUID
    party_id: UUID
    name: str
    #: Of the key by which it signs; None: erased.
    address: bytes | None
    signature: bytes | None
    key_revoked_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewHandoff:
    """A drafted handoff, before anybody has signed."""

    record: Handoff
    #: EIP-712 digest: the handoff's identity.
    digest: bytes
    releaser_tenant_id: UUID
    releaser_party_id: UUID
    receiver_tenant_id: UUID
    receiver_party_id: UUID
    #: Who drafts it and signs first.
    proposer: Party
    amends: UUID | None
    shipment_tenant_id: UUID | None
    shipment_id: UUID | None
    evidence_id: UUID | None
    #: Exactly the RFC 8785 bytes that are hashed with the salt.
    details: str
    details_salt: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """That the other party does not take the handoff, signed."""

    reason: str
    refused_at: datetime
    signature: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredHandoff:
    """A handoff as it stands for the two tenants that may see it."""

    handoff_id: UUID
    digest: bytes
    item: str
    seq: int
    #: None: erased.
    record: Handoff | None
    releaser: Side
    receiver: Side
    proposer: Party
    amends: UUID | None
    shipment_tenant_id: UUID | None
    shipment_id: UUID | None
    evidence_id: UUID | None
    #: None: erased.
    details: str | None
    details_salt: bytes | None
    #: Judged by the time of reading: what nobody answered in time is expired.
    state: HandoffState
    refusal: Refusal | None
    #: Place in the log; None: not accepted.
    leaf_index: int | None
    #: None: not accepted, or erased.
    leaf_salt: bytes | None
    #: None: not accepted.
    anchor_state: AnchorState | None
    version: int
    created_at: datetime
    offered_at: datetime | None
    answered_at: datetime | None
    erased_at: datetime | None

    def side(self, which: Party) -> Side:
        """One of the two sides."""
        return self.releaser if which is Party.RELEASER else self.receiver

    @property
    def answerer(self) -> Party:
        """The side that did not propose, and that answers."""
        return Party.RECEIVER if self.proposer is Party.RELEASER else Party.RELEASER


@dataclass(frozen=True, kw_only=True, slots=True)
class Acceptance:
    """The other party's signature under an offer, and the place of the leaf."""

    handoff_id: UUID
    signature: bytes
    leaf_index: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AnchorPlace:
    """Where on the chain a checkpoint stands that covers a leaf."""

    size: int
    root: bytes
    state: AnchorState
    tx_hash: bytes
    block_number: int
    block_hash: bytes
    block_time: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Erasure:
    """What an operator has erased of a handoff, and why."""

    handoff_id: UUID
    #: Whether record, signatures and the leaf's salt went as well.
    is_whole: bool
    reason: str
    #: The operator, as the command knew them.
    erased_by: str
    erased_at: datetime
    #: The handoff's leaf, and that of its tombstone; None: the handoff was never in the log.
    leaf_index: int | None
    tombstone_index: int | None


Details = Mapping[str, Any]
"""A JSON object: place, goods, seals, damage, temperature verdict, people, reservations."""
