"""Parties and their keys on their way into the contract, on a real chain and a real database."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from wayproof.ledger.anchors import Head
from wayproof.ledger.custodians import Custodians, custodian_of
from wayproof.ledger.endpoint import Endpoint, KeyEntry
from wayproof.ledger.hexadecimal import to_address
from wayproof.ledger.keystore import create_keystore
from wayproof.ledger.signatures import KeySigner
from wayproof.model.anchor import Alarm
from wayproof.model.custody import Custodian
from wayproof.model.handoff import AnchorState
from wayproof.store import parties
from wayproof.store.pool import tenant_transaction

from fix_anchorer import ADMIN_KEY, ANCHORER_KEY, Anchoring, plain_endpoint
from fix_custody import QUICK
from fix_registry import Registry

WITH_ADMIN = {"admin_key": SecretStr(ADMIN_KEY.hex())}
ADMIN = KeySigner(ADMIN_KEY)


def address_of(text: str) -> bytes:
    """An address that nobody has the key of."""
    return sha256(text.encode()).digest()[:20]


@pytest.fixture
def registry(anchoring: Anchoring, registry_factory: Callable[[str], Registry]) -> Registry:
    """A tenant of the database that is anchored."""
    assert anchoring.alarms() == set()
    return registry_factory("acme")


def add_party(registry: Registry, *texts: str, name: str = "Acme") -> Custodian:
    """A party with keys."""
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        party = parties.create_party(conn, tenant_id=registry.tenant_id, name=name)
        add_keys(conn, registry, party, *texts)
        return party


def add_keys(conn: Any, registry: Registry, party: Custodian, *texts: str) -> None:
    """More keys of a party. Their claims were checked before."""
    for text in texts:
        parties.add_key(
            conn,
            tenant_id=registry.tenant_id,
            party_id=party.party_id,
            address=address_of(text),
            claim=bytes(65),
            claimed_at=datetime.now(UTC),
        )


def revoke(registry: Registry, party: Custodian, text: str) -> None:
    """Ends a key."""
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        parties.revoke_key(conn, party_id=party.party_id, address=address_of(text))


def on_chain(anchoring: Anchoring, text: str) -> KeyEntry:
    """What the contract holds of a key now."""
    endpoint = plain_endpoint(anchoring.chain, anchoring.identity.contract)
    return endpoint.key_entries([address_of(text)], endpoint.head().number)[0]


def admin_nonce(anchoring: Anchoring) -> int:
    """How many transactions the admin has sent."""
    count: int = anchoring.chain.web3.eth.get_transaction_count(to_address(ADMIN.address))  # type: ignore[arg-type]
    return count


def test_keys_come_before_what_they_signed(anchoring: Anchoring, registry: Registry) -> None:
    """No anchor is sent before the keys are in the contract under their party's name."""
    party = add_party(registry, "first", "second")
    anchoring.append()
    anchorer = anchoring.anchorer(**WITH_ADMIN)
    anchorer.follow()
    assert anchoring.states() == {}
    assert anchorer.has_work()
    anchorer.follow()
    assert anchoring.states() == {1: AnchorState.SUBMITTED}
    for text in ("first", "second"):
        expected = KeyEntry(custodian=custodian_of(party.party_id), is_added=True, is_revoked=False)
        assert on_chain(anchoring, text) == expected
    assert anchoring.alarms() == set()


def test_revoked_on_the_chain_too(anchoring: Anchoring, registry: Registry) -> None:
    """A key that was revoked here is revoked there, also one that the chain has never seen; others stay."""
    party = add_party(registry, "good", "leaked")
    anchorer = anchoring.anchorer(**WITH_ADMIN)
    anchorer.follow()
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        add_keys(conn, registry, party, "never used")
    revoke(registry, party, "leaked")
    revoke(registry, party, "never used")
    anchorer.follow()
    revoked = {text: on_chain(anchoring, text).is_revoked for text in ("good", "leaked", "never used")}
    assert revoked == {"good": False, "leaked": True, "never used": True}


