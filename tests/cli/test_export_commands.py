"""Spreadsheets, statements and dossiers from a terminal, over HTTP."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner, Result

from wayproof.cli.main import app
from wayproof.model.access import Scope
from wayproof.store.keys import create_key
from wayproof.store.pool import Conn
from wayproof.store.settings import DatabaseSettings

from fix_exports import PACKED, Exporter, capture_fsma
from fix_registry import MONDAY, Registry

Run = Any


@pytest.fixture
def run(api_address: str, superuser: Conn, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a folder of its own, against an API whose tenant has the FSMA 204 documents."""
    capture_fsma(Exporter(pool=registry.pool, tenant_id=registry.tenant_id))
    _, token = create_key(superuser, tenant_id=registry.tenant_id, label="test", scopes=[*Scope])
    monkeypatch.chdir(tmp_path)
    environment = {"WAYPROOF_URL": api_address, "WAYPROOF_API_KEY": token}

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(app, words, env=environment)

    return invoke


def test_spreadsheet_by_the_files_name(run: Run) -> None:
    """The file's name says whether it is a workbook or CSV, and JSON tells what was saved."""
    assert run("export", "fsma", PACKED, "-o", "lot.xlsx").exit_code == 0
    assert load_workbook("lot.xlsx").sheetnames[0] == "Harvesting"
    saved = run("export", "fsma", PACKED, "-o", "lot.csv", "--json")
    assert json.loads(saved.stdout) == {"file": "lot.csv", "bytes": Path("lot.csv").stat().st_size}
    assert Path("lot.csv").read_text(encoding="utf-8-sig").startswith("Critical tracking event,")
    assert run("export", "dscsa", PACKED, "-o", "-", "--format", "csv").stdout.count("\n") > 1


def test_statement_of_a_shipment(run: Run, registry: Registry) -> None:
    """A shipment's temperature statement is saved by its reference, as a page or as JSON."""
    registry.shipment("PO-4711", profile=registry.profile())
    assert run("export", "gdp", "PO-4711", "-o", "PO-4711.html").exit_code == 0
    assert "no reading" in Path("PO-4711.html").read_text(encoding="utf-8")
    assert run("export", "gdp", "PO-4711", "-o", "PO-4711.json").exit_code == 0
    assert json.loads(Path("PO-4711.json").read_bytes())["reference"] == "PO-4711"


def test_dossier_and_its_verification(run: Run) -> None:
    """A dossier is saved and verified with no server; one changed byte ends with status 1 and the file's name."""
    assert run("dossier", "lot", PACKED, "-o", "lot.zip").exit_code == 0
    verified = run("dossier", "verify", "lot.zip")
    assert verified.exit_code == 0
    assert PACKED in verified.stdout
    data = Path("lot.zip").read_bytes()
    at = data.index(b"fsma204.csv") + 60
    Path("lot.zip").write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    broken = run("dossier", "verify", "lot.zip", "--json")
    assert broken.exit_code == 1
    failed = [
        check["name"]
        for report in json.loads(broken.stdout)["reports"]
        for check in report["checks"]
        if check["status"] == "failed"
    ]
    assert failed == ["fsma204.csv"]


@pytest.mark.parametrize("name", ["absent.zip", "empty.zip"])
def test_what_is_no_dossier(tmp_path: Path, name: str) -> None:
    """A file that is not there, or no dossier, ends with status 2 and one line."""
    (tmp_path / "empty.zip").touch()
    result = CliRunner().invoke(app, ["dossier", "verify", str(tmp_path / name)])
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert name in result.stderr or "dossier" in result.stderr


def test_unknown_lots_and_shipments(run: Run) -> None:
    """What nobody knows is one line on stderr and status 1."""
    for words in (
        ("export", "fsma", "https://id.gs1.org/01/10860009999920/10/NOBODY", "-o", "x.csv"),
        ("export", "gdp", "NOBODY", "-o", "x.html"),
        ("dossier", "lot", "https://id.gs1.org/01/10860009999920/10/NOBODY", "-o", "x.zip"),
        ("export", "fsma", "(01)10860009999921", "-o", "x.csv"),
    ):
        result = run(*words)
        assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1), words


def test_record_what_happened(database: DatabaseSettings, registry: Registry, superuser: Conn) -> None:
    """An operator's command records what has happened as events, and a second run finds nothing new."""
    registry.change(registry.shipment(), picked_up_at=MONDAY, delivered_at=MONDAY + timedelta(hours=1))
    [name] = superuser.execute("select name from tenant where tenant_id = %s", [registry.tenant_id]).fetchone() or [""]
    words = ["epcis", "record", "--tenant", name, "--database-url", database.url.get_secret_value()]
    first = CliRunner().invoke(app, [*words, "--json"])
    assert [each.split(":")[3] for each in json.loads(first.stdout)["recorded"]] == ["departure", "arrival"]
    assert CliRunner().invoke(app, words).stdout.splitlines()[-1] == "0 events recorded"
