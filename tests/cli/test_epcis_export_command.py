"""`wayproof epcis export`."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from wayproof.cli.main import app
from wayproof.store.settings import DatabaseSettings
from wayproof.trace.epcis.documents import read_document
from wayproof.trace.epcis.validate import check_document

from fix_epcis import dumped, new_document, new_event


@pytest.fixture
def run(database: DatabaseSettings, tenant_factory: Callable[[str], UUID]) -> Callable[..., Result]:
    """Runs a command of `wayproof epcis` for tenant acme."""
    tenant_factory("acme")
    url = database.url.get_secret_value()

    def invoke(command: str, *words: str | Path) -> Result:
        argv = ["epcis", command, "--tenant", "acme", "--database-url", url, *map(str, words)]
        return CliRunner().invoke(app, argv)

    return invoke


@pytest.fixture
def imported(run: Callable[..., Result], tmp_path: Path) -> list[dict[str, object]]:
    """Events of two documents with prefixes of their own."""
    first = [new_event(number, **{"ex:n": number}) for number in range(3)]
    second = [new_event(9, bizStep="receiving", **{"o:n": 9})]
    other = new_document(*second, **{"@context": [new_document()["@context"][0], {"o": "urn:other:"}]})
    for name, document in (("1.json", new_document(*first)), ("2.json", other)):
        (tmp_path / name).write_bytes(dumped(document))
        assert run("import", tmp_path / name).exit_code == 0
    return [*first, *second]


def test_what_is_exported_can_be_imported(
    run: Callable[..., Result], imported: list[dict[str, object]], tmp_path: Path
) -> None:
    """All events come out in order as they came in, in a document that is valid and names every prefix."""
    out = tmp_path / "out.json"
    result = run("export", "-o", out)
    assert (result.exit_code, result.stdout) == (0, f"{out}: 4 events\n")
    document = read_document(out.read_bytes())
    checked = check_document(document)
    assert not checked.faults
    for told, event in zip(checked.events, imported, strict=True):
        assert {name: value for name, value in told.items() if name not in {"recordTime", "@context"}} == event


def test_prefixes_that_an_event_repeats(run: Callable[..., Result], tmp_path: Path) -> None:
    """What an event's own context says again is said once on its way out, and can be imported again."""
    gs1, ours = new_document()["@context"]
    event = new_event(1, **{"@context": [ours, {"o": "urn:other:"}, gs1], "ex:n": 1, "o:n": 2})
    name, out = tmp_path / "in.json", tmp_path / "out.json"
    name.write_bytes(dumped(new_document(event)))
    assert run("import", name).exit_code == 0
    assert run("export", "-o", out).exit_code == 0
    checked = check_document(read_document(out.read_bytes()))
    assert not checked.faults
    assert checked.events[0]["@context"] == [gs1, ours, {"o": "urn:other:"}]


def test_parameters_choose_events(run: Callable[..., Result], imported: list[dict[str, object]]) -> None:
    """Parameters of the query language choose what is exported; identifiers come in the format asked for."""
    options = ("--extensions", "o=urn:other:", "--epcs", "Always_GS1_Digital_Link")
    result = run("export", "EQ_o:n=9", "EQ_bizStep=receiving", *options)
    assert result.exit_code == 0, result.output
    (event,) = json.loads(result.stdout)["epcisBody"]["eventList"]
    assert event["eventID"] == imported[-1]["eventID"]
    assert event["epcList"] == ["https://id.gs1.org/00/195201223456789125"]


@pytest.mark.parametrize("where", ["nowhere/out.json", "."])
def test_a_file_that_cannot_be_written_is_one_line(run: Callable[..., Result], tmp_path: Path, where: str) -> None:
    """What cannot be written ends the command with one line that names it, and leaves nothing behind."""
    result = run("export", "-o", tmp_path / where)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"wayproof: {tmp_path / where}: ")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_parameter_is_one_line(run: Callable[..., Result], tmp_path: Path) -> None:
    """A parameter that nobody knows ends the command with one line, and no file appears."""
    result = run("export", "EQ_nothing=1", "-o", tmp_path / "out.json")
    assert result.exit_code == 1
    assert "EQ_nothing: expected a parameter of the EPCIS 2.0 query language" in result.stderr
    assert list(tmp_path.iterdir()) == []
