"""An ingestor that goes away for good strands nothing: neither when it says so, nor when it just dies."""

import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from wayproof.store.pool import Conn
from wayproof.store.settings import DatabaseSettings

from fix_ingest import Device, IngestorProcess, count, eventually
from fix_mqtt import Broker

Connect = Callable[..., Device]
Make = Callable[..., IngestorProcess]

PATIENT = {"DATABASE_LOCK_TIMEOUT": "PT60S", "DATABASE_STATEMENT_TIMEOUT": "PT60S"}
LEAVER = "svc@ingest-2"


@pytest.fixture
def pair(ingestor_factory: Make) -> tuple[IngestorProcess, IngestorProcess]:
    """Two ingestors that share the stream; the second will leave."""
    stayer, leaver = (ingestor_factory(user, **PATIENT) for user in ("svc@ingest-1", LEAVER))
    stayer.start()
    leaver.start()
    return stayer, leaver


@contextmanager
def held_up(database: DatabaseSettings) -> Iterator[None]:
    """While this lasts no reading can be written."""
    with psycopg.connect(database.url.get_secret_value()) as conn:
        conn.execute("lock table reading in exclusive mode")
        yield


def send(device: Device, seqs: Iterable[int]) -> None:
    """Publishes readings and waits until the broker has them."""
    for seq in seqs:
        device.send_reading(seq)
    device.wait_for_broker()


def has_session(broker: Broker, user: str) -> bool:
    """Whether the broker keeps a session for `user`; ends it."""
    answers: queue.Queue[bool] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, user, protocol=mqtt.MQTTv5)
    client.username_pw_set(user, broker.secrets[user])
    client.on_connect = lambda _c, _u, flags, *_: answers.put(flags.session_present)
    kept = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    kept.SessionExpiryInterval = 60
    client.connect("127.0.0.1", broker.port, clean_start=False, properties=kept)
    client.loop_start()
    try:
        return answers.get(timeout=60)
    finally:
        ended = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
        ended.SessionExpiryInterval = 0
        client.disconnect(properties=ended)
        client.loop_stop()


def drain(broker: Broker, database: DatabaseSettings, user: str) -> "subprocess.Popen[str]":
    """`wayproof broker drain` as an operator runs it."""
    words = ["broker", "drain", user.removeprefix("svc@"), "--broker", f"127.0.0.1:{broker.port}"]
    secrets = {
        "WAYPROOF_SERVICE_SECRET": broker.secrets[user],
        "WAYPROOF_DATABASE_URL": database.url.get_secret_value(),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "wayproof.cli.main", *words],
        env=os.environ | secrets,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_planned_removal(
    *,
    pair: tuple[IngestorProcess, IngestorProcess],
    broker: Broker,
    database: DatabaseSettings,
    superuser: Conn,
    connect_device: Connect,
) -> None:
    """Who is told to leave stores what it was given, is given no more, and leaves no session behind."""
    stayer, leaver = pair
    truck = connect_device("truck-1")
    with held_up(database):
        send(truck, range(1, 201))
        eventually(lambda: leaver.metric("wayproof_ingest_messages_received_total"))
        assert leaver.process is not None
        leaver.process.send_signal(signal.SIGUSR2)
        eventually(lambda: leaver.logged("unsubscribed"))
        send(truck, range(201, 301))
        with pytest.raises(subprocess.TimeoutExpired):
            leaver.process.wait(3)  # longer than it would wait for one more message
    assert leaver.process.wait(60) == 0
    send(truck, range(301, 401))
    truck.wait_until_safe(400)
    assert count(superuser) == (400, 400)
    assert not has_session(broker, LEAVER)
    assert stayer.metric("wayproof_ingest_messages_total") >= 200


def test_connection_is_lost_while_leaving(
    pair: tuple[IngestorProcess, IngestorProcess], broker: Broker, superuser: Conn, connect_device: Connect
) -> None:
    """A leaver that finds its broker again does not subscribe again, and leaves all the same."""
    stayer, leaver = pair
    assert leaver.process is not None
    broker.stop()
    leaver.process.send_signal(signal.SIGUSR2)
    eventually(lambda: leaver.logged("leaving for good"))
    broker.start()
    assert leaver.process.wait(60) == 0
    eventually(stayer.is_ready)
    assert len(leaver.logged("subscribed")) == 1
    truck = connect_device("truck-1")
    send(truck, range(1, 101))
    truck.wait_until_safe(100)
    assert count(superuser) == (100, 100)


def test_stop_while_leaving(
    pair: tuple[IngestorProcess, IngestorProcess], broker: Broker, database: DatabaseSettings, connect_device: Connect
) -> None:
    """A leaver that is stopped before it is through keeps its session, so that nothing in it is lost."""
    _, leaver = pair
    truck = connect_device("truck-1")
    assert leaver.process is not None
    leaver.environment["WAYPROOF_INGEST_DRAIN_TIMEOUT"] = "PT0.5S"
    with held_up(database):
        send(truck, range(1, 201))
        eventually(lambda: leaver.metric("wayproof_ingest_messages_received_total"))
        leaver.process.send_signal(signal.SIGUSR2)
        eventually(lambda: leaver.logged("unsubscribed"))
        leaver.process.terminate()
        leaver.process.wait(60)
    assert has_session(broker, LEAVER)


def test_drain_of_one_that_died(
    *,
    pair: tuple[IngestorProcess, IngestorProcess],
    broker: Broker,
    database: DatabaseSettings,
    superuser: Conn,
    connect_device: Connect,
) -> None:
    """The share of an ingestor that died and never comes back waits at the broker, until a drain stores it."""
    stayer, leaver = pair
    truck = connect_device("truck-1")
    send(truck, range(1, 101))
    truck.wait_until_safe(100)
    leaver.stop(signal.SIGKILL)
    send(truck, range(101, 301))
    eventually(lambda: count(superuser)[0] > 150)
    assert stayer.is_ready()
    stranded = 300 - count(superuser)[0]
    assert stranded > 50

    draining = drain(broker, database, LEAVER)
    told, log = draining.communicate(timeout=60)
    assert (draining.returncode, told) == (
        0,
        f"{LEAVER}: everything that the broker kept is stored, and its session has ended\n",
    )
    assert count(superuser) == (300, 300)
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert "subscribed" not in events
    assert not has_session(broker, LEAVER)
    send(truck, range(301, 401))
    truck.wait_until_safe(400)


def test_nothing_to_drain(ingestor_factory: Make, broker: Broker) -> None:
    """`--drain` under a name for which the broker keeps nothing ends well, with no session made."""
    done = subprocess.run(
        [sys.executable, "-m", "wayproof.ingest", "--drain"],
        env=ingestor_factory(LEAVER).environment,
        capture_output=True,
        check=False,
        timeout=40,
    )
    assert done.returncode == 0, done.stderr
    assert not has_session(broker, LEAVER)


def test_drain_of_one_that_runs(
    *,
    pair: tuple[IngestorProcess, IngestorProcess],
    broker: Broker,
    database: DatabaseSettings,
    superuser: Conn,
    connect_device: Connect,
) -> None:
    """A drain under the name of an ingestor that runs gives up, and takes nothing away from it."""
    _, leaver = pair
    draining = drain(broker, database, LEAVER)
    _, log = draining.communicate(timeout=60)
    assert draining.returncode == 1
    assert "it is running elsewhere" in log
    eventually(leaver.is_ready)
    truck = connect_device("truck-1")
    send(truck, range(1, 201))
    truck.wait_until_safe(200)
    assert count(superuser) == (200, 200)
    assert leaver.metric("wayproof_ingest_messages_total") > 50
