"""Stopping and starting `wayproof up`: nothing is left behind, nothing is lost."""

import http.client
import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from wayproof.store.settings import DatabaseSettings

from fix_mqtt import Broker
from fix_up import Up, descendants

pytestmark = pytest.mark.timeout(600)  # a stack of nine processes is started three times over


def rpc(port: int, method: str, *params: object) -> object:
    """The result of a JSON-RPC call to the embedded chain."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    connection.request("POST", "/", body, {"content-type": "application/json"})
    result: object = json.loads(connection.getresponse().read())["result"]
    connection.close()
    return result


def test_start_stop_kill_and_start(up_factory: Callable[..., Up], tmp_path: Path) -> None:
    """SIGTERM stops all in order with exit 0; the next start has the same ports and data, and avoids a taken port;
    killing the supervisor leaves no process behind
    """
    first = up_factory(tmp_path)
    first.wait_until_ready()
    ports, family = first.data.ports(), descendants(first.process.pid)
    rpc(ports["chain"], "anvil_mine", "0x3")
    height = rpc(ports["chain"], "eth_blockNumber")
    assert first.stop() == 0
    assert [process for process in family if process.is_running()] == []
    stopped = [line.split()[1] for line in first.lines if " stopped " in line]
    assert stopped.index("ingest") < stopped.index("broker") < stopped.index("postgres")

    second = up_factory(tmp_path)
    second.wait_until_ready()
    assert second.data.ports() == ports
    assert rpc(ports["chain"], "eth_blockNumber") == height  # nothing lost, and nothing founded again
    assert not any("shown this once" in line for line in second.lines)
    family = descendants(second.process.pid)
    second.stop(signal.SIGKILL)
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []

    with socket.create_server(("127.0.0.1", ports["broker"])):
        third = up_factory(tmp_path)
        third.wait_until_ready()
    moved = {name for name, port in third.data.ports().items() if ports[name] != port}
    assert moved == {"broker"}


def test_port_that_was_asked_for_is_not_replaced(up_factory: Callable[..., Up], tmp_path: Path) -> None:
    """Where the port given by --port is taken, `wayproof up` says by whom and ends."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = up_factory(tmp_path, "--port", str(port))
        assert up.process.wait(60) == 1
    assert f"port {port} is taken by" in up.wait_for("taken")


@pytest.mark.parametrize("signals", [1, 2])
def test_stop_before_everything_is_ready(up_factory: Callable[..., Up], tmp_path: Path, signals: int) -> None:
    """A start that is interrupted, once or in a hurry, ends with 0 and leaves no process."""
    up = up_factory(tmp_path)
    up.wait_for("migrate", "starting")
    family = descendants(up.process.pid)
    for _ in range(signals):
        up.process.send_signal(signal.SIGINT)
    assert up.process.wait(60) == 0
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []


def test_services_of_others_are_used(
    up_factory: Callable[..., Up], database: DatabaseSettings, broker: Broker, tmp_path: Path
) -> None:
    """A database and a broker that were given are used and left running; only our own processes are started."""
    broker.add_user("svc@ingest-1", "s3cret")
    up = up_factory(
        tmp_path,
        *("--database-url", database.url.get_secret_value()),
        *("--broker-url", f"mqtt://svc%40ingest-1:s3cret@127.0.0.1:{broker.port}"),
        *("--rpc-url", "http://127.0.0.1:1"),
    )
    up.wait_until_ready(("maintenance", "ingest", "api"))
    assert up.stop() == 0
    started = {line.split()[1] for line in up.lines if " starting " in line}
    assert started == {"migrate", "maintenance", "ingest", "api", "trace"}
    assert "s3cret" not in "\n".join(up.lines)
    assert broker.process is not None
    assert broker.process.poll() is None
