"""What every command shares: options, and output for people and for programs."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wayproof.model.errors import InvalidInput

Data = Annotated[
    Path, typer.Option("--data", envvar="WAYPROOF_DATA", help="Folder in which everything embedded lives.")
]
DATA_DEFAULT: Final = Path(".wayproof")

DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        envvar="WAYPROOF_DATABASE_URL",
        help="PostgreSQL's connection URL; default: the embedded one of a running `wayproof up`.",
        show_envvar=True,
    ),
]
TenantName = Annotated[str, typer.Option("--tenant", envvar="WAYPROOF_TENANT", help="Name of the tenant.")]
TENANT_DEFAULT: Final = "demo"

ENDLESS: Final = 100_000
"""Characters; a table takes no more than it needs."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def show(item: object, *, as_json: bool, **more: str) -> None:
    """Prints one value; `more` are lines that belong to it, such as a secret that is shown once."""
    record = {**_record(item), **more}
    if as_json:
        typer.echo(json.dumps(record, default=plain, indent=2))
        return
    for name, value in record.items():
        typer.echo(f"{name + ':':16}{_text(value)}")


def show_list(items: Iterable[object], columns: Iterable[str], *, as_json: bool) -> None:
    """Prints many values: every field as JSON, the named columns for people."""
    records = [_record(item) for item in items]
    if as_json:
        typer.echo(json.dumps({"items": records}, default=plain, indent=2))
        return
    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for record in records:
        table.add_row(*(Text(_text(record[column])) for column in columns))
    console = Console()
    # A pipe has no width: nothing may be cut there.
    (console if console.is_terminal else Console(width=ENDLESS)).print(table)


def _record(item: object) -> Mapping[str, Any]:
    if isinstance(item, Mapping):
        return item
    if is_dataclass(item) and not isinstance(item, type):
        return {field.name: getattr(item, field.name) for field in fields(item)}
    raise TypeError(f"expected a dataclass instance or a mapping, got {type(item).__name__}")


def plain(value: object) -> object:
    """A value as JSON has it; for json.dumps."""
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, UUID | Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"cannot print {type(value).__name__}")


def _text(value: object) -> str:
    match value:
        case None:
            return "-"
        case datetime():
            return _time(value)
        case dict():
            return ", ".join(f"{_text(name)}: {_text(item)}" for name, item in value.items()) or "-"
        case frozenset() | list() | tuple():
            return " ".join(sorted(map(_text, value)))
        case Enum():
            return str(value.value)
        case _:
            return printable(str(value))


def counted(number: int, noun: str) -> str:
    """A number of things, for people."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def printable(text: str) -> str:
    """The text with every control character spelled out: what others sent may not steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def instant_of(text: str, option: str) -> datetime:
    """The time that an option names; InvalidInput where it is none, or could be any place's."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{option}: expected a time like 2026-03-01T12:00:00Z, got {text!r}") from error
    if time.tzinfo is None:
        raise InvalidInput(f"{option}: expected an offset, such as Z, after the time, got {text!r}")
    return time


def _time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
