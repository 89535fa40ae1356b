"""How custody passes between two parties, and what is refused."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from wayproof.ledger import custody
from wayproof.ledger.custody import Answer
from wayproof.ledger.leaves import handoff_leaf
from wayproof.ledger.signatures import KeySigner
from wayproof.ledger.typed_data import digest
from wayproof.model.custody import StoredHandoff, shipment_item
from wayproof.model.errors import Conflict, Forbidden, InvalidInput, InvalidProof, NotFound
from wayproof.model.handoff import ZERO_HASH, AnchorState, HandoffState, Party, SignedHandoff, SigningDomain
from wayproof.store import handoffs, log
from wayproof.store.pool import Conn, tenant_transaction

from fix_custody import DOMAIN, ITEM, Organisation, new_party, whole_now

HOUR = timedelta(hours=1)


def test_accepted_handoff_is_a_leaf(shipper: Organisation, carrier: Organisation, superuser: Conn) -> None:
    """Accepting appends the leaf of exactly the record and both signatures, and the handoff knows its place."""
    accepted = shipper.hand_over(carrier)
    assert (accepted.state, accepted.seq, accepted.anchor_state) == (HandoffState.ACCEPTED, 1, AnchorState.QUEUED)
    assert accepted.record is not None
    assert accepted.record.prev == ZERO_HASH
    assert accepted.releaser.signature is not None
    assert accepted.receiver.signature is not None
    signed = SignedHandoff(
        handoff=accepted.record,
        releaser_signature=accepted.releaser.signature,
        receiver_signature=accepted.receiver.signature,
    )
    assert accepted.leaf_index == 0
    assert accepted.leaf_salt is not None
    [leaf] = log.entries(superuser, 0, 10)
    assert leaf.entry == handoff_leaf(signed, accepted.leaf_salt)


def test_chain_goes_on_from_who_received(shipper: Organisation, carrier: Organisation, consignee: Organisation) -> None:
    """The next handoff of an item names the digest of the one before, and only who received the item can release it."""
    first = shipper.hand_over(carrier)
    with pytest.raises(Conflict, match="holds it"):
        shipper.draft(consignee)
    second = carrier.hand_over(consignee)
    assert second.record is not None
    assert (second.seq, second.record.prev) == (2, first.digest)
    with pytest.raises(Conflict, match="holds it"):
        carrier.draft(shipper)


def test_receiver_may_begin(shipper: Organisation, carrier: Organisation) -> None:
    """Either side may propose; the other one accepts."""
    drafted = carrier.draft(shipper, role=Party.RECEIVER)
    assert (drafted.releaser.name, drafted.receiver.name) == ("shipper", "carrier")
    assert shipper.accept(carrier.offer(drafted)).state is HandoffState.ACCEPTED


def test_two_parties_of_one_tenant(shipper: Organisation) -> None:
    """Two parties of the same tenant can hand over to each other."""
    key = KeySigner(b"\7" * 32)
    depot = Organisation(registry=shipper.registry, party=new_party(shipper.registry, "depot", key), key=key)
    assert shipper.hand_over(depot).state is HandoffState.ACCEPTED


def test_draft_is_seen_by_its_proposer_alone(shipper: Organisation, carrier: Organisation) -> None:
    """What nobody has signed is not shown to the other party; what was offered is."""
    drafted = shipper.draft(carrier)
    with pytest.raises(NotFound):
        carrier.see(drafted.handoff_id)
    shipper.offer(drafted)
    assert carrier.see(drafted.handoff_id).state is HandoffState.OFFERED


def test_third_tenant_sees_nothing(shipper: Organisation, carrier: Organisation, consignee: Organisation) -> None:
    """A handoff is found by the tenants of releaser and receiver, and by nobody else in any state."""
    accepted = shipper.hand_over(carrier)
    offered = carrier.offer(carrier.draft(shipper))
    for handoff in (accepted, offered):
        with pytest.raises(NotFound):
            consignee.see(handoff.handoff_id)
    with tenant_transaction(consignee.registry.pool, consignee.tenant_id) as conn:
        assert handoffs.list_handoffs(conn, limit=10) == []
        assert handoffs.list_chain(conn, item=ITEM, limit=10) == []
        assert conn.execute("select count(*) from handoff").fetchone() == (0,)
        assert conn.execute("select count(*) from party").fetchone() == (1,)


@pytest.mark.parametrize("do", ["offer", "accept", "refuse"])
def test_only_the_side_whose_turn_it_is(shipper: Organisation, carrier: Organisation, do: str) -> None:
    """A party cannot answer its own offer, nor offer what the other drafted."""
    drafted = shipper.draft(carrier)
    with pytest.raises(Forbidden if do != "offer" else NotFound):
        getattr(carrier if do == "offer" else shipper, do)(drafted if do == "offer" else shipper.offer(drafted))


@pytest.mark.parametrize("wrong", ["another key", "another handoff", "swapped", "high s", "wrong chain"])
def test_wrong_signatures_are_refused(shipper: Organisation, carrier: Organisation, wrong: str) -> None:
    """A signature by another key, of other words or side, malleated, or for another chain accepts nothing."""
    offered, other = shipper.offer(shipper.draft(carrier)), shipper.draft(carrier)
    signature = _signed_wrongly(wrong, carrier, offered, other)
    with pytest.raises(InvalidProof):
        carrier.accept(offered, signature)
    assert shipper.see(offered.handoff_id).state is HandoffState.OFFERED


def _signed_wrongly(how: str, by: Organisation, offered: StoredHandoff, other: StoredHandoff) -> bytes | None:
    match how:
        case "another key":
            return KeySigner(b"\7" * 32).sign(offered.digest)
        case "another handoff":
            return by.key.sign(other.digest)
        case "swapped":
            return offered.releaser.signature
        case "high s":
            return _malleated(by.key.sign(offered.digest))
        case _:
            return by.key.sign(_on_another_chain(offered))


def _malleated(signature: bytes) -> bytes:
    order = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
    s = order - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def _on_another_chain(handoff: StoredHandoff) -> bytes:
    assert handoff.record is not None
    return digest(SigningDomain(chain_id=1, contract=DOMAIN.contract), handoff.record)


def test_offer_of_one_handoff_is_none_of_another(shipper: Organisation, carrier: Organisation) -> None:
    """A signature under one draft cannot be replayed under a second one of the same goods."""
    first, second = shipper.draft(carrier), shipper.draft(carrier)
    with pytest.raises(InvalidProof):
        shipper.offer(second, shipper.key.sign(first.digest))


def test_answer_counts_once(shipper: Organisation, carrier: Organisation) -> None:
    """What was accepted can be neither accepted again nor refused nor offered again."""
    accepted = shipper.hand_over(carrier)
    for again in (carrier.accept, carrier.refuse):
        with pytest.raises(Conflict, match="got one that is accepted"):
            again(accepted)
    with pytest.raises(Conflict, match="expected one that is draft"):
        shipper.offer(accepted)


def test_fork_is_refused(shipper: Organisation, carrier: Organisation, consignee: Organisation) -> None:
    """Of two offers for the same place of the chain the second cannot be accepted."""
    to_carrier, to_consignee = shipper.offer(shipper.draft(carrier)), shipper.offer(shipper.draft(consignee))
    carrier.accept(to_carrier)
    with pytest.raises(Conflict):
        consignee.accept(to_consignee)


def test_operator_cannot_log_a_fork(shipper: Organisation, carrier: Organisation, superuser: Conn) -> None:
    """The table itself holds one accepted handoff an item and seq, whoever writes."""
    shipper.hand_over(carrier, item="urn:epc:id:sgtin:0614141.812345.1")
    shipper.hand_over(carrier)
    with pytest.raises(Exception, match="handoff_forks"):
        superuser.execute("update handoff set item = %s", [ITEM])


def test_one_of_concurrent_acceptances_wins(
    shipper: Organisation, carrier: Organisation, consignee: Organisation, superuser: Conn
) -> None:
    """Of many acceptances for one place of a chain at the same time exactly one stands, and one leaf."""
    offers = [(to, shipper.offer(shipper.draft(to))) for to in (carrier, consignee) * 3]

    def accept(each: tuple[Organisation, StoredHandoff]) -> bool:
        try:
            each[0].accept(each[1])
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(6) as many:
        assert sum(many.map(accept, offers)) == 1
    assert log.size(superuser) == 1


def test_same_acceptance_twice_at_once(shipper: Organisation, carrier: Organisation, superuser: Conn) -> None:
    """The same acceptance sent by several clients at once is one handoff and one leaf."""
    offered = shipper.offer(shipper.draft(carrier))

    def accept(_: int) -> bool:
        try:
            carrier.accept(offered)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as many:
        assert sum(many.map(accept, range(4))) == 1
    assert log.size(superuser) == 1


def test_expired_offer_cannot_be_answered(shipper: Organisation, carrier: Organisation, superuser: Conn) -> None:
    """Past its expiry an offer reads as expired, and can be neither accepted, refused nor amended."""
    offered = shipper.offer(shipper.draft(carrier))
    superuser.execute("update handoff set expires_at = now() - interval '1 second'")
    assert carrier.see(offered.handoff_id).state is HandoffState.EXPIRED
    for answer in (carrier.accept, carrier.refuse, carrier.amend):
        with pytest.raises(Conflict, match="expired"):
            answer(offered)


def test_expired_draft_cannot_be_offered(shipper: Organisation, carrier: Organisation, superuser: Conn) -> None:
    """A draft whose time is over cannot be offered."""
    drafted = shipper.draft(carrier)
    superuser.execute("update handoff set expires_at = now()")
    with pytest.raises(Conflict, match="expired"):
        shipper.offer(drafted)


def test_refusal_is_signed(shipper: Organisation, carrier: Organisation) -> None:
    """A refusal keeps reason, time and signature, and ends the offer; one that others signed does nothing."""
    offered = shipper.offer(shipper.draft(carrier))
    with pytest.raises(InvalidProof):
        carrier.refuse(offered, signature=shipper.key.sign(offered.digest))
    with pytest.raises(InvalidInput):
        carrier.refuse(offered, refused_at=whole_now() - HOUR)
    refused = carrier.refuse(offered)
    assert refused.state is HandoffState.REFUSED
    assert refused.refusal is not None
    assert refused.refusal.reason == "broken seal"
    with pytest.raises(Conflict, match="refused"):
        carrier.accept(offered)


def test_amendment_turns_the_tables(shipper: Organisation, carrier: Organisation) -> None:
    """The other party's own words are offered to the proposer, who accepts them; the first offer is amended."""
    offered = shipper.offer(shipper.draft(carrier))
    words = carrier.amend(offered, details={"goods": [{"name": "Vaccine", "quantity": 18, "unit": "pallet"}]})
    assert shipper.see(offered.handoff_id).state is HandoffState.OFFERED
    amended = carrier.offer(words)
    assert (amended.amends, amended.proposer, amended.seq) == (offered.handoff_id, Party.RECEIVER, 1)
    assert shipper.see(offered.handoff_id).state is HandoffState.AMENDED
    with pytest.raises(Conflict, match="amended"):
        carrier.accept(offered)
    accepted = shipper.accept(amended)
    assert accepted.state is HandoffState.ACCEPTED
    assert '"quantity":18' in (accepted.details or "")


