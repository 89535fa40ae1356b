"""`wayproof erase`: what a handoff says of persons goes, and every other proof holds."""

import getpass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from wayproof.cli.access import database_settings
from wayproof.cli.app import DATA_DEFAULT, AsJson, Data, DatabaseUrl, show
from wayproof.cli.services.data_dir import DataDir
from wayproof.ledger.erasure import erase as erase_handoff
from wayproof.store.handoffs import same_place
from wayproof.store.pool import connect


def erase(
    handoff_id: Annotated[UUID, typer.Argument(metavar="HANDOFF", help="Id of the handoff.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the audit record and the tombstone: name nobody.")],
    whole: Annotated[
        bool, typer.Option("--whole", help="Keys, signatures and the leaf's content too: it can be proven no more.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Erase the details of a handoff for ever. For operators.

    The leaf's hash stays in the log and a tombstone is appended, so every other proof still holds. Backups and copies
    that others have made are not reached; offers of the same goods in other words are told of, each erased by itself.
    """
    if not yes:
        what = "the whole record" if whole else "the details"
        typer.confirm(f"Erase {what} of handoff {handoff_id} for ever?", abort=True, err=True)
    with connect(database_settings(DataDir.at(data), database_url)) as conn:
        erased = erase_handoff(
            conn, handoff_id, is_whole=whole, reason=reason, erased_by=getpass.getuser(), now=datetime.now(UTC)
        )
        others = same_place(conn, handoff_id)
    show(erased, as_json=as_json)
    for other in others:
        typer.echo(f"still there, of the same goods: {other}", err=True)
