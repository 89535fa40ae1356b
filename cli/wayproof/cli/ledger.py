"""`wayproof ledger`: founding the log, and how far its leaves have come on the chain."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from wayproof.cli.access import database_settings
from wayproof.cli.app import DATA_DEFAULT, AsJson, Data, DatabaseUrl, plain, printable, show, show_list
from wayproof.cli.groups import commands
from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.verify import Rpcs, show_reports
from wayproof.ledger.audit import LogSource, audit
from wayproof.ledger.audit_sources import DatabaseLog, PublicLog
from wayproof.ledger.notes import parse_vkey
from wayproof.ledger.settings import LedgerSettings
from wayproof.ledger.status import newest_anchors, status
from wayproof.ledger.verify import Report
from wayproof.model.errors import WayproofError
from wayproof.store.audit import snapshot
from wayproof.store.pool import connect
from wayproof.store.settings import from_environment

_NEWEST: Final = 10


@dataclass(frozen=True, kw_only=True)
class KeysOnChain:
    """How the parties' keys stand in the contract."""

    missing: int
    trouble: str


ledger = commands("ledger", "The log of custody and its anchors on the chain.")


@ledger.command("init", epilog="Example: wayproof ledger init --origin log.example.com/custody")
def init(
    *,
    origin: Annotated[
        str | None, typer.Option(help="The log's name for ever, like a URL without scheme; default: one made up.")
    ] = None,
    contract: Annotated[str | None, typer.Option(help="Address of its contract; default: deploy one.")] = None,
    guardian: Annotated[str | None, typer.Option(help="Who may pause a new contract; default: its admin.")] = None,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Found the log: deploy its contract, make its key, write both down.

    Chain and keys come by WAYPROOF_LEDGER_* as for `python -m wayproof.ledger`. Doing it again changes nothing.
    """
    # web3 takes longer to import than other commands take to run.
    from wayproof.ledger.founder import found_by_settings  # noqa: PLC0415

    with connect(database_settings(DataDir.at(data), database_url), autocommit=True) as conn:
        found_by_settings(conn, from_environment(LedgerSettings), origin=origin, contract=contract, guardian=guardian)
        show(status(conn), as_json=as_json)


@ledger.command("status", epilog="Example: wayproof ledger status --json")
def show_status(*, data: Data = DATA_DEFAULT, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Show how far the log is signed and anchored, and what is wrong.

    Exit status 1 while an alarm stands.
    """
    with connect(database_settings(DataDir.at(data), database_url)) as conn:
        found, newest = status(conn), newest_anchors(conn, _NEWEST)
    if as_json:
        typer.echo(json.dumps({**asdict(found), "newest": [asdict(line) for line in newest]}, default=plain, indent=2))
    else:
        show(found, as_json=False)
        show_list(newest, ("size", "state", "block", "queued_at", "transaction"), as_json=False)
    raise typer.Exit(1 if found.alarms else 0)


@ledger.command(
    "keys",
    epilog="Example: wayproof ledger keys --wait 30",
)
def keys(
    *,
    wait_s: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for the chain.")] = 120,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Bring parties and their keys to the contract, as its admin; without the admin's key, tell what is missing.

    An anchorer that has the admin's key does this by itself. Chain and keys come by WAYPROOF_LEDGER_*. Exit status 1
    while anything is missing.
    """
    # web3 takes longer to import than other commands take to run.
    from wayproof.ledger.founder import bring_keys  # noqa: PLC0415

    # The log's key is the anchorer's, and is not opened here: whoever brings keys need not have it.
    settings = from_environment(LedgerSettings, log_key_file=DataDir.at(data).log_key)
    with connect(database_settings(DataDir.at(data), database_url), role="wayproof_ledger", autocommit=True) as conn:
        found = bring_keys(conn, settings, timeout_s=wait_s)
    show(KeysOnChain(missing=found.missing, trouble=found.trouble), as_json=as_json)
    raise typer.Exit(1 if found.missing or found.trouble else 0)


@ledger.command(
    "audit",
    epilog="Example: wayproof ledger audit --url https://track.example --rpc https://node.example",
)
def audit_log(
    *,
    url: Annotated[
        str | None,
        typer.Option(help="Audit the public part of a log at this API, as anybody can; default: a database."),
    ] = None,
    rpc: Rpcs = None,
    log_key: Annotated[
        str | None, typer.Option(help="With --url: the log's key (a vkey), not taken from there.")
    ] = None,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Compute the whole log again, and compare it with all that is stored, signed, and on the chain.

    Exit status: 0 nothing is wrong, 1 something is, 2 the log or a node could not be read.
    """
    try:
        if url is not None:
            report = _audited(PublicLog(url, log_key=parse_vkey(log_key) if log_key else None), rpc or ())
        else:
            with connect(database_settings(DataDir.at(data), database_url)) as conn, snapshot(conn):
                report = _audited(DatabaseLog(conn), rpc or ())
    except WayproofError as error:
        typer.echo(f"wayproof: {printable(' '.join(str(error).split()))}", err=True)
        raise typer.Exit(2) from error
    show_reports({"log": report}, as_json=as_json)


def _audited(source: LogSource, rpcs: Sequence[str]) -> Report:
    console = Console(stderr=True)
    columns = (TextColumn("leaves"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("audit", total=source.size)
        return audit(source, rpcs=rpcs, progress=lambda done, _size: bar.update(task, completed=done))
