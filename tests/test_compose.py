"""docker-compose.yml, held to the real programs: every command, environment and health check of ours is run."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from wayproof.api.settings import ApiSettings
from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.services.mosquitto import find_mosquitto
from wayproof.cli.services.plan import Wanted, make_plan
from wayproof.cli.services.unprivileged import unprivileged
from wayproof.ingest.settings import IngestSettings
from wayproof.ledger.settings import LedgerSettings
from wayproof.store.pool import connect
from wayproof.store.settings import DatabaseSettings
from wayproof.trace.settings import TraceSettings

from fix_chain import Chain
from fix_postgres import Server
from ports import free_port, wait_for_listener

ROOT = Path(__file__).parent.parent
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))[
    "services"
]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("wayproof:")}
WAYPROOF = str(Path(sys.executable).parent / "wayproof")


def test_every_variable_is_a_setting() -> None:
    """Each WAYPROOF_ variable that a service gets is one that its program reads."""
    known = {"WAYPROOF_SERVICE_SECRET"}
    for settings in (DatabaseSettings, IngestSettings, ApiSettings, LedgerSettings, TraceSettings):
        prefix = settings.model_config["env_prefix"]
        known |= {f"{prefix}{name}".upper() for name in settings.model_fields}
    for service in OURS.values():
        assert set(service.get("environment", {})) <= known


def test_every_secret_is_in_the_example() -> None:
    """Each variable that the file takes from outside is named in .env.example."""
    wanted = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    offered = re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    assert wanted == set(offered)


def test_images_are_pinned_and_long_runners_watched() -> None:
    """No image floats, and what others depend on as healthy has a health check."""
    for service in SERVICES.values():
        assert re.search(r":[0-9][^:]*$", service["image"])
        for name, how in service.get("depends_on", {}).items():
            assert name in SERVICES
            assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[name]


def test_long_runners_are_those_of_up(tmp_path: Path) -> None:
    """What `wayproof up` runs of ours without a fleet, the file runs as well: maintenance as often, for one."""
    data = DataDir.at(tmp_path)
    data.make()
    planned = {service.name: service.argv for service in make_plan(data, Wanted(tenant="demo", trucks=0)).services}
    assert planned.keys() - {"postgres", "chain"} <= SERVICES.keys()
    assert list(planned["maintenance"][3:6]) == OURS["maintenance"]["command"]


def test_volumes_are_writable() -> None:
    """A volume that the image's user writes to takes its owner from a folder of the image: without one it is root's."""
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    [(owner, folders)] = re.findall(r"install --directory --owner=(\d+) --mode=0750 ([/\w -]+)", image)
    assert f"\nUSER {owner}\n" in image
    mounts = [volume.split(":") for service in OURS.values() for volume in service.get("volumes", [])]
    assert {parts[1] for parts in mounts if parts[2:] != ["ro"]} == set(folders.split())


@dataclass(kw_only=True)
class Deployment:
    """The compose file's services, run on this machine: names and mounts replaced by addresses and folders."""

    folder: Path
    replacements: dict[str, str]
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def text(self, value: str) -> str:
        """A value of the file as it reads here."""
        # All at once: one port may be found in another that was just put in.
        return re.sub("|".join(map(re.escape, self.replacements)), lambda found: self.replacements[found[0]], value)

    def argv(self, name: str, *command: str) -> list[str]:
        """A service's command line; `command` takes the place of its own, as with `docker compose run`."""
        service = OURS[name]
        first = [sys.executable if part == "python" else part for part in service.get("entrypoint", [WAYPROOF])]
        return [*first, *(command or (self.text(part) for part in service.get("command", [])))]

    def env(self, name: str) -> dict[str, str]:
        """A service's environment, with the secrets put in."""
        values = {key: self.text(value) for key, value in OURS[name].get("environment", {}).items()}
        hosts = {key: "127.0.0.1" for key in values if key.endswith("_HOST")}
        return {**os.environ, **values, **hosts}

    def run(self, name: str, *command: str) -> None:
        """Runs a one-shot service to its end."""
        subprocess.run(
            self.argv(name, *command), env=self.env(name), check=True, timeout=120, cwd=self.folder, capture_output=True
        )

    def start(self, name: str, argv: list[str] | None = None) -> subprocess.Popen[bytes]:
        """Starts a long-running service."""
        env = self.env(name) if name in OURS else None
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(argv or self.argv(name), env=env, stdout=log, stderr=log, cwd=self.folder)
        self.running.append(process)
        return process

    def is_healthy(self, name: str) -> bool:
        """What the service's own health check says."""
        _, _, *command = OURS[name]["healthcheck"]["test"]
        argv = [sys.executable, *(self.text(part) for part in command)]
        return subprocess.run(argv, check=False, timeout=60, capture_output=True).returncode == 0

    def wait_until(self, what: str, holds: Any) -> None:
        """Waits for a condition, at most two minutes."""
        deadline = time.monotonic() + 120
        while not holds():
            assert time.monotonic() < deadline, f"{what}: {self.logs()}"
            time.sleep(0.1)

    def log(self, name: str) -> str:
        """What one service wrote."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def logs(self) -> str:
        """What the services wrote."""
        return "\n".join(f"== {log.name}\n{log.read_text(errors='replace')}" for log in self.folder.glob("*.log"))


@pytest.fixture
def deployment(postgres: Server, chain: Chain, tmp_path: Path) -> Iterator[Deployment]:
    """An empty database, a chain, and folders in place of the volumes."""
    with postgres.admin() as admin:
        admin.execute(f"create database {postgres.prefix}deployed")
    for volume in ("broker", "data", "log-key"):
        (tmp_path / volume).mkdir()
    deployment = Deployment(
        folder=tmp_path,
        replacements={
            "${WAYPROOF_DATABASE_PASSWORD}": postgres.password,
            "${WAYPROOF_DATABASE_PASSWORD:?see .env.example}": postgres.password,
            "${WAYPROOF_INGEST_PASSWORD:?see .env.example}": "ingest-secret",
            "${WAYPROOF_INGEST_PASSWORD}": "ingest-secret",
            "@database/wayproof": f"@{postgres.address}/{postgres.prefix}deployed",
            "${WAYPROOF_LEDGER_ORIGIN:?see .env.example}": "log.example.com/custody",
            "${WAYPROOF_LEDGER_RPC_URLS:?see .env.example}": chain.url,
            "${WAYPROOF_LEDGER_ANCHORER_KEY:?see .env.example}": "0a" * 32,
            "${WAYPROOF_LEDGER_ADMIN_KEY:-}": "0b" * 32,
            "${WAYPROOF_PUBLIC_URL:-http://127.0.0.1:8080}": "https://track.example.com",
            "/log-key": str(tmp_path / "log-key"),
            "/broker-data": str(tmp_path / "data"),
            "/mosquitto/data": str(tmp_path / "data"),
            "/broker": str(tmp_path / "broker"),
            "9100": str(free_port()),
            "9109": str(free_port()),
            "8080": str(free_port()),
            "1883": str(free_port()),
        },
    )
    yield deployment
    for process in reversed(deployment.running):
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    with postgres.admin() as admin:
        admin.execute(f"drop database {postgres.prefix}deployed with (force)")


def test_services_run_as_the_file_says(deployment: Deployment, postgres: Server) -> None:
    """In the order of the file every service of ours starts, becomes healthy, and the broker learns new devices."""
    for one_shot in ("migrate", "broker-service", "broker-files"):
        deployment.run(one_shot)
    deployment.run("ledger-init")
    deployment.run("ledger-init")
    deployment.start("maintenance")
    _start_broker(deployment)
    deployment.start("broker-sync")
    assert not deployment.is_healthy("ingest")
    deployment.start("ingest")
    deployment.start("api")
    deployment.start("ledger")
    deployment.start("trace")
    deployment.wait_until("ledger is healthy", lambda: deployment.is_healthy("ledger"))
    deployment.wait_until("ingest is healthy", lambda: deployment.is_healthy("ingest"))
    deployment.wait_until("api is healthy", lambda: deployment.is_healthy("api"))

    deployment.wait_until("days of readings are kept open", lambda: "opened " in deployment.log("maintenance"))
    deployment.wait_until("trace works", lambda: "working" in deployment.log("trace"))

    with connect(postgres.settings(f"{postgres.prefix}deployed"), autocommit=True) as conn:
        conn.execute("insert into tenant (name) values ('acme')")
        conn.execute(
            "insert into device (tenant_id, name, kind, credential)"
            " select tenant_id, 'truck-1', 'truck', '$7$1$AA==$AA=='"
            " from tenant"
        )
    passwords = deployment.folder / "broker" / "passwords"
    deployment.wait_until("the broker knows the device", lambda: "truck-1:" in passwords.read_text(encoding="utf-8"))

    with connect(postgres.settings(f"{postgres.prefix}deployed"), autocommit=True) as conn:
        conn.execute(
            "with p as (insert into party (tenant_id, name) select tenant_id, 'Dock 4' from tenant returning *)"
            " insert into party_key (tenant_id, party_id, address, claim, claimed_at)"
            " select tenant_id, party_id, decode(repeat('4d', 20), 'hex'), %s, now() from p",
            [bytes(65)],
        )
    deployment.run("ledger-init", "ledger", "keys")


def _start_broker(deployment: Deployment) -> None:
    mounts = SERVICES["broker"]["volumes"]
    assert "./deploy/mosquitto.conf:/mosquitto/config/mosquitto.conf:ro" in mounts
    config = deployment.folder / "mosquitto.conf"
    config.write_text(deployment.text((ROOT / "deploy/mosquitto.conf").read_text(encoding="utf-8")), encoding="utf-8")
    process = deployment.start("broker", unprivileged(str(find_mosquitto()), "-c", str(config)))
    wait_for_listener(process, int(deployment.replacements["1883"]))
