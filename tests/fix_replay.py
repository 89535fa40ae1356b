"""`wayproof replay` on a real broker, ingestor and database, and how it is told to read the real files."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from wayproof.devices.credentials import hash_secret
from wayproof.store.broker import put_service
from wayproof.store.pool import Conn

from fix_ingest import IngestorProcess
from fix_mqtt import Broker

BUS_OPTIONS = [
    *("--time-column", "timestamp", "--time-zone", "UTC", "--device-column", "vehicle_id", "--device-prefix", "bus-"),
    *("--map", "latitude=latitude_deg", "--map", "longitude=longitude_deg", "--map", "bearing=heading_deg"),
    *("--column-extra", "trip_id"),
]
LONDON_OPTIONS = [
    *("--time-column", "Date", "--time-zone", "UTC", "--device-column", "Sensor", "--device-prefix", "london-"),
    *("--map", "Temp=temperature_c", "--map", "RH=humidity_pct"),
]


class Stage:
    """A database with tenant acme, a broker that follows its registry, an ingestor, and the command under test."""

    def __init__(self, broker: Broker, database_url: str, folder: Path) -> None:
        self.broker = broker
        self.folder = folder
        self.environment = os.environ | {"WAYPROOF_DATABASE_URL": database_url}

    def argv(self, *arguments: object) -> list[str]:
        """The command line of `wayproof replay`."""
        common = ["--broker", f"127.0.0.1:{self.broker.port}", "--data", str(self.folder / "data")]
        return [sys.executable, "-m", "wayproof.cli.main", "replay", *common, *map(str, arguments)]

    def replay(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Runs it to its end."""
        return subprocess.run(
            self.argv(*arguments), env=self.environment, capture_output=True, text=True, timeout=110, check=False
        )


@pytest.fixture
def tenant(tenant_factory: Callable[[str], UUID]) -> str:
    """The tenant that owns the devices."""
    tenant_factory("acme")
    return "acme"


@pytest.fixture
def stage(tenant: str, ingestor: IngestorProcess, broker: Broker, superuser: Conn, tmp_path: Path) -> Iterator[Stage]:
    """The stage, with `wayproof broker sync` running on it."""
    for name, secret in broker.secrets.items():
        put_service(superuser, name, hash_secret(secret))
    assert broker.process is not None
    pid_file = tmp_path / "broker.pid"
    pid_file.write_text(str(broker.process.pid))
    stage = Stage(broker, ingestor.environment["WAYPROOF_DATABASE_URL"], tmp_path)
    argv = [sys.executable, "-m", "wayproof.cli.main", "broker", "sync"]
    files = [str(broker.service.folder), "--pid-file", str(pid_file)]
    sync = subprocess.Popen([*argv, *files], env=stage.environment, stdout=subprocess.DEVNULL)
    yield stage
    sync.terminate()
    sync.wait(60)