def test_only_the_other_party_amends(shipper: Organisation, carrier: Organisation) -> None:
    """The proposer cannot amend its own offer, and nobody amends what is not offered."""
    drafted = shipper.draft(carrier)
    with pytest.raises(Conflict, match="draft"):
        shipper.amend(drafted)
    with pytest.raises(Forbidden):
        shipper.amend(shipper.offer(drafted))


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"item": "no uri"}, "/item"),
        ({"item": None}, "/item"),
        ({"item": "urn:wayproof:shipment:x"}, "/item"),
        ({"item": f"urn:wayproof:shipment:{uuid4()}"}, "/shipment_id"),
        ({"occurred_at": datetime.now(UTC) + HOUR}, "/occurred_at"),
        ({"expires_at": datetime.now(UTC) - HOUR}, "/expires_at"),
        ({"expires_at": datetime.now(UTC) + 1000 * HOUR}, "/expires_at"),
        ({"details": {"evidence": 1}}, "/details/evidence"),
        ({"details": {"note": "x" * 4096}}, "/details"),
        ({"details": {"n": 2**53}}, None),
        ({"shipment_id": uuid4()}, "/shipment_id"),
    ],
)
def test_impossible_drafts(shipper: Organisation, carrier: Organisation, said: dict[str, object], pointer: str) -> None:
    """What cannot be signed is refused with a pointer to the value."""
    with pytest.raises(InvalidInput) as caught:
        shipper.draft(carrier, **said)
    assert caught.value.pointer == pointer


