"""A real mosquitto with per-device passwords and ACL, one a test; and clients to talk to it with."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from wayproof.cli.services.mosquitto import Mosquitto, find_mosquitto
from wayproof.devices.broker_files import write_broker_files
from wayproof.devices.credentials import hash_secret

from ports import free_port, wait_for_listener


@dataclass(kw_only=True)
class Broker:
    """A broker that a test may stop, start and give users."""

    service: Mosquitto
    port: int
    log: Path
    secrets: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it on its port with the users known so far."""
        self._write_users()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.service.argv(), stdout=log, stderr=log)
        wait_for_listener(self.process, self.port)

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> None:
        """Ends it by a signal and waits."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(sig)
            self.process.wait(60)

    def add_user(self, name: str, secret: str = "secret") -> str:
        """Lets `name` connect from now on; returns the password."""
        self.secrets[name] = secret
        self._write_users()
        if self.process is not None:
            self.process.send_signal(signal.SIGHUP)
        return secret

    def _write_users(self) -> None:
        write_broker_files(self.service.folder, [(name, hash_secret(s)) for name, s in self.secrets.items()])


@pytest.fixture
def broker_factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Broker]]:
    """Starts brokers; stops them after the test."""
    brokers: list[Broker] = []

    def make() -> Broker:
        folder = tmp_path_factory.mktemp("mosquitto")
        service = Mosquitto(folder=folder, program=find_mosquitto())
        broker = Broker(service=service, port=free_port(), log=folder / "log")
        service.prepare(broker.port)
        broker.start()
        brokers.append(broker)
        return broker

    yield make
    for broker in brokers:
        broker.stop()


@pytest.fixture
def broker(broker_factory: Callable[[], Broker]) -> Broker:
    """A running broker with no user but those that the test adds."""
    return broker_factory()


def make_certificate(folder: Path, *, days: int = 2) -> Path:
    """A fresh key and a certificate for localhost that it signs itself; returns the certificate."""
    openssl = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", str(days)]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*openssl, *name, *files], check=True, capture_output=True)
    return folder / "cert.pem"


@pytest.fixture
def tls_ca(broker: Broker) -> Path:
    """Makes the broker listen with TLS alone; returns its certificate."""
    certificate = make_certificate(broker.service.folder)
    broker.stop()
    config = broker.service.folder / "mosquitto.conf"
    plain = f"listener {broker.port} 127.0.0.1\n"
    tls = f"{plain}certfile {certificate}\nkeyfile {certificate.with_name('key.pem')}\n"
    config.write_text(config.read_text().replace(plain, tls))
    broker.start()
    return certificate
