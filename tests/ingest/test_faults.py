"""Whatever process dies in mid-stream: nothing is lost, nothing doubled, and a receipt means stored."""

import queue
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from wayproof.devices.publisher import BrokerAddress, Outbox, Publisher
from wayproof.model.reading import Measures
from wayproof.store.pool import Conn
from wayproof.store.settings import DatabaseSettings

from fix_ingest import Device, IngestorProcess, count, eventually
from fix_mqtt import Broker

Connect = Callable[..., Device]
Make = Callable[..., IngestorProcess]

PATIENT = {"DATABASE_LOCK_TIMEOUT": "PT60S", "DATABASE_STATEMENT_TIMEOUT": "PT60S"}


@contextmanager
def held_up(database: DatabaseSettings) -> Iterator[Conn]:
    """While this lasts no reading can be written."""
    with psycopg.connect(database.url.get_secret_value()) as conn:
        conn.execute("lock table reading in exclusive mode")
        yield conn


def check_receipts(conn: Conn, device: Device) -> None:
    """Every receipt that has come by now names only what is stored by now."""
    while True:
        try:
            receipt = device.receipts.get_nowait()
        except queue.Empty:
            return
        stored = conn.execute("select count(*) from reading where seq <= %s", [receipt.through]).fetchone()
        assert stored == (receipt.through,)


def test_killed_in_mid_stream(
    ingestor: IngestorProcess, database: DatabaseSettings, superuser: Conn, connect_device: Connect
) -> None:
    """An ingestor that is killed again and again with a batch in hand loses and doubles nothing; receipts are true."""
    truck = connect_device("truck-1")
    for first in range(1, 3001, 500):
        with held_up(database):
            _send(truck, range(first, first + 250))
            eventually(lambda: _waiting(superuser) == 1)
            ingestor.stop(signal.SIGKILL)
        _send(truck, range(first + 250, first + 400))
        ingestor.launch()
        _send(truck, range(first + 400, first + 500))
        check_receipts(superuser, truck)
    eventually(lambda: count(superuser)[0] >= 3000, 60)
    assert count(superuser) == (3000, 3000)
    assert superuser.execute("select seqs::text from device_sequence").fetchall() == [("{[1,3001)}",)]
    truck.send_reading(3001)
    truck.wait_until_safe(3001)


def _send(device: Device, seqs: Iterable[int]) -> None:
    for seq in seqs:
        device.send_reading(seq)


def test_killed_between_commit_and_acknowledgement(
    ingestor_factory: Make, database: DatabaseSettings, superuser: Conn, connect_device: Connect
) -> None:
    """What was committed and not acknowledged comes again, is recognised, and gets its receipt."""
    ingestor = ingestor_factory()
    ingestor.start()
    truck = connect_device("truck-1")
    ingestor.stop(signal.SIGKILL)
    truck.send_reading(1)
    truck.wait_for_broker()
    superuser.execute(
        "insert into reading (observed_at, received_at, seq, device_id, boot, clock_flags)"
        " select '2026-03-02T12:00:00Z', now(), 1, device_id, 1, 0 from device"
    )
    ingestor.start()
    truck.wait_until_safe(1)
    assert count(superuser) == (1, 1)
    assert ingestor.metric("wayproof_ingest_readings_duplicate_total") == 1


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_broker_ends_in_mid_stream(
    *,
    ingestor: IngestorProcess,
    broker: Broker,
    superuser: Conn,
    connect_device: Connect,
    tmp_path: Path,
    sig: signal.Signals,
) -> None:
    """Whatever the broker forgets when it is stopped or killed, a device's outbox sends again until it is safe."""
    connect_device("truck-1").client.disconnect()
    address = BrokerAddress(host="127.0.0.1", port=broker.port)
    outbox = Outbox.open(tmp_path / "outbox")
    now = datetime.now(UTC)
    with Publisher(device="truck-1", secret=broker.secrets["truck-1"], broker=address, outbox=outbox) as truck:
        for number in range(1000):
            truck.record(now, Measures(temperature_c=number / 10))
            if number in {300, 600}:
                broker.stop(sig)
                broker.start()
                time.sleep(0.5)  # long enough to send something before the ingestor is back
        assert truck.wait_until_safe(60)
    assert count(superuser) == (1000, 1000)


def test_stale_acknowledgements_are_dropped(
    ingestor_factory: Make, broker: Broker, database: DatabaseSettings, superuser: Conn, connect_device: Connect
) -> None:
    """Messages of a lost session are not acknowledged in a new one, where their packet ids stand for others."""
    ingestor = ingestor_factory(INGEST_WRITERS="1", **PATIENT)
    ingestor.start()
    truck = connect_device("truck-1")
    with held_up(database) as first, psycopg.connect(database.url.get_secret_value()) as second:
        _send(truck, range(1, 11))
        eventually(lambda: _waiting(superuser) == 1)
        truck.wait_for_broker()
        broker.stop(signal.SIGKILL)  # forgets the ingestor's session, so packet ids begin at 1 again
        broker.start()
        eventually(ingestor.is_ready)
        _send(truck, range(11, 21))
        eventually(lambda: ingestor.metric("wayproof_ingest_queue_messages") == 10)
        asking = _stand_in_line(second, superuser)  # between the batch that waits and the next one
        first.commit()
        asking.join(60)
        eventually(lambda: ingestor.metric("wayproof_ingest_stale_acknowledgements_total") == 10)
        assert count(superuser) == (10, 10)
        ingestor.stop(signal.SIGKILL)
    ingestor.start()
    eventually(lambda: count(superuser)[0] >= 20)
    assert count(superuser) == (20, 20)


