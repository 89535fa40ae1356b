"""`wayproof epcis export`: events of the journal into a document."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, TextIO

import typer
from rich.console import Console
from rich.progress import track

from wayproof.cli.access import database_settings, tenant_pool
from wayproof.cli.app import DATA_DEFAULT, TENANT_DEFAULT, Data, DatabaseUrl, TenantName
from wayproof.cli.services.data_dir import DataDir
from wayproof.model.access import Tenant
from wayproof.model.errors import InvalidInput
from wayproof.store.events import StoredEvent
from wayproof.store.pool import Pool, tenant_transaction
from wayproof.trace.epcis.context import context_of_header
from wayproof.trace.epcis.formats import EpcFormat
from wayproof.trace.epcis.query_document import event_out, written_time
from wayproof.trace.epcis.writing import write_json
from wayproof.trace.epcis.xml_in import CONTEXT_URL
from wayproof.trace.query.parameters import query_of_url
from wayproof.trace.query.query import Query
from wayproof.trace.query.search import Position, search

_PAGE: Final = 1_000


def export_events(
    parameters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=VALUE]...", help="Parameters of the EPCIS query language; none: all events."),
    ] = None,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; default: stdout.")] = None,
    epcs: Annotated[
        EpcFormat, typer.Option("--epcs", help="How identifiers are written.")
    ] = EpcFormat.NEVER_TRANSLATES,
    extensions: Annotated[str, typer.Option(help="Prefixes in parameters: prefix=URI, with commas between.")] = "",
    tenant: TenantName = TENANT_DEFAULT,
    database_url: DatabaseUrl = None,
    data: Data = DATA_DEFAULT,
) -> None:
    """Write events as one EPCIS 2.0 document in JSON, in the order of capture unless orderBy says otherwise.

    The file appears once it is whole. It can be imported again, here or elsewhere.
    """
    query = query_of_url(map(_pair, parameters or ()), context_of_header(extensions))
    settings = database_settings(DataDir.at(data), database_url)
    with tenant_pool(settings, tenant) as (pool, found), _writing(output) as file:
        count = _write(file, _with_progress(_events(pool, found, query)), epcs)
    if output is not None:
        typer.echo(f"{output}: {count} events")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidInput(f"parameter: expected NAME=VALUE, got {text!r}")
    return name, value


def _events(pool: Pool, tenant: Tenant, query: Query) -> Iterator[StoredEvent]:
    position: Position | None = None
    while True:
        with tenant_transaction(pool, tenant.tenant_id) as conn:
            page = search(conn, query, per_page=_PAGE, position=position)
        yield from page.events
        position = page.next
        if position is None:
            return


def _write(file: TextIO, events: Iterator[StoredEvent], epcs: EpcFormat) -> int:
    """Event by event: a journal may be larger than memory."""
    created = written_time(datetime.now(UTC))
    head = {"@context": CONTEXT_URL, "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": created}
    file.write(f'{write_json(head)[:-1]},"epcisBody":{{"eventList":[')
    count = 0
    for event in events:
        file.write(",\n" if count else "\n")
        file.write(write_json(event_out(event, CONTEXT_URL, epcs)))
        count += 1
    file.write("\n]}}\n")
    return count


@contextmanager
def _writing(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            yield file
        unfinished.replace(output)
    except OSError as error:
        raise InvalidInput(f"{output}: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _with_progress(events: Iterator[StoredEvent]) -> Iterator[StoredEvent]:
    console = Console(stderr=True)
    yield from track(events, "Exporting", console=console, transient=True, disable=not console.is_terminal)
