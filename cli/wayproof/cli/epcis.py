"""`wayproof epcis`: EPCIS documents."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from wayproof.cli.app import AsJson, counted, printable
from wayproof.cli.epcis_export import export_events
from wayproof.cli.epcis_import import import_documents
from wayproof.cli.epcis_record import record_events
from wayproof.cli.groups import commands
from wayproof.cli.trace import rebuild_graph
from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.documents import read_document
from wayproof.trace.epcis.validate import Checked, check_document

epcis = commands("epcis", "EPCIS documents.")
epcis.command(
    "import",
    short_help="Capture the events of documents.",
    epilog="Example: wayproof epcis import harvest.jsonld despatch.xml --lenient --tenant demo",
)(import_documents)
epcis.command(
    "record",
    short_help="Record what sensors and parties told as events.",
    epilog="Example: wayproof epcis record --url https://track.example --tenant demo",
)(record_events)
epcis.command(
    "rebuild",
    short_help="Make the graph of things again from the journal.",
    epilog="Example: wayproof epcis rebuild --tenant demo",
)(rebuild_graph)
epcis.command(
    "export",
    short_help="Write events that a query finds.",
    epilog="Example: wayproof epcis export EQ_bizStep=shipping GE_eventTime=2026-03-01T00:00:00Z -o shipped.json",
)(export_events)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Outcome:
    file: str
    #: None where the file is no document at all.
    checked: Checked | None
    unreadable: str = ""

    @property
    def is_valid(self) -> bool:
        return self.checked is not None and self.checked.is_valid


@epcis.command(
    short_help="Check documents of EPCIS 1.2 and 2.0.",
    epilog="Example: wayproof epcis validate harvest.jsonld despatch.xml --lenient",
)
def validate(
    files: Annotated[list[Path], typer.Argument(help="Documents in JSON, JSON-LD or XML.")],
    *,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Let through what leaves an event's meaning clear, and list it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check documents, or single events, against EPCIS 2.0 and the rules that its schema cannot state.

    Each fault is told by its place, what was expected and what stands there. Ends with status 1 if any is refused.
    """
    console = Console(stderr=True)
    shown = track(
        files, "Checking", console=console, transient=True, disable=len(files) == 1 or not console.is_terminal
    )
    outcomes = [_outcome(path, lenient=lenient) for path in shown]
    if as_json:
        typer.echo(json.dumps({"items": [_record(outcome) for outcome in outcomes]}, indent=2))
    else:
        _tell(outcomes)
    if not all(outcome.is_valid for outcome in outcomes):
        raise typer.Exit(1)


def _outcome(path: Path, *, lenient: bool) -> _Outcome:
    try:
        document = read_document(path.read_bytes())
    except (InvalidInput, OSError) as error:
        return _Outcome(file=str(path), checked=None, unreadable=str(error))
    return _Outcome(file=str(path), checked=check_document(document, now=datetime.now(UTC), lenient=lenient))


def _tell(outcomes: Sequence[_Outcome]) -> None:
    for outcome in outcomes:
        for line in _lines(outcome):
            typer.echo(printable(line))


def _lines(outcome: _Outcome) -> list[str]:
    if outcome.checked is None:
        return [f"{outcome.file}: unreadable: {outcome.unreadable}"]
    checked = outcome.checked
    verdict = "valid" if checked.is_valid else f"refused, {counted(len(checked.faults), 'fault')}"
    forgiven = f", {len(checked.forgiven)} forgiven" if checked.forgiven else ""
    return [
        f"{outcome.file}: {verdict}, {counted(len(checked.events), 'event')}{forgiven}",
        *(f"  {fault}" for fault in checked.faults),
        *(f"  forgiven: {fault}" for fault in checked.forgiven),
    ]


def _record(outcome: _Outcome) -> dict[str, object]:
    record: dict[str, object] = {"file": outcome.file, "is_valid": outcome.is_valid}
    if outcome.checked is None:
        return {**record, "unreadable": outcome.unreadable}
    checked = outcome.checked
    return {
        **record,
        "event_count": len(checked.events),
        "faults": [asdict(fault) for fault in checked.faults],
        "forgiven": [asdict(fault) for fault in checked.forgiven],
    }
