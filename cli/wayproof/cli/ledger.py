"""`wayproof ledger`: founding the log, and how far its leaves have come on the chain."""

import json
from dataclasses import asdict
from typing import Annotated, Final

import typer
from pydantic import ValidationError

from wayproof.cli.access import database_settings
from wayproof.cli.app import DATA_DEFAULT, AsJson, Data, DatabaseUrl, commands, plain, show, show_list
from wayproof.cli.services.data_dir import DataDir
from wayproof.ledger.settings import LedgerSettings
from wayproof.ledger.status import newest_anchors, status
from wayproof.model.errors import InvalidInput
from wayproof.store.pool import connect

_NEWEST: Final = 10

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
        found_by_settings(conn, ledger_settings(), origin=origin, contract=contract, guardian=guardian)
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


def ledger_settings() -> LedgerSettings:
    """Out of the environment; InvalidInput, which shows no secret, where something is missing or wrong."""
    try:
        return LedgerSettings()  # type: ignore[call-arg] # from the environment
    except ValidationError as error:
        wrong = ", ".join(f"WAYPROOF_LEDGER_{str(part['loc'][0]).upper()}: {part['msg']}" for part in error.errors())
        raise InvalidInput(f"the ledger's settings: {wrong}") from None
