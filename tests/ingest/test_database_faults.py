"""A database that goes away is never taken for bad data: what was taken waits for it."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from wayproof.cli.services.postgres import PostgresCluster
from wayproof.store.migrate import migrate
from wayproof.store.pool import Conn
from wayproof.store.settings import DatabaseSettings

from fix_ingest import Device, IngestorProcess, count, eventually
from ports import free_port

Connect = Callable[..., Device]
Make = Callable[..., IngestorProcess]


class RestartableServer:
    """A PostgreSQL of this test's own, which it may end as it likes."""

    prefix = ""
    template = "wayproof_template"

    def __init__(self, folder: Path) -> None:
        self.cluster = PostgresCluster(folder=folder)
        self.cluster.prepare()
        self.port = free_port()
        self._log = folder / "log"
        self.start()

    def start(self) -> None:
        """Starts it and waits until it answers; after a crash that takes several tries, while old backends end."""
        eventually(self._try_to_start, 40)

    def _try_to_start(self) -> bool:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self.cluster.argv(self.port), stdout=log, stderr=log)
        return bool(eventually(lambda: self._process.poll() is not None or self._answers())) and self._answers()

    def stop(self, sig: signal.Signals = signal.SIGINT) -> None:
        """Ends it by a signal and waits."""
        self._process.send_signal(sig)
        self._process.wait(60)

    def settings(self, database: str) -> DatabaseSettings:
        """Settings of a superuser's connection."""
        return DatabaseSettings(url=SecretStr(self.cluster.url(self.port, database)))

    def admin(self) -> Conn:
        """An autocommitting connection to the server's own database."""
        return psycopg.connect(self.cluster.url(self.port, "postgres"), autocommit=True)

    def _answers(self) -> bool:
        try:
            self.admin().close()
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestartableServer]:
    """In place of the session's server, one that may be stopped."""
    server = RestartableServer(tmp_path_factory.mktemp("postgres"))
    with server.admin() as conn:
        conn.execute(f"create database {server.template}")
    migrate(server.settings(server.template))
    yield server
    server.stop()


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_database_ends_in_mid_stream(
    *,
    postgres: RestartableServer,
    ingestor: IngestorProcess,
    database: DatabaseSettings,
    connect_device: Connect,
    sig: signal.Signals,
) -> None:
    """A server that is shut down, aborted or killed and comes back has everything once, and quarantined nothing."""
    truck = connect_device("truck-1")
    for seq in range(1, 2001):
        truck.send_reading(seq)
        if seq == 1000:
            truck.wait_until_safe(500)
            postgres.stop(sig)
            eventually(lambda: not ingestor.is_ready())
    truck.wait_for_broker()
    postgres.start()
    truck.wait_until_safe(2000)
    with psycopg.connect(database.url.get_secret_value()) as conn:
        assert count(conn) == (2000, 2000)
        assert conn.execute("select count(*) from quarantine").fetchone() == (0,)
    assert ingestor.is_ready()


def test_database_is_not_there_yet(
    postgres: RestartableServer, ingestor_factory: Make, connect_device: Connect
) -> None:
    """An ingestor that starts before its database says that it is not ready, and begins when it is there."""
    truck = connect_device("truck-1")
    postgres.stop()
    ingestor = ingestor_factory()
    ingestor.launch()
    eventually(lambda: ingestor.get("/readyz") == (503, '{"broker":true,"database":false}'))
    truck.send_reading(1)
    postgres.start()
    truck.wait_until_safe(1)
    assert ingestor.is_ready()


def test_lost_connections(ingestor: IngestorProcess, postgres: RestartableServer, connect_device: Connect) -> None:
    """Connections that an operator ends one after the other cost nothing but a moment."""
    truck = connect_device("truck-1")
    with postgres.admin() as admin:
        for seq in range(1, 501):
            truck.send_reading(seq)
            if seq % 100 == 0:
                admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'wayproof_ingest'"
                )
        truck.wait_until_safe(500)
    assert ingestor.metric("wayproof_ingest_readings_stored_total") == 500


def test_rights_taken_away(ingestor: IngestorProcess, superuser: Conn, connect_device: Connect) -> None:
    """A missing right is an operator's mistake and not the device's: the readings wait until it is mended."""
    truck = connect_device("truck-1")
    superuser.execute("revoke insert on reading from wayproof_ingest")
    truck.send_reading(1)
    eventually(lambda: ingestor.metric("wayproof_ingest_database_failures_total") >= 2)
    superuser.execute("grant insert on reading to wayproof_ingest")
    truck.wait_until_safe(1)
    assert superuser.execute("select count(*) from quarantine").fetchone() == (0,)
