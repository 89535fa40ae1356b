"""`wayproof dossier`: everything about a lot or shipment in one file, and what of it can be proven."""

from pathlib import Path
from typing import IO, Annotated
from urllib.parse import quote

import typer

from wayproof.cli.app import AsJson, printable
from wayproof.cli.files import Output, save
from wayproof.cli.groups import commands
from wayproof.cli.remote import URL_DEFAULT, ApiKey, ApiUrl, remote, shipment_id_of
from wayproof.cli.verify import ChainId, Contract, LogKey, Rpcs, show_reports, trusted_of
from wayproof.ledger.verify.dossier import MOST_BYTES, verify_dossier
from wayproof.model.errors import InvalidInput, WayproofError

dossier = commands("dossier", "Audit dossiers: all of a lot or shipment in one file.")


@dossier.command("lot", epilog="Example: wayproof dossier lot '(01)10860009999920(10)ABC1234' -o ABC1234.zip")
def lot(
    lot_id: Annotated[
        str, typer.Argument(metavar="LOT", help="Lot, thing or container: Digital Link, URN or element string.")
    ],
    *,
    output: Output,
    url: ApiUrl = URL_DEFAULT,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Save the dossier of a lot, a thing or a container."""
    with remote(url, api_key) as api:
        save(api.get_bytes(f"/v1/dossiers/items/{quote(lot_id, safe='')}"), output, as_json=as_json)


@dossier.command("shipment", epilog="Example: wayproof dossier shipment PO-4711 -o PO-4711.zip")
def shipment(
    reference: Annotated[str, typer.Argument(metavar="SHIPMENT", help="Reference or id of a shipment.")],
    *,
    output: Output,
    url: ApiUrl = URL_DEFAULT,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Save the dossier of a shipment and of what was handed over with it."""
    with remote(url, api_key) as api:
        save(api.get_bytes(f"/v1/dossiers/shipments/{shipment_id_of(api, reference)}"), output, as_json=as_json)


@dossier.command("verify", epilog="Example: wayproof dossier verify PO-4711.zip --rpc https://node.example")
def verify(
    file: Annotated[Path, typer.Argument(help="What `wayproof dossier lot` or `shipment` saved.")],
    *,
    rpc: Rpcs = None,
    log_key: LogKey = None,
    contract: Contract = None,
    chain_id: ChainId = None,
    as_json: AsJson = False,
) -> None:
    """Check a dossier: every file by the manifest, every bundle, and the readings that both parties signed.

    Needs no server of ours. Exit status: 0 nothing failed, 1 something did, 2 it cannot be read, or something could not
    be checked as asked.
    """
    try:
        trusted = trusted_of(log_key, contract, chain_id)
        with _open(file) as source:
            manifest, reports = verify_dossier(source, rpcs=rpc or (), trusted=trusted)
    except WayproofError as error:
        typer.echo(f"wayproof: {printable(str(error))}", err=True)
        raise typer.Exit(2) from error
    if not as_json:
        typer.echo(printable(f"Dossier of {manifest.subject}, as recorded up to {manifest.as_of}"))
    show_reports(reports, as_json=as_json)


def _open(path: Path) -> IO[bytes]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InvalidInput(f"{path}: expected at most {MOST_BYTES:,} bytes, got {path.stat().st_size:,}")
        return path.open("rb")
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}") from error
