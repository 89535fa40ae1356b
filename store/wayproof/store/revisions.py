"""Which revision of the schema this code expects, and which a database is at: without Alembic, which loads slowly."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from wayproof.store.pool import Conn

MIGRATIONS: Final = Path(str(files("wayproof.store"))) / "migrations"


@cache
def newest_revision() -> str:
    """The revision that this code expects of a database: they are numbered, and their modules are named by them."""
    return max(module.stem[1:5] for module in (MIGRATIONS / "versions").glob("r[0-9]*.py"))


def current_revision(conn: Conn) -> str | None:
    """The revision that a database is at, or None where it was never migrated."""
    if conn.execute("select to_regclass('public.alembic_version')").fetchone() == (None,):
        return None
    row = conn.execute("select version_num from alembic_version").fetchone()
    return str(row[0]) if row else None
