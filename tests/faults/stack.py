"""Everything that a run may hurt: broker, database, two ingestors, the fleet, and the network between them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from wayproof.cli.services.mosquitto import Mosquitto, find_mosquitto
from wayproof.cli.services.postgres import PostgresCluster
from wayproof.model.access import Scope
from wayproof.store.keys import create_key
from wayproof.store.tenants import find_tenant

from faults.database import Database, small_disk
from faults.fleet import CLOCKS, JOURNAL
from faults.proxy import Network, Proxy
from faults.raw import RawSender
from faults.reads import Reader
from faults.story import BOOT, FLEET, LOGGER, STRANGER, TAG, Identity, Story
from fix_ingest import IngestorProcess, eventually
from fix_mqtt import Broker
from ports import free_port

_SECRET: Final = "secret"
_INGESTORS: Final = ("svc@ingest-1", "svc@ingest-2")
_TESTS: Final = Path(__file__).parent.parent


@dataclass(kw_only=True)
class Fleet:
    """The devices' process."""

    story: Story
    folder: Path
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it; the outboxes go on where they were."""
        path = os.pathsep.join([str(_TESTS), os.environ.get("PYTHONPATH", "")])
        began_at = self.story.began_at.isoformat()
        argv = [sys.executable, "-m", "faults.fleet", str(self.story.seed), began_at, str(self.folder)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*argv, str(self.port), _SECRET], env=os.environ | {"PYTHONPATH": path}, stdout=log, stderr=log
            )

    def set_clocks(self, offsets: dict[str, timedelta]) -> None:
        """From about now on these devices' clocks are wrong by that much; all others are right."""
        draft = self.folder / f"{CLOCKS}.new"
        draft.write_text(json.dumps({device: offset.total_seconds() for device, offset in offsets.items()}))
        draft.replace(self.folder / CLOCKS)

    def send(self, sig: signal.Signals) -> None:
        """Signals it."""
        assert self.process is not None
        self.process.send_signal(sig)

    def wait(self, timeout_s: float) -> int:
        """Its exit code."""
        assert self.process is not None
        return self.process.wait(timeout_s)

    def receipted(self) -> set[Identity]:
        """What its outboxes have let go, as far as they got to say so."""
        journal = self.folder / JOURNAL
        lines = journal.read_text().splitlines(keepends=True) if journal.exists() else []
        return {
            (device, BOOT, seq)
            for device, first, last in map(json.loads, [line for line in lines if line.endswith("\n")])
            for seq in range(first, last + 1)
        }


@dataclass(kw_only=True)
class Stack:
    """What runs."""

    story: Story
    folder: Path
    #: Why the disk cannot be filled; empty where it can.
    no_disk: str
    database: Database
    broker: Broker
    ingestors: list[IngestorProcess]
    fleet: Fleet
    raw: RawSender
    reader: Reader
    #: Between ingestors and database, ingestors and broker, devices and broker.
    wires: dict[str, Proxy] = field(default_factory=dict)

    def start(self) -> None:
        """Starts all."""
        for ingestor in self.ingestors:
            ingestor.launch()
        for ingestor in self.ingestors:
            eventually(ingestor.is_ready, 60)
        self.fleet.start()
        self.raw.start()
        self.reader.start(self._key())

    def _key(self) -> str:
        with self.database.connect() as conn:
            tenant = find_tenant(conn, "fleet")
            assert tenant is not None
            return create_key(conn, tenant_id=tenant.tenant_id, label="reader", scopes=[Scope.DEVICES_READ])[1]

    def check_alive(self) -> None:
        """Nothing has ended that nobody has ended."""
        for ingestor in self.ingestors:
            assert ingestor.process is not None
            code = ingestor.process.poll()
            assert code is None, f"an ingestor ended by itself with {code}:\n{ingestor.log.read_text()[-4000:]}"
        assert self.fleet.process is not None
        assert self.fleet.process.poll() is None, f"the fleet ended by itself:\n{self.fleet.log.read_text()[-4000:]}"


