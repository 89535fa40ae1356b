"""Brings a database to the newest schema: Alembic for the order, plain SQL for the steps.

There is no way down: a step that turns out wrong is mended by a step forward.
"""

from importlib.resources import files
from pathlib import Path
from typing import Final

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from wayproof.model.errors import Unavailable
from wayproof.store.pool import Conn
from wayproof.store.settings import DatabaseSettings, conninfo

_MIGRATIONS: Final = Path(str(files("wayproof.store"))) / "migrations"
_ONE_AT_A_TIME: Final = 7_243_392_001
"""Advisory lock under which a database is migrated: several processes may start at once."""


def migrate(settings: DatabaseSettings) -> str:
    """Applies every missing revision and returns the newest one's name. Safe to run by several at once."""
    unhurried = settings.model_copy(update={"statement_timeout": settings.statement_timeout * 0})
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo(unhurried)), poolclass=NullPool
    )
    try:
        with engine.connect() as connection:
            return _upgrade(connection)
    except psycopg.OperationalError as error:
        raise Unavailable(f"PostgreSQL does not answer: {error}") from error


def newest_revision() -> str:
    """The revision that this code expects of a database."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise LookupError("the package holds no migration")
    return head


def current_revision(conn: Conn) -> str | None:
    """The revision that a database is at, or None where it was never migrated."""
    if conn.execute("select to_regclass('public.alembic_version')").fetchone() == (None,):
        return None
    row = conn.execute("select version_num from alembic_version").fetchone()
    return str(row[0]) if row else None


def run_sql(file_name: str) -> None:
    """Runs one revision's `.sql` file as it is; for use inside a revision."""
    sql = (_MIGRATIONS / "versions" / file_name).read_text(encoding="utf-8")
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise LookupError("the migration's connection is gone")
    driver.execute(sql)  # past SQLAlchemy, which would read colons as parameters


def _upgrade(connection: Connection) -> str:
    connection.exec_driver_sql(f"select pg_advisory_lock({_ONE_AT_A_TIME})")
    connection.commit()
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()
    return MigrationContext.configure(connection).get_current_revision() or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config
