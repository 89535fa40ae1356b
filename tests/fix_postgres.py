"""A real PostgreSQL: one server a session, one database a test, cloned from a migrated template."""

import itertools
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest
from pydantic import SecretStr

from wayproof.cli.services.postgres import PostgresCluster
from wayproof.store.migrate import migrate
from wayproof.store.pool import Conn, Pool, open_pool
from wayproof.store.settings import DatabaseSettings, Role

from ports import free_port, wait_for_listener

TIMESCALE_DSN = os.environ.get("WAYPROOF_TEST_TIMESCALE_DSN", "")
"""URL of a superuser on a TimescaleDB; where it is given, all tests run there."""

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - only a folder of our own making in it is used
LEAST_MEMORY_BYTES: Final = 2_000_000_000
PREFIX: Final = "wayproof-tests-"
OLD_S: Final = 3600

_numbers = itertools.count(1)


def pytest_report_header() -> str:
    """Which database the tests run on."""
    if TIMESCALE_DSN:
        return "database: TimescaleDB of WAYPROOF_TEST_TIMESCALE_DSN"
    return "database: plain PostgreSQL; set WAYPROOF_TEST_TIMESCALE_DSN for TimescaleDB"


@dataclass(frozen=True, kw_only=True)
class Server:
    """A PostgreSQL on which this test session makes databases; their names begin with `prefix`."""

    dsn: str
    prefix: str = ""

    @property
    def template(self) -> str:
        """The database that every test's own is cloned from."""
        return f"{self.prefix}wayproof_template"

    @property
    def password(self) -> str:
        """The superuser's."""
        return urlsplit(self.dsn).password or ""

    @property
    def address(self) -> str:
        """Host and port."""
        return urlsplit(self.dsn).netloc.rpartition("@")[2]

    def url(self, database: str) -> str:
        """A superuser's connection to `database`."""
        return urlsplit(self.dsn)._replace(path=f"/{database}").geturl()

    def settings(self, database: str) -> DatabaseSettings:
        """The same as settings."""
        return DatabaseSettings(url=SecretStr(self.url(database)))

    def admin(self) -> Conn:
        """An autocommitting connection for CREATE and DROP DATABASE."""
        return psycopg.connect(self.url("postgres"), autocommit=True)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The session's server, with a migrated template database in it."""
    if TIMESCALE_DSN:
        server = Server(dsn=TIMESCALE_DSN, prefix=f"test_{secrets.token_hex(4)}_")
        _create_template(server)
        yield server
        _drop_all(server)
        return
    with _folder(tmp_path_factory) as folder, _own_server(folder) as server:
        _create_template(server)
        yield server


@contextmanager
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In memory where there is room: a database is a thousand files, and a disk may need half a second to make them."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < LEAST_MEMORY_BYTES:
        yield tmp_path_factory.mktemp("postgres")
        return
    for left in MEMORY.glob(f"{PREFIX}*"):  # by runs that were killed
        if time.time() - left.stat().st_mtime > OLD_S and not (left / "data" / "postmaster.pid").exists():
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=MEMORY) as folder:
        yield Path(folder)


@contextmanager
def _own_server(folder: Path) -> Iterator[Server]:
    cluster = PostgresCluster(folder=folder)
    cluster.prepare()
    port = free_port()
    with (folder / "log").open("wb") as log:
        # Tests may lose data at a power cut; commits are what they wait for most.
        argv = cluster.argv(port, fsync="off", max_connections="200", max_wal_size="256MB", shared_buffers="128MB")
        # Should pytest be killed, the server ends too and does not keep its memory.
        process = subprocess.Popen(["setpriv", "--pdeathsig", "INT", "--", *argv], stdout=log, stderr=log)
    try:
        wait_for_listener(process, port)
        server = Server(dsn=cluster.url(port))
        _wait_for_answer(server)
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _wait_for_answer(server: Server) -> None:
    for _ in range(200):
        try:
            server.admin().close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("PostgreSQL listens and does not answer")


def _create_template(server: Server) -> None:
    with server.admin() as conn:
        # Roles are of the whole server: another worker of pytest-xdist that migrates meanwhile would make them too.
        conn.execute("select pg_advisory_lock(1)")
        conn.execute(f"create database {server.template}")
        migrate(server.settings(server.template))
        close(conn, server.template)


def close(conn: Conn, name: str) -> None:
    """Lets nobody into a database: TimescaleDB's scheduler visits all, and what is visited cannot be cloned."""
    conn.execute(f"alter database {name} allow_connections false")
    conn.execute("select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = %s", [name])


def _drop_all(server: Server) -> None:
    with server.admin() as conn:
        for (name,) in conn.execute("select datname from pg_database where starts_with(datname, %s)", [server.prefix]):
            conn.execute(f"drop database {name} with (force)")


@pytest.fixture
def database(postgres: Server) -> Iterator[DatabaseSettings]:
    """A fresh, migrated database of this test's own; superuser settings."""
    name = f"{postgres.prefix}test_{next(_numbers)}"
    with postgres.admin() as conn:
        conn.execute(f"create database {name} template {postgres.template} strategy file_copy")
    yield postgres.settings(name)
    with postgres.admin() as conn:
        conn.execute(f"drop database {name} with (force)")


@pytest.fixture
def superuser(database: DatabaseSettings) -> Iterator[Conn]:
    """An autocommitting connection past row-level security, for looking at what really stands there."""
    with psycopg.connect(database.url.get_secret_value(), autocommit=True) as conn:
        yield conn


@pytest.fixture
def pool_factory(database: DatabaseSettings) -> Iterator[Callable[[Role | None], Pool]]:
    """Opens pools under a role; closes them after the test."""
    pools: list[Pool] = []

    def make(role: Role | None) -> Pool:
        pools.append(open_pool(database, role=role))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture
def tenant_factory(superuser: Conn) -> Callable[[str], UUID]:
    """Makes a tenant and returns its id."""

    def make(name: str) -> UUID:
        row = superuser.execute("insert into tenant (name) values (%s) returning tenant_id", [name]).fetchone()
        assert row is not None
        return UUID(str(row[0]))

    return make


@pytest.fixture
def log_folder(tmp_path: Path) -> Path:
    """Where the programs that a test starts write their logs."""
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder
