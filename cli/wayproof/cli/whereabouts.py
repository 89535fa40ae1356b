"""`wayproof where` and `wayproof balance`: where a lot is now, and whether all of it is accounted for."""

import json
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wayproof.cli.access import database_settings, tenant_pool
from wayproof.cli.app import (
    DATA_DEFAULT,
    ENDLESS,
    TENANT_DEFAULT,
    AsJson,
    Data,
    DatabaseUrl,
    TenantName,
    instant_of,
    plain,
    printable,
)
from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.trace_views import shown
from wayproof.store.pool import snapshot_transaction
from wayproof.trace.epcis.formats import canonical_identifier, untold
from wayproof.trace.graph.balance import Balance, balance, downstream_balance
from wayproof.trace.graph.build import key_of
from wayproof.trace.graph.whereabouts import Whereabouts, whereabouts

Item = Annotated[
    str, typer.Argument(metavar="EPC", help="Digital Link, EPC URN, element string such as (01)…(10)…, or any URI.")
]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="TIME", help="As it was recorded then.")]

_CAME: Final = {"made": "made", "received": "received", "unexplained": "told of, but cannot have been there"}
_BECAME: Final = {
    "used": "used",
    "destroyed": "destroyed",
    "sold": "sold",
    "shipped": "shipped, not received",
    "returned": "returned",
    "on_hand": "on hand",
    "lost": "lost",
}


def where(
    item: Item,
    *,
    as_of: AsOf = None,
    as_json: AsJson = False,
    tenant: TenantName = TENANT_DEFAULT,
    database_url: DatabaseUrl = None,
    data: Data = DATA_DEFAULT,
) -> None:
    """Show where a lot, thing or container is by what was told of it last, in what, since when and who has it."""
    uri = canonical_identifier(item)
    then = instant_of(as_of, "--as-of") if as_of else None
    settings = database_settings(DataDir.at(data), database_url)
    with tenant_pool(settings, tenant) as (pool, owner), snapshot_transaction(pool, owner.tenant_id) as conn:
        key = key_of(owner.tenant_id, uri)
        found = whereabouts(conn, owner.tenant_id, [key], as_of=then).get(key)
    if found is None:
        raise untold(uri, whose=f" of tenant {tenant!r}")
    if as_json:
        items = [{name: value for name, value in asdict(each).items() if name != "node"} for each in found]
        typer.echo(json.dumps({"item": uri, "items": items}, default=plain, indent=2))
        return
    _print(_places(found))


def balance_lot(
    item: Item,
    *,
    unit: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="UN/ECE Recommendation 20; default: as it was made or first told."),
    ] = None,
    downstream: Annotated[
        bool, typer.Option("--downstream", help="Follow it into what it was used for, by its share in that.")
    ] = False,
    as_of: AsOf = None,
    as_json: AsJson = False,
    tenant: TenantName = TENANT_DEFAULT,
    database_url: DatabaseUrl = None,
    data: Data = DATA_DEFAULT,
) -> None:
    """Show what was made and received of a lot, against what became of it; more than 100 % is a finding."""
    uri = canonical_identifier(item)
    then = instant_of(as_of, "--as-of") if as_of else None
    settings = database_settings(DataDir.at(data), database_url)
    with tenant_pool(settings, tenant) as (pool, owner), snapshot_transaction(pool, owner.tenant_id) as conn:
        if downstream:
            found = downstream_balance(conn, owner.tenant_id, uri, unit=unit, as_of=then)
        else:
            found = balance(conn, key_of(owner.tenant_id, uri), unit=unit, as_of=then)
    if found is None:
        raise untold(uri, whose=f" of tenant {tenant!r}")
    if as_json:
        lines = {name: value for name, value in asdict(found).items() if name != "node"}
        sums = {"accounted": found.accounted, "percent": found.percent}
        typer.echo(json.dumps({"item": uri, **lines, **sums}, default=plain, indent=2))
    else:
        _print(_balance(found))
        for finding in found.findings:
            typer.echo(f"finding: {finding.kind}  {printable(finding.detail)}")


def _places(found: tuple[Whereabouts, ...]) -> Table:
    table = Table("state", "place", "quantity", "since", "in", "holder", box=SIMPLE_HEAD, pad_edge=False)
    for each in found:
        place = _named(each.place, each.place_name)
        bound = f" → {shown(each.destination)}" if each.destination else ""
        quantity = "-" if each.quantity is None else f"{each.quantity:g} {each.unit or 'pieces'}"
        inside = " in ".join(shown(uri) for uri in dict.fromkeys([each.container, each.outermost]) if uri)
        cells = (each.state.value, place + bound, quantity, plain(each.since), inside or "-")
        table.add_row(*(Text(str(cell)) for cell in (*cells, _named(each.holder, each.holder_name))))
    return table


def _balance(found: Balance) -> Table:
    table = Table("", found.unit or "pieces", box=SIMPLE_HEAD, pad_edge=False)
    table.columns[1].justify = "right"
    for side in (_CAME, _BECAME):
        for name, text in side.items():
            if quantity := getattr(found, name):
                table.add_row(text, f"{quantity:g}")
        table.add_section()
    table.add_row("accounted for", "-" if found.percent is None else f"{found.percent:.1f} %")
    return table


def _named(uri: str | None, name: str | None) -> str:
    if uri is None:
        return "-"
    return f"{printable(name)} ({shown(uri)})" if name else shown(uri)


def _print(table: Table) -> None:
    console = Console()
    # A pipe has no width: nothing may be cut there.
    (console if console.is_terminal else Console(width=ENDLESS)).print(table)
