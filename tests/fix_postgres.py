"""A real PostgreSQL: one server a session, one database a test, cloned from a migrated template."""

import itertools
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from pydantic import SecretStr

from wayproof.cli.services.postgres import PostgresCluster
from wayproof.store.migrate import migrate
from wayproof.store.pool import Conn, Pool, open_pool
from wayproof.store.settings import DatabaseSettings, Role

from ports import free_port, wait_for_listener

TEMPLATE = "wayproof_template"
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running PostgreSQL that belongs to this test session."""

    cluster: PostgresCluster
    port: int
    process: subprocess.Popen[bytes]

    def settings(self, database: str) -> DatabaseSettings:
        """Settings of a superuser's connection to `database`."""
        return DatabaseSettings(url=SecretStr(self.cluster.url(self.port, database)))

    def admin(self) -> Conn:
        """An autocommitting connection for CREATE and DROP DATABASE."""
        return psycopg.connect(self.cluster.url(self.port, "postgres"), autocommit=True)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The session's server, with a migrated template database in it."""
    folder = tmp_path_factory.mktemp("postgres")
    cluster = PostgresCluster(folder=folder)
    cluster.prepare()
    port = free_port()
    with (folder / "log").open("wb") as log:
        # Tests may lose data at a power cut; commits are what they wait for most.
        argv = cluster.argv(port, fsync="off", max_connections="200")
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        wait_for_listener(process, port)
        server = Server(cluster=cluster, port=port, process=process)
        _wait_for_answer(server)
        create_template(server)
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def _wait_for_answer(server: Server) -> None:
    for _ in range(200):
        try:
            server.admin().close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("PostgreSQL listens and does not answer")


def create_template(server: Server) -> None:
    """Makes the database that every test's own is cloned from."""
    with server.admin() as conn:
        conn.execute(f"create database {TEMPLATE}")
    migrate(server.settings(TEMPLATE))


@pytest.fixture
def database(postgres: Server) -> Iterator[DatabaseSettings]:
    """A fresh, migrated database of this test's own; superuser settings."""
    name = f"test_{next(_numbers)}"
    with postgres.admin() as conn:
        conn.execute(f"create database {name} template {TEMPLATE}")
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
