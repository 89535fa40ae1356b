"""Two organisations with keys, a founded log, and handoffs between them, made as a request would make them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from wayproof.ledger import custody, drafts
from wayproof.ledger.notes import NoteSigner
from wayproof.ledger.signatures import KeySigner
from wayproof.ledger.typed_data import claim_digest, refusal_digest
from wayproof.model.custody import Custodian, PartyKey, Refusal, StoredHandoff
from wayproof.model.handoff import Party, SigningDomain
from wayproof.model.log import LogIdentity
from wayproof.store import handoffs, parties
from wayproof.store.log import found_log
from wayproof.store.pool import Conn, Pool, tenant_transaction

from fix_registry import Registry

DOMAIN = SigningDomain(chain_id=31337, contract=bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3"))
LOG_SIGNER = NoteSigner(name="log.example/test", seed=bytes(range(32)))
LOG = LogIdentity(
    origin=LOG_SIGNER.name,
    public_key=LOG_SIGNER.key.public_key,
    chain_id=DOMAIN.chain_id,
    contract=DOMAIN.contract,
)
QUICK = 2
"""scrypt's N of a keystore that tests open many times."""
ITEM = "urn:epc:id:sgtin:0614141.812345.6789"
DETAILS = {"place": "Dock 4", "goods": [{"name": "Vaccine", "quantity": 20, "unit": "pallet"}], "seals": ["A-1"]}


def whole_now() -> datetime:
    """Now, in whole seconds, as they are signed."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(kw_only=True)
class Organisation:
    """A tenant with one party, which signs by `key`."""

    registry: Registry
    party: Custodian
    key: KeySigner
    others: list[KeySigner] = field(default_factory=list)

    @property
    def tenant_id(self) -> UUID:
        """The tenant's id."""
        return self.registry.tenant_id

    def register(self, key: KeySigner) -> PartyKey:
        """Registers one more key of the party."""
        return register(self.registry, self.party.party_id, key)

    def revoke(self, key: KeySigner | None = None) -> None:
        """Ends a key of the party."""
        with tenant_transaction(self.registry.pool, self.tenant_id) as conn:
            parties.revoke_key(conn, party_id=self.party.party_id, address=(key or self.key).address)

    def draft(self, to: "Organisation", **said: Any) -> StoredHandoff:
        """A draft by this organisation; it releases unless `role` says otherwise."""
        wanted: dict[str, Any] = {
            "role": Party.RELEASER,
            "signer": self.key.address,
            "counterparty": to.party.party_id,
            "counterparty_address": None,
            "item": ITEM,
            "shipment_id": None,
            "occurred_at": None,
            "expires_at": None,
            "details": DETAILS,
        }
        proposal = drafts.Proposal(**wanted | said)
        with tenant_transaction(self.registry.pool, self.tenant_id) as conn:
            return drafts.draft(conn, tenant_id=self.tenant_id, proposal=proposal, now=datetime.now(UTC))

    def amend(self, handoff: StoredHandoff, **said: Any) -> StoredHandoff:
        """A draft that answers an offer in other words."""
        wanted: dict[str, Any] = {"details": {"damage": "2 pallets wet"}, "signer": None, "expires_at": None}
        with tenant_transaction(self.registry.pool, self.tenant_id) as conn:
            return drafts.amend(
                conn,
                tenant_id=self.tenant_id,
                handoff_id=handoff.handoff_id,
                now=datetime.now(UTC),
                **wanted | said,
            )

    def offer(self, handoff: StoredHandoff, signature: bytes | None = None) -> StoredHandoff:
        """Signs a draft and offers it."""
        signed = signature or self.key.sign(handoff.digest)
        with tenant_transaction(self.registry.pool, self.tenant_id) as conn:
            return custody.offer(conn, tenant_id=self.tenant_id, handoff_id=handoff.handoff_id, signature=signed)

    def accept(self, handoff: StoredHandoff, signature: bytes | None = None) -> StoredHandoff:
        """Signs an offer and accepts it."""
        signed = signature or self.key.sign(handoff.digest)
        with tenant_transaction(self.registry.pool, self.tenant_id) as conn:
            return custody.accept(conn, tenant_id=self.tenant_id, handoff_id=handoff.handoff_id, signature=signed)

    def refuse(self, handoff: StoredHandoff, reason: str = "broken seal", **said: Any) -> StoredHandoff:
        """Signs that it refuses an offer."""
        at = said.get("refused_at") or whole_now()
        words = refusal_digest(DOMAIN, handoff=handoff.digest, reason=reason, refused_at=at)
        refusal = Refusal(reason=reason, refused_at=at, signature=said.get("signature") or self.key.sign(words))
        with tenant_transaction(self.registry.pool, self.tenant_id) as conn:
            return custody.refuse(
                conn,
                tenant_id=self.tenant_id,
                handoff_id=handoff.handoff_id,
                refusal=refusal,
                now=datetime.now(UTC),
            )

    def see(self, handoff_id: UUID) -> StoredHandoff:
        """The handoff as this organisation sees it now."""
        with tenant_transaction(self.registry.pool, self.tenant_id) as conn:
            return handoffs.get_handoff(conn, handoff_id)

    def hand_over(self, to: "Organisation", **said: Any) -> StoredHandoff:
        """A handoff from here to there, signed by both."""
        return to.accept(self.offer(self.draft(to, **said)))


def register(registry: Registry, party_id: UUID, key: KeySigner) -> PartyKey:
    """Registers a key with a claim that it signs."""
    at = whole_now()
    claim = claim_digest(DOMAIN, party=str(party_id), key=key.address, claimed_at=at)
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        return custody.register_key(
            conn,
            tenant_id=registry.tenant_id,
            party_id=party_id,
            address=key.address,
            claimed_at=at,
            signature=key.sign(claim),
            now=datetime.now(UTC),
        )


def new_party(registry: Registry, name: str, key: KeySigner) -> Custodian:
    """A party of the tenant with one registered key."""
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        party = parties.create_party(conn, tenant_id=registry.tenant_id, name=name)
    register(registry, party.party_id, key)
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        return parties.get_party(conn, party.party_id)


@pytest.fixture
def founded(superuser: Conn) -> LogIdentity:
    """The log has its name, chain and contract."""
    found_log(superuser, LOG)
    return LOG


@pytest.fixture
def organisation_factory(
    founded: LogIdentity, registry_factory: Callable[[str], Registry]
) -> Callable[[str], Organisation]:
    """Makes a tenant with a party of the same name, whose key comes of the name."""

    def make(name: str) -> Organisation:
        registry = registry_factory(name)
        key = KeySigner(name.encode().rjust(32, b"\1"))
        return Organisation(registry=registry, party=new_party(registry, name, key), key=key)

    return make


@pytest.fixture
def shipper(organisation_factory: Callable[[str], Organisation]) -> Organisation:
    """Who has the goods first."""
    return organisation_factory("shipper")


@pytest.fixture
def carrier(organisation_factory: Callable[[str], Organisation]) -> Organisation:
    """Who takes them."""
    return organisation_factory("carrier")


@pytest.fixture
def consignee(organisation_factory: Callable[[str], Organisation]) -> Organisation:
    """Who gets them in the end."""
    return organisation_factory("consignee")


def api_transaction(pool: Pool, organisation: Organisation) -> Any:
    """A transaction under the API's role for the organisation's tenant."""
    return tenant_transaction(pool, organisation.tenant_id)
