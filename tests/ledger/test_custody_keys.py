"""Whose key signs: known, not revoked, of one party, and proved to be held by who registers it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from wayproof.ledger import custody
from wayproof.ledger.signatures import KeySigner
from wayproof.ledger.typed_data import claim_digest
from wayproof.model.errors import Conflict, InvalidInput, InvalidProof, NotFound, WayproofError
from wayproof.store.pool import tenant_transaction

from fix_custody import DOMAIN, Organisation, whole_now

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("whose", ["releaser", "receiver"])
def test_revoked_key_signs_nothing(shipper: Organisation, carrier: Organisation, whose: str) -> None:
    """A handoff whose key was revoked after the offer is not accepted, and no new one can name that key."""
    offered = shipper.offer(shipper.draft(carrier))
    (shipper if whose == "releaser" else carrier).revoke()
    with pytest.raises(InvalidProof, match=f"the {whose}'s key was revoked"):
        carrier.accept(offered)
    with pytest.raises(InvalidInput, match="revoked"):
        shipper.draft(carrier)


def test_draft_with_a_key_revoked_since_cannot_be_offered(shipper: Organisation, carrier: Organisation) -> None:
    """A key that is revoked between draft and offer offers nothing."""
    drafted = shipper.draft(carrier)
    shipper.revoke()
    with pytest.raises(InvalidProof, match="revoked"):
        shipper.offer(drafted)


def test_another_key_of_the_same_party_carries_on(
    shipper: Organisation, carrier: Organisation, consignee: Organisation
) -> None:
    """Custody is the party's and not the key's: after a key is revoked, another one of the party releases the item."""
    shipper.hand_over(carrier)
    key = KeySigner(b"\5" * 32)
    carrier.register(key)
    carrier.revoke()
    carrier.key = key
    assert carrier.hand_over(consignee).seq == 2


def test_unknown_keys_and_parties(shipper: Organisation, carrier: Organisation) -> None:
    """A draft names keys that are registered: one's own, and one of the other party."""
    stranger = KeySigner(b"\7" * 32).address
    with pytest.raises(NotFound, match="register the key"):
        shipper.draft(carrier, signer=stranger)
    with pytest.raises(InvalidInput, match="party of yours"):
        shipper.draft(carrier, signer=carrier.key.address)
    with pytest.raises(NotFound, match="no party"):
        shipper.draft(carrier, counterparty=uuid4())
    with pytest.raises(InvalidInput, match="valid key"):
        shipper.draft(carrier, counterparty_address=stranger)


def test_key_belongs_to_one_party(shipper: Organisation, carrier: Organisation) -> None:
    """An address that any tenant has registered can be registered by no other, not even after its revocation."""
    shipper.revoke()
    with pytest.raises(Conflict, match="registered already"):
        carrier.register(shipper.key)


def test_claim_proves_possession(shipper: Organisation) -> None:
    """A key is registered only by its own signature, of now, for this party."""
    key, now = KeySigner(b"\5" * 32), whole_now()

    def register(at: datetime, signature: bytes) -> None:
        with tenant_transaction(shipper.registry.pool, shipper.tenant_id) as conn:
            custody.register_key(
                conn,
                tenant_id=shipper.tenant_id,
                party_id=shipper.party.party_id,
                address=key.address,
                claimed_at=at,
                signature=signature,
                now=now,
            )

    def claim(party: str, at: datetime) -> bytes:
        return claim_digest(DOMAIN, party=party, key=key.address, claimed_at=at)

    ours = str(shipper.party.party_id)
    refused: list[tuple[datetime, bytes, type[WayproofError]]] = [
        (now, shipper.key.sign(claim(ours, now)), InvalidProof),
        (now, key.sign(claim(str(uuid4()), now)), InvalidProof),
        (now - HOUR, key.sign(claim(ours, now - HOUR)), InvalidInput),
    ]
    for at, signature, error in refused:
        with pytest.raises(error):
            register(at, signature)
    register(now, key.sign(claim(ours, now)))


def test_nobody_registers_a_key_for_others(
    shipper: Organisation, organisation_factory: Callable[[str], Organisation]
) -> None:
    """A tenant cannot add a key to another tenant's party, nor revoke one."""
    other = organisation_factory("other")
    other.party = shipper.party
    with pytest.raises(NotFound):
        other.register(KeySigner(b"\5" * 32))
    with pytest.raises(NotFound):
        other.revoke(shipper.key)
