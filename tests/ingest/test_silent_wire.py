"""A wire that dies without a word, towards the database or the broker, is found out in seconds."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from psycopg import OperationalError
from pydantic import SecretStr

from wayproof.store.pool import Conn, connect
from wayproof.store.settings import DatabaseSettings

from faults.proxy import Network, Proxy
from fix_ingest import Device, IngestorProcess, eventually
from fix_mqtt import Broker

PATIENCE = timedelta(seconds=2)
SLACK_S = 8

pytestmark = pytest.mark.alone


@pytest.fixture
def network() -> Iterator[Network]:
    """Where wires can be made that die."""
    with Network() as made:
        yield made


@pytest.fixture
def wire(network: Network, database: DatabaseSettings) -> Proxy:
    """A wire to the database."""
    return network.proxy(urlsplit(database.url.get_secret_value()).port or 5432)


@pytest.fixture
def far(wire: Proxy, database: DatabaseSettings) -> Iterator[Conn]:
    """A connection by that wire, which gives up after PATIENCE."""
    url = urlsplit(database.url.get_secret_value())
    there = url._replace(netloc=url.netloc.replace(f":{url.port}", f":{wire.port}")).geturl()
    settings = database.model_copy(update={"url": SecretStr(there), "tcp_user_timeout": PATIENCE})
    conn = connect(settings)
    yield conn
    conn.close()  # without a commit: there may be nobody to take it


def test_client_finds_out(far: Conn, wire: Proxy) -> None:
    """A statement whose answer can never come ends with an error."""
    far.execute("select 1")
    wire.silence()
    with pytest.raises(OperationalError):
        far.execute("select 1")
    assert far.broken


def test_server_gives_locks_back(far: Conn, wire: Proxy, superuser: Conn) -> None:
    """What a client has locked that nobody hears any more is free again long before a time-out of its transaction."""
    superuser.execute("create table locked ()")
    far.execute("lock table locked")
    wire.silence()
    superuser.execute("select set_config('lock_timeout', %s, false)", [f"{PATIENCE.seconds + SLACK_S}s"])
    superuser.execute("drop table locked")


def test_ingestor_comes_back(
    network: Network,
    broker: Broker,
    ingestor_factory: Callable[..., IngestorProcess],
    connect_device: Callable[..., Device],
) -> None:
    """Twice the keep-alive after the wire to the broker died, at most, the ingestor takes readings again."""
    wire, truck = network.proxy(broker.port), connect_device("truck-1")
    ingestor = ingestor_factory(INGEST_BROKER_PORT=str(wire.port), INGEST_KEEP_ALIVE="PT5S")
    ingestor.start()
    truck.send_reading(1)
    truck.wait_until_safe(1)
    wire.silence()
    wire.heal()
    truck.send_reading(2)
    eventually(lambda: not ingestor.is_ready(), timeout_s=10 + SLACK_S)
    truck.send_reading(2)
    truck.wait_until_safe(2, timeout_s=SLACK_S + 1)
