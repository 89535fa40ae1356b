"""The same work by others: the same messages, broker, database and machine, one after the other, several rounds.

Every round has all sides, each time another one first; a ratio is that of one round, and its median and spread over
the rounds are told. So is the CPU that a message costs consumer and database: neighbours disturb it least, and
the broker, which costs the same on all sides, does not hide it. Mosquitto has one thread: what a message costs it
bounds what anybody can take from it, and so the ratio that anybody can reach; that bound is told as well.

Stock paho under our own ingestor; a consumer written by hand over stock paho (batches, unnest, ON CONFLICT); Node-RED
with batches by hand; mq-bridge with upsert. Ours does more than they do: device_state, rollups, sequences, receipts.
What is not installed here is fetched from npm and PyPI into a folder of its own, and skipped where that fails.

    python -m bench.peers [--messages 150000] [--rounds 5] [--devices 200] [--folder build/peers] [--only NAME ...]
"""

import argparse
import json
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from venv import create as create_environment

import psutil
from psycopg.sql import SQL, Identifier

from bench.firehose import Firehose, publish, reading
from bench.report import Result, at_least, at_most, figure, report, skipped
from bench.services import (
    FIREHOSE_USER,
    SECRET,
    SUBSCRIBER_USER,
    empty_tables,
    register,
    running,
    running_broker,
    running_database,
    running_ingestor,
)
from wayproof.devices.topics import READINGS_FILTER
from wayproof.store.pool import Conn, connect
from wayproof.store.settings import DatabaseSettings

_PROGRAMS: Final = Path(__file__).parent / "peer_programs"
_NODE_RED: Final = ("node-red@4", "pg@8")
_MQ_BRIDGE: Final = "mq-bridge==1.2.0"
_OURS: Final = "wayproof"
_PATIENCE_S: Final = 120.0


@dataclass(frozen=True, kw_only=True)
class Run:
    """One side of one round."""

    #: Messages a second; 0 where it gave up.
    rate_hz: float
    #: What a message cost consumer and database together.
    cpu_us: float
    #: And the broker, which works in one thread.
    broker_us: float

    @property
    def most_hz(self) -> float:
        """Messages a second when the broker's thread does nothing else and never waits."""
        return 1e6 / self.broker_us


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where one side works in one round."""

    folder: Path
    broker_port: int
    database: DatabaseSettings
    #: What was installed for others.
    installed: Path


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Somebody who does the work."""

    name: str
    #: How many times as fast ours must be; 0: not asked.
    bar: float
    start: Callable[[Place], AbstractContextManager[None]]
    #: Fetches what it needs into a folder; OSError or CalledProcessError where that cannot be.
    install: Callable[[Path], None] = lambda _folder: None
    table: str = "reading"


