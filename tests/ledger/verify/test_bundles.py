"""Bundles as files: their size, what reads them, what several of them prove, and the command."""

import json
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from handoff_strategies import json_values
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from wayproof.cli.main import app
from wayproof.ledger.hexadecimal import to_address, to_hex
from wayproof.ledger.leaves import handoff_leaf, signed_handoff
from wayproof.ledger.notes import Checkpoint, sign_checkpoint
from wayproof.ledger.signatures import KeySigner
from wayproof.ledger.verify import Status, Verdict, parse_bundle, verify, verify_together
from wayproof.model.canonical import canonical_json
from wayproof.model.errors import InvalidInput
from wayproof.model.merkle import leaf_hash

from fix_custody import LOG_SIGNER
from fix_verify import STRANGER, TRUSTED, Anchored, Proven
from merkle_trees import Tree, leaf

ALONE = """
import sys
from pathlib import Path

ALLOWED = {"wayproof", "coincurve", "cffi", "pycparser", "cryptography", "sha3", "rfc8785", "msgspec",
           "typing_extensions"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in ALLOWED or top.startswith("_"):
            if not name.startswith("wayproof.") or name.split(".")[1] in {"model", "ledger"}:
                return None
        raise ImportError(f"a verifier needs no {name}")

sys.meta_path.insert(0, Refuse())
from wayproof.ledger.verify import verify
report = verify(Path(sys.argv[1]).read_bytes(), rpcs=sys.argv[2:])
print(report.verdict)
"""


def test_needs_little(proven: Proven, tmp_path: Path) -> None:
    """An interpreter in which neither store nor web3 nor pydantic can be imported verifies against the chain."""
    (tmp_path / "bundle.json").write_bytes(proven.with_reading())
    words = [sys.executable, "-c", ALONE, str(tmp_path / "bundle.json"), proven.world.chain.url]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "passed"), ran.stderr


def test_small_at_a_million_leaves(proven: Proven) -> None:
    """At a log of a million leaves a bundle with its proof of 20 hashes takes at most 4 KiB, and verifies."""
    document = json.loads(proven.data)
    both = signed_handoff(document["record"], document["signatures"])
    ours = leaf_hash(handoff_leaf(both, bytes.fromhex(document["salt"][2:])))
    size, index = 1 << 20, 777_777
    tree = Tree(ours if number == index else leaf(number) for number in range(size))
    root = tree.root(size)
    document["leafIndex"], document["inclusion"] = index, [to_hex(each) for each in tree.inclusion(index, size)]
    document["checkpoint"] = sign_checkpoint(Checkpoint(origin=LOG_SIGNER.name, size=size, root=root), LOG_SIGNER)
    document["anchor"].update(size=size, root=to_hex(root), blockNumber=2**53 - 1)
    data = canonical_json(document)
    assert len(document["inclusion"]) == 20
    assert len(data) <= 4096
    assert verify(data, trusted=TRUSTED).verdict is Verdict.PASSED


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    """Any bytes are refused with a JSON pointer, and by no other error."""
    with pytest.raises(InvalidInput) as refused:
        parse_bundle(data)
    assert refused.value.pointer is not None


@given(json_values)
def test_any_json(value: Any) -> None:
    """Any JSON that is no bundle is refused the same way."""
    with pytest.raises(InvalidInput) as refused:
        parse_bundle(json.dumps(value).encode())
    assert refused.value.pointer is not None


def test_too_large(proven: Proven) -> None:
    """A file of more than 64 KiB is refused before it is read as JSON."""
    with pytest.raises(InvalidInput, match="at most 65536 bytes"):
        parse_bundle(proven.data + b" " * 65_536)


def failed(checks: Sequence[Any]) -> list[str]:
    """Details of what failed."""
    return [check.detail for check in checks if check.status is Status.FAILED]


def test_chain_of_an_item(world: Anchored) -> None:
    """Bundles of one item follow one another, in whatever order they are given; one left out is said to be missing."""
    steps = [("shipper", "carrier"), ("carrier", "consignee"), ("consignee", "shipper")]
    handed = [world.hand_over(giver, taker) for giver, taker in steps]
    world.anchor()
    bundles = [world.bundle(handoff) for handoff in handed]
    reports, together = verify_together(bundles[::-1], trusted=TRUSTED)
    assert [report.verdict for report in reports] == [Verdict.PASSED] * 3
    assert [check.status for check in together.checks] == [Status.PASSED] * 3
    _, without = verify_together([bundles[0], bundles[2]])
    assert without.checks[0].status is Status.UNCHECKED


