"""The services of a wire benchmark, each alone: a broker, a database, an ingestor. No supervisor, no API, no chain."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import psutil
import psycopg
from pydantic import SecretStr

from wayproof.cli.services.mosquitto import Mosquitto, find_mosquitto
from wayproof.cli.services.postgres import PostgresCluster
from wayproof.devices.broker_files import acl_file, password_file
from wayproof.devices.credentials import hash_secret
from wayproof.devices.topics import PREFIX, READINGS_FILTER
from wayproof.store.migrate import migrate
from wayproof.store.partitions import open_days_ahead
from wayproof.store.pool import Conn, connect
from wayproof.store.settings import DatabaseSettings

SECRET = "bench-secret"  # noqa: S105 - of a broker that lives for a minute
INGEST_USER = "svc@ingest-1"
FIREHOSE_USER = "firehose"
SUBSCRIBER_USER = "subscriber"
RECEIPTS_FILTER = f"{PREFIX}/+/receipts"
_FIREHOSE_ACL = f"\nuser {FIREHOSE_USER}\ntopic write {READINGS_FILTER}\n"
_SUBSCRIBER_ACL = f"\nuser {SUBSCRIBER_USER}\ntopic read {READINGS_FILTER}\ntopic read {RECEIPTS_FILTER}\n"


def free_port() -> int:
    """A loopback TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], bool], what: str, timeout_s: float = 30) -> None:
    """Waits for a condition."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s} s for {what}")
        time.sleep(0.02)


@contextmanager
def running(argv: list[str], log: Path, sig: signal.Signals, env: dict[str, str] | None = None) -> Iterator[int]:
    """A program, stopped by `sig` in the end; yields its process id."""
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=out, env={**os.environ, **(env or {})})
    try:
        yield process.pid
    finally:
        process.send_signal(sig)
        process.wait(60)


@contextmanager
def running_broker(folder: Path, devices: Sequence[str] = ()) -> Iterator[int]:
    """Mosquitto under Wayproof's rules, with users more that may publish and read for all devices; yields its port."""
    port, service = free_port(), Mosquitto(folder=folder, program=find_mosquitto())
    service.prepare(port)
    users = [INGEST_USER, FIREHOSE_USER, SUBSCRIBER_USER]
    hashed = hash_secret(SECRET)
    (folder / "passwords").write_text(password_file([(user, hashed) for user in (*users, *devices)]))
    (folder / "acl").write_text(acl_file(users) + _FIREHOSE_ACL + _SUBSCRIBER_ACL)
    for name in ("passwords", "acl"):
        (folder / name).chmod(0o600)
    with running(service.argv(), folder / "broker.log", signal.SIGTERM):
        wait_until(lambda: _listens(port), "the broker")
        yield port


@contextmanager
def running_database(folder: Path) -> Iterator[DatabaseSettings]:
    """PostgreSQL as `wayproof up` runs it, migrated, with today's partition open."""
    cluster, port = PostgresCluster(folder=folder), free_port()
    cluster.prepare()
    with running(cluster.argv(port), folder / "postgres.log", signal.SIGINT):
        wait_until(lambda: _answers(cluster.url(port, "postgres")), "PostgreSQL")
        with psycopg.connect(cluster.url(port, "postgres"), autocommit=True) as conn:
            conn.execute("create database wayproof")
        settings = DatabaseSettings(url=SecretStr(cluster.url(port)))
        migrate(settings)
        with connect(settings, autocommit=True) as conn:
            open_days_ahead(conn, datetime.now(UTC).date(), 2)
        yield settings


def in_database(settings: DatabaseSettings) -> dict[str, str]:
    """The environment of a program that works on this database."""
    return {"WAYPROOF_DATABASE_URL": settings.url.get_secret_value()}


@contextmanager
def running_api(settings: DatabaseSettings, folder: Path) -> Iterator[int]:
    """`python -m wayproof.api`, ready; yields its port."""
    port = free_port()
    env = {**in_database(settings), "WAYPROOF_API_PORT": str(port)}
    with running([sys.executable, "-m", "wayproof.api"], folder / "api.log", signal.SIGTERM, env):
        wait_until(lambda: _is_ready(port), "the API")
        yield port


