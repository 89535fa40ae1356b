"""Parties and handoffs by HTTP: what is drafted is signed elsewhere, and what is answered is checked."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import rfc8785
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak
from httpx2 import Response

from wayproof.ledger.evidence import ReadingProof, check_reading
from wayproof.ledger.hexadecimal import to_address
from wayproof.ledger.leaves import handoff_leaf, signed_handoff
from wayproof.ledger.notes import Checkpoint, NoteSigner, open_note, parse_vkey, sign_checkpoint
from wayproof.ledger.signatures import KeySigner, check_signatures
from wayproof.ledger.typed_data import digest, handoff_of
from wayproof.model.handoff import SigningDomain
from wayproof.model.log import LogIdentity
from wayproof.model.merkle import leaf_hash, root_from_inclusion
from wayproof.store import log
from wayproof.store.pool import Conn

from fix_api import Customer, problem
from fix_custody import DOMAIN, ITEM
from fix_registry import MONDAY
from fix_telemetry import Tell

HOUR = timedelta(hours=1)
NOTE_KEY = NoteSigner(name="log.example/test", seed=b"\3" * 32)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A customer with a party and its key, who does everything by HTTP."""

    customer: Customer
    key: KeySigner
    party_id: str

    def draft(self, to: "Desk", **said: Any) -> dict[str, Any]:
        """A draft, as the API answers it."""
        body = {
            "signer": to_address(self.key.address),
            "counterparty": to.party_id,
            "item": ITEM,
            "details": {"place": "Dock 4", "weight_kg": 12.5},
            **said,
        }
        return made(self.customer.post("/v1/handoffs", body))

    def answer(self, handoff: dict[str, Any], what: str) -> Response:
        """Signs the typed data of a handoff and sends the signature as an offer or an acceptance."""
        shown = self.customer.get(f"/v1/handoffs/{handoff['id']}")
        typed = shown.json()["typed_data"] if shown.status_code == 200 else handoff["typed_data"]
        return self.customer.post(f"/v1/handoffs/{handoff['id']}/{what}", {"signature": signed(self.key, typed)})

    def offer(self, handoff: dict[str, Any]) -> dict[str, Any]:
        """Offers a draft."""
        return ok(self.answer(handoff, "offer"))

    def accept(self, handoff: dict[str, Any]) -> dict[str, Any]:
        """Accepts an offer."""
        return ok(self.answer(handoff, "accept"))

    def get(self, path: str, **query: Any) -> Response:
        """A GET by this desk."""
        return self.customer.get(path, **query)


def signed(key: KeySigner, typed: dict[str, Any]) -> str:
    """The signature of typed data, whose digest is computed by eth_account, as a wallet would."""
    message = encode_typed_data(full_message=typed)
    hashed = keccak(b"\x19" + message.version + message.header + message.body)
    return "0x" + key.sign(hashed).hex()


def ok(response: Response) -> dict[str, Any]:
    """The body of an answer that must be 200."""
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


def made(response: Response) -> dict[str, Any]:
    """The body of an answer that must be 201, and is found where `Location` says."""
    assert response.status_code == 201, response.text
    document: dict[str, Any] = response.json()
    return document


@pytest.fixture
def named_log(superuser: Conn) -> None:
    """The log is founded under NOTE_KEY."""
    log.found_log(
        superuser,
        LogIdentity(
            origin=NOTE_KEY.name,
            public_key=NOTE_KEY.key.public_key,
            chain_id=DOMAIN.chain_id,
            contract=DOMAIN.contract,
        ),
    )


@pytest.fixture
def desk_factory(named_log: None, customer_factory: Callable[[str], Customer]) -> Callable[[str], Desk]:
    """Makes a tenant with one party, whose key is registered by HTTP."""

    def make(name: str) -> Desk:
        customer, key = customer_factory(name), KeySigner(name.encode().rjust(32, b"\1"))
        party = made(customer.post("/v1/parties", {"name": f"{name} Ltd", "gln": "8712345000004"}))
        keys, address = f"/v1/parties/{party['id']}/keys", to_address(key.address)
        claim = ok(customer.post(f"{keys}/claim", {"address": address}))
        signature = signed(key, claim["typed_data"])
        body = {"address": address, "claimed_at": claim["claimed_at"], "signature": signature}
        made(customer.post(keys, body))
        return Desk(customer=customer, key=key, party_id=party["id"])

    return make


