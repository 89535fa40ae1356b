"""Drafting a handoff: what the parties need not type is filled in, so that they sign what fits the item's chain."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from wayproof.ledger.custody import check_answerable, check_held, signing_domain
from wayproof.ledger.hexadecimal import to_address
from wayproof.ledger.leaves import details_hash, new_salt
from wayproof.ledger.typed_data import digest
from wayproof.model.canonical import canonical_json
from wayproof.model.custody import (
    SHIPMENT_ITEM,
    Custodian,
    Details,
    ItemHead,
    NewEvidence,
    NewHandoff,
    PartyKey,
    StoredHandoff,
    shipment_item,
)
from wayproof.model.errors import InvalidInput, NotFound
from wayproof.model.handoff import ZERO_HASH, Handoff, Party
from wayproof.model.shipment import Shipment
from wayproof.store import evidence, handoffs, parties, shipments
from wayproof.store.pool import Conn

MAX_DETAILS_BYTES: Final = 4096
"""Of the details' RFC 8785 bytes."""
LIFE: Final = timedelta(days=1)
"""How long an offer can be answered unless its proposer says otherwise."""
MAX_LIFE: Final = timedelta(days=30)

_EVIDENCE: Final = "evidence"
"""Member of the details that tells which readings the evidence is of; filled in here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What a party says of a handoff that it wants to offer."""

    #: The proposer's own side.
    role: Party
    #: Address of the key by which the proposer will sign.
    signer: bytes
    #: Id of the other party.
    counterparty: UUID
    #: The key by which the other party shall sign; None: its newest.
    counterparty_address: bytes | None
    #: One of both is needed. A shipment of the proposer's gives the evidence, and is an item by itself.
    item: str | None
    shipment_id: UUID | None
    #: None: now.
    occurred_at: datetime | None
    #: None: after LIFE.
    expires_at: datetime | None
    details: Details


def draft(conn: Conn, *, tenant_id: UUID, proposal: Proposal, now: datetime) -> StoredHandoff:
    """A handoff that nobody has signed: the item's next, with the evidence of its leg and the checkpoint last seen.

    InvalidInput where a value cannot be, NotFound for an unknown party or key, Conflict where the releaser does not
    hold the item.
    """
    keys = _keys(conn, tenant_id, proposal)
    item = _item(proposal)
    head = handoffs.item_heads(conn, [(item, keys[Party.RELEASER].party_id)]).get(item)
    check_held(head, item)
    shipment = _shipment(conn, _shipment_id(proposal, item), head)
    occurred_at = _occurred_at(proposal.occurred_at, head, now)
    proof = _evidence_of(conn, shipment, head, occurred_at, now)
    details, salt = _details(proposal.details, _evidence_document(proof)), new_salt()
    record = Handoff(
        item=item,
        seq=head.seq + 1 if head else 1,
        prev=head.digest if head else ZERO_HASH,
        releaser=keys[Party.RELEASER].address,
        receiver=keys[Party.RECEIVER].address,
        occurred_at=occurred_at,
        expires_at=_expires_at(proposal.expires_at, now),
        details_hash=details_hash(details, salt),
        evidence_root=proof.root if proof else ZERO_HASH,
        evidence_size=proof.size if proof else 0,
        **_seen(conn),
    )
    links = {
        "amends": None,
        "shipment_tenant_id": shipment.tenant_id if shipment else None,
        "shipment_id": shipment.shipment_id if shipment else None,
        "evidence_id": evidence.create_evidence(conn, tenant_id=tenant_id, evidence=proof) if proof else None,
    }
    return _create(conn, record, details, salt, proposal.role, **links)


def amend(
    conn: Conn,
    *,
    tenant_id: UUID,
    handoff_id: UUID,
    details: Details,
    signer: bytes | None,
    expires_at: datetime | None,
    now: datetime,
) -> StoredHandoff:
    """The other party's own words for an offer: fewer goods, another seal, damage. A draft for it to sign and offer.

    The place in the chain, the time and the evidence stay. Conflict where the handoff is not offered, Forbidden where
    the tenant is not that of the other party.
    """
    offered = handoffs.get_handoff(conn, handoff_id)
    record = check_answerable(offered, tenant_id)
    side = offered.side(offered.answerer)
    key = _key(parties.get_party(conn, side.party_id), signer or side.address, pointer="/signer")
    said, salt = json.loads(offered.details or "{}"), new_salt()
    words = _details(details, said.get(_EVIDENCE))
    changed: dict[str, Any] = {
        offered.answerer.value: key.address,
        "expires_at": _expires_at(expires_at, now),
        "details_hash": details_hash(words, salt),
        **_seen(conn),
    }
    links = {
        "amends": offered.handoff_id,
        "shipment_tenant_id": offered.shipment_tenant_id,
        "shipment_id": offered.shipment_id,
        "evidence_id": offered.evidence_id,
    }
    return _create(conn, replace(record, **changed), words, salt, offered.answerer, **links)


def _create(
    conn: Conn, record: Handoff, details: Details, salt: bytes, proposer: Party, **links: UUID | None
) -> StoredHandoff:
    releaser = parties.find_party_of_address(conn, record.releaser)
    receiver = parties.find_party_of_address(conn, record.receiver)
    new = NewHandoff(
        record=record,
        digest=digest(signing_domain(conn), record),
        releaser_tenant_id=releaser.tenant_id,
        releaser_party_id=releaser.party_id,
        receiver_tenant_id=receiver.tenant_id,
        receiver_party_id=receiver.party_id,
        proposer=proposer,
        details=canonical_json(details).decode(),
        details_salt=salt,
        **links,
    )
    return handoffs.create_handoff(conn, new)


