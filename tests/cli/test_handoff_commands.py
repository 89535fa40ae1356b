"""Custody from two terminals: each signs with its own keystore, over HTTP, and sees what it signs."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from wayproof.cli.main import app
from wayproof.cli.remote import Remote
from wayproof.ledger.keystore import PASSPHRASE_VARIABLE, create_keystore
from wayproof.ledger.notes import Checkpoint, NoteSigner, sign_checkpoint
from wayproof.model.access import Scope
from wayproof.model.log import LogIdentity
from wayproof.store import log
from wayproof.store.keys import create_key
from wayproof.store.pool import Conn

from fix_custody import DOMAIN, QUICK
from fix_registry import MONDAY, Registry
from fix_telemetry import Tell

SIGNER = NoteSigner(name="log.example/test", seed=b"\3" * 32)


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """A shell of one party, with its API key in the environment and its keystore in a folder."""

    environment: dict[str, str]
    folder: Path
    registry: Registry
    party_id: str = ""

    @property
    def keystore(self) -> str:
        """The party's key."""
        return str(self.folder / "key.json")

    def run(self, *words: str, answer: str = "") -> Result:
        """What a command did."""
        return CliRunner().invoke(app, words, env=self.environment, input=answer)

    def json(self, *words: str) -> Any:
        """What a command printed for programs; it asks nothing and must succeed."""
        result = self.run(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def fails(self, *words: str) -> str:
        """The one line of an error."""
        result = self.run(*words)
        assert result.exit_code == 1, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.stderr.splitlines()[-1]


@pytest.fixture
def terminal_factory(
    api_address: str, superuser: Conn, registry_factory: Callable[[str], Registry], tmp_path: Path
) -> Callable[[str], Terminal]:
    """Makes a tenant, and a terminal on which it has made a party and a key and registered both."""
    log.found_log(
        superuser,
        LogIdentity(
            origin=SIGNER.name,
            public_key=SIGNER.key.public_key,
            chain_id=DOMAIN.chain_id,
            contract=DOMAIN.contract,
        ),
    )

    def make(name: str) -> Terminal:
        registry = registry_factory(name)
        _, token = create_key(superuser, tenant_id=registry.tenant_id, label="terminal", scopes=[*Scope])
        folder = tmp_path / name
        folder.mkdir()
        environment = {
            "WAYPROOF_URL": api_address,
            "WAYPROOF_API_KEY": token,
            PASSPHRASE_VARIABLE: "correct horse",
        }
        # As `party keygen`, but quick to open.
        create_keystore(folder / "key.json", "correct horse", rounds=QUICK)
        terminal = Terminal(environment=environment, folder=folder, registry=registry)
        party = terminal.json("party", "add", f"{name} Ltd")
        terminal.json("party", "key", "add", f"{name} Ltd", "--keystore", terminal.keystore)
        return Terminal(environment=environment, folder=folder, registry=registry, party_id=party["id"])

    return make


@pytest.fixture
def dock(terminal_factory: Callable[[str], Terminal]) -> Terminal:
    """Who releases."""
    return terminal_factory("dock")


@pytest.fixture
def gate(terminal_factory: Callable[[str], Terminal]) -> Terminal:
    """Who receives."""
    return terminal_factory("gate")


def _offer(dock: Terminal, gate: Terminal, reference: str = "", **details: Any) -> dict[str, Any]:
    said = dock.folder / "details.json"
    said.write_text(json.dumps({"place": "Dock 4", **details}))
    words = ("--to", gate.party_id, "--keystore", dock.keystore, "--details", str(said), "--yes")
    offered: dict[str, Any] = dock.json("handoff", "offer", reference or dock.registry.shipment().reference, *words)
    return offered


def _sign_checkpoint(superuser: Conn) -> None:
    root = log.root_at(superuser, 1)
    note = sign_checkpoint(Checkpoint(origin=SIGNER.name, size=1, root=root), SIGNER)
    log.save_checkpoint(superuser, tree_size=1, root=root, note=note)


@pytest.mark.timeout(180)
def test_hand_over_from_two_terminals(dock: Terminal, gate: Terminal, superuser: Conn) -> None:
    """Offered at one terminal and accepted at another, a handoff is listed by both, and its bundle is saved."""
    offered = _offer(dock, gate)
    assert offered["state"] == "offered"
    listed = gate.json("handoff", "list", "--state", "offered")["items"]
    assert [each["id"] for each in listed] == [offered["id"]]
    result = gate.run("handoff", "accept", offered["id"], "--keystore", gate.keystore, answer="y\n")
    assert result.exit_code == 0, result.output
    for said in ("Dock 4", "dock Ltd", "gate Ltd", "which is yours", offered["item"], offered["digest"], "chain 31337"):
        assert said in result.stderr
    assert dock.json("handoff", "show", offered["id"])["state"] == "accepted"
    assert "accepted" in dock.run("handoff", "list").stdout
    target = dock.folder / "bundle.json"
    assert "below no signed checkpoint" in dock.fails("handoff", "bundle", offered["id"], "-o", str(target))
    _sign_checkpoint(superuser)
    assert dock.run("handoff", "bundle", offered["id"], "-o", str(target)).exit_code == 0
    assert json.loads(target.read_text())["record"]["item"] == offered["item"]


@pytest.mark.timeout(180)
def test_bundle_with_readings(dock: Terminal, gate: Terminal, superuser: Conn, tell: Tell) -> None:
    """With --evidence a bundle proves what a device observed; whoever names it wrongly is told how to."""
    shipment, truck = dock.registry.shipment(), dock.registry.device("truck-1")
    dock.registry.assignment(shipment, truck)
    for minute in range(3):
        tell(truck, MONDAY + timedelta(minutes=minute), temperature_c=4.5)
    offered = _offer(dock, gate, shipment.reference)
    gate.json("handoff", "accept", offered["id"], "--keystore", gate.keystore, "--yes")
    _sign_checkpoint(superuser)
    target = str(dock.folder / "bundle.json")
    words = ("handoff", "bundle", offered["id"], "-o", target, "--evidence")
    second, third = ((MONDAY + timedelta(minutes=minute)).isoformat() for minute in (1, 2))
    assert dock.run(*words, f"truck-1@{second}", "--evidence", f"truck-1@{third}").exit_code == 0
    verified = dock.run("verify", target)
    assert verified.exit_code == 0, verified.output
    for number in (0, 1):
        assert re.search(rf"^passed +evidence {number} +reading of truck-1 ", verified.stdout, re.MULTILINE)
    for wrong, said in (
        (second, "expected one like truck-7@"),
        ("truck-1@noon", "expected a time like"),
        ("truck-1@2026-03-02T00:01:00", "expected an offset"),
        ("truck-1@2026-03-02T00:01:30Z", "observed nothing"),
        ("truck-2@2026-03-02T00:01:00Z", "no device 'truck-2'"),
    ):
        assert said in dock.fails(*words, wrong)
    assert "a list of at most 64" in dock.fails(*words[:-1], *(("--evidence", f"truck-1@{second}") * 65))


def test_no_means_nothing_is_signed(dock: Terminal, gate: Terminal) -> None:
    """Who answers no has signed nothing, and the offer stands as it was."""
    offered = _offer(dock, gate)
    result = gate.run("handoff", "accept", offered["id"], "--keystore", gate.keystore, answer="n\n")
    assert result.exit_code == 1
    assert gate.json("handoff", "show", offered["id"])["state"] == "offered"


def test_refuse_and_amend(dock: Terminal, gate: Terminal) -> None:
    """A receiver refuses with a reason, or answers in its own words, which the releaser accepts."""
    refused = _offer(dock, gate)
    gate.json("handoff", "refuse", refused["id"], "--reason", "seal broken", "--keystore", gate.keystore, "--yes")
    assert dock.json("handoff", "show", refused["id"])["refusal"]["reason"] == "seal broken"
    offered = _offer(dock, gate, goods=[{"quantity": 20}])
    counted = gate.folder / "counted.json"
    counted.write_text('{"goods": [{"quantity": 18}]}')
    words = ("--details", str(counted), "--keystore", gate.keystore, "--yes")
    amended = gate.json("handoff", "amend", offered["id"], *words)
    accepted = dock.json("handoff", "accept", amended["id"], "--keystore", dock.keystore, "--yes")
    assert (accepted["state"], accepted["details"]["goods"]) == ("accepted", [{"quantity": 18}])


def test_receiver_asks_for_custody(dock: Terminal, gate: Terminal) -> None:
    """With --from it is the receiver who begins, and the other party is named by the address of its key."""
    [party] = dock.json("party", "list")["items"]
    words = ("--from", party["addresses"][0], "--keystore", gate.keystore, "--yes")
    asked = gate.json("handoff", "offer", "urn:epc:id:sscc:0614141.1", *words)
    assert (asked["proposer"], asked["releaser"]["name"]) == ("receiver", "dock Ltd")


@pytest.mark.parametrize(
    ("member", "lie"),
    [("details", {"place": "Dock 5"}), ("digest", "0x" + "11" * 32), ("details_salt", "0x" + "11" * 32)],
)
def test_lying_server_gets_no_signature(
    dock: Terminal, gate: Terminal, monkeypatch: pytest.MonkeyPatch, member: str, lie: Any
) -> None:
    """Where the API shows other words than the record commits to, the terminal signs nothing."""
    offered = _offer(dock, gate)
    honest = Remote.get

    def lying(api: Any, path: str, **query: Any) -> Any:
        return {**honest(api, path, **query), member: lie}

    monkeypatch.setattr("wayproof.cli.remote.Remote.get", lying)
    said = gate.fails("handoff", "accept", offered["id"], "--keystore", gate.keystore, "--yes")
    assert "nothing was signed" in said


def test_lying_draft_gets_no_signature(dock: Terminal, gate: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A draft of other details than were given is not signed, though it is true to itself and nobody reads it."""
    honest = Remote.post

    def lying(api: Any, path: str, body: Any = None) -> Any:
        lie = {**body, "details": {**body["details"], "seals": []}} if "details" in body else body
        return honest(api, path, lie)

    monkeypatch.setattr("wayproof.cli.remote.Remote.post", lying)
    words = ("--to", gate.party_id, "--keystore", dock.keystore, "--yes")
    said = dock.fails("handoff", "offer", "urn:epc:id:sscc:0614141.1", *words)
    assert "other details than were given; nothing was signed" in said
    assert dock.json("handoff", "list")["items"][0]["state"] == "draft"


def test_wrong_keystore_signs_nothing(dock: Terminal, gate: Terminal) -> None:
    """Who takes another party's keystore is told so before anything is shown or signed."""
    offered = _offer(dock, gate)
    create_keystore(gate.folder / "other.json", "correct horse", rounds=QUICK)
    said = gate.fails("handoff", "accept", offered["id"], "--keystore", str(gate.folder / "other.json"), "--yes")
    assert "neither party's" in said


def test_party_keys(dock: Terminal, gate: Terminal) -> None:
    """A revoked key is no longer listed among a party's addresses, and an address is registered once."""
    [party] = dock.json("party", "list")["items"]
    again = gate.fails("party", "key", "add", "gate Ltd", "--keystore", dock.keystore)
    assert "registered already" in again
    dock.json("party", "key", "revoke", party["id"], party["addresses"][0])
    assert dock.json("party", "list")["items"][0]["addresses"] == []


def test_keygen_never_overwrites(tmp_path: Path) -> None:
    """A keystore is made once, for its owner's eyes, and shows its address."""
    environment = {PASSPHRASE_VARIABLE: "correct horse"}
    path = tmp_path / "key.json"
    made = CliRunner().invoke(app, ["party", "keygen", str(path), "--json"], env=environment)
    assert json.loads(made.stdout)["address"].startswith("0x")
    assert path.stat().st_mode & 0o777 == 0o600
    again = CliRunner().invoke(app, ["party", "keygen", str(path)], env=environment)
    assert again.exit_code == 1
    assert "never overwritten" in again.stderr


def test_erase_command(dock: Terminal, gate: Terminal, superuser: Conn) -> None:
    """An operator erases by the handoff's id; both terminals see that the details are gone."""
    offered = _offer(dock, gate)
    dsn = superuser.info.dsn + f" password={superuser.info.password}"
    words = ("erase", offered["id"], "--reason", "request 17", "--database-url", dsn)
    assert dock.run(*words, answer="n\n").exit_code == 1
    assert gate.json("handoff", "show", offered["id"])["details"] is not None
    assert dock.json(*words, "--yes")["is_whole"] is False
    assert gate.json("handoff", "show", offered["id"])["details"] is None
    assert "erased already" in dock.fails(*words, "--yes")


def test_erase_tells_of_other_words(dock: Terminal, gate: Terminal, superuser: Conn) -> None:
    """Whoever erases a handoff is told of the offers and drafts of the same goods that still hold details."""
    offered = _offer(dock, gate, people=["Jane Doe"])
    counted = gate.folder / "counted.json"
    counted.write_text('{"people": ["Jane Doe"]}')
    words = ("--details", str(counted), "--keystore", gate.keystore, "--yes")
    amended = gate.json("handoff", "amend", offered["id"], *words)
    _offer(dock, gate)
    dsn = superuser.info.dsn + f" password={superuser.info.password}"
    erase = ("--reason", "request 17", "--database-url", dsn, "--yes")
    told = dock.run("erase", amended["id"], *erase)
    assert [line for line in told.stderr.splitlines() if "same goods" in line] == [
        f"still there, of the same goods: {offered['id']}"
    ]
    assert "same goods" not in dock.run("erase", offered["id"], *erase).stderr


def test_errors_are_one_line(dock: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key, a server or a handoff, the command says so in one line."""
    missing = "00000000-0000-0000-0000-000000000000"
    assert f"no handoff {missing}" in dock.fails("handoff", "show", missing)
    assert "no shipment with the reference" in dock.fails(
        "handoff", "offer", "nothing", "--to", dock.party_id, "--keystore", dock.keystore, "--yes"
    )
    assert "does not answer" in dock.fails("handoff", "list", "--url", "http://127.0.0.1:1")
    monkeypatch.delenv("WAYPROOF_API_KEY", raising=False)
    nobody = CliRunner().invoke(app, ["handoff", "list"])
    assert "give --api-key" in nobody.stderr
