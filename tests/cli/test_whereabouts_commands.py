"""`wayproof where` and `wayproof balance`."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from wayproof.cli.main import app
from wayproof.store.settings import DatabaseSettings

from fix_epcis import dumped, new_document
from fix_graph import LOT, SHOP, P, lot_events


@pytest.fixture
def run(database: DatabaseSettings, tenant_factory: Callable[[str], UUID], tmp_path: Path) -> Callable[..., Result]:
    """Runs commands on a tenant that was told of a lot in many places."""
    tenant_factory("demo")
    path = tmp_path / "lot.jsonld"
    path.write_bytes(dumped(new_document(*lot_events())))

    def invoke(*arguments: str) -> Result:
        url = database.url.get_secret_value()
        return CliRunner().invoke(app, [*arguments, "--database-url", url, "--tenant", "demo"])

    assert invoke("epcis", "import", str(path)).exit_code == 0
    return invoke


def test_where(run: Callable[..., Result]) -> None:
    """One line a place for people; every field for programs; what nobody told of ends in one line."""
    shown = run("where", LOT).stdout
    assert "on_hand" in shown
    assert "45 KGM" in shown
    assert f"→ SGLN (414) {SHOP[-13:]}" in shown
    told = json.loads(run("where", LOT, "--json").stdout)
    assert told["item"] == LOT
    assert {each["container"] for each in told["items"]} == {None, P}
    assert sum(each["quantity"] for each in told["items"]) == pytest.approx(100.0)
    failed = run("where", LOT, "--as-of", "2025-01-01T00:00:00Z")
    assert (failed.exit_code, failed.stderr) == (1, f"wayproof: no event of tenant 'demo' tells of {LOT}\n")


def test_balance(run: Callable[..., Result]) -> None:
    """What is zero is left out; the last line is how much is accounted for."""
    lines = [line.split() for line in run("balance", LOT).stdout.splitlines() if line.strip()]
    assert ["made", "100"] in lines
    assert ["on", "hand", "89"] in lines
    assert lines[-1] == ["accounted", "for", "100.0", "%"]
    told = json.loads(run("balance", LOT, "--unit", "GRM", "--downstream", "--json").stdout)
    assert (told["unit"], told["made"], told["percent"]) == ("GRM", 100_000.0, 100.0)
    assert run("balance", "urn:x:nobody").exit_code == 1
