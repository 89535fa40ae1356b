"""`wayproof epcis`."""

import json
from pathlib import Path

from typer.testing import CliRunner

from wayproof.cli.main import app

GOOD = {
    "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
    "type": "ObjectEvent",
    "action": "OBSERVE",
    "eventTime": "2026-01-01T12:00:00+01:00",
    "eventTimeZoneOffset": "+01:00",
    "epcList": [],
}


def written(folder: Path, name: str, **fields: str) -> str:
    """The path of a file with the good event and these fields."""
    path = folder / name
    path.write_text(json.dumps({**GOOD, **fields}), encoding="utf-8")
    return str(path)


def test_valid_documents_end_with_status_0(tmp_path: Path) -> None:
    """A valid document is called valid."""
    result = CliRunner().invoke(app, ["epcis", "validate", written(tmp_path, "a.json")])

    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'a.json'}: valid, 1 event\n")


def test_one_refused_document_ends_with_status_1(tmp_path: Path) -> None:
    """Each file is judged, each fault told by its place, and one refused file makes the status 1."""
    files = [written(tmp_path, "a.json"), written(tmp_path, "b.json", action="CREATE"), str(tmp_path / "absent.json")]
    result = CliRunner().invoke(app, ["epcis", "validate", *files])

    assert result.exit_code == 1
    assert "b.json: refused, 1 fault, 1 event" in result.stdout
    assert '/action: action does not fit: expected ADD, OBSERVE or DELETE, got "CREATE"' in result.stdout
    assert "absent.json: unreadable" in result.stdout


def test_lenient_lists_what_was_forgiven(tmp_path: Path) -> None:
    """With --lenient contradicting time zones pass and are listed; control characters do not reach a terminal."""
    path = written(tmp_path, "a.json", eventTimeZoneOffset="+05:00", bizStep="\x1b[31mred")
    strict = CliRunner().invoke(app, ["epcis", "validate", path])
    lenient = CliRunner().invoke(app, ["epcis", "validate", "--lenient", path])

    assert (strict.exit_code, lenient.exit_code) == (1, 0)
    assert "forgiven: /eventTimeZoneOffset" in lenient.stdout
    assert "\x1b" not in lenient.stdout


def test_json_for_programs(tmp_path: Path) -> None:
    """With --json the faults come as objects with rule, pointer, said, expected and got."""
    result = CliRunner().invoke(app, ["epcis", "validate", "--json", written(tmp_path, "a.json", bizStep="painting")])
    (item,) = json.loads(result.stdout)["items"]
    (fault,) = item["faults"]

    assert result.exit_code == 1
    assert item["is_valid"] is False
    assert (fault["event"], fault["pointer"], fault["rule"], fault["got"]) == (
        0,
        "/bizStep",
        "unknown_word",
        '"painting"',
    )
