"""`wayproof epcis import`."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from wayproof.cli.main import app
from wayproof.store.pool import Conn
from wayproof.store.settings import DatabaseSettings

from fix_epcis import dumped, new_document, new_event


@pytest.fixture
def run(database: DatabaseSettings, tenant_factory: Callable[[str], UUID]) -> Callable[..., Result]:
    """Runs the command for tenant acme."""
    tenant_factory("acme")
    url = database.url.get_secret_value()

    def invoke(*words: str | Path) -> Result:
        argv = ["epcis", "import", "--tenant", "acme", "--database-url", url, *map(str, words)]
        return CliRunner().invoke(app, argv)

    return invoke


def stored(superuser: Conn) -> int:
    """How many events are in the journal."""
    row = superuser.execute("select count(*) from epcis_event").fetchone()
    assert row is not None
    return int(row[0])


def test_files_are_captured(run: Callable[..., Result], superuser: Conn, tmp_path: Path) -> None:
    """The events of every file are captured, and each file has its line."""
    for number in (1, 2):
        document = new_document(new_event(number), new_event(number + 10))
        (tmp_path / f"{number}.json").write_bytes(dumped(document))
    result = run(tmp_path / "1.json", tmp_path / "2.json")

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [f"{tmp_path}/{number}.json: 2 events captured" for number in (1, 2)]
    assert stored(superuser) == 4


def test_a_refused_file_is_told_and_stops_no_other(run: Callable[..., Result], superuser: Conn, tmp_path: Path) -> None:
    """A document at fault, or a file that is not there, makes the status 1; the others are captured."""
    (tmp_path / "bad.json").write_bytes(dumped(new_document(new_event(1), new_event(2, action="CREATE"))))
    (tmp_path / "good.json").write_bytes(dumped(new_document(new_event(3))))
    result = run(tmp_path / "bad.json", tmp_path / "absent.json", tmp_path / "good.json")

    assert result.exit_code == 1
    assert "bad.json: refused, 1 fault" in result.stdout
    assert "  /epcisBody/eventList/1/action: action does not fit: expected ADD, OBSERVE or DELETE" in result.stdout
    assert "absent.json: unreadable" in result.stdout
    assert stored(superuser) == 1


def test_proceed_and_lenient(run: Callable[..., Result], superuser: Conn, tmp_path: Path) -> None:
    """With --proceed good events are captured; with --lenient what is clear passes and is listed; as JSON as well."""
    events = [new_event(1, action="CREATE"), new_event(2, epcList=["https://id.gs1.org/01/09521141012346"])]
    (tmp_path / "a.json").write_bytes(dumped(new_document(*events)))
    result = run(tmp_path / "a.json", "--proceed", "--lenient", "--json")
    (item,) = json.loads(result.stdout)["items"]

    assert result.exit_code == 1
    assert (item["is_whole"], item["epcis_ids"]) == (False, [events[1]["eventID"]])
    assert [fault["pointer"] for fault in item["faults"]] == ["/epcisBody/eventList/0/action"]
    assert [fault["rule"] for fault in item["forgiven"]] == ["identifier"]
    assert stored(superuser) == 1


def test_the_tenant_must_exist(database: DatabaseSettings, tmp_path: Path) -> None:
    """For a tenant that does not exist nothing is imported."""
    url = database.url.get_secret_value()
    result = CliRunner().invoke(app, ["epcis", "import", "--tenant", "nobody", "--database-url", url, str(tmp_path)])

    assert (result.exit_code, "no tenant 'nobody'" in result.stderr) == (1, True)
