"""An ingestor as a process: what it needs, and how it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from wayproof.store.pool import Conn

from fix_ingest import IngestorProcess, eventually
from fix_mqtt import Broker, make_certificate


def test_broker_is_not_there_yet(ingestor_factory: Callable[..., IngestorProcess], broker: Broker) -> None:
    """An ingestor that starts before its broker says so, keeps trying, and ends cleanly meanwhile."""
    broker.stop()
    ingestor = ingestor_factory()
    ingestor.launch()
    eventually(lambda: ingestor.get("/readyz") == (503, '{"broker":false,"database":true}'))
    broker.start()
    eventually(ingestor.is_ready)
    broker.stop()
    eventually(lambda: not ingestor.is_ready())
    assert ingestor.stop() == 0


def test_wrong_password_is_told(ingestor_factory: Callable[..., IngestorProcess]) -> None:
    """An ingestor that the broker refuses says why in its log, and goes on trying."""
    ingestor = ingestor_factory(INGEST_PASSWORD="wrong")
    ingestor.launch()
    (entry, *_) = eventually(lambda: ingestor.logged("broker refused the connection"))
    assert (entry["reason"], entry["user"]) == ("Not authorized", "svc@ingest-1")
    assert ingestor.process is not None
    assert ingestor.process.poll() is None


def test_frozen_process_goes_on(ingestor: IngestorProcess) -> None:
    """An ingestor that was frozen for a while, as by a suspended machine, goes on as if nothing had been."""
    assert ingestor.process is not None
    ingestor.process.send_signal(signal.SIGSTOP)
    time.sleep(5.5)  # longer than anything that it waits for in its main thread
    ingestor.process.send_signal(signal.SIGCONT)
    time.sleep(0.5)
    eventually(ingestor.is_ready)
    assert ingestor.stop() == 0


@pytest.mark.alone
@pytest.mark.skipif("WAYPROOF_TEST_TIMESCALE_DSN" in os.environ, reason="another machine's process cannot be frozen")
def test_frozen_database_is_told(ingestor: IngestorProcess, superuser: Conn) -> None:
    """A database that hangs and says nothing makes the ingestor unready within ten seconds, until it goes on."""
    query = "select pid from pg_stat_activity where datname = current_database() and application_name = %s"
    (frozen, *_), *others = superuser.execute(query, ["wayproof_ingest"]).fetchall()
    assert others, "each writer has a connection"
    os.kill(frozen, signal.SIGSTOP)  # one is enough
    try:
        eventually(lambda: ingestor.get("/readyz") == (503, '{"broker":true,"database":false}'), 15)
    finally:
        os.kill(frozen, signal.SIGCONT)
    eventually(ingestor.is_ready)


def test_tls(ingestor_factory: Callable[..., IngestorProcess], tls_ca: Path, tmp_path: Path) -> None:
    """With a CA the ingestor speaks TLS, and gives its password to no broker that this CA did not sign."""
    distrustful = ingestor_factory(INGEST_BROKER_TLS_CA=str(make_certificate(tmp_path)))
    distrustful.launch()
    eventually(lambda: distrustful.logged("no connection to broker"))
    ingestor_factory("svc@ingest-2", INGEST_BROKER_TLS_CA=str(tls_ca)).start()


def test_thread_that_dies_ends_the_process(ingestor_factory: Callable[..., IngestorProcess]) -> None:
    """A bug that ends the writer ends the process with 1, so that a supervisor starts another."""
    code = (
        "import runpy; from wayproof.ingest.writer import Writer; Writer.run = lambda self: 1 / 0;"
        "runpy.run_module('wayproof.ingest', run_name='__main__')"
    )
    environment = ingestor_factory().environment
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert '"thread died"' in done.stderr
    assert "ZeroDivisionError" in done.stderr
