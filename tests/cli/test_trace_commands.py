"""`wayproof trace` and `wayproof epcis rebuild`."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from wayproof.cli.main import app
from wayproof.store.settings import DatabaseSettings

from fix_epcis import dumped, new_document, new_event

LOT = "urn:epc:class:lgtin:4012345.012345.{}"
SSCC = "urn:epc:id:sscc:4012345.1111111111"


@pytest.fixture
def run(database: DatabaseSettings, tenant_factory: Callable[[str], UUID], tmp_path: Path) -> Callable[..., Result]:
    """Runs commands on a tenant that was told how flour became bread and the bread was packed."""
    tenant_factory("demo")
    baked = new_event(
        1,
        type="TransformationEvent",
        epcList=None,
        action=None,
        bizStep="commissioning",
        inputQuantityList=[{"epcClass": LOT.format("FLOUR"), "quantity": 12.5, "uom": "KGM"}],
        outputQuantityList=[{"epcClass": LOT.format("BREAD"), "quantity": 20}],
    )
    packed = new_event(
        2,
        type="AggregationEvent",
        epcList=None,
        action="ADD",
        bizStep="packing",
        parentID=SSCC,
        childQuantityList=[{"epcClass": LOT.format("BREAD"), "quantity": 20}],
    )
    path = tmp_path / "bakery.jsonld"
    path.write_bytes(dumped(new_document(baked, packed)))

    def invoke(*arguments: str) -> Result:
        url = database.url.get_secret_value()
        return CliRunner().invoke(app, [*arguments, "--database-url", url, "--tenant", "demo"])

    assert invoke("epcis", "import", str(path)).exit_code == 0
    return invoke


def test_tree(run: Callable[..., Result]) -> None:
    """Both ways by default; quantities, and what the events do not tell, stand beside."""
    shown = run("trace", LOT.format("BREAD")).stdout
    upstream, downstream = shown.split("downstream")
    assert "FLOUR" in upstream
    assert "12.5 KGM" in upstream
    assert "gap: unknown_origin" in upstream
    assert "SSCC (00)" in downstream
    assert "20 pieces" in downstream


def test_forms(run: Callable[..., Result]) -> None:
    """Mermaid, GraphViz and JSON hold the same step; two forms at once are refused."""
    bread = LOT.format("BREAD")
    assert "n0 -->|packed| n1" in run("trace", bread, "--downstream", "--mermaid").stdout
    assert 'n1 -> n0 [label="used"];' in run("trace", bread, "--upstream", "--dot").stdout
    told = json.loads(run("trace", SSCC, "--upstream", "--json").stdout)["upstream"]
    assert [node["depth"] for node in told["nodes"]] == [0, 1, 2]
    assert run("trace", bread, "--dot", "--json").exit_code != 0
    assert run("trace", LOT.format("CAKE")).exit_code != 0


def test_both_in_one_graph(run: Callable[..., Result]) -> None:
    """What is up and what is down of a lot stand in one digraph, which GraphViz can read."""
    shown = run("trace", LOT.format("BREAD"), "--both", "--dot").stdout
    assert shown.count("digraph") == 1
    assert "FLOUR" in shown
    assert '[label="packed"]' in shown


def test_times(run: Callable[..., Result]) -> None:
    """Nothing was recorded, and nothing had happened, before the first event."""
    bread = LOT.format("BREAD")
    for option in ("--as-of", "--until"):
        told = json.loads(run("trace", bread, "--json", option, "2001-01-01T00:00:00Z").stdout)
        assert [len(told[way]["nodes"]) for way in ("upstream", "downstream")] == [1, 1]
    assert run("trace", bread, "--as-of", "yesterday").exit_code != 0
    backwards = run("trace", bread, "--since", "2026-03-02T00:00:00Z", "--until", "2026-03-01T00:00:00Z")
    assert (backwards.exit_code, backwards.stdout) == (1, "")
    assert "expected a time not before --since" in backwards.stderr


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ("(01)04012345123457(10)BREAD", "check digit at place 14: expected 6, got 7"),
        ("(01)04012345123456", "seldom of their class"),
        ("BREAD", "expected an EPC URN, Digital Link, element string or other URI"),
        ("urn:x:" + "a" * 10_000, "expected at most 2048 characters"),
    ],
)
def test_nobody_told_and_why(run: Callable[..., Result], item: str, why: str) -> None:
    """Of what no event tells ends in one line, which says what is wrong with the identifier itself."""
    for command in ("trace", "where", "balance"):
        failed = run(command, item)
        assert failed.exit_code == 1
        assert failed.stderr.startswith("wayproof: no event of tenant 'demo' tells of ")
        assert why in failed.stderr
        assert len(failed.stderr) < 400


def test_rebuild(run: Callable[..., Result]) -> None:
    """Rebuilding changes no answer, and shows no progress where nobody sees it."""
    before = run("trace", SSCC, "--json").stdout
    rebuilt = run("epcis", "rebuild")
    assert (rebuilt.stdout, rebuilt.stderr) == ("rebuilt from 2 events\n", "")
    assert run("trace", SSCC, "--json").stdout == before
