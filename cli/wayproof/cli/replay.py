"""`wayproof replay`: files of readings, published as the devices that made them would have."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from wayproof.cli.access import database_settings
from wayproof.cli.app import DATA_DEFAULT, AsJson, Data, DatabaseUrl
from wayproof.cli.replay_secrets import Secrets, read_secrets, register_missing
from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.simulate import broker_address
from wayproof.devices.publisher import BrokerAddress
from wayproof.devices.replay.mapping import FileMapping, MeasureColumn, gpx_mapping
from wayproof.devices.replay.rows import is_gpx
from wayproof.devices.replay.run import Outcome
from wayproof.devices.replay.run import replay as replay_file
from wayproof.devices.replay.survey import Survey, survey
from wayproof.model.device import DeviceKind
from wayproof.model.errors import InvalidInput

_SHOWN_FAULTS: Final = 20

Done = list[tuple[Survey, Outcome]]


def replay(
    files: Annotated[list[Path], typer.Argument(help="CSV or GPX files, also compressed (.gz).")],
    *,
    time_column: Annotated[str | None, typer.Option(help="CSV: the column with the time, in ISO 8601.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="CSV: zone of times that name none, such as UTC.")] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--map", help="CSV: COLUMN=MEASURE or COLUMN=MEASURE*FACTOR; may be repeated.")
    ] = None,
    column_extra: Annotated[list[str] | None, typer.Option(help="CSV: a column to keep; may be repeated.")] = None,
    device: Annotated[str | None, typer.Option(help="The device of all rows; GPX: default is the file's name.")] = None,
    device_column: Annotated[str | None, typer.Option(help="CSV: the column that names the device.")] = None,
    device_prefix: Annotated[str, typer.Option(help="Put before each device's name.")] = "",
    credentials: Annotated[
        Path | None, typer.Option(help="JSON object of secrets by device; --tenant keeps new ones in it.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Register devices that are missing with this tenant.")] = None,
    kind: Annotated[DeviceKind, typer.Option(help="With --tenant: what the devices are.")] = DeviceKind.LOGGER,
    broker: Annotated[
        str | None, typer.Option(help="HOST:PORT of the broker; default: the embedded one of a running `wayproof up`.")
    ] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="Use TLS, with these certificates to prove the broker.")] = None,
    lenient: Annotated[bool, typer.Option("--lenient", help="End with status 0 even where rows were bad.")] = False,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Publish files of readings by MQTT as their devices, and wait until every good row is stored.

    Run again, it stores nothing twice, and goes on where a broken run stopped. Bad rows are told and left out.
    """
    place = DataDir.at(data)
    naming = {"device": device, "device_column": device_column, "device_prefix": device_prefix}
    csv_mapping = partial(_csv_mapping, time_column, columns, column_extra, time_zone=time_zone, **naming)
    mappings = [gpx_mapping(path, device, device_prefix) if is_gpx(path) else csv_mapping() for path in files]
    address = broker_address(broker, place, tls_ca)
    with _progress(is_shown=not as_json) as progress:
        surveys = _look_through(files, mappings, progress)
        names = sorted({name for found in surveys for name in found.rows})
        secrets_of = partial(_secrets, tenant=tenant, kind=kind, database_url=database_url)
        done = _publish(surveys, address, secrets_of(names, place, credentials) if names else {}, progress)
    _report(done, as_json=as_json)
    if not lenient and any(found.bad_rows for found in surveys):
        raise typer.Exit(1)


def _csv_mapping(
    time_column: str | None, columns: list[str] | None, column_extra: list[str] | None, **given: Any
) -> FileMapping:
    if time_column is None or not columns:
        raise InvalidInput("a CSV file needs --time-column, and --map for each measure")
    measures, extra = tuple(map(MeasureColumn.parse, columns)), tuple(column_extra or ())
    return FileMapping(time_column=time_column, columns=measures, extra_columns=extra, **given)


def _secrets(
    names: list[str],
    place: DataDir,
    credentials: Path | None,
    *,
    tenant: str | None,
    kind: DeviceKind,
    database_url: str | None,
) -> Secrets:
    if tenant is None:
        if credentials is None:
            raise InvalidInput("give --credentials FILE, or --tenant NAME to register the devices")
        return read_secrets(credentials)
    path = credentials or place.root / "secrets" / "replay.json"
    return register_missing(database_settings(place, database_url), tenant, names, kind=kind, path=path)


@contextmanager
def _progress(*, is_shown: bool) -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not (is_shown and console.is_terminal)) as progress:
        yield progress


def _look_through(files: Sequence[Path], mappings: Sequence[FileMapping], progress: Progress) -> list[Survey]:
    """Every file is read before anything is published: a mistake in an option must change nothing."""
    found = []
    for path, mapping in zip(files, mappings, strict=True):
        task = progress.add_task(f"{path.name}: reading", total=None)
        found.append(survey(path, mapping))
        progress.remove_task(task)
    return found


def _publish(surveys: Sequence[Survey], broker: BrokerAddress, secrets: Secrets, progress: Progress) -> Done:
    done = []
    for found in surveys:
        task = progress.add_task(f"{found.path.name}: rows stored", total=sum(found.rows.values()))
        tell = partial(_show_stored, progress, task)
        done.append((found, replay_file(found, broker=broker, secrets=secrets, tell=tell)))
    return done


def _show_stored(progress: Progress, task: TaskID, rows: int) -> None:
    progress.update(task, completed=rows)


def _report(done: Done, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"files": [_summary(found, outcome) for found, outcome in done]}, indent=2))
        return
    for found, outcome in done:
        for fault in found.faults[:_SHOWN_FAULTS]:
            typer.echo(f"{found.path}: {fault.place}: {fault.reason}", err=True)
        if found.bad_rows > _SHOWN_FAULTS:
            typer.echo(f"{found.path}: {found.bad_rows - _SHOWN_FAULTS} more bad rows", err=True)
        typer.echo(_line(found, outcome))


def _line(found: Survey, outcome: Outcome) -> str:
    line = f"{found.path}: {outcome.rows:,} rows of {len(found.rows)} devices stored"
    known = f", {outcome.rows_known:,} of them by an earlier run" if outcome.rows_known else ""
    return line + known + (f"; {found.bad_rows:,} bad rows left out" if found.bad_rows else "")


def _summary(found: Survey, outcome: Outcome) -> dict[str, Any]:
    return {
        "file": str(found.path),
        "boot": found.boot,
        "devices": found.rows,
        "rows": outcome.rows,
        "rows_of_an_earlier_run": outcome.rows_known,
        "bad_rows": found.bad_rows,
        "faults": [fault._asdict() for fault in found.faults],
    }
