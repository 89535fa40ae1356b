"""`wayproof up` on the real thing: ready, restarted after every crash, reachable, one of its kind."""

import http.client
import json
import os
import re
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from wayproof.devices.publisher import BrokerAddress, Outbox, Publisher
from wayproof.model.reading import Measures

from fix_up import EMBEDDED, Up, descendants
from ports import listeners


def get(port: int, path: str, token: str | None = None) -> tuple[int, Any]:
    """Status and JSON body of a GET over loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"authorization": f"Bearer {token}"} if token else {})
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, body


def test_first_start_prints_the_admin_key_once_and_one_address(running_up: Up) -> None:
    """The first start prints one key with every right and one address with a key that reads, and both are let in."""
    told = "\n".join(running_up.lines)
    (admin,) = re.findall(r"with every right, shown this once: (\S+)", told)
    ((port, console),) = re.findall(r"Open http://127\.0\.0\.1:(\d+)/#key=(\S+)", told)
    assert get(int(port), "/readyz")[0] == 200
    for token in (admin, console):
        status, body = get(int(port), "/v1/shipments", token)
        assert (status, body["items"]) == (200, [])
    assert get(int(port), "/v1/keys", admin)[0] == 200
    assert get(int(port), "/v1/keys", console)[0] == 403


def test_everything_listens_on_loopback_only(running_up: Up) -> None:
    """No service is reachable from another machine."""
    family = descendants(running_up.process.pid)
    assert {address for process in family for address, _ in listeners(process)} == {"127.0.0.1"}


def test_secrets_are_closed_to_others(running_up: Up) -> None:
    """Nobody else may enter the data folder, and no secret is readable by another user."""
    root = running_up.data.root
    assert root.stat().st_mode & 0o077 == 0
    for path in (*(root / "secrets").iterdir(), root / "postgres" / "password", root / "broker" / "passwords"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_two_never_share_a_data_folder(running_up: Up) -> None:
    """A second `wayproof up` on the same folder ends at once, naming the first one's pid."""
    second = running_up.wayproof("up", "--no-demo")
    assert second.returncode == 1
    assert f"(pid {running_up.process.pid})" in second.stderr
    assert len(second.stderr.splitlines()) == 1


def test_doctor_sees_what_runs(running_up: Up) -> None:
    """On a running installation the doctor finds the database's version and schema, and nothing missing."""
    told = running_up.wayproof("doctor", "--json")
    report = json.loads(told.stdout)
    found = {check["name"]: check["found"] for check in report["checks"]}
    assert (told.returncode, report["works"]) == (0, True)
    assert re.search(r"PostgreSQL 18\.\d+; schema: \d{4}; readings in plain PostgreSQL", found["postgres"])
    assert "in use by a running" in found["data"]
    assert re.search(r"wayproof\.local/[0-9a-f]{12}: 0 leaves, 0 signed, 0 final; 0x\w+ anchors", found["ledger"])


@pytest.mark.parametrize("service", EMBEDDED)
def test_killed_service_is_started_again(running_up: Up, service: str) -> None:
    """A service that is killed is ready again shortly after, as another process, and the API answers."""
    before, lines = running_up.pid(service), len(running_up.lines)
    os.kill(before, signal.SIGKILL)
    running_up.wait_for(service, "crashed", since=lines)
    running_up.wait_for(service, "ready", since=lines)
    assert running_up.pid(service) != before
    assert get(running_up.data.ports()["api"], "/livez")[0] == 200


def test_reading_is_receipted_after_all_that(running_up: Up, tmp_path: Path) -> None:
    """After every service was killed once, a new device connects, publishes, and gets its receipt."""
    added = json.loads(running_up.wayproof("device", "add", "logger-1", "--json").stdout)
    broker = BrokerAddress(host="127.0.0.1", port=running_up.data.ports()["broker"])
    with (
        Outbox.open(tmp_path / "outbox.db") as outbox,
        Publisher(device="logger-1", secret=added["secret"], broker=broker, outbox=outbox) as publisher,
    ):
        publisher.record(datetime.now(UTC), Measures(temperature_c=4.5))
        assert publisher.wait_until_safe(60)
