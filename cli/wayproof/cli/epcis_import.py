"""`wayproof epcis import`: documents of files into the journal."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from wayproof.cli.access import database_settings, tenant_pool
from wayproof.cli.app import DATA_DEFAULT, TENANT_DEFAULT, AsJson, Data, DatabaseUrl, TenantName, counted, printable
from wayproof.cli.services.data_dir import DataDir
from wayproof.model.access import Tenant
from wayproof.store.pool import Pool, tenant_transaction
from wayproof.trace.capture import Captured, capture


@dataclass(frozen=True, kw_only=True, slots=True)
class _Imported:
    file: str
    #: None where the file cannot be read at all.
    captured: Captured | None
    unreadable: str = ""

    @property
    def is_whole(self) -> bool:
        return self.captured is not None and not self.captured.faults


def import_documents(
    files: Annotated[list[Path], typer.Argument(help="Documents in JSON, JSON-LD or XML.")],
    *,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Let through what leaves an event's meaning clear, and list it.")
    ] = False,
    proceed: Annotated[
        bool, typer.Option("--proceed", help="Capture good events although others of the document are at fault.")
    ] = False,
    tenant: TenantName = TENANT_DEFAULT,
    database_url: DatabaseUrl = None,
    data: Data = DATA_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Capture the events of documents, each document in a transaction of its own, in the order of the files.

    Each fault is told by its place. Ends with status 1 unless every event was captured.
    """
    settings = database_settings(DataDir.at(data), database_url)
    # Checking a large document takes longer than a transaction may otherwise be idle.
    patient = settings.model_copy(update={"idle_in_transaction_timeout": timedelta(minutes=10)})
    with tenant_pool(patient, tenant) as (pool, found):
        imported = [_import(pool, found, path, lenient=lenient, proceed=proceed) for path in _with_progress(files)]
    if as_json:
        typer.echo(json.dumps({"items": [_record(each) for each in imported]}, indent=2))
    else:
        for line in (line for each in imported for line in _lines(each)):
            typer.echo(printable(line))
    if not all(each.is_whole for each in imported):
        raise typer.Exit(1)


def _with_progress(files: Sequence[Path]) -> Iterator[Path]:
    console = Console(stderr=True)
    yield from track(files, "Importing", console=console, transient=True, disable=not console.is_terminal)


def _import(pool: Pool, tenant: Tenant, path: Path, *, lenient: bool, proceed: bool) -> _Imported:
    try:
        content = path.read_bytes()
    except OSError as error:
        return _Imported(file=str(path), captured=None, unreadable=str(error))
    with tenant_transaction(pool, tenant.tenant_id) as conn:
        captured = capture(conn, tenant.tenant_id, content, lenient=lenient, proceed=proceed)
    return _Imported(file=str(path), captured=captured)


def _lines(imported: _Imported) -> list[str]:
    captured = imported.captured
    if captured is None:
        return [f"{imported.file}: unreadable: {imported.unreadable}"]
    is_any = captured.event_ids or imported.is_whole
    verdict = f"{counted(len(captured.event_ids), 'event')} captured" if is_any else "refused"
    faults = f", {counted(len(captured.faults), 'fault')}" if captured.faults else ""
    forgiven = f", {len(captured.forgiven)} forgiven" if captured.forgiven else ""
    return [
        f"{imported.file}: {verdict}{faults}{forgiven}",
        *(f"  {fault}" for fault in captured.faults),
        *(f"  forgiven: {fault}" for fault in captured.forgiven),
    ]


def _record(imported: _Imported) -> dict[str, object]:
    captured = imported.captured
    if captured is None:
        return {"file": imported.file, "is_whole": False, "unreadable": imported.unreadable}
    return {
        "file": imported.file,
        "is_whole": imported.is_whole,
        "capture_id": str(captured.capture_id),
        "epcis_ids": list(captured.epcis_ids),
        "faults": [asdict(fault) for fault in captured.faults],
        "forgiven": [asdict(fault) for fault in captured.forgiven],
    }
