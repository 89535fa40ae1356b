"""Gas: what each call costs is written down, and a change of it is seen.

WAYPROOF_WRITE_GAS=1 writes the figures anew, and the table of docs/contract.md from them.
"""

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest

from fix_chain import Chain, Ledger, compile_contract, receipt_of
from merkle_trees import Tree, leaf, tree

SNAPSHOT: Final = Path(__file__).with_name("gas.json")
PAGE: Final = Path(__file__).parents[3] / "docs/contract.md"
BEGIN, END = "<!-- gas -->\n", "<!-- /gas -->\n"
FARM: Final = b"farm".ljust(32, b"\1")
NOTE: Final = leaf(0)
MILLION: Final = 1_000_000
DEAREST: Final = 2**20 - 1
"""Of all logs of about a million leaves, the one whose proof takes most hashes: each bit of its size is set."""


@pytest.fixture(scope="module")
def log() -> Tree:
    """A log of a million leaves and what comes after."""
    return tree(DEAREST + 10_000)


def measure_anchor(ledger: Ledger, log: Tree, old: int, batch: int) -> int:
    """Gas of anchoring `batch` leaves more than `old` on a fresh contract, proof checked on the chain."""
    ledger.send("anchor", old, log.root(old), [], NOTE, by=ledger.anchorer)
    args = (old + batch, log.root(old + batch), log.consistency(old, old + batch), NOTE)
    return ledger.send("anchor", *args, by=ledger.anchorer)["gasUsed"]


def measure_calls(ledger: Ledger, accounts: list[str]) -> dict[str, int]:
    """Gas of everything but anchoring, in the order in which a contract meets it."""
    *_, controller, key, somebody = accounts
    calls: list[tuple[str, tuple[Any, ...], str]] = [
        ("registerCustodian", (FARM, controller), ledger.admin),
        ("addKey", (FARM, key), controller),
        ("revokeKey", (key,), controller),
        ("setController", (FARM, somebody), controller),
        ("pause", (), ledger.guardian),
        ("unpause", (), ledger.admin),
        ("setAnchorer", (somebody,), ledger.admin),
        ("setGuardian", (somebody,), ledger.admin),
        ("transferAdmin", (somebody,), ledger.admin),
        ("acceptAdmin", (), somebody),
    ]
    return {name: ledger.send(name, *args, by=by)["gasUsed"] for name, args, by in calls}


def measure_structs(chain: Chain, folder: Path) -> dict[str, int]:
    """Gas of one handoff kept as a struct; the second of its kind, as the first also pays for the array's length."""
    compiled = compile_contract(Path(__file__).with_name("StructPerHandoff.sol"), folder / "structs.json")
    factory = chain.web3.eth.contract(abi=compiled["abi"], bytecode=compiled["bytecode"])
    sender, receiver, *_ = chain.accounts
    deployed = factory(receipt_of(chain.web3, factory.constructor().transact())["contractAddress"])
    words = (NOTE, sender, receiver, 1_790_000_000, leaf(1))
    texts = ("urn:epc:id:sgtin:4012345.011111.987", "Fjord Salmon AS", "Harbour Cold Store GmbH", "Bremerhaven, gate 7")
    found = {}
    for name, handoff in (
        ("recordWords", words),
        ("recordTexts", (*texts, "sealed, 1.8 to 3.9 degrees", 1_790_000_000)),
    ):
        call = deployed.functions[name](handoff)
        found[name] = [receipt_of(chain.web3, call.transact())["gasUsed"] for _ in range(2)][1]
    return found


@pytest.fixture
def gas(chain: Chain, ledger: Ledger, log: Tree, tmp_path: Path) -> dict[str, int]:
    """Everything, measured."""
    found = {"deployment": ledger.receipt["gasUsed"]}
    before = chain.rpc("evm_snapshot")
    for old, name in ((MILLION, "a million"), (DEAREST, "2^20-1")):
        for batch in (1, 100, 1_000, 10_000):
            found[f"anchor {batch} after {name}"] = measure_anchor(ledger, log, old, batch)
            assert chain.rpc("evm_revert", before)
            before = chain.rpc("evm_snapshot")
    found["first anchor"] = ledger.send("anchor", 7, log.root(7), [], NOTE, by=ledger.anchorer)["gasUsed"]
    return found | measure_calls(ledger, chain.accounts) | measure_structs(chain, tmp_path)


def table(gas: dict[str, int]) -> str:
    """The figures as the documentation shows them."""
    rows = ["| one handoff costs | gas |", "|---|---:|"]
    rows += [f"| struct of texts, a transaction each | {gas['recordTexts']:,} |"]
    rows += [f"| struct of words, a transaction each | {gas['recordWords']:,} |"]
    for batch in (1, 100, 1_000, 10_000):
        cheap, dear = (gas[f"anchor {batch} after {name}"] for name in ("a million", "2^20-1"))
        rows.append(f"| log of a million, {batch:,} an anchor | {cheap / batch:,.1f} to {dear / batch:,.1f} |")
    rows += ["", "| call | gas |", "|---|---:|"]
    for batch in (1, 100, 1_000, 10_000):
        cheap, dear = (gas[f"anchor {batch} after {name}"] for name in ("a million", "2^20-1"))
        rows.append(f"| `anchor`, {batch:,} leaves | {cheap:,} to {dear:,} |")
    rest = [name for name in gas if not name.startswith(("anchor ", "record"))]
    rows += [f"| {name if ' ' in name or name == 'deployment' else f'`{name}`'} | {gas[name]:,} |" for name in rest]
    return "\n".join(rows) + "\n"


def test_gas(gas: dict[str, int]) -> None:
    """An anchor on a million leaves costs <= 90,000, a handoff <= 85 at 1,000 and <= 9 at 10,000; no figure changes."""
    print("\n" + table(gas))  # noqa: T201 - the table is asked for
    anchors = {name: spent for name, spent in gas.items() if name.startswith("anchor ")}
    assert max(anchors.values()) <= 90_000
    assert all(anchors[f"anchor 1000 after {name}"] / 1_000 <= 85 for name in ("a million", "2^20-1"))
    assert all(anchors[f"anchor 10000 after {name}"] / 10_000 <= 9 for name in ("a million", "2^20-1"))
    assert gas["recordWords"] > max(anchors.values())  # one struct costs more than the anchor of ten thousand
    if os.environ.get("WAYPROOF_WRITE_GAS"):
        SNAPSHOT.write_text(json.dumps(gas, indent=2) + "\n", encoding="utf-8")
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(head + BEGIN + table(gas) + END + rest.partition(END)[2], encoding="utf-8")
    assert json.loads(SNAPSHOT.read_bytes()) == gas


def test_documentation_shows_the_figures() -> None:
    """The table of docs/contract.md is made from the snapshot."""
    shown = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert shown == table(json.loads(SNAPSHOT.read_bytes()))
