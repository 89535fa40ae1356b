"""What an operator erases is gone everywhere, and every other proof holds."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from wayproof.ledger.erasure import erase
from wayproof.ledger.leaves import handoff_leaf, tombstone_leaf
from wayproof.model.custody import Erasure, StoredHandoff
from wayproof.model.errors import Conflict, NotFound
from wayproof.model.handoff import SignedHandoff
from wayproof.model.merkle import leaf_hash, root_from_inclusion
from wayproof.store import log
from wayproof.store.pool import Conn

from fix_custody import Organisation

SECRET = "Jane Doe took it"


def _erase(conn: Conn, handoff: StoredHandoff, *, is_whole: bool = False) -> Erasure:
    with conn.transaction():
        return erase(
            conn,
            handoff.handoff_id,
            is_whole=is_whole,
            reason="request 17",
            erased_by="operator",
            now=datetime.now(UTC),
        )


def _everything(conn: Conn, table: str) -> str:
    rows = conn.execute(f"select {table}::text from {table}".encode()).fetchall()  # noqa: S608 - our own names
    return "\n".join(text for (text,) in rows)


@pytest.fixture
def accepted(shipper: Organisation, carrier: Organisation) -> StoredHandoff:
    """An accepted handoff whose details name a person, with another leaf behind it."""
    handoff = shipper.hand_over(carrier, details={"people": [SECRET]})
    shipper.hand_over(carrier, item="urn:epc:id:sscc:0614141.1")
    return handoff


def test_details_are_gone(accepted: StoredHandoff, shipper: Organisation, superuser: Conn) -> None:
    """Details and salt are gone for both; record, signatures and leaf stand, and a tombstone and a note tell."""
    erased = _erase(superuser, accepted)
    seen = shipper.see(accepted.handoff_id)
    assert (seen.details, seen.details_salt) == (None, None)
    assert (seen.record, seen.leaf_salt) == (accepted.record, accepted.leaf_salt)
    assert (erased.leaf_index, erased.tombstone_index, erased.reason) == (0, 2, "request 17")
    assert SECRET not in _everything(superuser, "handoff")


def test_whole_record_is_gone(accepted: StoredHandoff, shipper: Organisation, superuser: Conn) -> None:
    """Erased as a whole, neither keys nor signatures nor the leaf's salt and payload stand anywhere."""
    assert accepted.releaser.signature is not None
    assert accepted.leaf_salt is not None
    _erase(superuser, accepted, is_whole=True)
    seen = shipper.see(accepted.handoff_id)
    assert (seen.record, seen.releaser.signature, seen.receiver.address, seen.leaf_salt) == (None, None, None, None)
    left = _everything(superuser, "handoff") + _everything(superuser, "log_entry")
    for gone in (accepted.releaser.signature, accepted.leaf_salt, SECRET.encode()):
        assert gone.hex() not in left
        assert gone.decode("latin-1") not in left


@pytest.mark.parametrize("is_whole", [False, True])
def test_every_other_proof_holds(accepted: StoredHandoff, superuser: Conn, *, is_whole: bool) -> None:
    """The root before is unchanged, and each leaf, the erased one too, is proven in the tree after."""
    before = log.root_at(superuser, 2)
    _erase(superuser, accepted, is_whole=is_whole)
    assert log.root_at(superuser, 2) == before
    root = log.root_at(superuser, 3)
    for leaf in log.entries(superuser, 0, 3):
        proof = log.inclusion_proof(superuser, leaf.leaf_index, 3)
        found = root_from_inclusion(leaf=leaf_hash(leaf.entry), index=leaf.leaf_index, size=3, proof=proof)
        assert found == root


def test_tombstone_says_what_and_why(accepted: StoredHandoff, superuser: Conn) -> None:
    """The tombstone's leaf commits to the index that was erased, the time, and the reason."""
    erased = _erase(superuser, accepted)
    [opening] = log.openings(superuser, 2, 1)
    assert opening.salt is not None
    wanted = tombstone_leaf(
        erased=0, erased_at=erased.erased_at.replace(microsecond=0), reason="request 17", salt=opening.salt
    )
    assert log.entries(superuser, 2, 1)[0].entry == wanted


def test_chain_goes_on_after_an_erasure(
    accepted: StoredHandoff, carrier: Organisation, consignee: Organisation, shipper: Organisation, superuser: Conn
) -> None:
    """An item whose last handoff was erased as a whole is handed over again, by its holder alone."""
    _erase(superuser, accepted, is_whole=True)
    with pytest.raises(Conflict, match="holds it"):
        shipper.draft(consignee)
    assert carrier.hand_over(consignee).seq == 2


def test_erasing_twice(accepted: StoredHandoff, superuser: Conn) -> None:
    """What is erased cannot be erased again, but details first and the whole later can."""
    _erase(superuser, accepted)
    with pytest.raises(Conflict, match="erased already"):
        _erase(superuser, accepted)
    _erase(superuser, accepted, is_whole=True)
    with pytest.raises(Conflict, match="erased already"):
        _erase(superuser, accepted, is_whole=True)
    assert superuser.execute("select count(*) from erasure").fetchone() == (2,)


def test_refused_offer_needs_no_tombstone(shipper: Organisation, carrier: Organisation, superuser: Conn) -> None:
    """What never was in the log is erased without a tombstone."""
    refused = carrier.refuse(shipper.offer(shipper.draft(carrier)))
    erased = _erase(superuser, refused, is_whole=True)
    assert (erased.leaf_index, erased.tombstone_index) == (None, None)
    assert log.size(superuser) == 0
    assert shipper.see(refused.handoff_id).refusal is None


def test_unknown_handoff(superuser: Conn, accepted: StoredHandoff) -> None:
    """Only what exists can be erased."""
    with pytest.raises(NotFound):
        _erase(superuser, replace(accepted, handoff_id=uuid4()))


def test_leaf_still_opens_while_only_details_are_erased(accepted: StoredHandoff, superuser: Conn) -> None:
    """Without its details a handoff is still proven: the leaf is that of record and signatures."""
    _erase(superuser, accepted)
    assert accepted.record is not None
    assert accepted.releaser.signature is not None
    assert accepted.receiver.signature is not None
    assert accepted.leaf_salt is not None
    signed = SignedHandoff(
        handoff=accepted.record,
        releaser_signature=accepted.releaser.signature,
        receiver_signature=accepted.receiver.signature,
    )
    assert log.entries(superuser, 0, 1)[0].entry == handoff_leaf(signed, accepted.leaf_salt)
