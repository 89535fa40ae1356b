"""The folder in which everything embedded lives: databases, logs, secrets, the ports it was given."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from wayproof.cli.services.logs import rotate
from wayproof.model.errors import Conflict, InvalidInput, Unavailable


@dataclass(frozen=True, kw_only=True)
class DataDir:
    """A data folder, not necessarily there yet."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> "DataDir":
        """The data folder at `path`, which stays the same when the working directory changes."""
        return cls(root=path.expanduser().absolute())

    @property
    def postgres(self) -> Path:
        """The embedded cluster and its password."""
        return self.root / "postgres"

    @property
    def broker(self) -> Path:
        """The embedded broker's configuration and what it keeps."""
        return self.root / "broker"

    @property
    def chain(self) -> Path:
        """The embedded chain's state."""
        return self.root / "chain"

    @property
    def log_key(self) -> Path:
        """The embedded log's own key, which signs checkpoints."""
        return self.root / "secrets" / "log-key"

    @property
    def demo(self) -> Path:
        """Outboxes of the simulated fleet."""
        return self.root / "demo"

    @property
    def programs(self) -> Path:
        """Programs unpacked here because the machine has none."""
        return self.root / "programs"

    def make(self) -> None:
        """Makes the folder, closed to others: it holds secrets. Unavailable where it cannot be made or used."""
        with _usable(self.root):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("broker", "chain", "demo", "logs", "postgres", "run", "secrets"):
                (self.root / name).mkdir(mode=0o700, exist_ok=True)

    def log(self, service: str) -> Path:
        """Where a service's output goes."""
        return self.root / "logs" / f"{service}.log"

    def rotate_logs(self, services: Iterable[str]) -> None:
        """Puts the logs of the start before aside."""
        with _usable(self.root):
            for service in services:
                rotate(self.log(service))

    def pid_file(self, service: str) -> Path:
        """Holds a running service's process id, for those who must signal it."""
        return self.root / "run" / f"{service}.pid"

    def secret(self, name: str) -> str:
        """A secret of that name, made at its first use: 256 random bits."""
        path = self.root / "secrets" / name
        with _usable(self.root):
            if not path.exists():
                self.put_secret(name, secrets.token_urlsafe(32))
            return path.read_text(encoding="ascii").strip()

    def private_key(self, name: str) -> str:
        """A secret that is a private key of Ethereum, made at its first use: 32 bytes in hexadecimal."""
        if not self.has_secret(name):
            self.put_secret(name, secrets.token_hex(32))
        return self.secret(name)

    def put_secret(self, name: str, value: str) -> None:
        """Keeps a secret, readable by us alone, whole or not at all."""
        path = self.root / "secrets" / name
        draft = path.with_suffix(".new")
        with _usable(self.root):
            draft.touch(mode=0o600)
            draft.write_text(f"{value}\n", encoding="ascii")
            draft.replace(path)

    def has_secret(self, name: str) -> bool:
        """Whether a secret of that name was made before."""
        return (self.root / "secrets" / name).exists()

    def ports(self) -> dict[str, int]:
        """The ports of the last start by service; none before the first."""
        path = self.root / "ports.json"
        with _usable(self.root):
            if not path.exists():
                return {}
            text = path.read_text(encoding="utf-8", errors="replace")
        try:
            return {str(name): int(port) for name, port in json.loads(text).items()}
        except (ValueError, AttributeError) as error:
            raise InvalidInput(f"{path}: expected an object of port numbers; delete the file to choose anew") from error

    def remember_ports(self, ports: dict[str, int]) -> None:
        """Keeps the ports for the next start."""
        with _usable(self.root):
            (self.root / "ports.json").write_text(json.dumps(ports, indent=2) + "\n", encoding="utf-8")

    def is_in_use(self) -> bool:
        """Whether a `wayproof up` runs on this folder now."""
        path = self.root / "supervisor.lock"
        with _usable(self.root):
            if not path.exists():
                return False
            file = path.open("rb")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    @contextmanager
    def lock(self, patience: timedelta = timedelta(seconds=20)) -> Iterator[int]:
        """Keeps every other `wayproof up` off this folder; Conflict where one runs here.

        Yields the descriptor that every child must inherit. The lock on it outlives a supervisor that was killed
        until the last child has ended, so the next one never finds their ports and files still in use.
        """
        with _locked(self.root / "supervisor.lock") as ours:
            if ours is None:
                raise Conflict(f"another `wayproof up` runs on {self.root} ({_holder(self.root / 'supervisor.lock')})")
            with _wait_for_lock(self.root / "children.lock", patience) as children:
                yield children


@contextmanager
def _usable(root: Path) -> Iterator[None]:
    """Says in one line what keeps us from using the folder. Only around steps that touch nothing but its files."""
    try:
        yield
    except OSError as error:
        where = error.filename or root
        raise Unavailable(
            f"cannot use {where}: {error.strerror}; choose a folder of yours that can be written with --data"
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[int | None]:
    with _usable(path.parent):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"pid {os.getpid()}".encode())
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _wait_for_lock(path: Path, patience: timedelta) -> Iterator[int]:
    deadline = time.monotonic() + patience.total_seconds()
    while True:
        with _locked(path) as descriptor:
            if descriptor is not None:
                yield descriptor
                return
        if time.monotonic() > deadline:
            raise Conflict(f"services of an earlier `wayproof up` still run on {path.parent} ({_holder(path)})")
        time.sleep(0.1)


def _holder(path: Path) -> str:
    return path.read_text(encoding="ascii") or "starting"
