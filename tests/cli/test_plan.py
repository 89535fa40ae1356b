"""What `wayproof up` decides to run, and what it says of it."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from wayproof.cli.screen import LiveScreen
from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.services.own import BrokerLink, mask
from wayproof.cli.services.plan import PREFERRED_PORTS, Plan, Wanted, make_plan
from wayproof.cli.services.ports import choose_ports
from wayproof.cli.services.spec import State
from wayproof.cli.services.supervisor import Supervisor
from wayproof.devices.publisher import BrokerAddress, Outbox, Publisher
from wayproof.model.errors import InvalidInput, Unavailable
from wayproof.model.reading import Measures

from fix_up import Up
from ports import free_port

DATABASE = "postgresql://keeper:hidden@db.example/wayproof"
BROKER = "mqtts://svc%40ingest-1:hid%3Aden@mqtt.example"
CHAIN = "https://rpc.example/key"


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    """An empty data folder."""
    folder = DataDir.at(tmp_path)
    folder.make()
    return folder


def names(plan: Plan) -> list[str]:
    """The services of a plan, in order."""
    return [service.name for service in plan.services]


def test_everything_is_embedded_by_default(data: DataDir) -> None:
    """Without a word about them, database, broker, chain and fleet are ours to run."""
    plan = make_plan(data, Wanted(tenant="demo", trucks=3))
    expected = ["postgres", "migrate", "maintenance", "broker", "broker-sync", "chain", "ledger-init", "ledger"]
    assert names(plan) == [*expected, "ingest", "api", "trace", "fleet"]
    assert (plan.external, plan.notes) == ((), ())


def test_what_is_given_is_not_embedded(data: DataDir) -> None:
    """A database, broker or chain that was given is used as it is, and shown without its password."""
    wanted = Wanted(tenant="demo", trucks=3, database_url=DATABASE, broker_url=BROKER, rpc_url=CHAIN)
    plan = make_plan(data, wanted)
    assert names(plan) == ["migrate", "maintenance", "ingest", "api", "trace"]
    ingest = plan.services[2]
    assert ingest.depends_on == ("migrate",)
    assert ingest.env["WAYPROOF_INGEST_BROKER_HOST"] == "mqtt.example"
    assert ingest.env["WAYPROOF_INGEST_BROKER_PORT"] == "8883"
    assert ingest.env["WAYPROOF_INGEST_PASSWORD"] == "hid:den"
    assert ingest.env["WAYPROOF_INGEST_BROKER_TLS_CA"]
    assert len(plan.external) == 3
    assert "hid" not in str(plan.external)
    assert any("passwords and ACL" in note for note in plan.notes)
    assert any("fleet: not started" in note for note in plan.notes)
    assert any("ledger: handoffs are not anchored" in note for note in plan.notes)


def test_given_chain_is_used_with_a_key(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a key that pays, a chain that was given is anchored to; its secrets are shown nowhere."""
    monkeypatch.setenv("WAYPROOF_LEDGER_ANCHORER_KEY", "11" * 32)
    plan = make_plan(data, Wanted(tenant="demo", trucks=0, database_url=DATABASE, rpc_url=CHAIN))
    services = {service.name: service for service in plan.services}
    assert services["ledger-init"].depends_on == ("migrate",)
    assert services["ledger"].depends_on == ("ledger-init",)
    assert services["ledger"].env["WAYPROOF_LEDGER_RPC_URLS"] == CHAIN
    assert "WAYPROOF_LEDGER_MINE_BLOCKS" not in services["ledger"].env
    assert not any("ledger" in note for note in plan.notes)
    assert all("1111" not in part for service in plan.services for part in (*service.argv, service.where))


def test_embedded_keys_stay(data: DataDir) -> None:
    """The embedded chain's keys are made once, differ, and are readable by nobody else."""
    first, second = (
        {service.name: service.env for service in make_plan(data, Wanted(tenant="demo", trucks=0)).services}["ledger"]
        for _ in range(2)
    )
    keys = [first[f"WAYPROOF_LEDGER_{name}_KEY"] for name in ("ANCHORER", "ADMIN")]
    assert len(set(keys)) == 2
    assert keys == [second[f"WAYPROOF_LEDGER_{name}_KEY"] for name in ("ANCHORER", "ADMIN")]
    for name in ("ledger-anchorer", "ledger-admin"):
        assert (data.root / "secrets" / name).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("url", ["localhost:1883", "http://broker", "mqtt://", "mqtt://:1883"])
