"""From record() to the database, through a real broker and a real ingestor, whatever dies on the way."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from wayproof.devices.publisher import BrokerAddress, Observation, Outbox, Publisher
from wayproof.model.reading import Measures
from wayproof.store.pool import Conn

from fix_ingest import IngestorProcess, eventually
from fix_mqtt import Broker

DEVICE = "truck-1"


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    """The outbox of truck-1."""
    with Outbox.open(tmp_path / "outbox.db") as outbox:
        yield outbox


@pytest.fixture
def publisher(
    broker: Broker, outbox: Outbox, superuser: Conn, tenant_factory: Callable[[str], UUID]
) -> Iterator[Publisher]:
    """A publisher of truck-1, registered and not started."""
    tenant_id = tenant_factory("acme")
    superuser.execute("insert into device (tenant_id, name, kind) values (%s, %s, 'truck')", [tenant_id, DEVICE])
    address = BrokerAddress(host="127.0.0.1", port=broker.port)
    publisher = Publisher(device=DEVICE, secret=broker.add_user(DEVICE), broker=address, outbox=outbox)
    yield publisher
    publisher.stop()


def observations(count: int) -> list[Observation]:
    """Distinguishable observations, up to now."""
    now = datetime.now(UTC)
    return [(now - timedelta(seconds=count - n), Measures(temperature_c=n / 8)) for n in range(count)]


def stored(conn: Conn) -> list[int]:
    """The numbers that are stored, as often as they are."""
    return [seq for (seq,) in conn.execute("select seq from reading order by seq").fetchall()]


def test_readings_reach_the_store_as_they_were_recorded(
    publisher: Publisher, ingestor: IngestorProcess, superuser: Conn
) -> None:
    """Every value comes back exactly, and the outbox is empty once all is committed."""
    recorded = observations(300)
    with publisher:
        publisher.record_many(recorded)
        assert publisher.wait_until_safe(60)
    rows = superuser.execute("select observed_at, temperature_c from reading order by seq").fetchall()
    assert rows == [(observed_at, measures.temperature_c) for observed_at, measures in recorded]
    assert ingestor.metric("wayproof_ingest_readings_duplicate_total") == 0


def test_everything_dies_and_nothing_is_lost(
    publisher: Publisher, broker: Broker, ingestor_factory: Callable[..., IngestorProcess], superuser: Conn
) -> None:
    """Kills of broker and ingestor in mid-stream: all that was recorded is stored once, and the outbox drains."""
    ingestor = ingestor_factory()
    ingestor.start()
    recorded = threading.Event()

    def record() -> None:
        for observation in observations(2_000):
            publisher.record(*observation)
            time.sleep(0.002)
        recorded.set()

    with publisher:
        thread = threading.Thread(target=record)
        thread.start()
        while not recorded.is_set():
            ingestor.stop(signal.SIGKILL)
            ingestor.launch()
            recorded.wait(1)
            broker.stop(signal.SIGKILL)
            recorded.wait(0.3)
            broker.start()
            recorded.wait(1)
        thread.join()
        assert publisher.wait_until_safe(60)
    assert stored(superuser) == list(range(1, 2_001))


def test_absent_ingestor_delays_and_loses_nothing(
    publisher: Publisher, ingestor_factory: Callable[..., IngestorProcess], superuser: Conn
) -> None:
    """Readings wait while there is no ingestor, however often they are published, and are stored once when there is."""
    publisher.record_many(observations(500))
    with publisher:
        eventually(lambda: publisher.last_error)
        assert publisher.pending() == 500
        ingestor_factory().start()
        assert publisher.wait_until_safe(60)
    assert stored(superuser) == list(range(1, 501))


_GATEWAY = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from wayproof.devices.publisher import BrokerAddress, Outbox, Publisher
from wayproof.model.reading import Measures
path, port, secret = sys.argv[1:]
broker = BrokerAddress(host="127.0.0.1", port=int(port))
with Outbox.open(Path(path)) as outbox, Publisher(device="truck-1", secret=secret, broker=broker, outbox=outbox) as p:
    while True:
        print(p.record(datetime.now(UTC), Measures(temperature_c=4.5))[1], flush=True)
"""


def test_killed_gateway_loses_nothing(
    publisher: Publisher, outbox: Outbox, broker: Broker, ingestor: IngestorProcess, superuser: Conn
) -> None:
    """A gateway that is killed while it records and sends goes on from its outbox, without gap or doubling."""
    outbox.close()
    told = 0
    for count in (40, 200, 5, 100):
        argv = [sys.executable, "-c", _GATEWAY, str(outbox.path), str(broker.port), broker.secrets[DEVICE]]
        gateway = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert gateway.stdout is not None
        lines = [gateway.stdout.readline() for _ in range(count)]
        os.kill(gateway.pid, signal.SIGKILL)
        lines += [line for line in gateway.stdout if line.endswith("\n")]
        gateway.stdout.close()
        gateway.wait(60)
        told = max(told, *map(int, lines))
    address = BrokerAddress(host="127.0.0.1", port=broker.port)
    with (
        Outbox.open(outbox.path) as reopened,
        Publisher(device=DEVICE, secret=broker.secrets[DEVICE], broker=address, outbox=reopened) as last,
    ):
        assert last.wait_until_safe(60)
        given_out = reopened.next_seq - 1
    assert told <= given_out <= told + 1  # the kill may hit between commit and print
    assert stored(superuser) == list(range(1, given_out + 1))


def test_two_lives_of_a_device_are_two_boots(
    publisher: Publisher, broker: Broker, ingestor: IngestorProcess, superuser: Conn, tmp_path: Path
) -> None:
    """A lost outbox is replaced by one with another boot: equal numbers of both are different readings."""
    with publisher:
        publisher.record_many(observations(10))
        assert publisher.wait_until_safe(60)
    address = BrokerAddress(host="127.0.0.1", port=broker.port)
    with (
        Outbox.open(tmp_path / "new.db") as outbox,
        Publisher(device=DEVICE, secret=broker.secrets[DEVICE], broker=address, outbox=outbox) as again,
    ):
        again.record_many(observations(10))
        assert again.wait_until_safe(60)
    assert stored(superuser) == sorted([*range(1, 11)] * 2)
