"""`wayproof migrate` and `wayproof maintain`: the schema, and the days of readings."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import track

from wayproof.cli.access import database_settings
from wayproof.cli.app import DATA_DEFAULT, Data, DatabaseUrl
from wayproof.cli.services.data_dir import DataDir
from wayproof.model.errors import Unavailable
from wayproof.store.database import create_database
from wayproof.store.packing import YOUNGEST
from wayproof.store.partitions import MaintenanceReport
from wayproof.store.partitions import maintain as maintain_days
from wayproof.store.pool import connect
from wayproof.store.quarantine import Dropped, drop_old, drop_surplus
from wayproof.store.settings import DatabaseSettings

AHEAD_DAYS: Final = 7
PACK_DAYS: Final = 30
QUARANTINE_DAYS: Final = 90
QUARANTINE_MIB: Final = 64


def migrate(*, data: Data = DATA_DEFAULT, database_url: DatabaseUrl = None) -> None:
    """Bring the database to the newest schema.

    Makes it where it is missing, and opens the days of readings to come.
    """
    # Alembic and SQLAlchemy take longer to import than any other command takes to run.
    from wayproof.store.migrate import migrate as upgrade  # noqa: PLC0415

    settings = database_settings(DataDir.at(data), database_url)
    if create_database(settings):
        typer.echo("made the database")
    typer.echo(f"the schema is at revision {upgrade(settings)}")
    _tell(_maintain_once(settings, AHEAD_DAYS, None, None))


def maintain(
    *,
    ahead_days: Annotated[int, typer.Option(min=1, max=366, help="Days to open ahead.")] = AHEAD_DAYS,
    keep_days: Annotated[
        int | None,
        typer.Option(min=1, envvar="WAYPROOF_KEEP_DAYS", help="Drop readings older than this; default: keep all."),
    ] = None,
    pack_days: Annotated[
        int,
        typer.Option(
            min=YOUNGEST.days, envvar="WAYPROOF_PACK_DAYS", help="Pack readings older than this; they stay readable."
        ),
    ] = PACK_DAYS,
    quarantine_days: Annotated[
        int,
        typer.Option(min=1, envvar="WAYPROOF_QUARANTINE_DAYS", help="Drop from quarantine what is older than this."),
    ] = QUARANTINE_DAYS,
    quarantine_mib: Annotated[
        int,
        typer.Option(
            min=1, envvar="WAYPROOF_QUARANTINE_MIB", help="Keep so much of each device in quarantine, the newest."
        ),
    ] = QUARANTINE_MIB,
    every: Annotated[
        int | None, typer.Option(min=1, help="Seconds between rounds; default: one round and no more.")
    ] = None,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
) -> None:
    """Open days of readings, pack old ones, and drop the oldest.

    Out of quarantine it drops what is too old or too much; a line on stdout says whose that was.
    """
    settings = database_settings(DataDir.at(data), database_url)
    retention = None if keep_days is None else timedelta(days=keep_days)
    packing_age = timedelta(days=pack_days)

    def one_round() -> None:
        _tell(_maintain_once(settings, ahead_days, retention, packing_age))
        _drop_from_quarantine(settings, timedelta(days=quarantine_days), quarantine_mib * 2**20)

    while every is not None:
        try:
            one_round()
        except Unavailable as error:
            typer.echo(f"wayproof: {error}; trying again in {every} s", err=True)
        time.sleep(every)
    one_round()


def _maintain_once(
    settings: DatabaseSettings, ahead_days: int, retention: timedelta | None, packing_age: timedelta | None
) -> MaintenanceReport:
    today = datetime.now(UTC).date()
    with connect(settings, autocommit=True) as conn:
        return maintain_days(
            conn, today=today, ahead_days=ahead_days, retention=retention, packing_age=packing_age, watch=_watch
        )


def _drop_from_quarantine(settings: DatabaseSettings, age: timedelta, most_bytes: int) -> None:
    """Says of everything that goes whose it was: nothing vanishes without a word."""
    with connect(settings, role="wayproof_ingest", autocommit=True) as conn:
        for gone in drop_old(conn, before=datetime.now(UTC) - age):
            _tell_dropped(gone, f"older than {age.days} days")
        for gone in drop_surplus(conn, most_bytes=most_bytes):
            _tell_dropped(gone, f"beyond {most_bytes // 2**20} MiB")


def _tell_dropped(gone: Dropped, why: str) -> None:
    typer.echo(
        f"dropped from quarantine, {why}: {gone.messages} messages ({gone.payload_bytes} bytes) of"
        f" {gone.device or 'nobody'}, {gone.reason}, received {gone.first_received_at:%Y-%m-%dT%H:%M:%SZ}"
        f" to {gone.last_received_at:%Y-%m-%dT%H:%M:%SZ}"
    )


def _watch(days: Sequence[date]) -> Iterable[date]:
    """A bar on a terminal; nothing in a log."""
    console = Console(stderr=True)
    return track(days, "packing days of readings", console=console, disable=not (days and console.is_terminal))


def _tell(report: MaintenanceReport) -> None:
    opened = report.opened_ahead + report.opened_for_backfill
    typer.echo(f"opened {opened} days of readings, packed {report.packed}, dropped {report.dropped}")
