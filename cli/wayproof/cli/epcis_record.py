"""`wayproof epcis record`: what sensors and parties have told becomes events."""

from typing import Annotated

import typer

from wayproof.cli.access import database_settings, tenant_access
from wayproof.cli.app import DATA_DEFAULT, TENANT_DEFAULT, AsJson, Data, DatabaseUrl, TenantName, show
from wayproof.cli.remote import URL_DEFAULT, ApiUrl
from wayproof.cli.services.data_dir import DataDir
from wayproof.trace.sensing import AT_ONCE, record


def record_events(
    *,
    url: ApiUrl = URL_DEFAULT,
    at_once: Annotated[
        int, typer.Option("--at-once", min=1, help="Handoffs, and shipments, in one transaction.")
    ] = AT_ONCE,
    tenant: TenantName = TENANT_DEFAULT,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Record departures, arrivals, excursions and accepted handoffs as EPCIS events, each once.

    Events tell least, greatest and mean temperature of the way, and name readings and rules by their addresses below
    --url. Meant to be run every minute; what has not happened since the last time costs nothing.
    """
    settings = database_settings(DataDir.at(data), database_url)
    recorded: list[str] = []
    while True:
        with tenant_access(settings, tenant) as (conn, found):
            new = record(conn, found.tenant_id, api_url=url.rstrip("/"), at_once=at_once)
        recorded += new
        if not new:
            break
    if as_json:
        show({"recorded": recorded}, as_json=True)
    else:
        typer.echo("\n".join([*recorded, f"{len(recorded)} events recorded"]))
