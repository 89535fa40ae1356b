"""Real ingestors as child processes, and devices that publish to them over the real broker."""

import json
import os
import queue
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from wayproof.devices.receipts import Receipt, decode_receipt
from wayproof.devices.topics import readings_topic, receipts_topic
from wayproof.store.pool import Conn
from wayproof.store.settings import DatabaseSettings

from fix_mqtt import Broker
from ports import free_port

OBSERVED_AT = "2026-03-02T12:00:00Z"


def eventually(happened: Callable[[], Any], timeout_s: float = 60) -> Any:
    """The first true value of `happened`; fails when none comes in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if value := happened():
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {timeout_s} s for nothing")


def count(conn: Conn) -> tuple[int, int]:
    """How many readings are stored, and how many different numbers they bear."""
    row = conn.execute("select count(*), count(distinct (device_id, boot, seq)) from reading").fetchone()
    assert row is not None
    return row[0], row[1]


@dataclass(kw_only=True)
class IngestorProcess:
    """`python -m wayproof.ingest`, which a test may kill, stop and start again."""

    environment: dict[str, str]
    health_port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it is ready."""
        self.launch()
        eventually(self.is_ready)

    def launch(self) -> None:
        """Starts it and does not wait."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "wayproof.ingest"], env=self.environment, stdout=log, stderr=log
            )

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> int:
        """Ends it by a signal and returns the exit code."""
        assert self.process is not None
        self.process.send_signal(sig)
        return self.process.wait(60)

    def is_ready(self) -> bool:
        """What /readyz says; fails if the process has ended."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        return self.get("/readyz")[0] == 200

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of its health server; status 0 where it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str) -> float:
        """One sample of /metrics, by its full name with labels."""
        lines = [line.rsplit(" ", 1) for line in self.get("/metrics")[1].splitlines()]
        return next((float(line[1]) for line in lines if line[0] == name), 0.0)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log's entries with that message."""
        entries = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [entry for entry in entries if entry["event"] == event]


@pytest.fixture
def ingestor_factory(
    broker: Broker, database: DatabaseSettings, tmp_path: Path
) -> Iterator[Callable[..., IngestorProcess]]:
    """Makes ingestors on the test's broker and database, not started; kills those that run after the test."""
    made: list[IngestorProcess] = []

    def make(user: str = "svc@ingest-1", **environment: str) -> IngestorProcess:
        secret = broker.add_user(user)
        port = free_port()
        settings = {
            "DATABASE_URL": database.url.get_secret_value(),
            "INGEST_BROKER_PORT": str(broker.port),
            "INGEST_USER": user,
            "INGEST_PASSWORD": secret,
            "INGEST_HEALTH_PORT": str(port),
            **environment,
        }
        made.append(
            IngestorProcess(
                environment=os.environ | {f"WAYPROOF_{name}": value for name, value in settings.items()},
                health_port=port,
                log=tmp_path / f"ingest-{len(made)}.log",
            )
        )
        return made[-1]

    yield make
    for ingestor in made:
        if ingestor.process is not None and ingestor.process.poll() is None:
            ingestor.process.kill()
            ingestor.process.wait(60)


@pytest.fixture
def ingestor(ingestor_factory: Callable[..., IngestorProcess]) -> IngestorProcess:
    """A running ingestor that is ready."""
    made = ingestor_factory()
    made.start()
    return made


@dataclass(kw_only=True)
class Device:
    """A device that is connected to the broker and counts what it is told."""

    name: str
    client: mqtt.Client

    receipts: "queue.Queue[Receipt]" = field(default_factory=queue.Queue)

    def send(self, payload: bytes, topic: str = "") -> int:
        """Publishes at QoS 1 and returns the packet id."""
        return self.client.publish(topic or readings_topic(self.name), payload, qos=1).mid

    def send_reading(self, seq: int, boot: int = 1, **fields: Any) -> int:
        """Publishes one reading as JSON."""
        return self.send(reading_json(seq, boot, **fields))

    def wait_for_broker(self) -> None:
        """Returns once the broker has taken all that was sent."""
        eventually(lambda: not self.client.want_write() and not self.client._out_messages)

    def wait_until_safe(self, seq: int, boot: int = 1, timeout_s: float = 60) -> Receipt:
        """The first receipt that says that 1 to `seq` of `boot` are safe."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            receipt = self.receipts.get(timeout=timeout_s)
            if receipt.boot == boot and receipt.through >= seq:
                return receipt
        raise AssertionError(f"{self.name}: no receipt through {seq} after {timeout_s} s")


def reading_json(seq: int, boot: int = 1, **fields: Any) -> bytes:
    """A reading on the wire; by default observed at noon, with a temperature that names its seq."""
    return json.dumps(
        {"observed_at": OBSERVED_AT, "boot": boot, "seq": seq, "temperature_c": seq % 100, **fields}
    ).encode()


@pytest.fixture
def connect_device(
    broker: Broker, superuser: Conn, tenant_factory: Callable[[str], UUID]
) -> Iterator[Callable[..., Device]]:
    """Registers devices of tenant fleet and connects them to the broker."""
    devices: list[Device] = []
    tenant_id = tenant_factory("fleet")

    def make(name: str, *, registered: bool = True) -> Device:
        if registered:
            superuser.execute("insert into device (tenant_id, name, kind) values (%s, %s, 'truck')", [tenant_id, name])
        devices.append(_connect(broker, name))
        return devices[-1]

    yield make
    for device in devices:
        device.client.disconnect()
        device.client.loop_stop()


def _connect(broker: Broker, name: str) -> Device:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=mqtt.MQTTv5)
    device = Device(name=name, client=client)
    subscribed: queue.Queue[Any] = queue.Queue()
    client.username_pw_set(name, broker.add_user(name))
    client.max_inflight_messages_set(1000)
    client.reconnect_delay_set(1, 1)
    client.on_connect = lambda c, *_: c.subscribe(receipts_topic(name), qos=1)
    client.on_subscribe = lambda *_: subscribed.put(True)
    client.on_message = lambda _c, _u, message: device.receipts.put(decode_receipt(bytes(message.payload)))
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    subscribed.get(timeout=60)
    return device
