"""How near the ingestor comes to a C subscriber that does nothing: single-reading messages, QoS 1, one broker.

Both sides take the same packets from the same publisher, in turn, several rounds; the ratio of each round is what
counts. On the ingestor's side everything is on: deduplication, device_state, rollups, dirty marks, sequences, receipts.

    python -m bench.wire [--messages 300000] [--rounds 3] [--devices 200]

Needs a C compiler and libmosquitto's headers (Debian: gcc, libmosquitto-dev).
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from bench.firehose import Firehose, single_readings
from bench.report import Result, at_least, at_most, figure, report
from bench.services import (
    FIREHOSE_USER,
    SECRET,
    SUBSCRIBER_USER,
    Ingestor,
    register,
    running_broker,
    running_database,
    running_ingestor,
    wait_until,
)
from wayproof.devices.topics import READINGS_FILTER
from wayproof.store.pool import connect
from wayproof.store.settings import DatabaseSettings

_SOURCE = Path(__file__).parent / "subscriber.c"
_BARS = {200: 0.8, 5_000: 0.6}
"""Least ratio by number of devices."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One side of one round."""

    rate_hz: float
    cpu_us: float


def compile_subscriber(folder: Path) -> Path:
    """The C side, freshly compiled; ends the program where that cannot be done."""
    program = folder / "subscriber"
    try:
        subprocess.run(["cc", "-O2", "-o", str(program), str(_SOURCE), "-lmosquitto"], check=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench.wire: the C side cannot be compiled ({error}); run: apt-get install gcc libmosquitto-dev")
    return program


def subscribe_in_c(folder: Path, program: Path, packets: Sequence[bytes]) -> Run:
    """What libmosquitto receives with nothing behind it."""
    folder.mkdir()
    with running_broker(folder) as port:
        argv = [str(program), str(port), SUBSCRIBER_USER, SECRET, READINGS_FILTER, str(len(packets))]
        subscriber = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert subscriber.stdout is not None
        assert subscriber.stdout.readline() == "ready\n"
        Firehose(port=port, user=FIREHOSE_USER, secret=SECRET, packets=packets).start()
        received, seconds, cpu_s = subscriber.stdout.readline().split()
        subscriber.wait(30)
    assert int(received) == len(packets)
    return Run(rate_hz=len(packets) / float(seconds), cpu_us=float(cpu_s) * 1e6 / len(packets))


def ingest(folder: Path, database: DatabaseSettings, packets: Sequence[bytes]) -> Run:
    """What the ingestor stores and acknowledges."""
    folder.mkdir()
    with running_broker(folder) as port, running_ingestor(folder, port, database) as ingestor:
        process = psutil.Process(ingestor.pid)
        before = sum(process.cpu_times()[:2])
        started = time.perf_counter()
        Firehose(port=port, user=FIREHOSE_USER, secret=SECRET, packets=packets).start()
        wait_until(lambda: _stored(ingestor) >= len(packets), "the last message", 300)
        seconds = time.perf_counter() - started
        cpu_s = sum(process.cpu_times()[:2]) - before
    return Run(rate_hz=len(packets) / seconds, cpu_us=cpu_s * 1e6 / len(packets))


def _stored(ingestor: Ingestor) -> float:
    time.sleep(0.1)  # asking costs the ingestor something, too
    return ingestor.counter("wayproof_ingest_readings_stored_total")


def main() -> int:
    """Runs the rounds and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--devices", type=int, nargs="+", default=[200, 5_000])
    options = parser.parse_args()
    results = [result for devices in options.devices for result in compare(devices, options.messages, options.rounds)]
    return report("wire", results)


def compare(devices: int, messages: int, rounds: int) -> list[Result]:
    """Both sides in turn, and how the ingestor's compares."""
    with TemporaryDirectory(prefix="wayproof-bench-") as name:
        folder = Path(name)
        program = compile_subscriber(folder)
        (folder / "postgres").mkdir()
        pairs: list[tuple[Run, Run]] = []
        with running_database(folder / "postgres") as database:
            names = register(database, devices)
            for number in range(rounds):
                packets = single_readings(names, messages, boot=number + 1)
                ours = ingest(folder / f"ours-{number}", database, packets)
                pairs.append((ours, subscribe_in_c(folder / f"c-{number}", program, packets)))
            missing = messages * rounds - _rows(database)
    label = f"{devices} devices: "
    return [
        figure(f"{label}stored and acknowledged", statistics.median(a.rate_hz for a, _ in pairs), "messages/s"),
        figure(f"{label}C subscriber, nothing behind", statistics.median(b.rate_hz for _, b in pairs), "messages/s"),
        figure(f"{label}ingestor", statistics.median(a.cpu_us for a, _ in pairs), "µs CPU/msg"),
        figure(f"{label}C subscriber", statistics.median(b.cpu_us for _, b in pairs), "µs CPU/msg"),
        at_most(f"{label}missing or doubled", abs(missing), "readings", 0),
        at_least(
            f"{label}ingestor / C subscriber, median of rounds",
            statistics.median(a.rate_hz / b.rate_hz for a, b in pairs),
            "ratio",
            _BARS.get(devices, 0),
        ),
    ]


def _rows(database: DatabaseSettings) -> int:
    with connect(database) as conn:
        (count,) = conn.execute("select count(*) from reading").fetchone() or (0,)
    return int(count)


if __name__ == "__main__":
    sys.exit(main())