@pytest.fixture
def shipper_desk(desk_factory: Callable[[str], Desk]) -> Desk:
    """Who has the goods first."""
    return desk_factory("shipper")


@pytest.fixture
def carrier_desk(desk_factory: Callable[[str], Desk]) -> Desk:
    """Who takes them."""
    return desk_factory("carrier")


def test_handoff_from_draft_to_log(shipper_desk: Desk, carrier_desk: Desk) -> None:
    """Drafted, offered and accepted by signatures that a wallet would make, a handoff is in the log for both."""
    drafted = shipper_desk.draft(carrier_desk)
    assert (drafted["state"], drafted["seq"], drafted["anchor_state"]) == ("draft", 1, None)
    salted = bytes.fromhex(drafted["details_salt"][2:]) + rfc8785.dumps(drafted["details"])
    assert drafted["record"]["detailsHash"] == "0x" + hashlib.sha256(salted).hexdigest()
    assert shipper_desk.offer(drafted)["state"] == "offered"
    accepted = carrier_desk.accept(drafted)
    assert (accepted["state"], accepted["leaf_index"], accepted["anchor_state"]) == ("accepted", 0, "queued")
    for desk in (shipper_desk, carrier_desk):
        shown = desk.get(f"/v1/handoffs/{drafted['id']}")
        assert {name: shown.json()[name] for name in accepted} == accepted
        assert shown.headers["etag"].startswith('"3-')


def test_lists_filter_and_page(shipper_desk: Desk, carrier_desk: Desk) -> None:
    """Handoffs are listed newest first, by item and by state, page after page, to both parties."""
    drafts = [shipper_desk.draft(carrier_desk, item=f"urn:epc:id:sscc:0614141.{n}") for n in range(3)]
    shipper_desk.offer(drafts[1])
    ids = [each["id"] for each in reversed(drafts)]
    first = ok(shipper_desk.get("/v1/handoffs", limit=2))
    rest = ok(shipper_desk.get("/v1/handoffs", limit=2, cursor=first["next_cursor"]))
    assert [each["id"] for each in first["items"] + rest["items"]] == ids
    assert [each["id"] for each in ok(carrier_desk.get("/v1/handoffs"))["items"]] == [drafts[1]["id"]]
    offered = ok(shipper_desk.get("/v1/handoffs", state="offered"))["items"]
    assert [each["id"] for each in offered] == [drafts[1]["id"]]
    of_item = ok(shipper_desk.get("/v1/handoffs", item="urn:epc:id:sscc:0614141.2"))["items"]
    assert [each["id"] for each in of_item] == [drafts[2]["id"]]


def test_refusal_by_http(shipper_desk: Desk, carrier_desk: Desk) -> None:
    """A refusal is drafted, signed and kept with its reason; its proposer reads it."""
    drafted = shipper_desk.draft(carrier_desk)
    shipper_desk.offer(drafted)
    path = f"/v1/handoffs/{drafted['id']}"
    asked = ok(carrier_desk.customer.post(f"{path}/refusal", {"reason": "seal broken"}))
    body = {
        "reason": "seal broken",
        "refused_at": asked["refused_at"],
        "signature": signed(carrier_desk.key, asked["typed_data"]),
    }
    problem(carrier_desk.customer.post(f"{path}/refuse", {**body, "reason": "other words"}), "invalid-input")
    assert ok(carrier_desk.customer.post(f"{path}/refuse", body))["state"] == "refused"
    assert ok(shipper_desk.get(path))["refusal"]["reason"] == "seal broken"


def test_amendment_by_http(shipper_desk: Desk, carrier_desk: Desk) -> None:
    """Fewer goods: the receiver's own words are offered back, and the releaser accepts them."""
    drafted = shipper_desk.draft(carrier_desk)
    shipper_desk.offer(drafted)
    words = {"details": {"goods": [{"quantity": 18, "unit": "pallet"}], "damage": "2 wet"}}
    amended = made(carrier_desk.customer.post(f"/v1/handoffs/{drafted['id']}/amend", words))
    assert (amended["amends"], amended["proposer"]) == (drafted["id"], "receiver")
    carrier_desk.offer(amended)
    assert ok(shipper_desk.get(f"/v1/handoffs/{drafted['id']}"))["state"] == "amended"
    assert shipper_desk.accept(amended)["details"]["damage"] == "2 wet"