def test_shipment_has_one_spelling(shipper: Organisation, carrier: Organisation) -> None:
    """Another way to write a shipment's id would be a second chain of the same goods; it is refused."""
    shipment_id = shipper.registry.shipment().shipment_id
    item, plain = shipment_item(shipment_id), str(shipment_id)
    for spelled in (
        item.replace(plain, plain.upper()),
        item.replace(plain, plain.replace("-", "")),
        item.replace(plain, f"{{{plain}}}"),
        item.replace(plain, f"urn:uuid:{plain}"),
        item.replace("wayproof", "Wayproof"),
    ):
        with pytest.raises(InvalidInput) as caught:
            shipper.draft(carrier, item=spelled)
        assert caught.value.pointer == "/item", spelled
    assert shipper.draft(carrier, item=item).item == item


def test_nobody_else_begins_the_chain_of_a_shipment(shipper: Organisation, carrier: Organisation) -> None:
    """The chain of a shipment is begun by its tenant, whatever shipment of its own another one names beside it."""
    theirs, own = carrier.registry.shipment(), shipper.registry.shipment()
    for shipment_id in (own.shipment_id, None):
        with pytest.raises(InvalidInput) as caught:
            shipper.draft(carrier, item=shipment_item(theirs.shipment_id), shipment_id=shipment_id)
        assert caught.value.pointer == "/shipment_id"