def test_fork_of_an_item(world: Anchored) -> None:
    """Two handoffs for one place of an item's chain, and one that names another before it, are found."""
    first = world.hand_over()
    second = world.hand_over("carrier", "consignee")
    world.anchor()
    fork = world.log_record(first, details_hash=bytes(31) + b"\1")
    _, together = verify_together([world.bundle(first), fork])
    assert "a fork" in failed(together.checks)[0]
    astray = world.log_record(second, prev=bytes(31) + b"\1")
    _, together = verify_together([world.bundle(first), astray])
    assert "as the one before" in failed(together.checks)[0]


def test_holders_of_an_item(world: Anchored) -> None:
    """Who received an item releases it, by any key of its custodian's; another custodian's key is found by a node."""
    first, second = world.hand_over(), world.hand_over("carrier", "consignee")
    other_key = KeySigner(b"\x4d" * 32)
    world.others.append(other_key)
    custodian = sha256(world.parties["carrier"].key.address).digest()
    world.ledger.send("addKey", custodian, to_address(other_key.address), by=world.ledger.admin)
    world.add_key(STRANGER)
    world.anchor()
    for releaser, expected in ((other_key, Status.PASSED), (STRANGER, Status.FAILED)):
        both = [world.bundle(first), world.log_record(second, releaser=releaser.address)]
        holders = verify_together(both)[1].check(f"holders of {second.item}")
        assert holders.status is Status.UNCHECKED
        assert "--rpc" in holders.detail
        asked = verify_together(both, rpcs=[world.chain.url])[1].check(f"holders of {second.item}")
        assert asked.status is expected, asked.detail


def test_two_faced_log(proven: Proven) -> None:
    """Two signed checkpoints of one size with different roots show that the log's operator forked it."""
    forged = sign_checkpoint(Checkpoint(origin=LOG_SIGNER.name, size=5, root=bytes(32)), LOG_SIGNER)
    assert parse_bundle(proven.data).anchor is not None
    other = proven.changed(lambda document: document.update(checkpoint=forged))
    _, together = verify_together([proven.data, other])
    assert "the log was forked" in failed(together.checks)[0]


def run(*words: str) -> Result:
    """What the command did."""
    return CliRunner().invoke(app, ["verify", *words])


def test_command(proven: Proven, tmp_path: Path) -> None:
    """The command shows a line a check; its status is 0 where nothing fails, 1 where something does, 2 else."""
    good, bad, none = (tmp_path / name for name in ("good.json", "bad.json", "none.json"))
    good.write_bytes(proven.data)
    bad.write_bytes(proven.data.replace(b"Dock 4", b"Dock 5"))
    none.write_bytes(b"{}")
    pins = ["--log-key", LOG_SIGNER.key.vkey, "--chain-id", "31337", "--contract", to_address(TRUSTED.contract or b"")]
    shown = run(str(good), *pins, "--rpc", proven.world.chain.url)
    assert shown.exit_code == 0, shown.output
    assert "the contract keeps" in shown.stdout
    broken = run(str(bad), *pins)
    assert broken.exit_code == 1
    assert next(line.split()[1] for line in broken.stdout.splitlines() if line.startswith("FAILED ")) == "details"
    for words in (
        [str(none)],
        [str(tmp_path / "absent.json")],
        [str(good), "--chain-id", "1"],
        [str(good), "--rpc", "x"],
    ):
        assert run(*words).exit_code == 2
    told = json.loads(run(str(good), str(bad), "--json").stdout)
    assert [report["verdict"] for report in told["reports"]] == ["passed", "failed", "passed"]
    assert told["verdict"] == "failed"


def test_documented(proven: Proven) -> None:
    """Every check and every member of the format stands in the page on verifying."""
    page = (Path(__file__).parents[3] / "docs" / "verifying.md").read_text()
    names = {check.name for check in proven.world.verify(proven.data, nodes=2).checks}
    members = set(json.loads(proven.with_reading())) | {"erased", "details", "detailsSalt"}
    inner = {key for name in ("domain", "record", "signatures", "anchor") for key in json.loads(proven.data)[name]}
    assert {word for word in names | members | inner if f"`{word}`" not in page} == set()