def test_wrong_turn_and_wrong_state(shipper_desk: Desk, carrier_desk: Desk) -> None:
    """The proposer cannot answer itself, and nothing is answered twice."""
    drafted = shipper_desk.draft(carrier_desk)
    shipper_desk.offer(drafted)
    problem(shipper_desk.answer(drafted, "accept"), "forbidden")
    carrier_desk.accept(drafted)
    for desk, what in ((carrier_desk, "accept"), (shipper_desk, "offer")):
        problem(desk.answer(drafted, what), "conflict")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"details": {"a": 1, "a": 2}}', "more than once"),
        ('{"details": {"a": 9007199254740993}}', "beyond"),
        ('{"details": {"a": 1e400}}', "beyond"),
        ('{"details": {"a": "\\ud800"}}', "surrogate"),
    ],
)
def test_ambiguous_json_is_refused(shipper_desk: Desk, carrier_desk: Desk, body: str, said: str) -> None:
    """A body that two readers could take for different things is drafted by nobody."""
    whole = {"signer": to_address(shipper_desk.key.address), "counterparty": carrier_desk.party_id, "item": ITEM}
    content = json.dumps(whole)[:-1] + ", " + body[1:]
    headers = {"Content-Type": "application/json"}
    answer = shipper_desk.customer.request("POST", "/v1/handoffs", content=content.encode(), headers=headers)
    assert said in problem(answer, "invalid-input")["detail"]


def test_ambiguous_signature_is_refused(shipper_desk: Desk, carrier_desk: Desk) -> None:
    """A body in which the signature stands twice offers and accepts nothing, even if both are the same."""
    drafted = shipper_desk.draft(carrier_desk)
    member = f'"signature": "{signed(shipper_desk.key, drafted["typed_data"])}"'
    path, headers = f"/v1/handoffs/{drafted['id']}", {"Content-Type": "application/json"}
    for desk, what in ((shipper_desk, "offer"), (carrier_desk, "accept")):
        answer = desk.customer.request("POST", f"{path}/{what}", content=f"{{{member}, {member}}}", headers=headers)
        assert "more than once" in problem(answer, "invalid-input")["detail"]


def test_address_with_a_wrong_checksum_is_refused(shipper_desk: Desk, carrier_desk: Desk) -> None:
    """A mistyped address is found by its checksum before anybody signs it."""
    address = to_address(shipper_desk.key.address)
    body = {"signer": address.swapcase().replace("X", "x"), "counterparty": carrier_desk.party_id, "details": {}}
    answer = problem(shipper_desk.customer.post("/v1/handoffs", body), "invalid-input")
    assert [each["pointer"] for each in answer["errors"]] == ["/signer"]
    assert "mistyped" in answer["errors"][0]["detail"]


def test_third_tenant_finds_nothing(
    shipper_desk: Desk, carrier_desk: Desk, desk_factory: Callable[[str], Desk]
) -> None:
    """A tenant that is no party to a handoff finds none of its parts, and its lists are empty."""
    third = desk_factory("third")
    shipment = shipper_desk.customer.registry.shipment()
    drafted = shipper_desk.draft(carrier_desk, item=None, shipment_id=str(shipment.shipment_id))
    shipper_desk.offer(drafted)
    carrier_desk.accept(drafted)
    path = f"/v1/handoffs/{drafted['id']}"
    for part in ("", "/bundle", "/evidence"):
        problem(third.get(path + part), "not-found")
    for what in ("offer", "accept"):
        problem(third.customer.post(f"{path}/{what}", {"signature": "0x" + "11" * 65}), "not-found")
    problem(third.customer.post(f"{path}/refusal", {"reason": "x"}), "not-found")
    problem(third.customer.post(f"{path}/amend", {"details": {}}), "not-found")
    for lists in ("/v1/handoffs", f"/v1/items/{drafted['item']}/custody", f"/v1/shipments/{uuid4()}/custody"):
        assert ok(third.get(lists))["items"] == []
    assert ok(third.get(f"/v1/shipments/{shipment.shipment_id}/custody"))["items"] == []