def _keys(conn: Conn, tenant_id: UUID, proposal: Proposal) -> dict[Party, PartyKey]:
    """The key of each side."""
    own = parties.find_party_of_address(conn, proposal.signer)
    if own.tenant_id != tenant_id:
        raise InvalidInput("expected the address of a key of a party of yours", pointer="/signer")
    other = parties.get_party(conn, proposal.counterparty)
    keys = [
        _key(own, proposal.signer, pointer="/signer"),
        _key(other, proposal.counterparty_address, pointer="/counterparty_address"),
    ]
    sides = [Party.RELEASER, Party.RECEIVER]
    return dict(zip(sides if proposal.role is Party.RELEASER else reversed(sides), keys, strict=True))


def _key(party: Custodian, address: bytes | None, *, pointer: str) -> PartyKey:
    valid = [key for key in party.keys if key.revoked_at is None and address in {None, key.address}]
    if not valid:
        which = "any" if address is None else to_address(address)
        raise InvalidInput(f"expected a valid key of {party.name}, got {which}: none such, or revoked", pointer=pointer)
    return valid[-1]


def _item(proposal: Proposal) -> str:
    if proposal.item is not None:
        return proposal.item
    if proposal.shipment_id is None:
        raise InvalidInput("expected an item, or a shipment that is one, got neither", pointer="/item")
    return shipment_item(proposal.shipment_id)


def _shipment_id(proposal: Proposal, item: str) -> UUID | None:
    """Whose readings are the evidence: of an item that is a shipment no other's, or anybody could begin its chain."""
    if not item.lower().startswith(SHIPMENT_ITEM):
        return proposal.shipment_id
    shipment_id = _shipment_of(item)
    if proposal.shipment_id not in {None, shipment_id}:
        raise InvalidInput(f"expected the item's own shipment, got {proposal.shipment_id}", pointer="/shipment_id")
    return shipment_id


def _shipment_of(item: str) -> UUID:
    """The id in an item that is a shipment, which has one spelling: a second one would be a second chain."""
    try:
        shipment_id = UUID(item[len(SHIPMENT_ITEM) :])
    except ValueError:
        raise InvalidInput(f"expected {SHIPMENT_ITEM}<uuid>, got {item}", pointer="/item") from None
    if item != shipment_item(shipment_id):
        raise InvalidInput(f"expected {shipment_item(shipment_id)}, got {item}", pointer="/item")
    return shipment_id


def _shipment(conn: Conn, shipment_id: UUID | None, head: ItemHead | None) -> Shipment | None:
    """The shipment, where it is the tenant's. Only its tenant can begin its chain; others carry it on."""
    if shipment_id is None:
        return None
    try:
        return shipments.get_shipment(conn, shipment_id)
    except NotFound:
        if head is None:
            raise InvalidInput("expected the id of a shipment that exists", pointer="/shipment_id") from None
    return None


def _occurred_at(said: datetime | None, head: ItemHead | None, now: datetime) -> datetime:
    at = (said or now).replace(microsecond=0)
    if at > now or (head is not None and at < head.occurred_at):
        earliest = f"from {head.occurred_at.isoformat()} " if head else ""
        raise InvalidInput(f"expected a time {earliest}to now, got {at.isoformat()}", pointer="/occurred_at")
    return at


def _expires_at(said: datetime | None, now: datetime) -> datetime:
    at = (said or now + LIFE).replace(microsecond=0)
    if not now < at <= now + MAX_LIFE:
        raise InvalidInput(
            f"expected a time within {MAX_LIFE.days} days from now, got {at.isoformat()}", pointer="/expires_at"
        )
    return at


def _evidence_of(
    conn: Conn, shipment: Shipment | None, head: ItemHead | None, until: datetime, cutoff: datetime
) -> NewEvidence | None:
    """The readings since the item's last handoff; None where there are none, or they are another tenant's."""
    if shipment is None:
        return None
    legs = evidence.list_spans(conn, shipment.shipment_id, since=head.occurred_at if head else None, until=until)
    found = evidence.collect(conn, legs, cutoff=cutoff)
    return found if found.size else None


def _evidence_document(proof: NewEvidence | None) -> dict[str, Any] | None:
    if proof is None:
        return None
    legs = [
        {"device": leg.device, "from": leg.begins_at.isoformat(), "until": leg.ends_at.isoformat()}
        for leg in proof.legs
    ]
    return {"cutoff": proof.cutoff.isoformat(), "legs": legs}


def _details(said: Details, proof: dict[str, Any] | None) -> dict[str, Any]:
    """The details with what the evidence is of."""
    if _EVIDENCE in said:
        raise InvalidInput("expected no member `evidence`: it is filled in", pointer=f"/details/{_EVIDENCE}")
    details = {**said, **({_EVIDENCE: proof} if proof else {})}
    size = len(canonical_json(details))
    if size > MAX_DETAILS_BYTES:
        raise InvalidInput(f"expected at most {MAX_DETAILS_BYTES} bytes of details, got {size}", pointer="/details")
    return details


def _seen(conn: Conn) -> dict[str, Any]:
    size, root = handoffs.seen_checkpoint(conn) or (0, ZERO_HASH)
    return {"seen_size": size, "seen_root": root}