def _is_ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def register(settings: DatabaseSettings, count: int) -> list[str]:
    """Registers `count` devices of one tenant and returns their names."""
    names = [f"bench-{number:05}" for number in range(count)]
    with connect(settings, autocommit=True) as conn:
        conn.execute("insert into tenant (name) values ('bench')")
        conn.execute(
            "insert into device (tenant_id, name, kind) select tenant_id, unnest(%s::text[]), 'truck' from tenant",
            [names],
        )
    return names


def empty_tables(conn: Conn) -> None:
    """Forgets all readings and what was drawn from them, and lets no side pay for the writes of the one before it."""
    conn.execute("truncate reading, reading_rollup, device_state, device_sequence")
    conn.execute("checkpoint")


def row_count(conn: Conn) -> int:
    """How many readings are stored."""
    (count,) = conn.execute("select count(*) from reading").fetchone() or (0,)
    return int(count)


@dataclass(frozen=True, kw_only=True)
class Ingestor:
    """A running ingestor and its counters."""

    pid: int
    health_port: int

    def counter(self, name: str) -> float:
        """One of its metrics; raises LookupError where it has none of that name."""
        with urlopen(f"http://127.0.0.1:{self.health_port}/metrics", timeout=5) as answer:
            found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
        if found is None:
            raise LookupError(f"expected a metric {name}, got none")
        return float(found[1])

    def wait_until_stored(self, readings: int, timeout_s: float = 300) -> None:
        """Waits for its counter of stored readings. Asked rarely, as asking costs the ingestor something, too."""
        deadline = time.monotonic() + timeout_s
        while (stored := self.counter("wayproof_ingest_readings_stored_total")) < readings:
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {timeout_s} s for {readings} readings, got {stored:.0f}")
            time.sleep(0.1)

    def is_ready(self) -> bool:
        """Whether it takes messages."""
        try:
            with urlopen(f"http://127.0.0.1:{self.health_port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def running_ingestor(folder: Path, broker_port: int, database: DatabaseSettings, **settings: str) -> Iterator[Ingestor]:
    """`python -m wayproof.ingest`, ready."""
    port = free_port()
    env = {
        **in_database(database),
        "WAYPROOF_INGEST_BROKER_PORT": str(broker_port),
        "WAYPROOF_INGEST_USER": INGEST_USER,
        "WAYPROOF_INGEST_PASSWORD": SECRET,
        "WAYPROOF_INGEST_HEALTH_PORT": str(port),
        **{f"WAYPROOF_INGEST_{name.upper()}": value for name, value in settings.items()},
    }
    with running([sys.executable, "-m", "wayproof.ingest"], folder / "ingest.log", signal.SIGTERM, env) as pid:
        ingestor = Ingestor(pid=pid, health_port=port)
        wait_until(ingestor.is_ready, "the ingestor")
        yield ingestor


class Processes:
    """What the three services of a benchmark use, each with all its processes. All are children of ours."""

    def __init__(self, ingestor: Ingestor) -> None:
        children = psutil.Process().children(recursive=True)
        self.by_service = {
            "ingestor": [child for child in children if child.pid == ingestor.pid],
            "broker": [child for child in children if child.name() == "mosquitto"],
            "postgres": [child for child in children if child.name() == "postgres"],
        }

    def cpu_s(self) -> dict[str, float]:
        """Seconds of CPU so far, by service."""
        return {
            name: sum(sum(process.cpu_times()[:2]) for process in processes if process.is_running())
            for name, processes in self.by_service.items()
        }

    def own_mib(self) -> dict[str, float]:
        """Resident memory that is not shared, by service: PostgreSQL's shared buffers have a size of their own."""
        return {
            name: sum(_own_bytes(process) for process in processes if process.is_running()) / 2**20
            for name, processes in self.by_service.items()
        }


def _own_bytes(process: psutil.Process) -> int:
    memory = process.memory_info()
    return int(memory.rss - memory.shared)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
