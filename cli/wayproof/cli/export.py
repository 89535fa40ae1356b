"""`wayproof export`: what authorities, auditors and customers ask for, as files."""

from enum import StrEnum
from typing import Annotated

import typer

from wayproof.cli.app import AsJson
from wayproof.cli.files import Output, save
from wayproof.cli.groups import commands
from wayproof.cli.remote import URL_DEFAULT, ApiKey, ApiUrl, remote, shipment_id_of
from wayproof.trace.exports.compliance import Sheet, SheetFormat

export = commands("export", "Files for authorities, auditors and customers.")

Lots = Annotated[
    list[str], typer.Argument(metavar="LOT", help="Lot, thing or container: Digital Link, URN or element string.")
]
AsOf = Annotated[str | None, typer.Option("--as-of", help="Only what was recorded by then, RFC 3339.")]
Form = Annotated[SheetFormat | None, typer.Option("--format", help="Default: by the file's name, else xlsx.")]


class PageFormat(StrEnum):
    """Forms of a statement."""

    HTML = "html"
    JSON = "json"


@export.command(
    "fsma",
    short_help="Write the FSMA 204 spreadsheet of lots.",
    epilog="Example: wayproof export fsma '(01)10860009999920(10)ABC1234' -o recall.xlsx",
)
def fsma(
    lots: Lots,
    *,
    output: Output,
    form: Form = None,
    as_of: AsOf = None,
    url: ApiUrl = URL_DEFAULT,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Write the electronic sortable spreadsheet of FSMA 204: lots with all that is upstream and downstream of them.

    One sheet for each of the seven critical tracking events; as CSV they are one table. Key data elements that no event
    tells are left empty and named in a column of their own.
    """
    with remote(url, api_key) as api:
        data = api.get_bytes(f"/v1/exports/{Sheet.FSMA204}", id=lots, format=form or _form(output.suffix), as_of=as_of)
    save(data, output, as_json=as_json)


@export.command(
    "dscsa",
    short_help="Write the transactions of drugs.",
    epilog="Example: wayproof export dscsa https://id.gs1.org/01/00312345678906/21/1001 -o history.csv",
)
def dscsa(
    lots: Lots,
    *,
    output: Output,
    form: Form = None,
    as_of: AsOf = None,
    url: ApiUrl = URL_DEFAULT,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Write transaction history, information and statements in the manner of the DSCSA: who sold what to whom."""
    with remote(url, api_key) as api:
        data = api.get_bytes(f"/v1/exports/{Sheet.DSCSA}", id=lots, format=form or _form(output.suffix), as_of=as_of)
    save(data, output, as_json=as_json)


@export.command(
    "gdp",
    short_help="Write the temperature statement of a shipment.",
    epilog="Example: wayproof export gdp PO-4711 -o PO-4711.html",
)
def gdp(
    shipment: Annotated[str, typer.Argument(help="Reference or id of a shipment.")],
    *,
    output: Output,
    form: Annotated[PageFormat | None, typer.Option("--format", help="Default: by the file's name, else html.")] = None,
    url: ApiUrl = URL_DEFAULT,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Write what the sensors of a shipment saw (EU GDP): extremes, mean kinetic temperature, excursions, gaps."""
    wanted = form or (PageFormat.JSON if output.suffix == ".json" else PageFormat.HTML)
    with remote(url, api_key) as api:
        path = f"/v1/shipments/{shipment_id_of(api, shipment)}/temperature-statement"
        save(api.get_bytes(path, format=wanted), output, as_json=as_json)


def _form(suffix: str) -> SheetFormat:
    return SheetFormat.CSV if suffix == ".csv" else SheetFormat.XLSX
