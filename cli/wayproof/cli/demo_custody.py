"""Custody in the simulation: consignor to carrier at the pickup, carrier to consignee at the delivery, really signed.

In life each party signs where its key is. Here one process stands for all of them.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from wayproof.ledger.custody import accept, offer, register_key, signing_domain
from wayproof.ledger.drafts import Proposal, draft
from wayproof.ledger.signatures import KeySigner
from wayproof.ledger.typed_data import claim_digest
from wayproof.model.custody import shipment_item
from wayproof.model.errors import NotFound
from wayproof.model.handoff import Party
from wayproof.model.shipment import Shipment
from wayproof.store.handoffs import item_heads
from wayproof.store.parties import create_party, list_parties
from wayproof.store.pool import Conn

_MANY: Final = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class _Signer:
    """A party of the simulation and its key."""

    party_id: UUID
    key: KeySigner


class DemoCustody:
    """Hands simulated shipments over.

    Args:
        transaction: opens a transaction of the tenant under the API's role.
        tenant_id: whose shipments.
        secret: what the parties' keys are made of; the same secret makes the same keys.
    """

    def __init__(
        self, transaction: Callable[[], AbstractContextManager[Conn]], *, tenant_id: UUID, secret: str
    ) -> None:
        self._transaction = transaction
        self._tenant_id = tenant_id
        self._secret = secret
        self._signers: dict[str, _Signer] = {}

    def follow(self, shipment: Shipment) -> Iterator[str]:
        """Hands over what was picked up or delivered and is not handed over yet; says what it did.

        Nothing where no log was founded, or where somebody else took the shipment into custody.
        """
        steps = (
            (shipment.consignor, shipment.carrier, shipment.picked_up_at),
            (shipment.carrier, shipment.consignee, shipment.delivered_at),
        )
        for seq, (releaser, receiver, at) in enumerate(steps, 1):
            if at is None or not releaser or not receiver:
                return
            with self._transaction() as conn:
                if self._is_founded(conn) and self._is_next(conn, shipment, releaser, seq):
                    self._hand_over(conn, shipment, self._signer(conn, releaser), self._signer(conn, receiver), at)
                    yield f"handed     {shipment.reference}  {releaser} → {receiver}"

    @staticmethod
    def _is_founded(conn: Conn) -> bool:
        try:
            signing_domain(conn)
        except NotFound:
            return False
        return True

    def _is_next(self, conn: Conn, shipment: Shipment, releaser: str, seq: int) -> bool:
        item = shipment_item(shipment.shipment_id)
        head = item_heads(conn, [(item, self._signer(conn, releaser).party_id)]).get(item)
        return seq == 1 if head is None else head.is_held and head.seq == seq - 1

    def _hand_over(
        self, conn: Conn, shipment: Shipment, releaser: _Signer, receiver: _Signer, occurred_at: datetime
    ) -> None:
        proposal = Proposal(
            role=Party.RELEASER,
            signer=releaser.key.address,
            counterparty=receiver.party_id,
            counterparty_address=None,
            item=None,
            shipment_id=shipment.shipment_id,
            occurred_at=occurred_at,
            expires_at=None,
            details={"reference": shipment.reference, "simulated": True},
        )
        made = draft(conn, tenant_id=self._tenant_id, proposal=proposal, now=datetime.now(UTC))
        for sign, signer in ((offer, releaser), (accept, receiver)):
            signature = signer.key.sign(made.digest)
            sign(conn, tenant_id=self._tenant_id, handoff_id=made.handoff_id, signature=signature)

    def _signer(self, conn: Conn, name: str) -> _Signer:
        if name not in self._signers:
            key = KeySigner(sha256(f"wayproof simulated party\n{name}\n{self._secret}".encode()).digest())
            self._signers[name] = _Signer(party_id=self._ensure_party(conn, name, key), key=key)
        return self._signers[name]

    def _ensure_party(self, conn: Conn, name: str, key: KeySigner) -> UUID:
        """The party of that name with this key; both are made where they are missing."""
        known = {party.name: party for party in list_parties(conn, limit=_MANY)}
        party = known.get(name) or create_party(conn, tenant_id=self._tenant_id, name=name)
        if key.address not in {each.address for each in party.keys}:
            self._register(conn, party.party_id, key)
        return party.party_id

    def _register(self, conn: Conn, party_id: UUID, key: KeySigner) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        claim = claim_digest(signing_domain(conn), party=str(party_id), key=key.address, claimed_at=now)
        register_key(
            conn,
            tenant_id=self._tenant_id,
            party_id=party_id,
            address=key.address,
            claimed_at=now,
            signature=key.sign(claim),
            now=now,
        )
