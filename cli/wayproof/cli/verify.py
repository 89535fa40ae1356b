"""`wayproof verify`: what a bundle proves, with no server of ours."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wayproof.cli.app import ENDLESS, AsJson, printable
from wayproof.ledger.hexadecimal import from_address
from wayproof.ledger.notes import parse_vkey
from wayproof.ledger.verify import Report, Status, Trusted, Verdict, verify_together
from wayproof.ledger.verify.bundle import MAX_BYTES
from wayproof.ledger.verify.report import verdict_of
from wayproof.model.errors import InvalidInput, WayproofError

Rpcs = Annotated[
    list[str] | None,
    typer.Option(
        "--rpc",
        help="URL of a node of the chain, and not of the log's operator; several of different operators are"
        " compared, and then none is trusted alone.",
    ),
]

LogKey = Annotated[
    str | None, typer.Option(help="The log's key as its operator publishes it (a vkey); not taken from the bundle.")
]
Contract = Annotated[str | None, typer.Option(help="Address of the log's contract; with --chain-id.")]
ChainId = Annotated[int | None, typer.Option(min=1, help="Id of the chain; with --contract.")]

_EXIT: Final = {Verdict.PASSED: 0, Verdict.FAILED: 1, Verdict.INCOMPLETE: 2}
_MARKS: Final = {
    Status.PASSED: Text("passed", "green"),
    Status.FAILED: Text("FAILED", "bold red"),
    Status.UNCHECKED: Text("unchecked", "yellow"),
}
_WORDS: Final = {
    Verdict.PASSED: Text("Verified: nothing failed. What is unchecked rests on the bundle's word.", "green"),
    Verdict.FAILED: Text("FAILED: do not rely on this.", "bold red"),
    Verdict.INCOMPLETE: Text("Incomplete: nothing failed, but not everything could be checked as asked.", "yellow"),
}


def verify(
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE", help="Files of `wayproof handoff bundle`.")],
    *,
    rpc: Rpcs = None,
    log_key: LogKey = None,
    contract: Contract = None,
    chain_id: ChainId = None,
    as_json: AsJson = False,
) -> None:
    """Check what bundles prove: signatures, place in the log, and with --rpc the chain. Needs no server of ours.

    Several bundles of one item are also checked to follow one another. Exit status: 0 nothing failed, 1 something did,
    2 a bundle cannot be read, or something could not be checked as asked.
    """
    try:
        trusted = trusted_of(log_key, contract, chain_id)
        reports, together = verify_together([_read(path) for path in bundles], rpcs=rpc or (), trusted=trusted)
    except WayproofError as error:
        typer.echo(f"wayproof: {printable(str(error))}", err=True)
        raise typer.Exit(2) from error
    named = dict(zip(map(str, bundles), reports, strict=False))
    if len(bundles) > 1:
        named["together"] = together
    show_reports(named, as_json=as_json)


def show_reports(reports: dict[str, Report], *, as_json: bool) -> None:
    """Prints reports by their names, and ends the command with the exit status that they come to."""
    verdict = verdict_of([check for report in reports.values() for check in report.checks])
    if as_json:
        document = {"verdict": verdict, "reports": [_document(*named) for named in reports.items()]}
        typer.echo(json.dumps(document, indent=2))
    else:
        _print(reports, verdict)
    raise typer.Exit(_EXIT[verdict])


def _print(reports: dict[str, Report], verdict: Verdict) -> None:
    console = Console()
    if not console.is_terminal:  # a pipe has no width: nothing may be broken there
        console = Console(width=ENDLESS)
    for name, report in reports.items():
        table = Table.grid(padding=(0, 2, 0, 0))
        for check in report.checks:
            table.add_row(_MARKS[check.status], Text(printable(check.name)), Text(printable(check.detail)))
        console.print(Text(printable(name), "bold"), table, "", sep="\n")
    console.print(_WORDS[verdict])


def _document(name: str, report: Report) -> dict[str, object]:
    checks = [{"name": check.name, "status": check.status, "detail": check.detail} for check in report.checks]
    return {"name": name, "verdict": report.verdict, "checks": checks}


def trusted_of(log_key: str | None, contract: str | None, chain_id: int | None) -> Trusted:
    """What is trusted whatever a bundle says; InvalidInput where an option is wrong or its other half is missing."""
    if (contract is None) != (chain_id is None):
        raise InvalidInput("--contract and --chain-id belong together: give both, or neither")
    return Trusted(
        log_key=None if log_key is None else parse_vkey(log_key),
        contract=None if contract is None else from_address(contract, pointer="--contract"),
        chain_id=chain_id,
    )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)  # one more: the parser refuses what is longer
    except OSError as error:
        raise InvalidInput(f"bundle {path}: {error.strerror}") from error
