"""Recalls for people and for programs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from wayproof.cli.app import ENDLESS, counted, plain, printable
from wayproof.cli.trace_views import shown
from wayproof.store.recalls import Item, Notice, Recall
from wayproof.trace.recall.dossier import Report

_SHOWN: Final = 50
"""Things of a table; --json has them all."""


@contextmanager
def working() -> Iterator[None]:
    """Shows, on a terminal, that something takes its time."""
    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("evaluating"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        bar.add_task("")
        yield


def show_evaluation(
    report: Mapping[str, Any], items: Sequence[Item], *, as_json: bool, recall: Recall | None = None
) -> None:
    """What an evaluation found."""
    if as_json:
        document = {"recall": recall, "report": report, "items": items}
        typer.echo(json.dumps(document, default=plain, indent=2))
        return
    console = _console()
    if recall is not None:
        mock = " (exercise)" if recall.is_mock else ""
        console.print(Text(f"recall {recall.recall_id}{mock}, revision {recall.revision}: {printable(recall.title)}"))
    starts = counted(report["starts"], "start")
    console.print(
        f"{report['things']} affected ({report['containers']} of them containers) from {starts},"
        f" found in {report['took_ms']:.0f} ms"
    )
    console.print(_things(items))
    if len(items) > _SHOWN:
        console.print(f"… and {len(items) - _SHOWN} more: --json has them all")
    console.print(_totals(report))
    for line in _findings(report):
        console.print(Text(printable(line)))


def show_report(recall: Recall, told: Report, notices: Sequence[Notice], *, as_json: bool) -> None:
    """How a recall goes."""
    if as_json:
        document = {"recall": recall, "effectiveness": told.effectiveness, "notices": notices}
        typer.echo(json.dumps(document, default=plain, indent=2))
        return
    console, found = _console(), told.effectiveness
    console.print(Text(f"{'exercise' if recall.is_mock else 'recall'} {recall.recall_id}: {printable(recall.title)}"))
    console.print(f"full scope after {found['minutes_to_scope']:g} min; {found['minutes']:g} min in all")
    console.print(
        f"told {found['told']} of {found['recipients']}, acknowledged {found['acknowledged']}"
        f" ({_pct(found['acknowledged_pct'])})"
    )
    console.print(_quantities(found["quantities"]))
    console.print(_notices(notices))


def _things(items: Sequence[Item]) -> Table:
    table = Table("depth", "what", "state", "where", "quantity", "share", "tell", box=SIMPLE_HEAD, pad_edge=False)
    for item in items[:_SHOWN]:
        table.add_row(
            str(item.depth),
            Text(shown(item.uri)),
            item.state.replace("_", " "),
            Text(printable(item.place_name or _id(item.place))),
            "" if item.quantity is None else f"{item.quantity:g} {item.unit or 'pieces'}",
            "?" if item.share is None else f"{item.share:.0%}",
            Text(_id(item.recipient)),
        )
    return table


def _totals(report: Mapping[str, Any]) -> Table:
    table = Table("state", "worst case", "by mass", "unit", "things", box=SIMPLE_HEAD, pad_edge=False)
    for total in report["by_state"]:
        mass = "?" if total["weighted"] is None else f"{total['weighted']:g}"
        unit = printable(total["unit"] or "pieces")
        table.add_row(total["of"].replace("_", " "), f"{total['quantity']:g}", mass, unit, str(total["things"]))
    return table


def _findings(report: Mapping[str, Any]) -> Iterator[str]:
    for each in report["exposures"]:
        yield (
            f"exposure: {each['device']} {each['begins_at']} to {each['ends_at']}, up to {each['peak_c']:g} °C,"
            f" {each['known_minutes']:.0f} min known, {each['unknown_minutes']:.0f} min unknown"
        )
    for each in report["suspects"]:
        yield f"suspect: {_id(each['id'])}: {each['detail']}"
    for each in report["gaps"]:
        yield f"gap: {each['kind']}  {_id(each['id'])}  {each['detail']}"
    if not report["is_complete"]:
        yield "incomplete: there is more, further away than is looked"


def _quantities(quantities: Sequence[Mapping[str, Any]]) -> Table:
    columns = ("unit", "located", "expected", "found", "returned", "destroyed", "accounted for")
    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for each in quantities:
        amounts = (f"{each[name]:g}" for name in ("expected", "found", "returned", "destroyed"))
        unit = printable(each["unit"] or "pieces")
        table.add_row(unit, _pct(each["located_pct"]), *amounts, _pct(each["accounted_pct"]))
    return table


def _notices(notices: Sequence[Notice]) -> Table:
    table = Table("recipient", "affected", "told", "acknowledged", "by", box=SIMPLE_HEAD, pad_edge=False)
    for notice in notices:
        table.add_row(
            Text(_id(notice.recipient)),
            "yes" if notice.is_affected else "no",
            "-" if notice.told_at is None else f"{notice.told_at:%Y-%m-%d %H:%M}Z",
            "-" if notice.acknowledged_at is None else f"{notice.acknowledged_at:%Y-%m-%d %H:%M}Z",
            Text(printable(notice.acknowledged_by or "-")),
        )
    return table


def _id(uri: str | None) -> str:
    return "-" if uri is None else shown(uri)


def _pct(value: float | None) -> str:
    return "-" if value is None else f"{value:g} %"


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=ENDLESS, highlight=False)
