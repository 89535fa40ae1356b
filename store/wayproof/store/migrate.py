"""Brings a database to the newest schema: Alembic for the order, plain SQL for the steps.

There is no way down: a step that turns out wrong is mended by a step forward.
"""

from threading import Lock
from typing import Final

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from wayproof.model.errors import Unavailable
from wayproof.store.revisions import MIGRATIONS
from wayproof.store.settings import DatabaseSettings, conninfo

_ONE_AT_A_TIME: Final = 7_243_392_001
"""Advisory lock under which a database is migrated: several processes may start at once."""

_alembic: Final = Lock()
"""It keeps what it is at in globals, whatever thread it runs in."""


def migrate(settings: DatabaseSettings) -> str:
    """Applies every missing revision and returns the newest one's name. Safe to run by several at once.

    Raises:
        Unavailable: PostgreSQL does not answer, or somebody holds a table that a revision changes for longer than
            `lock_timeout`; what was done until then stays, and the next call goes on.
    """
    where = conninfo(settings.unhurried())
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(where), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return _upgrade(connection)
    except psycopg.errors.LockNotAvailable as error:
        raise Unavailable(f"somebody works on what is to be changed; try again: {error}") from error
    except psycopg.OperationalError as error:
        raise Unavailable(f"PostgreSQL does not answer: {error}") from error


def run_sql(file_name: str) -> None:
    """Runs one revision's `.sql` file as it is; for use inside a revision."""
    sql = (MIGRATIONS / "versions" / file_name).read_text(encoding="utf-8")
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise LookupError("the migration's connection is gone")
    driver.execute(sql)  # past SQLAlchemy, which would read colons as parameters


def _upgrade(connection: Connection) -> str:
    connection.exec_driver_sql("set lock_timeout = 0")  # whoever is at it may take its time
    connection.exec_driver_sql(f"select pg_advisory_lock({_ONE_AT_A_TIME})")
    connection.exec_driver_sql("reset lock_timeout")
    connection.commit()
    config = _config()
    config.attributes["connection"] = connection
    with _alembic:
        command.upgrade(config, "head")
    connection.commit()
    return MigrationContext.configure(connection).get_current_revision() or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config
