"""Ten times the load for ten minutes: does anybody's memory grow, and is everything stored that was receipted?

First a steady stream, then the flood, then a flood during which nothing can be written for five seconds. All readings
come over one connection that is cheap to feed; it waits for the broker's acknowledgements, not for receipts.

    python -m bench.flood [--seconds 600] [--steady 5000] [--flood 50000] [--devices 200]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.firehose import Stream, single_readings
from bench.report import Result, at_most, figure, report
from bench.services import (
    FIREHOSE_USER,
    RECEIPTS_FILTER,
    SECRET,
    SUBSCRIBER_USER,
    Ingestor,
    Processes,
    register,
    running_broker,
    running_database,
    running_ingestor,
)
from wayproof.devices.receipts import decode_receipt
from wayproof.ingest.bulk_client import BulkClient, Incoming
from wayproof.store import pool
from wayproof.store.settings import DatabaseSettings

_BOOT: Final = 1
_LOCKED_S: Final = 5.0
_QUIET_S: Final = 5.0
"""After so long without a new reading the ingestor has stored all it got."""


class Receipts:
    """The last receipt of each device, as the devices would have it."""

    def __init__(self, port: int) -> None:
        self.last: dict[bytes, bytes] = {}
        self._client = BulkClient(CallbackAPIVersion.VERSION2, SUBSCRIBER_USER, protocol=mqtt.MQTTv5)
        self._client.username_pw_set(SUBSCRIBER_USER, SECRET)
        self._client.on_connect = lambda client, *_rest: client.subscribe(RECEIPTS_FILTER)
        self._client.on_messages = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _take(self, messages: list[Incoming]) -> None:
        self.last.update((topic, payload) for topic, payload, _ in messages)

    def ranges(self) -> Iterator[tuple[str, int, int]]:
        """Device, first and last number of each range that was receipted."""
        for topic, payload in self.last.items():
            receipt, name = decode_receipt(payload), topic.split(b"/")[2].decode()
            for low, high in ((1, receipt.through), *receipt.beyond):
                if high >= low:
                    yield name, low, high

    def close(self) -> None:
        """Hangs up."""
        self._client.disconnect()
        self._client.loop_stop()


@dataclass(kw_only=True)
class Watch:
    """Memory of each service, twice a second."""

    processes: Processes
    samples: list[dict[str, float]] = field(default_factory=list)
    _ended: Event = field(default_factory=Event)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Takes samples meanwhile."""
        thread = Thread(target=self._run, daemon=True)
        thread.start()
        yield
        self._ended.set()
        thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.5):
            self.samples.append(self.processes.own_mib())

    def growth_mib(self, service: str) -> float:
        """Median of the last third of the samples above that of the first."""
        values = [sample[service] for sample in self.samples]
        third = max(1, len(values) // 3)
        return statistics.median(values[-third:]) - statistics.median(values[:third])

    def peak_mib(self, service: str) -> float:
        """The most that it had."""
        return max(sample[service] for sample in self.samples)


@dataclass(kw_only=True)
class Flood:
    """Pours readings in slices of one second, numbered on and on."""

    stream: Stream
    names: Sequence[str]
    sent: int = 0

    def pour(self, rate_hz: int, seconds: float) -> float:
        """Publishes at that rate, or as fast as it goes; messages a second."""
        began, before = time.perf_counter(), self.sent
        while (left := seconds - (time.perf_counter() - began)) > 0:
            slice_ends = time.perf_counter() + min(1.0, left)
            turns = max(1, rate_hz // len(self.names))
            first_seq = self.sent // len(self.names) + 1
            packets = single_readings(self.names, turns * len(self.names), boot=_BOOT, first_seq=first_seq)
            self.stream.send(packets)
            self.sent += len(packets)
            time.sleep(max(0.0, slice_ends - time.perf_counter()))
        return (self.sent - before) / (time.perf_counter() - began)


def main() -> int:
    """Floods and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600, help="of the flood")
    parser.add_argument("--steady", type=int, default=5_000, help="messages a second before the flood")
    parser.add_argument("--flood", type=int, default=50_000, help="messages a second")
    parser.add_argument("--devices", type=int, default=200)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="wayproof-bench-") as name:
        folder = Path(name)
        (folder / "postgres").mkdir()
        with running_database(folder / "postgres") as database:
            names = register(database, options.devices)
            with running_broker(folder) as port, running_ingestor(folder, port, database) as ingestor:
                receipts = Receipts(port)
                flood = Flood(stream=Stream(port=port, user=FIREHOSE_USER, secret=SECRET), names=names)
                results = _run(flood, ingestor, database, options)
                receipts.close()
            return report("flood", [*results, *_check(receipts, flood, database)])


def _run(flood: Flood, ingestor: Ingestor, database: DatabaseSettings, options: argparse.Namespace) -> list[Result]:
    flood.pour(options.steady, min(30.0, options.seconds / 4))
    watch = Watch(processes=Processes(ingestor))
    with watch.watching():
        rate_hz = flood.pour(options.flood, options.seconds)
    results = [figure("flood", rate_hz, "messages/s"), *_memory("flood", watch)]
    blocked = Watch(processes=Processes(ingestor))
    with blocked.watching():
        with _locked(database):
            flood.pour(options.flood, _LOCKED_S)
        flood.pour(options.steady, _LOCKED_S)
        caught_up_s = _until_quiet(ingestor)
    peaks = [figure(f"database locked: {name}, most", blocked.peak_mib(name), "MiB") for name in watch.samples[0]]
    return [*results, *peaks, figure("database locked: until all was stored", caught_up_s, "s")]


def _memory(when: str, watch: Watch) -> list[Result]:
    most = [figure(f"{when}: {name}, most", watch.peak_mib(name), "MiB") for name in watch.samples[0]]
    grown = [at_most(f"{when}: {name}, growth", watch.growth_mib(name), "MiB", 64) for name in watch.samples[0]]
    return most + grown


@contextmanager
def _locked(database: DatabaseSettings) -> Iterator[None]:
    """Nobody can write readings meanwhile."""
    with pool.connect(database) as conn:
        conn.execute("lock table reading in share mode")
        yield


def _until_quiet(ingestor: Ingestor) -> float:
    """Seconds until the last reading was stored."""
    began = changed = time.perf_counter()
    stored = -1.0
    while time.perf_counter() - changed < _QUIET_S:
        now = ingestor.counter("wayproof_ingest_readings_stored_total")
        if now != stored:
            stored, changed = now, time.perf_counter()
        time.sleep(0.25)
    return changed - began


def _check(receipts: Receipts, flood: Flood, database: DatabaseSettings) -> list[Result]:
    ranges = list(receipts.ranges())
    receipted = sum(high - low + 1 for _, low, high in ranges)
    with pool.connect(database.unhurried()) as conn:
        (stored, distinct) = conn.execute(
            "select count(*), count(distinct (device_id, boot, seq)) from reading"
        ).fetchone() or (0, 0)
        (safe,) = conn.execute(
            "select count(*) from unnest(%s::text[], %s::bigint[], %s::bigint[]) as r (name, low, high)"
            " join device using (name) join reading using (device_id) where seq between low and high and boot = %s",
            [*(list(column) for column in zip(*ranges, strict=True)), _BOOT],
        ).fetchone() or (0,)
    return [
        figure("messages sent", flood.sent, "messages"),
        figure("receipted", receipted, "readings"),
        figure("sent and dropped by the broker, for devices to send again", flood.sent - distinct, "readings"),
        at_most("receipted and not stored", receipted - safe, "readings", 0),
        at_most("stored twice", stored - distinct, "readings", 0),
    ]


if __name__ == "__main__":
    sys.exit(main())
