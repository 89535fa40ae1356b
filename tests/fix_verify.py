"""A handoff that two parties signed, logged and anchored on a real chain; its bundle, and what changes of it mean."""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import pytest

from wayproof.ledger.bundles import make_bundle
from wayproof.ledger.checkpoints import make_checkpoint
from wayproof.ledger.evidence import EvidenceTree
from wayproof.ledger.hexadecimal import to_address, to_hex
from wayproof.ledger.leaves import handoff_entry, handoff_payload, new_salt
from wayproof.ledger.signatures import KeySigner, sign_handoff
from wayproof.ledger.verify import Report, Trusted, verify
from wayproof.model.anchor import Inclusion
from wayproof.model.custody import StoredHandoff
from wayproof.model.handoff import AnchorState, Handoff, Party, SignedHandoff
from wayproof.model.log import NewEntry
from wayproof.store import anchors, evidence, handoffs, log
from wayproof.store.pool import Conn, tenant_transaction

from fix_anchorer import Wire
from fix_chain import Chain, Ledger, deploy
from fix_custody import DOMAIN, LOG_SIGNER, Organisation
from fix_registry import MONDAY, TUESDAY
from fix_telemetry import Tell

TRUSTED: Final = Trusted(log_key=LOG_SIGNER.key, chain_id=DOMAIN.chain_id, contract=DOMAIN.contract)
STRANGER: Final = KeySigner(bytes(31) + b"\x55")
"""A key of nobody on the chain."""
DEVICE: Final = "truck-1"
READING_EVERY: Final = timedelta(minutes=10)
ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Of the group of secp256k1."""


@dataclass(kw_only=True)
class Anchored:
    """A log on a database and a chain of this test's own, with parties whose keys the contract knows."""

    conn: Conn
    chain: Chain
    ledger: Ledger
    parties: dict[str, Organisation]
    wires: list[Wire] = field(default_factory=list)
    #: Keys that sign besides the parties' own.
    others: list[KeySigner] = field(default_factory=lambda: [STRANGER])

    def hand_over(self, giver: str = "shipper", taker: str = "carrier", **said: Any) -> StoredHandoff:
        """An accepted handoff between two parties."""
        return self.parties[giver].hand_over(self.parties[taker], **said)

    def anchor(self, *, mined: int = 4) -> int:
        """Signs a checkpoint, anchors it, and mines as many blocks on it (4: it is final); returns its size."""
        before = anchors.latest_final(self.conn)
        signed = make_checkpoint(self.conn, LOG_SIGNER)
        proof = log.consistency_proof(self.conn, before.size, signed.size) if before else []
        note_hash = sha256(signed.note.encode()).digest()
        receipt: Any = self.ledger.send("anchor", signed.size, signed.root, proof, note_hash, by=self.ledger.anchorer)
        anchors.queue(self.conn, size=signed.size, root=signed.root, note_hash=note_hash)
        anchors.move(self.conn, signed.size, AnchorState.FINAL, self._inclusion(receipt))
        self.mine(mined)
        return signed.size

    def _inclusion(self, receipt: Any) -> Inclusion:
        block: Any = self.chain.web3.eth.get_block(receipt["blockNumber"])
        return Inclusion(
            tx_hash=bytes(receipt["transactionHash"]),
            block_number=receipt["blockNumber"],
            block_hash=bytes(receipt["blockHash"]),
            block_time=datetime.fromtimestamp(block["timestamp"], UTC),
            fee_wei=0,
        )

    def mine(self, blocks: int) -> None:
        """Makes the chain mine."""
        for _ in range(blocks):
            self.chain.rpc("evm_mine")

    def bundle(self, handoff: StoredHandoff, *, is_newest: bool = False) -> bytes:
        """The handoff's bundle as its parties get it now."""
        with tenant_transaction(self.parties["shipper"].registry.pool, handoff.releaser.tenant_id) as conn:
            stored = handoffs.get_handoff(conn, handoff.handoff_id)
            return make_bundle(conn, stored, is_newest=is_newest).data

    def log_record(self, like: StoredHandoff, **changes: Any) -> bytes:
        """The bundle of a record that no service of ours looked at: signed by its keys, logged and anchored."""
        assert like.record is not None
        record = replace(like.record, **changes)
        signed = SignedHandoff(
            handoff=record,
            releaser_signature=self.sign(record, record.releaser),
            receiver_signature=self.sign(record, record.receiver),
        )
        salt, payload = new_salt(), handoff_payload(signed)
        entry = NewEntry(kind="handoff", entry=handoff_entry(payload, salt), salt=salt, payload=payload)
        with self.conn.transaction():
            leaf_index = log.append(self.conn, [entry]).start
        self.anchor()
        stored = replace(
            like,
            record=record,
            leaf_index=leaf_index,
            leaf_salt=salt,
            releaser=replace(like.releaser, signature=signed.releaser_signature),
            receiver=replace(like.receiver, signature=signed.receiver_signature),
        )
        return make_bundle(self.conn, stored).data

    def sign(self, record: Handoff, address: bytes) -> bytes:
        """The signature of the key of an address, which is a party's or another one that is known here."""
        keys = [party.key for party in self.parties.values()] + self.others
        return sign_handoff(DOMAIN, record, next(key for key in keys if key.address == address))

    def now(self) -> datetime:
        """The time of the latest block."""
        block: Any = self.chain.web3.eth.get_block("latest")
        return datetime.fromtimestamp(block["timestamp"], UTC)

    def add_key(self, key: KeySigner) -> None:
        """Registers a key on the chain, of a custodian of its own."""
        custodian = sha256(key.address).digest()
        self.ledger.send("registerCustodian", custodian, self.ledger.admin, by=self.ledger.admin)
        self.ledger.send("addKey", custodian, to_address(key.address), by=self.ledger.admin)

    def revoke_key(self, key: KeySigner) -> None:
        """Ends a key on the chain."""
        self.ledger.send("revokeKey", to_address(key.address), by=self.ledger.admin)

    def wire(self) -> Wire:
        """A second way to the node, on which answers can be changed: a node of another operator."""
        self.wires.append(Wire(self.chain.port))
        return self.wires[-1]

    def verify(self, data: bytes, *, nodes: int = 1, trusted: Trusted = TRUSTED) -> Report:
        """Verifies against the chain."""
        urls = [self.chain.url, *(self.wire().url for _ in range(nodes - 1))]
        return verify(data, rpcs=urls, trusted=trusted)


