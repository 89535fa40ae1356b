"""The audit of a whole log finds whatever was changed behind its back."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typer.testing import CliRunner

from wayproof.cli.main import app
from wayproof.ledger.audit import audit
from wayproof.ledger.audit_sources import DatabaseLog, PublicLog
from wayproof.ledger.contract import root_slot
from wayproof.ledger.erasure import erase
from wayproof.ledger.hexadecimal import to_address
from wayproof.ledger.leaves import handoff_entry, handoff_payload, new_salt
from wayproof.ledger.notes import Checkpoint, sign_checkpoint
from wayproof.ledger.verify import Report, Status, Verdict
from wayproof.model.handoff import SignedHandoff
from wayproof.model.log import NewEntry
from wayproof.store import log
from wayproof.store.audit import snapshot
from wayproof.store.settings import DatabaseSettings

from fix_anchorer import Anchoring
from fix_custody import DOMAIN, LOG_SIGNER
from fix_log import new_entry
from fix_verify import Anchored
from ports import free_port


def audited(world: Anchored, **asked: Any) -> Report:
    """An audit of the database."""
    with snapshot(world.conn):
        return audit(DatabaseLog(world.conn), **asked)


def failed(report: Report) -> dict[str, str]:
    """What is wrong, by the name of the check."""
    return {check.name: check.detail for check in report.checks if check.status is Status.FAILED}


@pytest.fixture
def filled(world: Anchored) -> Anchored:
    """A log of 9 leaves: chains of several items, an erasure of each kind, three checkpoints, two anchors."""
    world.hand_over()
    world.hand_over("carrier", "consignee")
    world.anchor()
    details = world.hand_over(item="urn:example:1")
    whole = world.hand_over(item="urn:example:2")
    world.hand_over("carrier", "consignee", item="urn:example:2")
    for handoff, is_whole in ((details, False), (whole, True)):
        with world.conn.transaction():
            erase(
                world.conn,
                handoff.handoff_id,
                is_whole=is_whole,
                reason="request 17",
                erased_by="operator",
                now=datetime.now(UTC),
            )
    world.hand_over("consignee", "shipper")
    world.anchor()
    world.hand_over(item="urn:example:3")
    return world


def test_sound_log_passes(filled: Anchored) -> None:
    """A log with chains, erasures and anchors passes whole, and says how much was checked."""
    told: list[tuple[int, int]] = []
    report = audited(filled, rpcs=[filled.chain.url], progress=lambda *at: told.append(at))
    assert failed(report) == {}
    assert report.verdict is Verdict.PASSED
    counts = {check.name: check.detail for check in report.checks}
    assert [counts[name].split()[0] for name in ("leaves", "payloads", "signatures", "items", "tombstones")] == [
        "9", "8", "12", "7", "2",
    ]  # fmt: skip
    assert [counts[name].split()[0] for name in ("tiles", "checkpoints", "anchors", "chain")] == ["1", "2", "2", "1"]
    assert told == [(9, 9)]


def test_long_log_passes(world: Anchored) -> None:
    """Chunks, tiles of several levels and a right edge inside a tile are put together as the log has them."""
    with world.conn.transaction():
        log.append(world.conn, [new_entry(number) for number in range(9_000)])
    world.anchor()
    report = audited(world)
    assert set(failed(report)) == {"payloads"}  # these leaves hold no handoffs
    assert report.check("tiles").detail == "37 checked"


def _fork(world: Anchored) -> None:
    handoff = world.hand_over(item="urn:example:fork")
    record, first, second = handoff.record, handoff.releaser.signature, handoff.receiver.signature
    assert record is not None
    assert first is not None
    assert second is not None
    _append(world, SignedHandoff(handoff=record, releaser_signature=first, receiver_signature=second))


def _append(world: Anchored, signed: SignedHandoff) -> None:
    salt, payload = new_salt(), handoff_payload(signed)
    entry = NewEntry(kind="handoff", entry=handoff_entry(payload, salt), salt=salt, payload=payload)
    with world.conn.transaction():
        log.append(world.conn, [entry])


def _second_chain(world: Anchored, **changes: Any) -> None:
    like = world.hand_over(item="urn:example:second")
    assert like.record is not None
    record = replace(like.record, **changes)
    signed = SignedHandoff(
        handoff=record,
        releaser_signature=world.sign(record, record.releaser),
        receiver_signature=world.sign(record, record.receiver),
    )
    _append(world, signed)


Plant = Callable[[Anchored], object]


def _sql(*statements: str) -> Plant:
    """Does something as a superuser who has put the table's guards to sleep."""

    def plant(world: Anchored) -> None:
        with world.conn.transaction():
            world.conn.execute("set local session_replication_role = replica")
            for statement in statements:
                world.conn.execute(statement.encode())

    return plant