def test_batch_is_all_or_nothing(shipper: Organisation, carrier: Organisation, superuser: Conn) -> None:
    """Many offers are accepted together with adjoining leaves; one wrong signature among them accepts none."""
    offers = [shipper.offer(shipper.draft(carrier, item=f"urn:epc:id:sscc:0614141.{n}")) for n in range(5)]
    answers = [Answer(handoff_id=each.handoff_id, signature=carrier.key.sign(each.digest)) for each in offers]
    wrong = [*answers[:4], Answer(handoff_id=offers[4].handoff_id, signature=answers[0].signature)]
    with pytest.raises(InvalidProof), tenant_transaction(carrier.registry.pool, carrier.tenant_id) as conn:
        custody.accept_many(conn, tenant_id=carrier.tenant_id, answers=wrong)
    assert log.size(superuser) == 0
    with tenant_transaction(carrier.registry.pool, carrier.tenant_id) as conn:
        accepted = custody.accept_many(conn, tenant_id=carrier.tenant_id, answers=answers)
    assert list(accepted) == [carrier.see(each.handoff_id).leaf_index for each in offers] == [0, 1, 2, 3, 4]


def test_seen_checkpoint_must_be_of_this_log(shipper: Organisation, carrier: Organisation, superuser: Conn) -> None:
    """A record that names a checkpoint which this log never had is not accepted, though both signed it."""
    shipper.hand_over(carrier, item="urn:epc:id:sscc:0614141.1")
    superuser.execute("insert into log_checkpoint (size, root, note) values (1, %s, '')", [b"\1" * 32])
    superuser.execute(
        "insert into anchor (size, root, note_hash, state, tx_hash, block_number, block_hash, block_time, fee_wei)"
        " values (1, %(h)s, %(h)s, 'final', %(h)s, 1, %(h)s, now(), 1)",
        {"h": b"\1" * 32},
    )
    offered = shipper.offer(shipper.draft(carrier))
    assert offered.record is not None
    assert offered.record.seen_size == 1
    with pytest.raises(InvalidProof, match="checkpoint seen"):
        carrier.accept(offered)


def test_record_changed_in_the_database_is_not_accepted(
    shipper: Organisation, carrier: Organisation, superuser: Conn
) -> None:
    """A record that somebody has changed since it was offered cannot be accepted."""
    offered = shipper.offer(shipper.draft(carrier))
    superuser.execute("update handoff set occurred_at = occurred_at - interval '1 hour'")
    with pytest.raises(InvalidProof, match="not the one that was offered"):
        carrier.accept(offered)
