"""The whole of Wayproof for a benchmark: `wayproof up` on a data folder of its own, and devices registered in it."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import Request, urlopen
from uuid import UUID

from pydantic import SecretStr

from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.services.postgres import PostgresCluster
from wayproof.devices.credentials import hash_secret
from wayproof.model.access import Scope
from wayproof.model.device import DeviceKind
from wayproof.store.devices import create_device
from wayproof.store.keys import create_key
from wayproof.store.pool import connect
from wayproof.store.settings import DatabaseSettings
from wayproof.store.tenants import create_tenant

_WAYPROOF = Path(sys.executable).parent / "wayproof"


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A running Wayproof and the way to each part of it."""

    data: DataDir
    tenant_id: UUID
    token: str

    @property
    def ports(self) -> dict[str, int]:
        """Ports by service."""
        return self.data.ports()

    @property
    def database(self) -> DatabaseSettings:
        """An operator's settings."""
        url = PostgresCluster(folder=self.data.postgres).url(self.ports["postgres"])
        return DatabaseSettings(url=SecretStr(url))

    def pid(self, service: str) -> int:
        """A service's process id."""
        return int(self.data.pid_file(service).read_text(encoding="ascii"))

    def register(self, count: int, secret: str) -> list[str]:
        """Registers devices `bench-0000` and so on, all with the same secret, and waits until the broker knows them."""
        names = [f"bench-{number:04}" for number in range(count)]
        hashed = hash_secret(secret)
        with connect(self.database) as conn:
            for name in names:
                create_device(
                    conn, tenant_id=self.tenant_id, name=name, kind=DeviceKind.TRUCK, label="", credential=hashed
                )
        passwords = self.data.broker / "passwords"
        _wait(lambda: f"{names[-1]}:" in passwords.read_text(encoding="utf-8"), "the broker's password file")
        time.sleep(1)  # mosquitto has been told, and now reads it
        return names

    def get(self, path: str) -> bytes:
        """The API's answer."""
        request = Request(
            f"http://127.0.0.1:{self.ports['api']}{path}", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urlopen(request, timeout=10) as answer:  # noqa: S310 - same
            return bytes(answer.read())

    def get_json(self, path: str) -> dict[str, object]:
        """The API's answer, decoded."""
        decoded: dict[str, object] = json.loads(self.get(path))
        return decoded


@contextmanager
def running_stack() -> Iterator[Stack]:
    """Starts everything but the simulated fleet, waits until it is ready, and stops it afterwards."""
    with TemporaryDirectory(prefix="wayproof-bench-") as folder:
        data = DataDir.at(Path(folder) / "data")
        log = (Path(folder) / "up.log").open("wb")
        up = subprocess.Popen([_WAYPROOF, "up", "--no-demo", "--data", str(data.root)], stdout=log, stderr=log)
        try:
            _wait(lambda: _is_ready(data), "Wayproof to become ready", timeout_s=60)
            yield _stack(data)
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait(60)
            log.close()


def _is_ready(data: DataDir) -> bool:
    return all(data.pid_file(name).exists() for name in ("postgres", "broker", "ingest", "broker-sync", "api"))


def _stack(data: DataDir) -> Stack:
    url = PostgresCluster(folder=data.postgres).url(data.ports()["postgres"])
    with connect(DatabaseSettings(url=SecretStr(url))) as conn:
        tenant = create_tenant(conn, "bench")
        _, token = create_key(conn, tenant_id=tenant.tenant_id, label="bench", scopes=list(Scope))
    return Stack(data=data, tenant_id=tenant.tenant_id, token=token)


def _wait(holds: Callable[[], bool], what: str, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s} s for {what}")
        time.sleep(0.1)
