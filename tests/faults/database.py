"""A PostgreSQL of the run's own, on a disk that can be filled; it is killed and started again at will."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil
import psycopg
from pydantic import SecretStr

from wayproof.cli.services.postgres import PostgresCluster
from wayproof.store.migrate import migrate
from wayproof.store.pool import Conn
from wayproof.store.settings import DatabaseSettings

_NAME: Final = "faults"
_DISK: Final = "256m"
_SEGMENTS: Final = 8
_FILLER: Final = "filler"
_SETTINGS: Final = {"max_wal_size": "64MB", "min_wal_size": "32MB", "shared_buffers": "32MB"}
_PATIENCE_S: Final = 60.0


@contextmanager
def small_disk(folder: Path) -> Iterator[str]:
    """A tmpfs at `folder`; yields why there is none where it cannot be mounted, and then the folder is as before."""
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    try:
        yield done.stderr.strip() if done.returncode else ""
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@dataclass(kw_only=True)
class Database:
    """One cluster with one migrated database."""

    cluster: PostgresCluster
    #: Where the write-ahead log stands: on another disk than the data.
    wal: Path
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Makes the cluster and its database, and leaves it running."""
        self.cluster.prepare()
        shutil.move(self.cluster.data / "pg_wal", self.wal / "pg_wal")
        (self.cluster.data / "pg_wal").symlink_to(self.wal / "pg_wal")
        self.start()
        with psycopg.connect(self.cluster.url(self.port, "postgres"), autocommit=True) as conn:
            conn.execute(f"create database {_NAME}")
        migrate(self.settings(self.port))

    def settings(self, port: int) -> DatabaseSettings:
        """How to reach it by `port`."""
        url = urlsplit(self.cluster.url(self.port, _NAME))
        return DatabaseSettings(
            url=SecretStr(url._replace(netloc=url.netloc.replace(str(self.port), str(port))).geturl())
        )

    def connect(self) -> Conn:
        """A superuser's own way in, past the proxy."""
        url = self.cluster.url(self.port, _NAME)
        options = "-c statement_timeout=10s -c timezone=UTC"
        return psycopg.connect(url, autocommit=True, connect_timeout=2, options=options)

    def start(self) -> None:
        """Starts it unless it runs; tries until orphans of a killed postmaster have let go of the shared memory."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while not self._answers():
            assert time.monotonic() < deadline_s, f"PostgreSQL does not start:\n{self.log.read_text()[-2000:]}"
            if self.process is None or self.process.poll() is not None:
                with self.log.open("ab") as log:
                    self.process = subprocess.Popen(self.cluster.argv(self.port, **_SETTINGS), stdout=log, stderr=log)
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.cluster.url(self.port, "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return self.process is not None and self.process.poll() is None

    def stop(self, sig: signal.Signals) -> None:
        """Ends it by a signal, unless it has ended."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(sig)
            self.process.wait(30)

    def terminate_backends(self) -> None:
        """Ends every session of an ingestor."""
        with self.connect() as conn:
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'wayproof_ingest'"
            )

    def writers(self) -> list[psutil.Process]:
        """The processes that serve ingestors."""
        assert self.process is not None
        with self.connect() as conn:
            # Where the server is in a namespace its pids are still ours: only users are renamed.
            rows = conn.execute(
                "select pid from pg_stat_activity where application_name = 'wayproof_ingest'"
            ).fetchall()
        return [psutil.Process(pid) for (pid,) in rows]

    def fill_disk(self, disk: Path) -> None:
        """Leaves no byte."""
        with (disk / _FILLER).open("ab", buffering=0) as filler:
            for size in (2**20, 2**12):
                with suppress(OSError):
                    while True:
                        filler.write(b"\0" * size)

    def end_segments(self) -> None:
        """Ends as many segments of the log as there may be room for."""
        with suppress(psycopg.OperationalError), self.connect() as conn:
            for _ in range(_SEGMENTS):
                conn.execute("select pg_logical_emit_message(true, 'faults', ''), pg_switch_wal()")

    def free_disk(self, disk: Path) -> None:
        """Gives it back. Where PostgreSQL could not go on, somebody has to start it: here that is us."""
        (disk / _FILLER).unlink(missing_ok=True)
        self.start()


def resume(processes: list[psutil.Process]) -> None:
    """Lets frozen processes go on."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.resume()


def can_fill(folder: Path) -> bool:
    """Whether nobody else lives on that disk."""
    return os.path.ismount(folder)
