"""`wayproof migrate` and `wayproof maintain`: the schema, and the days of readings."""

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from wayproof.cli.access import database_settings
from wayproof.cli.app import DATA_DEFAULT, Data, DatabaseUrl
from wayproof.cli.services.data_dir import DataDir
from wayproof.model.errors import Unavailable
from wayproof.store.database import create_database
from wayproof.store.partitions import MaintenanceReport
from wayproof.store.partitions import maintain as maintain_days
from wayproof.store.pool import connect
from wayproof.store.settings import DatabaseSettings

AHEAD_DAYS: Final = 7


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
    _tell(_maintain_once(settings, AHEAD_DAYS, None))


def maintain(
    *,
    ahead_days: Annotated[int, typer.Option(min=1, max=366, help="Days to open ahead.")] = AHEAD_DAYS,
    keep_days: Annotated[
        int | None,
        typer.Option(min=1, envvar="WAYPROOF_KEEP_DAYS", help="Drop readings older than this; default: keep all."),
    ] = None,
    every: Annotated[
        int | None, typer.Option(min=1, help="Seconds between rounds; default: one round and no more.")
    ] = None,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
) -> None:
    """Open days of readings, and drop old ones."""
    settings = database_settings(DataDir.at(data), database_url)
    retention = None if keep_days is None else timedelta(days=keep_days)
    while every is not None:
        try:
            _tell(_maintain_once(settings, ahead_days, retention))
        except Unavailable as error:
            typer.echo(f"wayproof: {error}; trying again in {every} s", err=True)
        time.sleep(every)
    _tell(_maintain_once(settings, ahead_days, retention))


def _maintain_once(settings: DatabaseSettings, ahead_days: int, retention: timedelta | None) -> MaintenanceReport:
    today = datetime.now(UTC).date()
    with connect(settings, autocommit=True) as conn:
        return maintain_days(conn, today=today, ahead_days=ahead_days, retention=retention)


def _tell(report: MaintenanceReport) -> None:
    opened = report.opened_ahead + report.opened_for_backfill
    typer.echo(f"opened {opened} days of readings, dropped {report.dropped}")