def test_broker_addresses_are_checked(url: str) -> None:
    """A broker's address has a scheme that says whether to use TLS, and a host."""
    with pytest.raises(InvalidInput, match="expected a broker's address like"):
        BrokerLink.parse(url)


@pytest.mark.parametrize("place", ["h:abc", "h:99999", "h:0", "hid/den@h:1883", "[::1"])
def test_broker_port_is_checked(place: str) -> None:
    """A port that is none is refused in words that show no password, not even one that broke the address apart."""
    with pytest.raises(InvalidInput, match="a port is a number from 1 to 65535") as refused:
        BrokerLink.parse(f"mqtt://user:{place}" if "@" in place else f"mqtt://{place}")
    assert "hid" not in str(refused.value)


def test_tls_is_never_left_out(data: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the trusted certificates that were named are not there, mqtts:// starts nothing and says what mends it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(
        Unavailable, match=r"none at .*/none\.pem: install `ca-certificates`, or name one by SSL_CERT_FILE"
    ):
        make_plan(data, Wanted(tenant="demo", trucks=0, broker_url=BROKER, database_url=DATABASE, rpc_url=CHAIN))


def test_certificates_are_found_where_python_does_not_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python whose own place is empty takes the distribution's certificates, and without those refuses as well."""
    usual: Any = ssl.get_default_verify_paths()
    empty = usual._replace(cafile=None, openssl_cafile="/opt/python/ssl/cert.pem")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: empty)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    bundle = tmp_path / "bundle.crt"
    monkeypatch.setattr("wayproof.cli.services.own._CERTIFICATE_FILES", (str(bundle),))
    with pytest.raises(Unavailable, match=r"none at /opt/python/ssl/cert\.pem"):
        BrokerLink.parse(BROKER).environment()
    bundle.touch()
    assert BrokerLink.parse(BROKER).environment()["WAYPROOF_INGEST_BROKER_TLS_CA"] == str(bundle)


def test_passwords_are_masked() -> None:
    """A URL is shown without its password, and otherwise as it is."""
    assert mask("postgresql://me:secret@host:5432/db?x=1") == "postgresql://me:***@host:5432/db?x=1"
    assert mask("http://127.0.0.1:8545") == "http://127.0.0.1:8545"


def test_ports_are_different_and_free() -> None:
    """A port that two services want goes to the first, and the other gets a free one."""
    port = free_port()
    chosen = choose_ports({"a": port, "b": port})
    assert chosen["a"] == port
    assert chosen["b"] != port


def test_preferred_ports_differ() -> None:
    """No two services prefer the same port."""
    assert len(set(PREFERRED_PORTS.values())) == len(PREFERRED_PORTS)


def test_live_screen_shows_every_service(data: DataDir) -> None:
    """The table on a terminal names each service, what is external, each weaker promise, each crash, and the logs."""
    plan = make_plan(data, Wanted(tenant="demo", trucks=0, rpc_url=CHAIN))
    plan = Plan(**{**vars(plan), "notes": ("broker: weaker",)})
    console = Console(file=StringIO(), force_terminal=True, width=120)
    screen = LiveScreen(console, plan, "/logs/here")
    supervisor = Supervisor(plan.services, on_change=screen.changed)
    children = supervisor.children
    children["api"].state, children["api"].reason = State.CRASHED, "exit code 7"
    screen.changed(children["api"])
    screen.draw(children.values())
    screen.close()
    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    assert all(name in shown for name in names(plan))
    assert all(
        words in shown for words in ("external", CHAIN, "broker: weaker", "/logs/here", "api crashed: exit code 7")
    )


def test_iotcore_is_the_last_resort(up_factory: Callable[..., Up], tmp_path: Path) -> None:
    """Without mosquitto, iotcore takes readings as well, and the screen says which promise is weaker."""
    up = up_factory(tmp_path / "data", mosquitto=tmp_path / "nowhere")
    up.wait_until_ready(("postgres", "broker", "ingest", "api"))
    up.wait_for("note:", "iotcore", "(promise", "8),")
    assert not any("broker-sync" in line for line in up.lines)
    broker = BrokerAddress(host="127.0.0.1", port=up.data.ports()["broker"])
    up.wayproof("device", "add", "logger-1")
    with (
        Outbox.open(tmp_path / "outbox.db") as outbox,
        Publisher(device="logger-1", secret="any", broker=broker, outbox=outbox) as publisher,
    ):
        publisher.record(datetime.now(UTC), Measures(temperature_c=4.5))
        assert publisher.wait_until_safe(60)
