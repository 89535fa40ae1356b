"""How long after kill -9 of the ingestor does the first new reading stand in the table, with the supervisor alone?

Each kill has a `wayproof up` of its own: the supervisor waits longer before each restart of what dies again and again.

    python -m bench.recovery [--kills 10] [--devices 50] [--rate 500]
"""

import argparse
import asyncio
import os
import signal
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import psycopg

from bench.mqtt_load import Device, connect, publish_at_rate, wait_until_safe
from bench.report import Result, at_most, figure, report
from bench.services import row_count
from bench.stack import Stack, running_stack
from wayproof.store import pool

_SECRET: Final = "bench-secret"  # noqa: S105 - of a broker that lives for a minute
_BEFORE_S: Final = 3.0
_AFTER_S: Final = 5.0
_POLL_S: Final = 0.01


def main() -> int:
    """Kills and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--devices", type=int, default=50)
    parser.add_argument("--rate", type=float, default=500, help="messages a second over all devices")
    options = parser.parse_args()
    outcomes = [_kill_once(options.devices, options.rate) for _ in range(options.kills)]
    return report("recovery", _results([took_s for took_s, _ in outcomes], sum(lost for _, lost in outcomes)))


def _kill_once(count: int, rate_hz: float) -> tuple[float, int]:
    """Seconds until the first new row, and how many readings were sent and are not stored once."""
    with running_stack() as stack:
        devices = [Device(name=name, secret=_SECRET, boot=1) for name in stack.register(count, _SECRET)]
        took_s = asyncio.run(_stream(stack, devices, rate_hz))
        with pool.connect(stack.database) as conn:
            return took_s, abs(sum(device.sent for device in devices) - row_count(conn))


async def _stream(stack: Stack, devices: list[Device], rate_hz: float) -> float:
    await connect(devices, stack.ports["broker"])
    publishing = asyncio.create_task(publish_at_rate(devices, rate_hz=rate_hz, duration_s=_BEFORE_S + _AFTER_S))
    await asyncio.sleep(_BEFORE_S)
    took_s = await asyncio.to_thread(_kill, stack)
    await publishing
    await wait_until_safe(devices, 30)
    for device in devices:
        device.close()
    return took_s


def _kill(stack: Stack) -> float:
    """Seconds from the kill to the first committed row that was received after it, by the ingestor's clock."""
    with pool.connect(stack.database, autocommit=True) as conn:
        pid = stack.pid("ingest")
        killed_at, started = datetime.now(UTC), time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        while not _has_row_since(conn, killed_at):
            if time.perf_counter() - started > 60:
                raise TimeoutError("waited 60 s for a row after the kill")
            time.sleep(_POLL_S)
        return time.perf_counter() - started


def _has_row_since(conn: psycopg.Connection[tuple[object, ...]], instant: datetime) -> bool:
    found = conn.execute("select exists (select from reading where received_at > %s)", [instant]).fetchone()
    return found == (True,)


def _results(seconds: Sequence[float], missing: int) -> list[Result]:
    return [
        figure("kills", len(seconds), "kills"),
        at_most("kill -9 to first new row, median", statistics.median(seconds), "s", 2),
        at_most("kill -9 to first new row, longest", max(seconds), "s", 2),
        at_most("sent and not stored, or twice", missing, "readings", 0),
    ]


if __name__ == "__main__":
    sys.exit(main())
