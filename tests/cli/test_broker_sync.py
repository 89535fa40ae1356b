"""The broker learns of devices while it runs."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner

from wayproof.cli.broker import ensure_service
from wayproof.cli.main import app
from wayproof.devices.credentials import hash_secret
from wayproof.store.broker import broker_credentials
from wayproof.store.pool import Conn
from wayproof.store.settings import DatabaseSettings

from fix_mqtt import Broker


def may_connect(port: int, user: str, secret: str) -> bool:
    """Whether the broker lets `user` in."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, user, protocol=mqtt.MQTTv5)
    client.username_pw_set(user, secret)
    answers: list[bool] = []
    client.on_connect = lambda _c, _u, _f, reason, _p: answers.append(not reason.is_failure)
    client.connect("127.0.0.1", port)
    deadline = time.monotonic() + 30
    while not answers and time.monotonic() < deadline:
        client.loop(0.05)
    client.disconnect()
    return answers == [True]


def eventually(condition: Callable[[], bool], timeout_s: float = 60) -> bool:
    """Whether `condition` comes true in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def synced(broker: Broker, database: DatabaseSettings, tmp_path: Path) -> Iterator[Broker]:
    """A broker whose files `wayproof broker sync` keeps."""
    assert broker.process is not None
    pid_file = tmp_path / "broker.pid"
    pid_file.write_text(str(broker.process.pid), encoding="ascii")
    program = (sys.executable, "-m", "wayproof.cli.main")
    sync = subprocess.Popen(
        [*program, "broker", "sync", str(broker.service.folder), "--pid-file", str(pid_file)],
        env={**os.environ, "WAYPROOF_DATABASE_URL": database.url.get_secret_value()},
    )
    yield broker
    sync.terminate()
    sync.wait(60)


def test_broker_follows_the_registry(
    synced: Broker, database: DatabaseSettings, superuser: Conn, tenant_factory: Callable[[str], object]
) -> None:
    """A device may connect soon after it is registered, not with its old secret after a new one, not once retired."""
    tenant = tenant_factory("acme")
    superuser.execute(
        "insert into device (tenant_id, name, kind, credential) values (%s, 'truck-1', 'truck', %s)",
        [tenant, hash_secret("first")],
    )
    assert eventually(lambda: may_connect(synced.port, "truck-1", "first"))
    superuser.execute("update device set credential = %s", [hash_secret("second")])
    assert eventually(lambda: may_connect(synced.port, "truck-1", "second"))
    assert not may_connect(synced.port, "truck-1", "first")
    superuser.execute("update device set retired_at = now()")
    assert eventually(lambda: not may_connect(synced.port, "truck-1", "second"))


def test_sync_survives_its_connection(synced: Broker, superuser: Conn) -> None:
    """What changes while the database was away is written once it is back."""
    assert eventually(lambda: bool(_sync_backends(superuser)))
    for pid in _sync_backends(superuser):
        superuser.execute("select pg_terminate_backend(%s)", [pid])
    superuser.execute("insert into broker_service (name, credential) values ('svc@new', %s)", [hash_secret("s")])
    assert eventually(lambda: may_connect(synced.port, "svc@new", "s"))


def test_ensured_service_changes_only_with_its_secret(database: DatabaseSettings, superuser: Conn) -> None:
    """A service's hash stays as it is while the secret does, and is replaced with it."""
    hashes = []
    for secret in ("one", "one", "two"):
        ensure_service(database, "svc@ingest-9", secret)
        hashes.append(dict(broker_credentials(superuser))["svc@ingest-9"])
    assert hashes[0] == hashes[1] != hashes[2]


def test_service_is_added_by_hand(database: DatabaseSettings, tmp_path: Path, superuser: Conn) -> None:
    """`broker add-service` registers a process, and `broker sync --once` writes the files that let it in."""
    env = {"WAYPROOF_DATABASE_URL": database.url.get_secret_value()}
    added = CliRunner().invoke(app, ["broker", "add-service", "ingest-2", "--secret", "s"], env=env)
    written = CliRunner().invoke(app, ["broker", "sync", str(tmp_path), "--once"], env=env)
    assert (added.exit_code, written.exit_code) == (0, 0)
    assert (tmp_path / "passwords").read_text(encoding="utf-8").startswith("svc@ingest-2:$7$")
    assert "user svc@ingest-2" in (tmp_path / "acl").read_text(encoding="utf-8")


def _sync_backends(conn: Conn) -> list[int]:
    rows = conn.execute(
        "select pid from pg_stat_activity where application_name = 'wayproof_broker' and datname = current_database()"
    ).fetchall()
    return [pid for (pid,) in rows]
