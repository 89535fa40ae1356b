"""Five thousand devices, each on a connection of its own, a reading of three values a second each.

What broker, ingestor and PostgreSQL take of two cores, how long a device waits for its receipt, and whether all of it
is stored. The devices themselves run in this process, on the same cores, and are not counted.

    python -m bench.fleet [--devices 5000] [--rate 5000] [--seconds 600]
"""

import argparse
import asyncio
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.mqtt_load import Device, connect, publish_at_rate, wait_until_safe
from bench.report import Result, at_most, figure, percentile, report
from bench.services import (
    SECRET,
    Processes,
    register,
    row_count,
    running_broker,
    running_database,
    running_ingestor,
)
from wayproof.store import pool

_CORES = 2


@dataclass(kw_only=True)
class Sensor(Device):
    """A device that tells three values."""

    def payload(self, n: int, now_ms: int) -> bytes:
        """Reading number `n`: temperature, humidity, battery."""
        return b'{"observed_at":%d,"boot":%d,"seq":%d,"temperature_c":4.%02d,"humidity_pct":6%d.5,"battery_pct":%d}' % (
            now_ms,
            self.boot,
            n,
            n % 100,
            n % 10,
            n % 100,
        )


@dataclass(kw_only=True)
class Run:
    """What one run showed."""

    devices: Sequence[Device]
    seconds: float = 0.0
    #: Seconds of CPU by service while devices published.
    cpu_s: dict[str, float]
    stored: int = 0
    #: Of this process: seconds of CPU, and the longest that its event loop was late.
    own_cpu_s: float = 0.0
    late_s: float = 0.0
    #: Mean seconds from the ingestor's receiving a batch's first message to its commit.
    lag_s: float = 0.0


def main() -> int:
    """Runs the fleet and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=5_000)
    parser.add_argument("--rate", type=float, default=5_000, help="messages a second over all devices")
    parser.add_argument("--seconds", type=float, default=600)
    options = parser.parse_args()
    _allow_connections(2 * options.devices + 1_000)
    with TemporaryDirectory(prefix="wayproof-bench-") as name:
        folder = Path(name)
        (folder / "postgres").mkdir()
        with running_database(folder / "postgres") as database:
            names = register(database, options.devices)
            run = Run(devices=[Sensor(name=name, secret=SECRET, boot=1) for name in names], cpu_s={})
            with running_broker(folder, names) as port, running_ingestor(folder, port, database) as ingestor:
                asyncio.run(_load(run, port, Processes(ingestor), options))
                batches = ingestor.counter("wayproof_ingest_received_lag_seconds_count")
                run.lag_s = ingestor.counter("wayproof_ingest_received_lag_seconds_sum") / batches
            with pool.connect(database) as conn:
                run.stored = row_count(conn)
    return report("fleet", _results(run))


def _allow_connections(count: int) -> None:
    """Each connection is a file, here and in the broker, which inherits the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count:
        raise SystemExit(f"expected a limit of at least {count} open files, got {hard}: raise it with `ulimit -Hn`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _load(run: Run, port: int, processes: Processes, options: argparse.Namespace) -> None:
    devices = list(run.devices)
    await connect(devices, port)
    before, own_before, started = processes.cpu_s(), time.process_time(), time.perf_counter()
    clock = asyncio.create_task(_notice_lateness(run))
    await publish_at_rate(devices, rate_hz=options.rate, duration_s=options.seconds)
    run.seconds = time.perf_counter() - started
    run.own_cpu_s = time.process_time() - own_before
    run.cpu_s = {name: cpu_s - before[name] for name, cpu_s in processes.cpu_s().items()}
    await wait_until_safe(devices, 60)
    clock.cancel()
    for device in devices:
        device.close()


async def _notice_lateness(run: Run) -> None:
    """Receipts are noticed no earlier than this process gets to run."""
    while True:
        due = time.perf_counter() + 0.05
        await asyncio.sleep(0.05)
        run.late_s = max(run.late_s, time.perf_counter() - due)


def _results(run: Run) -> list[Result]:
    sent = sum(device.sent for device in run.devices)
    receipts_ms = [latency * 1000 for device in run.devices for latency in device.latencies_s]
    share = {name: 100 * cpu_s / run.seconds / _CORES for name, cpu_s in run.cpu_s.items()}
    return [
        figure("connections", len(run.devices), "connections"),
        figure("messages sent", sent, "messages"),
        figure("rate", sent / run.seconds, "messages/s"),
        *(figure(name, percent, "% of two cores") for name, percent in share.items()),
        at_most("broker, ingestor and PostgreSQL", sum(share.values()), "% of two cores", 50),
        figure("these devices themselves", 100 * run.own_cpu_s / run.seconds / _CORES, "% of two cores"),
        figure("these devices themselves, latest behind", run.late_s * 1000, "ms"),
        figure("receiving to commit, mean of batches", run.lag_s * 1000, "ms"),
        figure("publish to receipt, median", percentile(receipts_ms, 50), "ms"),
        at_most("publish to receipt, 99th percentile", percentile(receipts_ms, 99), "ms", 500),
        at_most("sent and not stored, or twice", abs(sent - run.stored), "readings", 0),
        at_most("devices not wholly receipted", sum(d.safe < d.sent for d in run.devices), "devices", 0),
    ]


if __name__ == "__main__":
    sys.exit(main())