def _waiting(conn: Conn) -> int:
    row = conn.execute("select count(*) from pg_locks where not granted and relation = 'reading'::regclass").fetchone()
    assert row is not None
    return int(row[0])


def _stand_in_line(second: Conn, observer: Conn) -> Thread:
    """Lets `second` ask for the lock that the ingestor waits for; it gets it after the ingestor."""
    asking = Thread(target=lambda: second.execute("lock table reading in exclusive mode"))
    asking.start()
    eventually(lambda: _waiting(observer) == 2)
    return asking


def test_two_ingestors_share_the_stream(ingestor_factory: Make, superuser: Conn, connect_device: Connect) -> None:
    """Two ingestors divide the messages; what one held when it was killed is stored once it is back."""
    ingestors = [ingestor_factory(f"svc@ingest-{number}") for number in (1, 2)]
    for ingestor in ingestors:
        ingestor.start()
    trucks = [connect_device(f"truck-{number}") for number in range(4)]
    for seq in range(1, 501):
        for truck in trucks:
            truck.send_reading(seq)
        if seq == 250:
            eventually(lambda: all(ingestor.metric("wayproof_ingest_messages_total") for ingestor in ingestors))
            ingestors[0].stop(signal.SIGKILL)
    for truck in trucks:
        truck.wait_for_broker()
    ingestors[0].start()
    eventually(lambda: count(superuser)[0] >= 2000, 40)
    assert count(superuser) == (2000, 2000)
    sets = superuser.execute("select seqs::text from device_sequence").fetchall()
    assert sets == [("{[1,501)}",)] * 4


def test_stop_drains(
    ingestor_factory: Make, database: DatabaseSettings, superuser: Conn, connect_device: Connect
) -> None:
    """SIGTERM writes, acknowledges and receipts what was taken, and ends with 0; nothing of it comes again."""
    ingestor = ingestor_factory(INGEST_WRITERS="1", **PATIENT)
    ingestor.start()
    truck = connect_device("truck-1")
    with held_up(database):
        truck.send_reading(1)
        eventually(lambda: _waiting(superuser) == 1)  # one is in the writer's hands, the others queue up behind it
        _send(truck, range(2, 101))
        eventually(lambda: ingestor.metric("wayproof_ingest_queue_messages") == 99)
        assert ingestor.process is not None
        ingestor.process.terminate()
        eventually(lambda: ingestor.logged("draining"))
    assert ingestor.process.wait(60) == 0
    truck.wait_until_safe(100)
    assert count(superuser) == (100, 100)

    ingestor.start()
    truck.send_reading(101)
    truck.wait_until_safe(101)
    assert ingestor.metric("wayproof_ingest_messages_total") == 1


def test_drain_is_bounded(
    ingestor_factory: Make, database: DatabaseSettings, superuser: Conn, connect_device: Connect
) -> None:
    """Where the database does not come back, the ingestor ends all the same, and the broker keeps the messages."""
    ingestor = ingestor_factory(**PATIENT, INGEST_DRAIN_TIMEOUT="PT0.5S")
    ingestor.start()
    truck = connect_device("truck-1")
    with held_up(database):
        _send(truck, range(1, 101))
        truck.wait_for_broker()
        started = time.monotonic()
        assert ingestor.stop(signal.SIGINT) == 0
        assert time.monotonic() - started < 30
    assert count(superuser) == (0, 0)
    ingestor.start()
    truck.wait_until_safe(100)
    assert count(superuser) == (100, 100)


def _full(ingestor: IngestorProcess, least: int) -> float:
    """How many messages it holds once there are so many and they do not grow any more; before, 0."""
    before = ingestor.metric("wayproof_ingest_queue_messages")
    time.sleep(0.5)
    return before if ingestor.metric("wayproof_ingest_queue_messages") == before >= least else 0


def test_memory_is_bounded(
    ingestor_factory: Make, database: DatabaseSettings, superuser: Conn, connect_device: Connect
) -> None:
    """While nothing can be written only so many messages are taken, and the broker keeps the rest."""
    ingestor = ingestor_factory(**PATIENT, INGEST_QUEUE_MESSAGES="50", INGEST_BATCH_SIZE="20")
    ingestor.start()
    truck = connect_device("truck-1")
    with held_up(database):
        _send(truck, range(1, 6001))
        truck.wait_for_broker()
        depth = eventually(lambda: _full(ingestor, 50))
        assert depth < 50 + 256 * 1024 / 50  # what one piece of the stream can hold
    truck.wait_until_safe(6000)
    assert count(superuser) == (6000, 6000)
