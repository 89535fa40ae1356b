"""Two hundred devices, single-reading messages at a fixed rate: is everything stored once, and the API still quick?

python -m bench.ingest [--rate 5000] [--seconds 60] [--devices 200]
"""

import argparse
import asyncio
import sys
import threading
import time

import psutil

from bench.mqtt_load import Device, connect, publish_at_rate, wait_until_safe
from bench.report import Result, at_most, figure, percentile, report
from bench.stack import Stack, running_stack
from wayproof.store.pool import connect as connect_database

_SECRET = "bench-secret"  # noqa: S105 - of a broker that lives for a minute


class ApiProbe(threading.Thread):
    """Asks the API as a customer's page would, ten times a second, and notes how long each answer took."""

    def __init__(self, stack: Stack, names: list[str]) -> None:
        super().__init__(daemon=True)
        self.latencies_ms: list[float] = []
        self._stack = stack
        self._names = names
        self._stop_event = threading.Event()

    def run(self) -> None:
        """Asks for states and readings of one device after the other until stopped."""
        turn = 0
        while not self._stop_event.wait(0.1):
            name = self._names[turn % len(self._names)]
            path = f"/v1/devices/{name}/state" if turn % 2 else f"/v1/devices/{name}/readings?limit=50"
            started = time.perf_counter()
            self._stack.get(path)
            self.latencies_ms.append((time.perf_counter() - started) * 1000)
            turn += 1

    def stop(self) -> None:
        """Ends the thread."""
        self._stop_event.set()
        self.join()


async def load(devices: list[Device], port: int, rate_hz: float, duration_s: float) -> bool:
    """Connects, publishes, waits for the last receipt, disconnects; whether everything became safe."""
    await connect(devices, port)
    await publish_at_rate(devices, rate_hz=rate_hz, duration_s=duration_s)
    safe = await wait_until_safe(devices, 60)
    for device in devices:
        device.close()
    return safe


def main() -> int:
    """Runs the load, checks the table against what was sent, and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=5_000, help="messages a second over all devices")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--devices", type=int, default=200)
    options = parser.parse_args()
    with running_stack() as stack:
        names = stack.register(options.devices, _SECRET)
        devices = [Device(name=name, secret=_SECRET, boot=1) for name in names]
        probe = ApiProbe(stack, names)
        probe.start()
        ingestor = psutil.Process(stack.pid("ingest"))
        cpu_before, started = ingestor.cpu_times(), time.perf_counter()
        safe = asyncio.run(load(devices, stack.ports["broker"], options.rate, options.seconds))
        took_s, cpu = time.perf_counter() - started, ingestor.cpu_times()
        probe.stop()
        cpu_s = cpu.user + cpu.system - cpu_before.user - cpu_before.system
        return report("ingest", results(stack, devices, probe, safe=safe, took_s=took_s, cpu_s=cpu_s))


def results(
    stack: Stack, devices: list[Device], probe: ApiProbe, *, safe: bool, took_s: float, cpu_s: float
) -> list[Result]:
    """What the run showed."""
    sent = sum(device.sent for device in devices)
    receipts_ms = [latency * 1000 for device in devices for latency in device.latencies_s]
    with connect_database(stack.database) as conn:
        stored, distinct = conn.execute(
            "select count(*), count(distinct (device_id, observed_at, boot, seq)) from reading"
        ).fetchone() or (0, 0)
    return [
        figure("messages sent", sent, "messages"),
        figure("rate", sent / took_s, "messages/s"),
        at_most("receipted and not stored", max(0, sum(d.safe for d in devices) - distinct), "readings", 0),
        at_most("sent and not stored", sent - distinct, "readings", 0),
        at_most("stored twice", stored - distinct, "readings", 0),
        at_most("devices not wholly receipted", 0 if safe else sum(d.safe < d.sent for d in devices), "devices", 0),
        at_most("API answer, median", percentile(probe.latencies_ms, 50), "ms", 50),
        at_most("API answer, 99th percentile", percentile(probe.latencies_ms, 99), "ms", 50),
        figure("publish to receipt, median", percentile(receipts_ms, 50), "ms"),
        figure("publish to receipt, 99th percentile", percentile(receipts_ms, 99), "ms"),
        figure("ingestor", cpu_s * 1e6 / sent, "µs CPU/msg"),
    ]


if __name__ == "__main__":
    sys.exit(main())