@contextmanager
def running_stack(story: Story, folder: Path) -> Iterator[Stack]:
    """A fresh stack in `folder`, which runs; ended whatever state it is in."""
    with ExitStack() as stack:
        no_disk = stack.enter_context(small_disk(folder / "disk"))
        stack.enter_context(small_disk(folder / "wal"))
        network = stack.enter_context(Network())
        made = _make(story, folder, network, no_disk)
        stack.callback(_end, made)
        made.database.make()
        _register(made)
        made.broker.start()
        made.start()
        yield made


def _make(story: Story, folder: Path, network: Network, no_disk: str) -> Stack:
    database = Database(
        cluster=PostgresCluster(folder=folder / "disk" / "postgres"),
        wal=folder / "wal",
        port=free_port(),
        log=folder / "postgres.log",
    )
    broker = _broker(folder)
    wires = {
        "database": network.proxy(database.port),
        "broker": network.proxy(broker.port),
        "devices": network.proxy(broker.port),
    }
    (folder / "outboxes").mkdir()
    (folder / "disk" / "postgres").mkdir()
    device_port = wires["devices"].port
    return Stack(
        story=story,
        folder=folder,
        no_disk=no_disk,
        database=database,
        broker=broker,
        ingestors=[_ingestor(user, folder, database, wires) for user in _INGESTORS],
        fleet=Fleet(story=story, folder=folder / "outboxes", port=device_port, log=folder / "fleet.log"),
        raw=RawSender(story=story, port=device_port, secret=_SECRET),
        reader=_reader(folder, database),
        wires=wires,
    )


def _broker(folder: Path) -> Broker:
    service = Mosquitto(folder=folder / "mosquitto", program=find_mosquitto())
    secrets = dict.fromkeys([*FLEET, LOGGER, STRANGER, TAG, *_INGESTORS], _SECRET)
    broker = Broker(service=service, port=free_port(), log=folder / "mosquitto.log", secrets=secrets)
    service.prepare(broker.port)
    return broker


def _ingestor(user: str, folder: Path, database: Database, wires: dict[str, Proxy]) -> IngestorProcess:
    port = free_port()
    settings = {
        "DATABASE_URL": database.settings(wires["database"].port).url.get_secret_value(),
        "INGEST_BROKER_PORT": str(wires["broker"].port),
        "INGEST_USER": user,
        "INGEST_PASSWORD": _SECRET,
        "INGEST_KEEP_ALIVE": "PT5S",
        "INGEST_HEALTH_PORT": str(port),
    }
    return IngestorProcess(
        environment=os.environ | {f"WAYPROOF_{name}": value for name, value in settings.items()},
        health_port=port,
        log=folder / f"{user}.log",
    )


def _reader(folder: Path, database: Database) -> Reader:
    """Past the wires: what befalls them befalls writers alone."""
    port = free_port()
    url = database.settings(database.port).url.get_secret_value()
    environment = {"WAYPROOF_DATABASE_URL": url, "WAYPROOF_API_PORT": str(port)}
    return Reader(environment=environment, port=port, log=folder / "api.log")


def _register(stack: Stack) -> None:
    with stack.database.connect() as conn:
        conn.execute("insert into tenant (name) values ('fleet')")
        conn.execute(
            "insert into device (tenant_id, name, kind) select tenant_id, n, 'truck' from tenant, unnest(%s::text[]) n",
            [[*FLEET, LOGGER, TAG]],
        )


def _end(stack: Stack) -> None:
    """Children that were frozen are killed all the same."""
    stack.raw.stop()
    stack.reader.stop()
    stack.broker.stop(signal.SIGKILL)
    for child in (*[ingestor.process for ingestor in stack.ingestors], stack.fleet.process):
        if child is not None and child.poll() is None:
            child.kill()
            child.wait(20)
    stack.database.stop(signal.SIGQUIT)
    time.sleep(0.1)
