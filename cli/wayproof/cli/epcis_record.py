"""`wayproof epcis record`: what sensors and parties have told becomes events."""

from typing import Final

import typer

from wayproof.cli.access import database_settings, tenant_pool
from wayproof.cli.app import DATA_DEFAULT, TENANT_DEFAULT, AsJson, Data, DatabaseUrl, TenantName, printable, show
from wayproof.cli.remote import URL_DEFAULT, ApiUrl
from wayproof.cli.services.data_dir import DataDir
from wayproof.store import untold
from wayproof.store.pool import tenant_transaction
from wayproof.trace.recorder import tell

_MOST: Final = 1_000_000


def record_events(
    *,
    url: ApiUrl = URL_DEFAULT,
    tenant: TenantName = TENANT_DEFAULT,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Record departures, arrivals, excursions and accepted handoffs as EPCIS events now, each once.

    `python -m wayproof.trace` does this by itself, a minute after they happened. Events tell least, greatest and mean
    temperature of the way, and name readings and rules by their addresses below --url. Ends with status 1 if something
    cannot be told.
    """
    settings = database_settings(DataDir.at(data), database_url)
    with tenant_pool(settings, tenant) as (pool, found):
        with tenant_transaction(pool, found.tenant_id) as conn:
            subjects = untold.list_own(conn, limit=_MOST)
        outcomes = [(subject, tell(pool, subject, url.rstrip("/"))) for subject in subjects]
    recorded = [epcis_id for _, told in outcomes for epcis_id in told.epcis_ids]
    failures = [f"{subject.kind} {subject.subject_id}: {told.failure}" for subject, told in outcomes if told.failure]
    if as_json:
        show({"recorded": recorded, "failures": failures}, as_json=True)
    else:
        typer.echo("\n".join([*recorded, f"{len(recorded)} events recorded"]))
        for failure in failures:
            typer.echo(printable(f"wayproof: {failure}"), err=True)
    if failures:
        raise typer.Exit(1)
