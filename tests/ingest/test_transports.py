"""Every way to the broker carries the same stream."""

from collections.abc import Callable

import pytest

from wayproof.store.pool import Conn

from fix_ingest import Device, IngestorProcess, count
from fix_mqtt import Broker, make_certificate
from ports import free_port, wait_for_listener

TLS = "certfile {certificate}\nkeyfile {key}\n"
WEBSOCKETS = "protocol websockets\n"


def add_listener(broker: Broker, port: int, options: str) -> None:
    """Makes the broker listen on another port as well, in another way."""
    certificate = make_certificate(broker.service.folder)
    broker.stop()
    config = broker.service.folder / "mosquitto.conf"
    more = options.format(certificate=certificate, key=certificate.with_name("key.pem"))
    config.write_text(f"{config.read_text()}\nlistener {port} 127.0.0.1\n{more}")
    broker.start()
    assert broker.process is not None
    wait_for_listener(broker.process, port)


@pytest.mark.parametrize("read_in_bulk", ["true", "false"])
@pytest.mark.parametrize("way", ["tcp", "tls", "websockets"])
def test_stream_is_stored(
    ingestor_factory: Callable[..., IngestorProcess],
    broker: Broker,
    superuser: Conn,
    connect_device: Callable[[str], Device],
    way: str,
    read_in_bulk: str,
) -> None:
    """Two thousand messages arrive, are stored once and receipted, read in bulk or by stock paho."""
    port = broker.port if way == "tcp" else free_port()
    options = {"INGEST_BROKER_TRANSPORT": "websockets" if way == "websockets" else "tcp"}
    if way == "tls":
        options["INGEST_BROKER_TLS_CA"] = str(broker.service.folder / "cert.pem")
    ingestor = ingestor_factory(**options, INGEST_BROKER_PORT=str(port), INGEST_READ_IN_BULK=read_in_bulk)
    if way != "tcp":
        # After the ingestor's user is made: mosquitto 2.0 may forget a WebSocket handshake that a SIGHUP falls into.
        add_listener(broker, port, {"tls": TLS, "websockets": WEBSOCKETS}[way])
    ingestor.start()
    truck = connect_device("truck-1")
    for seq in range(1, 2001):
        truck.send_reading(seq)
    truck.wait_until_safe(2000)
    assert count(superuser) == (2000, 2000)