def test_looking_again_sends_nothing(anchoring: Anchoring, registry: Registry) -> None:
    """What is on the chain is not sent again, by this anchorer or by the next."""
    add_party(registry, "key")
    anchoring.anchorer(**WITH_ADMIN).follow()
    sent = admin_nonce(anchoring)
    for anchorer in (anchoring.anchorer(**WITH_ADMIN), anchoring.anchorer(**WITH_ADMIN)):
        for _ in range(3):
            anchorer.follow()
    assert admin_nonce(anchoring) == sent


def test_more_keys_than_one_look_takes(
    anchoring: Anchoring, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many keys there are, all arrive, and each party once."""
    monkeypatch.setattr("wayproof.ledger.custodians._AT_ONCE", 20)
    names = [f"key {number}" for number in range(26)]
    add_party(registry, *names[:13], name="One")
    add_party(registry, *names[13:], name="Two")
    anchorer, before = anchoring.anchorer(**WITH_ADMIN), admin_nonce(anchoring)
    for _ in range(4):
        anchorer.follow()
    assert all(on_chain(anchoring, name).is_added for name in names)
    assert admin_nonce(anchoring) == before + len(names) + 2
    assert not anchorer.has_work()


def test_no_anchor_before_every_key_was_looked_up(
    anchoring: Anchoring, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a start, when nothing is known of any key, anchors wait until each was looked up once."""
    monkeypatch.setattr("wayproof.ledger.custodians._AT_ONCE", 2)
    party = add_party(registry, "first", "second", "third")
    anchorer = anchoring.anchorer(**WITH_ADMIN)
    anchoring.wait_for(lambda: anchorer.follow() and on_chain(anchoring, "third").is_added)
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        add_keys(conn, registry, party, "late")
    anchoring.append()
    restarted = anchoring.anchorer(**WITH_ADMIN)
    restarted.follow()
    assert anchoring.states() == {}
    anchoring.wait_for(lambda: restarted.follow() and anchoring.states())
    assert on_chain(anchoring, "late").is_added


def test_key_that_comes_while_keys_are_looked_up(
    anchoring: Anchoring, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An anchor takes no leaf whose key was registered after the look at the keys."""
    anchoring.append()
    look = Custodians.follow

    def overtaken(custodians: Custodians, heads: Mapping[Endpoint, Head]) -> None:
        look(custodians, heads)
        add_party(registry, "key")
        anchoring.append()

    monkeypatch.setattr(Custodians, "follow", overtaken)
    anchorer = anchoring.anchorer(**WITH_ADMIN)
    anchorer.follow()
    assert anchoring.states() == {1: AnchorState.SUBMITTED}
    monkeypatch.undo()
    anchoring.wait_for(lambda: anchorer.follow() and 2 in anchoring.states())
    assert on_chain(anchoring, "key").is_added


def test_lost_transactions_are_sent_again(anchoring: Anchoring, registry: Registry) -> None:
    """Where the node hears of nothing, nothing is taken for done."""
    add_party(registry, "key")
    wire = anchoring.wire()
    wire.lose("eth_sendRawTransaction")
    anchorer = anchoring.anchorer(wire.url, **WITH_ADMIN)
    anchorer.follow()
    assert not on_chain(anchoring, "key").is_added
    wire.lose()
    anchoring.wait_for(lambda: anchorer.follow() and on_chain(anchoring, "key").is_added)


def test_waiting_transactions_are_not_sent_twice(anchoring: Anchoring, registry: Registry) -> None:
    """While transactions wait to be mined, looking again makes no more of them, and each is mined once."""
    add_party(registry, "key")
    anchoring.chain.rpc("evm_setAutomine", False)
    anchorer, before = anchoring.anchorer(**WITH_ADMIN), admin_nonce(anchoring)
    for _ in range(3):
        anchorer.follow()
    anchoring.chain.rpc("evm_setAutomine", True)
    anchoring.mine(2)
    anchorer.follow()
    assert on_chain(anchoring, "key").is_added
    assert admin_nonce(anchoring) == before + 2


def test_reorganised_keys_come_back(anchoring: Anchoring, registry: Registry) -> None:
    """A key that the chain took back before it was final is sent again."""
    add_party(registry, "key")
    anchorer = anchoring.anchorer(**WITH_ADMIN)
    anchorer.follow()
    anchorer.follow()
    assert on_chain(anchoring, "key").is_added
    anchoring.chain.rpc("anvil_reorg", 2, [])
    anchoring.chain.rpc("anvil_dropAllTransactions")
    assert not on_chain(anchoring, "key").is_added
    anchorer.follow()
    anchoring.mine()
    assert on_chain(anchoring, "key").is_added


def test_without_admin(anchoring: Anchoring, registry: Registry) -> None:
    """Without the admin's key anchors go on, and an alarm tells what is missing and what to do."""
    add_party(registry, "key")
    anchoring.append()
    anchorer = anchoring.anchorer(bump_after=timedelta(seconds=1))
    anchorer.follow()
    assert anchoring.states() == {1: AnchorState.SUBMITTED}
    anchoring.wait_for(lambda: anchorer.follow() and anchoring.alarms() == {Alarm.KEYS_NOT_ON_CHAIN})
    assert REGISTRY.get_sample_value("wayproof_ledger_keys_missing") == 1
    with_admin = anchoring.anchorer(**WITH_ADMIN)
    with_admin.follow()
    anchorer.follow()
    assert anchoring.alarms() == set()


def test_anchors_do_not_wait_for_ever(anchoring: Anchoring, registry: Registry) -> None:
    """Where the admin cannot pay, an alarm says so, and anchors go on after a while."""
    add_party(registry, "key")
    anchoring.append()
    anchoring.chain.rpc("anvil_setBalance", to_address(ADMIN.address), "0x0")
    anchorer = anchoring.anchorer(**WITH_ADMIN, bump_after=timedelta(seconds=1))
    anchorer.follow()
    assert anchoring.alarms() == {Alarm.KEYS_NOT_ON_CHAIN}
    assert anchoring.states() == {}
    anchoring.wait_for(lambda: anchorer.follow() and anchoring.states())
    assert anchoring.alarms() == {Alarm.KEYS_NOT_ON_CHAIN}


def test_key_of_another_custodian(anchoring: Anchoring, registry: Registry) -> None:
    """A key that the contract holds under another name is told of, and does not hold up the others."""
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        stranger = parties.create_party(conn, tenant_id=registry.tenant_id, name="Stranger")
        add_keys(conn, registry, stranger, "taken")
    anchoring.anchorer(**WITH_ADMIN).follow()
    with anchoring.conn.transaction():
        anchoring.conn.execute("update party_key set party_id = %s", [add_party(registry, "fine").party_id])
    anchorer = anchoring.anchorer(**WITH_ADMIN)
    anchorer.follow()
    assert on_chain(anchoring, "fine").is_added
    assert anchoring.alarms() == {Alarm.KEYS_NOT_ON_CHAIN}


def test_by_command(anchoring: Anchoring, registry: Registry, tmp_path: Path) -> None:
    """`wayproof ledger keys` tells what is missing, brings it there as the admin, and then has nothing to say."""
    add_party(registry, "key")
    create_keystore(tmp_path / "admin.json", "correct horse", private_key=ADMIN_KEY, rounds=QUICK)

    def run(**settings: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **anchoring.environment(**settings)}
        for needless in ("LOG_KEY_FILE", "ANCHORER_KEY"):
            del environment[f"WAYPROOF_LEDGER_{needless}"]
        command = [sys.executable, "-m", "wayproof.cli.main", "ledger", "keys", "--json"]
        return subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=60)

    without = run(bump_after="PT0S")
    assert (without.returncode, '"missing": 1' in without.stdout) == (1, True), without.stderr
    assert "wayproof ledger keys" in without.stdout
    half = run(admin_keystore=str(tmp_path / "admin.json"))
    assert (half.returncode, "WAYPROOF_LEDGER_ADMIN_PASSPHRASE" in half.stderr) == (1, True)
    assert run(admin_keystore=str(tmp_path / "admin.json"), admin_passphrase="correct horse").returncode == 0
    assert on_chain(anchoring, "key").is_added
    assert run().returncode == 0


def test_one_account_cannot_be_both(anchoring: Anchoring) -> None:
    """A process that has one key for anchors and for the admin does not start, and says why."""
    process = anchoring.start(admin_key=ANCHORER_KEY.hex())
    assert process.wait(60) == 2
    assert "expected another key for the contract's admin" in (anchoring.folder / "ledger.log").read_text()