@dataclass(frozen=True, kw_only=True)
class Proven:
    """An anchored handoff and its bundle."""

    world: Anchored
    handoff: StoredHandoff
    data: bytes

    def changed(self, change: Callable[[dict[str, Any]], object]) -> bytes:
        """The bundle's bytes after a change of its document."""
        document = copy.deepcopy(json.loads(self.data))
        change(document)
        return json.dumps(document).encode()

    def with_reading(self) -> bytes:
        """The bundle with the proof of one of its readings beside it."""
        return self.changed(lambda document: document.update(evidence=[self._reading_proof()]))

    def _reading_proof(self) -> dict[str, Any]:
        assert self.handoff.evidence_id is not None
        shipper = self.world.parties["shipper"]
        with tenant_transaction(shipper.registry.pool, shipper.tenant_id) as conn:
            found = evidence.get_evidence(conn, self.handoff.evidence_id)
            stored = evidence.find_reading(conn, device=DEVICE, observed_at=MONDAY + 7 * READING_EVERY, boot=1, seq=8)
        proof = EvidenceTree(evidence.leaves_of(found)).proof(DEVICE, stored)
        return {"data": to_hex(proof.data), "index": proof.index, "path": [to_hex(each) for each in proof.path]}


def malleated(signature: bytes) -> bytes:
    """The other signature that holds for the same words: s in the upper half."""
    s = ORDER - int.from_bytes(signature[32:64])
    return signature[:32] + s.to_bytes(32) + bytes([55 - signature[64]])


@pytest.fixture
def world(
    superuser: Conn, chain: Chain, shipper: Organisation, carrier: Organisation, consignee: Organisation
) -> Iterator[Anchored]:
    """Three parties, whose keys are on the chain."""
    ledger = deploy(chain.web3, origin_hash=sha256(LOG_SIGNER.name.encode()).digest())
    assert ledger.address == to_address(DOMAIN.contract)
    parties = {"shipper": shipper, "carrier": carrier, "consignee": consignee}
    world = Anchored(conn=superuser, chain=chain, ledger=ledger, parties=parties)
    for party in parties.values():
        world.add_key(party.key)
    yield world
    for wire in world.wires:
        wire.close()


@pytest.fixture
def proven(world: Anchored, tell: Tell) -> Proven:
    """The way back of a shipment with readings, signed by who saw the way there final; final, amid other leaves."""
    shipper, carrier = world.parties["shipper"], world.parties["carrier"]
    truck, shipment = shipper.registry.device(DEVICE), shipper.registry.shipment()
    shipper.registry.assignment(shipment, truck, MONDAY)
    for number in range(12):
        tell(truck, MONDAY + number * READING_EVERY, temperature_c=4.0 + number / 10)
    said: dict[str, Any] = {"item": None, "shipment_id": shipment.shipment_id}
    world.hand_over(occurred_at=MONDAY + 6 * READING_EVERY, **said)
    world.anchor()
    drafted = shipper.draft(carrier, role=Party.RECEIVER, occurred_at=TUESDAY, **said)
    handoff = carrier.accept(shipper.offer(drafted))
    for number in range(3):
        world.hand_over(item=f"urn:example:{number}")
    world.anchor()
    return Proven(world=world, handoff=handoff, data=world.bundle(handoff))