def test_parties_are_found_by_exact_id_and_address_only(shipper_desk: Desk, carrier_desk: Desk) -> None:
    """Another tenant's party is found by who knows its id or a key of it, and listed to its own tenant only."""
    path, address = f"/v1/parties/{carrier_desk.party_id}", to_address(carrier_desk.key.address)
    found = ok(shipper_desk.get(path))
    assert (found["name"], found["is_own"], found["keys"][0]["address"]) == ("carrier Ltd", False, address)
    assert [each["id"] for each in ok(shipper_desk.get("/v1/parties"))["items"]] == [shipper_desk.party_id]
    by_address = ok(shipper_desk.get("/v1/parties", address=address))["items"]
    assert [each["id"] for each in by_address] == [carrier_desk.party_id]
    assert ok(shipper_desk.get("/v1/parties", address=to_address(b"\7" * 20)))["items"] == []
    problem(shipper_desk.customer.post(f"{path}/keys/claim", {"address": address}), "not-found")
    problem(shipper_desk.customer.post(f"{path}/keys/{address}/revoke"), "not-found")


def test_revoked_key_drafts_nothing(shipper_desk: Desk, carrier_desk: Desk) -> None:
    """A key that its party has revoked stays in the list and signs nothing more."""
    address = to_address(carrier_desk.key.address)
    path = f"/v1/parties/{carrier_desk.party_id}"
    assert ok(carrier_desk.customer.post(f"{path}/keys/{address}/revoke"))["revoked_at"] is not None
    assert ok(carrier_desk.get(path))["keys"][0]["revoked_at"] is not None
    body = {
        "signer": to_address(shipper_desk.key.address),
        "counterparty": carrier_desk.party_id,
        "item": ITEM,
        "details": {},
    }
    problem(shipper_desk.customer.post("/v1/handoffs", body), "invalid-input")


def test_custody_chains(shipper_desk: Desk, carrier_desk: Desk) -> None:
    """A shipment's chain holds its items and itself, in order; an item with slashes is found by its path."""
    shipment = shipper_desk.customer.registry.shipment()
    link = "https://id.example.org/01/09506000134352/21/A1"
    ids = []
    for item in (None, link):
        drafted = shipper_desk.draft(carrier_desk, item=item, shipment_id=str(shipment.shipment_id))
        shipper_desk.offer(drafted)
        ids.append(carrier_desk.accept(drafted)["id"])
    chain = ok(shipper_desk.get(f"/v1/shipments/{shipment.shipment_id}/custody"))["items"]
    assert sorted(each["id"] for each in chain) == sorted(ids)
    assert [each["id"] for each in ok(carrier_desk.get(f"/v1/items/{link}/custody"))["items"]] == [ids[1]]


def test_evidence_and_proof_by_http(shipper_desk: Desk, carrier_desk: Desk, tell: Tell, superuser: Conn) -> None:
    """Both parties see what the evidence is of; the devices' tenant checks it and proves single readings."""
    registry = shipper_desk.customer.registry
    shipment, truck = registry.shipment(), registry.device("truck-1")
    registry.assignment(shipment, truck, MONDAY)
    for n in range(5):
        tell(truck, MONDAY + n * HOUR, temperature_c=4.5)
    drafted = shipper_desk.draft(carrier_desk, item=None, shipment_id=str(shipment.shipment_id))
    shipper_desk.offer(drafted)
    path = f"/v1/handoffs/{drafted['id']}/evidence"
    shown = ok(shipper_desk.get(path, check="true"))
    assert (shown["size"], shown["missing"], shown["root"]) == (5, 0, drafted["record"]["evidenceRoot"])
    assert ok(carrier_desk.get(path, check="true"))["missing"] is None
    reading = {"device": "truck-1", "observed_at": (MONDAY + HOUR).isoformat(), "boot": 1, "seq": 2}
    proof = ok(shipper_desk.get(f"{path}/proof", **reading))
    found = ReadingProof(
        data=bytes.fromhex(proof["data"][2:]),
        index=proof["index"],
        path=[bytes.fromhex(each[2:]) for each in proof["path"]],
    )
    assert check_reading(handoff_of(drafted["record"]), found)[1].reading.seq == 2
    problem(carrier_desk.get(f"{path}/proof", **reading), "not-found")
    superuser.execute("delete from reading where seq = 2")
    assert ok(shipper_desk.get(path, check="true"))["missing"] == 1
    problem(shipper_desk.get(f"{path}/proof", **reading), "not-found")


