"""How custody passes: drafted, offered by one party, then accepted, refused or amended by the other.

Everything that a handoff promises is decided here; `wayproof.store.handoffs` keeps it. Signing happens elsewhere: in
come signatures, and no private key is ever seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from wayproof.ledger.leaves import handoff_entry, handoff_payload, new_salt
from wayproof.ledger.signatures import check_signature
from wayproof.ledger.typed_data import claim_digest, digest, refusal_digest
from wayproof.model.custody import Acceptance, ItemHead, PartyKey, Refusal, Side, StoredHandoff
from wayproof.model.errors import Conflict, Forbidden, InvalidInput, InvalidProof, NotFound
from wayproof.model.handoff import Handoff, HandoffState, Party, SignedHandoff, SigningDomain
from wayproof.model.log import NewEntry
from wayproof.store import handoffs, log, parties
from wayproof.store.pool import Conn

CLOCK_LEEWAY: Final = timedelta(minutes=10)
"""How far the time in a key's claim or a refusal may lie from ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The other party's signature under an offer."""

    handoff_id: UUID
    signature: bytes


def signing_domain(conn: Conn) -> SigningDomain:
    """For which chain and contract everything here is signed. NotFound until the log is founded."""
    identity = log.identity(conn)
    return SigningDomain(chain_id=identity.chain_id, contract=identity.contract)


def register_key(
    conn: Conn,
    *,
    tenant_id: UUID,
    party_id: UUID,
    address: bytes,
    claimed_at: datetime,
    signature: bytes,
    now: datetime,
) -> PartyKey:
    """Registers a key that its holder has signed to be the party's.

    NotFound for another tenant's party, InvalidProof where somebody else signed, InvalidInput where the claim is not of
    now, Conflict where the address is registered already.
    """
    if parties.get_party(conn, party_id).tenant_id != tenant_id:
        raise NotFound(f"no party {party_id} of yours")
    _check_of_now(claimed_at, now, pointer="/claimed_at")
    claimed = claim_digest(signing_domain(conn), party=str(party_id), key=address, claimed_at=claimed_at)
    check_signature(claimed, signature, address, who="key's holder")
    return parties.add_key(
        conn, tenant_id=tenant_id, party_id=party_id, address=address, claim=signature, claimed_at=claimed_at
    )


def offer(conn: Conn, *, tenant_id: UUID, handoff_id: UUID, signature: bytes) -> StoredHandoff:
    """The proposer signs a draft. One that amends an offer answers it at the same time."""
    handoff = handoffs.get_handoff(conn, handoff_id)
    locked = handoffs.lock_handoffs(conn, [handoff_id, *([handoff.amends] if handoff.amends else [])])
    handoff = locked[0]
    _check_state(handoff, HandoffState.DRAFT)
    side = _own_side(handoff, handoff.proposer, tenant_id)
    _check_key(handoff, handoff.proposer)
    record = _record(handoff)
    signed = digest(signing_domain(conn), record)
    check_signature(signed, signature, side.address or b"", who=handoff.proposer)
    for amended in locked[1:]:
        _check_state(amended, HandoffState.OFFERED)
        handoffs.set_amended(conn, amended.handoff_id)
    handoffs.set_offered(conn, handoff_id, signature)
    return handoffs.get_handoff(conn, handoff_id)


def accept(conn: Conn, *, tenant_id: UUID, handoff_id: UUID, signature: bytes) -> StoredHandoff:
    """The other party signs an offer: from now on it has custody, and the log says so. As `accept_many`."""
    accept_many(conn, tenant_id=tenant_id, answers=[Answer(handoff_id=handoff_id, signature=signature)])
    return handoffs.get_handoff(conn, handoff_id)


def accept_many(conn: Conn, *, tenant_id: UUID, answers: Sequence[Answer]) -> range:
    """Accepts offers, all or none, and returns the indexes of their leaves. The transaction must end soon after.

    Checked of each: its state and time, both keys and both signatures, that the releaser holds the item and the record
    continues the item's chain, and that the checkpoint which the parties saw is one of this log. NotFound, Conflict,
    Forbidden or InvalidProof name the first that fails.
    """
    offers = handoffs.lock_handoffs(conn, [answer.handoff_id for answer in answers])
    domain = signing_domain(conn)
    for handoff in offers:
        _check_state(handoff, HandoffState.OFFERED)
        _own_side(handoff, handoff.answerer, tenant_id)
        _check_key(handoff, Party.RELEASER)
        _check_key(handoff, Party.RECEIVER)
    _check_chains(conn, offers)
    _check_seen(conn, offers)
    signed = [_signed(domain, handoff, answer.signature) for handoff, answer in zip(offers, answers, strict=True)]
    indexes = log.append(conn, [_entry(each) for each in signed])  # last: from here on every other acceptance waits
    handoffs.set_accepted(
        conn,
        [
            Acceptance(handoff_id=answer.handoff_id, signature=answer.signature, leaf_index=leaf_index)
            for answer, leaf_index in zip(answers, indexes, strict=True)
        ],
    )
    return indexes


def refuse(conn: Conn, *, tenant_id: UUID, handoff_id: UUID, refusal: Refusal, now: datetime) -> StoredHandoff:
    """The other party signs that it does not take the handoff."""
    [handoff] = handoffs.lock_handoffs(conn, [handoff_id])
    _check_state(handoff, HandoffState.OFFERED)
    side = _own_side(handoff, handoff.answerer, tenant_id)
    _check_key(handoff, handoff.answerer)
    _check_of_now(refusal.refused_at, now, pointer="/refused_at")
    refused = refusal_digest(
        signing_domain(conn), handoff=handoff.digest, reason=refusal.reason, refused_at=refusal.refused_at
    )
    check_signature(refused, refusal.signature, side.address or b"", who=handoff.answerer)
    handoffs.set_refused(conn, handoff_id, refusal)
    return handoffs.get_handoff(conn, handoff_id)


def check_held(head: ItemHead | None, item: str) -> None:
    """That the releaser is who received the item last; Conflict otherwise."""
    if head is not None and not head.is_held:
        raise Conflict(f"item {item}: expected a releaser who holds it; another party received it last")


def check_answerable(handoff: StoredHandoff, tenant_id: UUID) -> Handoff:
    """The record of an offer that the tenant may answer; Conflict or Forbidden otherwise."""
    _check_state(handoff, HandoffState.OFFERED)
    _own_side(handoff, handoff.answerer, tenant_id)
    return _record(handoff)


def _check_state(handoff: StoredHandoff, expected: HandoffState) -> None:
    if handoff.state is not expected:
        found = handoff.state.value
        raise Conflict(f"handoff {handoff.handoff_id}: expected one that is {expected.value}, got one that is {found}")


def _own_side(handoff: StoredHandoff, which: Party, tenant_id: UUID) -> Side:
    side = handoff.side(which)
    if side.tenant_id != tenant_id:
        raise Forbidden(f"handoff {handoff.handoff_id}: it is for the {which.value}, {side.name}, to sign this")
    return side


def _check_key(handoff: StoredHandoff, which: Party) -> None:
    revoked_at = handoff.side(which).key_revoked_at
    if revoked_at is not None:
        raise InvalidProof(
            f"handoff {handoff.handoff_id}: the {which.value}'s key was revoked at {revoked_at.isoformat()}; "
            "draft the handoff anew with a key that is valid"
        )


def _check_of_now(at: datetime, now: datetime, *, pointer: str) -> None:
    if abs(at - now) > CLOCK_LEEWAY:
        raise InvalidInput(
            f"expected a time at most {CLOCK_LEEWAY} from {now.isoformat()}, got {at.isoformat()}", pointer=pointer
        )


def _check_chains(conn: Conn, offers: Sequence[StoredHandoff]) -> None:
    heads = handoffs.item_heads(conn, [(offer.item, offer.releaser.party_id) for offer in offers])
    for handoff in offers:
        head = heads.get(handoff.item)
        check_held(head, handoff.item)
        seq, prev = (head.seq + 1, head.digest) if head else (1, bytes(32))
        if (handoff.seq, _record(handoff).prev) != (seq, prev):
            raise Conflict(
                f"handoff {handoff.handoff_id}: expected seq {seq} after {prev.hex()}, got seq {handoff.seq}: the item "
                "has been handed over in the meantime"
            )


def _check_seen(conn: Conn, offers: Sequence[StoredHandoff]) -> None:
    seen = {(record.seen_size, record.seen_root) for record in map(_record, offers) if record.seen_size}
    for size, root in seen:
        if log.root_at(conn, size) != root:
            raise InvalidProof(f"checkpoint seen: expected the root of size {size} of this log, got {root.hex()}")


def _record(handoff: StoredHandoff) -> Handoff:
    if handoff.record is None:
        raise Conflict(f"handoff {handoff.handoff_id}: its record is erased")
    return handoff.record


def _signed(domain: SigningDomain, handoff: StoredHandoff, signature: bytes) -> SignedHandoff:
    record = _record(handoff)
    if digest(domain, record) != handoff.digest:
        raise InvalidProof(f"handoff {handoff.handoff_id}: the stored record is not the one that was offered")
    offered = handoff.side(handoff.proposer).signature or b""
    by_releaser = handoff.proposer is Party.RELEASER
    signed = SignedHandoff(
        handoff=record,
        releaser_signature=offered if by_releaser else signature,
        receiver_signature=signature if by_releaser else offered,
    )
    check_signature(handoff.digest, signed.releaser_signature, record.releaser, who=Party.RELEASER)
    check_signature(handoff.digest, signed.receiver_signature, record.receiver, who=Party.RECEIVER)
    return signed


def _entry(signed: SignedHandoff) -> NewEntry:
    salt, payload = new_salt(), handoff_payload(signed)
    return NewEntry(kind="handoff", entry=handoff_entry(payload, salt), salt=salt, payload=payload)
