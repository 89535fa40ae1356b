"""The schema file and the migrations say the same."""

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib.resources import files
from uuid import UUID

import psycopg
import pytest

from wayproof.cli.services.postgres import binary
from wayproof.model.errors import Unavailable
from wayproof.model.reading import MEASURES
from wayproof.store.migrate import _ONE_AT_A_TIME, migrate
from wayproof.store.pool import Conn, connect
from wayproof.store.revisions import current_revision, newest_revision
from wayproof.store.settings import DatabaseSettings, Role

from fix_postgres import Server


@pytest.fixture
def hasty(database: DatabaseSettings) -> DatabaseSettings:
    """Settings by which nobody waits long for a lock."""
    return database.model_copy(update={"lock_timeout": timedelta(milliseconds=200)})


def _dump(url: str) -> list[str]:
    argv = [str(binary("pg_dump")), "--schema-only", "--exclude-table=alembic_version", "--restrict-key=same"]
    done = subprocess.run([*argv, url], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_schema_file_equals_migrations(postgres: Server, database: DatabaseSettings) -> None:
    """A database built from schema.sql and one built by the migrations dump to the same text."""
    name = f"{postgres.prefix}from_schema"
    with postgres.admin() as admin:
        admin.execute(f"create database {name}".encode())
    try:
        with psycopg.connect(postgres.url(name)) as conn:
            conn.execute(files("wayproof.store").joinpath("schema.sql").read_text(encoding="utf-8").encode())
        assert _dump(postgres.url(name)) == _dump(database.url.get_secret_value())
    finally:
        with postgres.admin() as admin:
            admin.execute(f"drop database {name} with (force)".encode())


def test_migrating_twice_changes_nothing(database: DatabaseSettings, superuser: Conn) -> None:
    """A second migration finds nothing to do and leaves the newest revision."""
    assert migrate(database) == newest_revision()
    assert current_revision(superuser) == newest_revision()


def test_migrations_wait_for_each_other(hasty: DatabaseSettings, superuser: Conn) -> None:
    """While another one migrates, it waits, however long that takes."""
    superuser.execute("select pg_advisory_lock(%s)", [_ONE_AT_A_TIME])
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(migrate, hasty)
        with pytest.raises(TimeoutError):
            second.result(timeout=3 * hasty.lock_timeout.total_seconds())
        superuser.execute("select pg_advisory_unlock(%s)", [_ONE_AT_A_TIME])
        assert second.result(timeout=60) == newest_revision()


def test_who_is_in_the_way_of_a_revision_is_no_silent_database(hasty: DatabaseSettings, superuser: Conn) -> None:
    """A table that somebody holds makes a migration give up, with advice; nothing of that revision is done."""
    superuser.execute("update alembic_version set version_num = '0013'")
    with connect(hasty) as other:
        other.execute("select from epcis_event")
        with pytest.raises(Unavailable, match=r"try again: .*lock timeout"):
            migrate(hasty)
    assert current_revision(superuser) == "0013"


def test_reading_columns_follow_the_model(superuser: Conn) -> None:
    """The measures of the model are the last columns of table reading, in the same order."""
    rows = superuser.execute(
        "select attname from pg_attribute where attrelid = 'reading'::regclass and attnum > 0 order by attnum"
    ).fetchall()
    assert [name for (name,) in rows][-len(MEASURES) :] == list(MEASURES)


def test_every_tenant_table_forces_row_level_security(superuser: Conn) -> None:
    """Every table with a tenant_id has row-level security enabled and forced."""
    rows = superuser.execute(
        "select relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'"
        " where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        "   and not (relrowsecurity and relforcerowsecurity)"
    ).fetchall()
    assert rows == []


def test_no_tenant_set_sees_nothing(database: DatabaseSettings, tenant_factory: Callable[[str], UUID]) -> None:
    """Under the API's role a transaction that names no tenant sees no row."""
    tenant_factory("acme")
    with connect(database, role="wayproof_api") as conn:
        assert conn.execute("select count(*) from tenant").fetchone() == (0,)


def test_api_role_cannot_touch_readings(database: DatabaseSettings) -> None:
    """The API's role has no right on the readings themselves."""
    with connect(database, role="wayproof_api") as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("select count(*) from reading")


@pytest.mark.parametrize("role", ["wayproof_api", "wayproof_ingest"])
def test_processes_can_read_the_revision(database: DatabaseSettings, role: Role) -> None:
    """Each process can see under its own role whether the schema is the one that it expects."""
    with connect(database, role=role) as conn:
        assert current_revision(conn) == newest_revision()