def _checkpoint(superuser: Conn, size: int) -> bytes:
    root = log.root_at(superuser, size)
    note = sign_checkpoint(Checkpoint(origin=NOTE_KEY.name, size=size, root=root), NOTE_KEY)
    log.save_checkpoint(superuser, tree_size=size, root=root, note=note)
    return root


def test_bundle_proves_without_us(shipper_desk: Desk, carrier_desk: Desk, superuser: Conn) -> None:
    """A bundle holds all that leads from both signatures to the signed checkpoint, and stays below 4 KiB."""
    drafted = shipper_desk.draft(carrier_desk)
    shipper_desk.offer(drafted)
    path = f"/v1/handoffs/{drafted['id']}/bundle"
    assert "expected an accepted one" in problem(shipper_desk.get(path), "not-found")["detail"]
    carrier_desk.accept(drafted)
    assert "below no signed checkpoint" in problem(shipper_desk.get(path), "not-found")["detail"]
    root = _checkpoint(superuser, 1)
    answer = carrier_desk.get(path)
    bundle = ok(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert len(answer.content) < 4096
    domain = SigningDomain(
        chain_id=bundle["domain"]["chainId"], contract=bytes.fromhex(bundle["domain"]["contract"][2:])
    )
    both = signed_handoff(bundle["record"], bundle["signatures"])
    check_signatures(domain, both)
    assert "0x" + digest(domain, both.handoff).hex() == drafted["digest"]
    leaf = leaf_hash(handoff_leaf(both, bytes.fromhex(bundle["salt"][2:])))
    way = [bytes.fromhex(each[2:]) for each in bundle["inclusion"]]
    checkpoint = open_note(bundle["checkpoint"], parse_vkey(bundle["logKey"]))
    found = root_from_inclusion(leaf=leaf, index=bundle["leafIndex"], size=checkpoint.size, proof=way)
    assert found == checkpoint.root == root


def test_final_bundle_is_kept(shipper_desk: Desk, carrier_desk: Desk, superuser: Conn) -> None:
    """Once its anchor is final a bundle names it, may be kept, and the handoff says final."""
    drafted = shipper_desk.draft(carrier_desk)
    shipper_desk.offer(drafted)
    carrier_desk.accept(drafted)
    root = _checkpoint(superuser, 1)
    superuser.execute(
        "insert into anchor (size, root, note_hash, state, tx_hash, block_number, block_hash, block_time, fee_wei)"
        " values (1, %(h)s, %(h)s, 'mined', %(h)s, 7, %(h)s, '2026-03-02T00:00:00Z', 1)",
        {"h": root},
    )
    path = f"/v1/handoffs/{drafted['id']}"
    assert ok(carrier_desk.get(path))["anchor_state"] == "mined"
    assert carrier_desk.get(f"{path}/bundle").headers["cache-control"] == "no-store"
    superuser.execute("update anchor set state = 'final'")
    assert ok(carrier_desk.get(path))["anchor_state"] == "final"
    answer = carrier_desk.get(f"{path}/bundle")
    assert "immutable" in answer.headers["cache-control"]
    newest = carrier_desk.get(f"{path}/bundle", anchor="newest")
    assert (newest.headers["cache-control"], newest.content) == ("no-store", answer.content)
    anchor = answer.json()["anchor"]
    assert (anchor["size"], anchor["blockNumber"], anchor["blockTime"]) == (1, 7, 1772409600)
    assert shipper_desk.draft(carrier_desk, item="urn:epc:id:sscc:0614141.5")["record"]["seenSize"] == 1