def main() -> int:
    """Runs the rounds and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=150_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path("build/peers"), help="where others are installed")
    parser.add_argument("--only", nargs="+", choices=[peer.name for peer in _PEERS[1:]], help="leave the rest out")
    options = parser.parse_args()
    wanted = [peer for peer in _PEERS if not options.only or peer.name in (_OURS, *options.only)]
    ready, results = _installed(wanted, options.folder.absolute())
    rounds = _measure(ready, options.folder.absolute(), options)
    return report("peers", [*_results(ready, rounds), *results])


def _installed(peers: Sequence[Peer], folder: Path) -> tuple[list[Peer], list[Result]]:
    ready, results = [], []
    folder.mkdir(parents=True, exist_ok=True)
    for peer in peers:
        try:
            peer.install(folder)
        except (OSError, subprocess.SubprocessError) as error:
            results.append(skipped(peer.name, str(error)))
        else:
            ready.append(peer)
    return ready, results


def _measure(peers: Sequence[Peer], installed: Path, options: argparse.Namespace) -> list[dict[str, Run]]:
    with TemporaryDirectory(prefix="wayproof-bench-") as name:
        folder = Path(name)
        (folder / "postgres").mkdir()
        with running_database(folder / "postgres") as database:
            names = register(database, options.devices)
            with connect(database, autocommit=True) as conn:
                conn.execute((_PROGRAMS / "bridge_table.sql").read_bytes())
            return [
                {
                    peer.name: _run(peer, folder / f"{number}-{peer.name}", database, installed, packets)
                    for peer in _turned(peers, number)
                }
                for number in range(options.rounds)
                for packets in [_packets(names, options.messages)]
            ]


def _turned(peers: Sequence[Peer], number: int) -> list[Peer]:
    """The same peers, from another one on: nobody always comes after the same neighbour."""
    first = number % len(peers)
    return [*peers[first:], *peers[:first]]


def _packets(names: Sequence[str], count: int) -> list[bytes]:
    """Each device has a boot of its own, for the one who does not read the topic."""
    now_ms = time.time_ns() // 1_000_000
    packets = []
    for number in range(count):
        turn, device = divmod(number, len(names))
        packets.append(publish(names[device], number, reading(device + 1, turn + 1, now_ms - count + number)))
    return packets


def _run(peer: Peer, folder: Path, database: DatabaseSettings, installed: Path, packets: Sequence[bytes]) -> Run:
    """From the first message published to the last one stored."""
    folder.mkdir()
    with connect(database, autocommit=True) as conn, running_broker(folder) as port:
        _empty(conn)
        place = Place(folder=folder, broker_port=port, database=database, installed=installed)
        with peer.start(place):
            # It tells nobody when it has subscribed, so one message knocks until it is stored.
            while not _has(conn, peer, 1, until=time.perf_counter() + 1):
                Firehose(port=port, user=FIREHOSE_USER, secret=SECRET, packets=packets[:1]).start().join()
            time.sleep(2)
            _empty(conn)
            before, broker_before, started = _cpu_s(), _cpu_s(of_broker=True), time.perf_counter()
            Firehose(port=port, user=FIREHOSE_USER, secret=SECRET, packets=packets).start()
            has_all = _has(conn, peer, len(packets), until=started + _PATIENCE_S)
            seconds = time.perf_counter() - started
            return Run(
                rate_hz=len(packets) / seconds if has_all else 0.0,
                cpu_us=_spent_s(before, _cpu_s()) * 1e6 / len(packets),
                broker_us=_spent_s(broker_before, _cpu_s(of_broker=True)) * 1e6 / len(packets),
            )


def _cpu_s(*, of_broker: bool = False) -> dict[int, float]:
    """Seconds of CPU so far, by process: of the broker, or of all our other children."""
    children = psutil.Process().children(recursive=True)
    return {child.pid: sum(child.cpu_times()[:2]) for child in children if (child.name() == "mosquitto") == of_broker}


def _spent_s(before: dict[int, float], after: dict[int, float]) -> float:
    return sum(spent_s - before.get(pid, 0) for pid, spent_s in after.items())


def _empty(conn: Conn) -> None:
    empty_tables(conn)
    conn.execute("truncate bridge_reading")


def _has(conn: Conn, peer: Peer, count: int, *, until: float) -> bool:
    question = SQL("select count(*) from {}").format(Identifier(peer.table))
    while (conn.execute(question).fetchone() or (0,))[0] < count:
        if time.perf_counter() > until:
            return False
        time.sleep(0.2)
    return True


def _results(peers: Sequence[Peer], rounds: Sequence[dict[str, Run]]) -> list[Result]:
    results = []
    for peer in peers:
        runs = [r[peer.name] for r in rounds]
        rate_hz, cpu_us, broker_us = map(statistics.median, zip(*map(astuple, runs), strict=True))
        results.append(figure(peer.name, rate_hz, "messages/s"))
        results.append(figure(f"{peer.name}: consumer and database", cpu_us, "µs CPU/msg"))
        results.append(figure(f"{peer.name}: broker", broker_us, "µs CPU/msg"))
    unfinished = sum(run.rate_hz == 0 for r in rounds for run in r.values())
    results.append(at_most("sides that did not store all", unfinished, "runs", 0))
    for peer in peers:
        ratios = [r[_OURS].rate_hz / r[peer.name].rate_hz for r in rounds if r[peer.name].rate_hz]
        if peer.bar and ratios:
            results += _ratio(f"{_OURS} / {peer.name}", ratios, peer.bar)
            bounds = [r[_OURS].most_hz / r[peer.name].rate_hz for r in rounds if r[peer.name].rate_hz]
            results.append(
                figure(f"all that the broker could hand on / {peer.name}", statistics.median(bounds), "ratio")
            )
            costs = [r[peer.name].cpu_us / r[_OURS].cpu_us for r in rounds]
            results.append(figure(f"{peer.name} / {_OURS}: CPU a message", statistics.median(costs), "ratio"))
    return results


def _ratio(name: str, ratios: Sequence[float], bar: float) -> list[Result]:
    return [
        at_least(f"{name}, median of rounds", statistics.median(ratios), "ratio", bar),
        figure(f"{name}, lowest", min(ratios), "ratio"),
        figure(f"{name}, highest", max(ratios), "ratio"),
    ]


@contextmanager
def _ours(place: Place) -> Iterator[None]:
    with running_ingestor(place.folder, place.broker_port, place.database):
        yield


@contextmanager
def _ours_over_stock_paho(place: Place) -> Iterator[None]:
    with running_ingestor(place.folder, place.broker_port, place.database, read_in_bulk="false"):
        yield


@contextmanager
def _by_hand(place: Place) -> Iterator[None]:
    url = place.database.url.get_secret_value()
    argv = [sys.executable, str(_PROGRAMS / "by_hand.py"), str(place.broker_port), SUBSCRIBER_USER, SECRET, url]
    with _subscribed(place, argv):
        yield


@contextmanager
def _node_red(place: Place) -> Iterator[None]:
    home = place.folder / "node-red"
    home.mkdir()
    (home / "node_modules").symlink_to(place.installed / "node_modules")
    shutil.copy(_PROGRAMS / "node_red_settings.js", home / "settings.js")
    (home / "flows.json").write_text(json.dumps(_flow(place.broker_port)))
    (home / "flows_cred.json").write_text(json.dumps({"broker": {"user": SUBSCRIBER_USER, "password": SECRET}}))
    program = place.installed / "node_modules" / "node-red" / "red.js"
    env = {
        "BENCH_DATABASE_URL": place.database.url.get_secret_value(),
        "BENCH_INSERT": str(_PROGRAMS / "insert.sql"),
    }
    with _subscribed(place, ["node", str(program), "--userDir", str(home)], env):
        yield


def _flow(port: int) -> list[dict[str, object]]:
    broker = {"id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1", "port": port, "protocolVersion": "5"}
    return [
        {"id": "tab", "type": "tab", "label": "readings"},
        {**broker, "clientid": SUBSCRIBER_USER, "cleansession": True, "keepalive": "60", "autoConnect": True},
        {
            "id": "in",
            "type": "mqtt in",
            "z": "tab",
            "topic": READINGS_FILTER,
            "qos": "1",
            "datatype": "utf8",
            "broker": "broker",
            "inputs": 0,
            "wires": [["batch"]],
        },
        {
            "id": "batch",
            "type": "function",
            "z": "tab",
            "outputs": 1,
            "wires": [[]],
            "func": (_PROGRAMS / "node_red_batch.js").read_text(encoding="utf-8"),
            "initialize": (_PROGRAMS / "node_red_begin.js").read_text(encoding="utf-8"),
        },
    ]


@contextmanager
def _mq_bridge(place: Place) -> Iterator[None]:
    python = place.installed / "mq-bridge" / "bin" / "python"
    url = place.database.url.get_secret_value()
    arguments = [str(place.broker_port), SUBSCRIBER_USER, SECRET, READINGS_FILTER, url]
    with _subscribed(place, [str(python), str(_PROGRAMS / "mq_bridge_route.py"), *arguments]):
        yield


@contextmanager
def _subscribed(place: Place, argv: list[str], env: dict[str, str] | None = None) -> Iterator[None]:
    """Somebody else's program, killed in the end: what it has stored by then is what counts."""
    with running(argv, place.folder / "peer.log", signal.SIGKILL, env):
        yield


def _install_node_red(folder: Path) -> None:
    if not (folder / "node_modules" / "node-red").exists():
        quiet = ("--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(folder))
        subprocess.run(["npm", "install", *quiet, *_NODE_RED], check=True, timeout=300)  # noqa: S607


def _install_mq_bridge(folder: Path) -> None:
    python = folder / "mq-bridge" / "bin" / "python"
    if not python.exists():
        create_environment(folder / "mq-bridge", with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", _MQ_BRIDGE], check=True, timeout=300)


_PEERS: Final = (
    Peer(name=_OURS, bar=0, start=_ours),
    Peer(name="wayproof over stock paho v5", bar=3, start=_ours_over_stock_paho),
    Peer(name="stock paho v5 by hand", bar=3, start=_by_hand),
    Peer(name="Node-RED", bar=2.5, start=_node_red, install=_install_node_red),
    Peer(name="mq-bridge", bar=2.5, start=_mq_bridge, install=_install_mq_bridge, table="bridge_reading"),
)


if __name__ == "__main__":
    sys.exit(main())