DEFECTS: dict[str, tuple[Plant, str, str]] = {
    "duplicate": (_fork, "items", "a duplicate"),
    "fork": (lambda world: _second_chain(world, details_hash=bytes(31) + b"\1"), "items", "a fork: handoff 1"),
    "gap": (lambda world: _second_chain(world, seq=3, prev=bytes(31) + b"\1"), "items", "a gap: handoff 3"),
    "wrong prev": (lambda world: _second_chain(world, seq=2, prev=bytes(31) + b"\1"), "items", "as the one before"),
    "payload": (
        _sql(
            "update log_entry set payload ="
            " convert_to(replace(convert_from(payload, 'UTF8'), '6789', '6780'), 'UTF8')"
            " where leaf_index = 0"
        ),
        "payloads",
        "leaf 0: salt and payload are not",
    ),
    "signature": (
        _sql(
            "update log_entry set payload = (select payload from log_entry where leaf_index = 1) where leaf_index = 0"
        ),
        "payloads",
        "leaf 0",
    ),
    "salt": (_sql("update log_entry set salt = sha256(salt) where leaf_index = 1"), "payloads", "leaf 1"),
    "entry": (
        _sql("update log_entry set entry = set_byte(entry, 40, 255 - get_byte(entry, 40)) where leaf_index = 2"),
        "tiles",
        "tile 0",
    ),
    "entry and checkpoint": (
        _sql("update log_entry set entry = set_byte(entry, 40, 255 - get_byte(entry, 40)) where leaf_index = 1"),
        "checkpoints",
        "2 leaves have",
    ),
    "removed leaf": (_sql("delete from log_entry where leaf_index = 5"), "leaves", "leaf 5 is missing"),
    "cut": (
        _sql("delete from log_entry where leaf_index >= 7", "update log_head set size = 7"),
        "checkpoints",
        "8 leaves",
    ),
    "surplus": (_sql("update log_head set size = 8"), "leaves", "1 leaves stand past"),
    "tile": (
        _sql("update log_tile set hashes = set_byte(hashes, 33, 255 - get_byte(hashes, 33)) where level = 0"),
        "tiles",
        "tile 0 of level 0",
    ),
    "node": (
        _sql("update log_tile set nodes = set_byte(nodes, 33, 255 - get_byte(nodes, 33)) where level = 0"),
        "tiles",
        "tile 0 of level 0",
    ),
    "longer tile": (_sql("update log_tile set hashes = hashes || sha256('x')"), "tiles", "tile 0"),
    "more tiles": (
        _sql("insert into log_tile (level, tile_index, hashes, nodes) values (3, 1, sha256('x'), '')"),
        "leaves",
        "2 tiles",
    ),
    "checkpoint's root": (_sql("update log_checkpoint set root = sha256('x') where size = 2"), "checkpoints", "2"),
    "checkpoint's note": (
        _sql("update log_checkpoint set note = replace(note, chr(10) || '2' || chr(10), chr(10) || '3' || chr(10))"),
        "checkpoints",
        "does not hold",
    ),
    "anchor": (_sql("update anchor set root = sha256('x') where size = 8"), "anchors", "8 leaves"),
    "tombstone": (
        _sql(
            "update log_entry"
            " set payload = convert_to(replace(convert_from(payload, 'UTF8'), 'erased\":3', 'erased\":2'), 'UTF8')"
            " where kind = 'tombstone'"
        ),
        "tombstones",
        "leaf 3 is erased, and no tombstone",
    ),
    "silent erasure": (
        _sql("update log_entry set payload = null, salt = null, erased_at = now() where leaf_index = 0"),
        "tombstones",
        "leaf 0 is erased",
    ),
    "handoff": (_sql("update handoff set digest = sha256('x') where leaf_index = 0"), "payloads", "bears the digest"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_planted_defect_is_found(filled: Anchored, defect: str) -> None:
    """Each thing that an operator could change in the tables is found, and named by its leaf, tile or checkpoint."""
    plant, name, word = DEFECTS[defect]
    plant(filled)
    assert word in failed(audited(filled))[name]


def test_log_behind_the_chain(filled: Anchored) -> None:
    """A log that was put back to before its anchors is found by the contract's own root, whatever the tables say."""
    _sql(
        "delete from anchor",
        "delete from log_checkpoint where size > 2",
        "delete from log_entry where leaf_index >= 2",
        "update log_head set size = 2",
        "update log_tile set hashes = substring(hashes from 1 for 64), nodes = substring(nodes from 1 for 32)",
    )(filled)
    report = audited(filled)
    assert set(failed(report)) == set()
    report = audited(filled, rpcs=[filled.chain.url])
    assert "8 leaves, the log has 2" in failed(report)["chain"]


def test_anchor_that_the_chain_does_not_hold(filled: Anchored) -> None:
    """An anchor that only the database tells of is found by a node."""
    filled.chain.rpc("anvil_setStorageAt", filled.ledger.address, _slot(2), "0x" + "11" * 32)
    assert "for 2 leaves" in failed(audited(filled, rpcs=[filled.chain.url]))["chain"]


def test_anchored_by_the_anchorer(anchoring: Anchoring) -> None:
    """What the anchorer itself has founded, signed and anchored passes against its chain."""
    anchorer = anchoring.anchorer()
    for _ in range(2):
        anchoring.append(3)
        for _ in range(6):
            anchorer.follow()
            anchoring.mine()
    with snapshot(anchoring.conn):
        report = audit(DatabaseLog(anchoring.conn), rpcs=[anchoring.chain.url])
    assert set(failed(report)) == {"leaves"}  # these leaves are just texts
    assert report.check("anchors").detail == "2 checked"
    assert report.check("chain").detail == "1 checked"
    node = anchoring.chain.url.removeprefix("http://")
    assert report.check(f"contract code by {node}").status is Status.PASSED


def test_node_of_another_chain(filled: Anchored) -> None:
    """A node without the log's contract is named, and nothing that it tells is compared."""
    filled.chain.rpc("anvil_setCode", filled.ledger.address, "0x")
    report = audited(filled, rpcs=[filled.chain.url])
    assert [name.startswith("contract code by 127.0.0.1") for name in failed(report)] == [True]
    assert report.check("chain").status is Status.UNCHECKED


def _slot(size: int) -> str:
    return "0x" + root_slot(size).hex()


def test_public_log(filled: Anchored, api_address: str) -> None:
    """Anybody can audit the public part over HTTP: leaves, tiles, the signed checkpoint, and the chain."""
    report = audit(PublicLog(api_address), rpcs=[filled.chain.url])
    assert failed(report) == {}
    assert {check.name for check in report.checks if check.status is Status.UNCHECKED} == {"payloads"}
    assert report.check("leaves").detail == "8 checked"
    _sql("update log_entry set entry = set_byte(entry, 40, 255 - get_byte(entry, 40)) where leaf_index = 1")(filled)
    assert {"tiles", "checkpoints", "chain"} == set(failed(audit(PublicLog(api_address), rpcs=[filled.chain.url])))


class _Odd(BaseHTTPRequestHandler):
    """A server that is no log, or a broken one: it answers `about` at the log's address, and `rest` below it."""

    about: bytes
    rest: bytes

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.about if self.path == "/v1/log" else self.rest)

    def log_message(self, *_args: object) -> None:
        pass


_ABOUT = json.dumps({"vkey": LOG_SIGNER.key.vkey, "chain_id": 31337, "contract": to_address(DOMAIN.contract)}).encode()


@pytest.mark.parametrize(
    ("about", "rest"),
    [
        (b"<html>", b""),
        (b"[1]", b""),
        (b"[" * 100_000, b""),
        (b"\xff\xfe", b""),
        (b'{"vkey": 7}', b""),
        (_ABOUT.replace(b"31337", b"true"), b""),
        (_ABOUT.replace(b"0x", b"1x"), b""),
        (_ABOUT, b"\xff\xfe"),
        (_ABOUT, b"no note"),
        (_ABOUT, sign_checkpoint(Checkpoint(origin=LOG_SIGNER.name, size=3, root=bytes(32)), LOG_SIGNER).encode()),
    ],
    ids=["html", "list", "deep", "bytes", "no key", "no chain", "no contract", "no text", "no note", "no tiles"],
)
def test_server_that_is_no_log(about: bytes, rest: bytes) -> None:
    """Whatever a server answers in a log's place, the audit ends in a report or in one line, and never well."""
    handler = type("Odd", (_Odd,), {"about": about, "rest": rest})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    result = CliRunner().invoke(app, ["ledger", "audit", "--url", f"http://127.0.0.1:{server.server_port}"])
    server.shutdown()
    server.server_close()
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in {1, 2}


def test_command(filled: Anchored, database: DatabaseSettings) -> None:
    """The command prints a line a check, JSON for programs, and ends with the status that scripts look at."""
    words = ["ledger", "audit", "--database-url", database.url.get_secret_value(), "--rpc", filled.chain.url]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "12 checked" in result.stdout
    told = CliRunner().invoke(app, [*words, "--json"])
    assert json.loads(told.stdout)["verdict"] == "passed"
    DEFECTS["payload"][0](filled)
    broken = CliRunner().invoke(app, words)
    assert broken.exit_code == 1
    assert "FAILED" in broken.stdout
    away = CliRunner().invoke(app, ["ledger", "audit", "--url", f"http://127.0.0.1:{free_port()}"])
    assert away.exit_code == 2
