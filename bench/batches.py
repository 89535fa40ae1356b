"""Messages of fifty readings each, against COPY of the same rows from a file into the same table.

Through broker and ingestor on one side: decoded, deduplicated, with device_state, rollups, sequences and receipts. On
the other PostgreSQL alone, reading a binary file on its own disk into the same empty table with the same unique key.
In turn, several rounds; the ratio of each round is what counts.

    python -m bench.batches [--messages 12000] [--size 50] [--rounds 3] [--devices 200]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psutil
from psycopg.sql import SQL, Identifier, Literal

from bench.firehose import Firehose, batched_readings
from bench.report import Result, at_least, at_most, figure, report
from bench.services import (
    FIREHOSE_USER,
    SECRET,
    empty_tables,
    register,
    row_count,
    running_broker,
    running_database,
    running_ingestor,
)
from wayproof.model.reading import MEASURES
from wayproof.store.pool import Conn, connect
from wayproof.store.settings import DatabaseSettings

_WINDOW: Final = 2_000
"""Messages of ten kilobytes that may be under way."""


_COLUMNS: Final = SQL(", ").join(
    Identifier(name) for name in ("observed_at", "received_at", "seq", "device_id", "boot", "clock_flags", *MEASURES)
)


@dataclass(frozen=True, kw_only=True)
class Round:
    """Readings a second of both sides, and what one reading cost the ingestor."""

    ours_hz: float
    copy_hz: float
    ingestor_cpu_us: float
    missing: int


def main() -> int:
    """Runs the rounds and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=12_000)
    parser.add_argument("--size", type=int, default=50, help="readings a message")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--devices", type=int, default=200)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="wayproof-bench-") as name:
        folder = Path(name)
        (folder / "postgres").mkdir()
        with running_database(folder / "postgres") as database:
            names = register(database, options.devices)
            rounds = []
            for number in range(options.rounds):
                packets = batched_readings(names, options.messages, size=options.size, boot=1)
                rounds.append(_round(folder / str(number), database, packets, options.messages * options.size))
    return report("batches", _results(rounds))


def _round(folder: Path, database: DatabaseSettings, packets: Sequence[bytes], readings: int) -> Round:
    folder.mkdir()
    with connect(database, autocommit=True) as conn:
        empty_tables(conn)
        ours_s, cpu_s = _ingest(folder, database, packets, readings)
        stored = row_count(conn)
        copy_s = _copy(conn)
    return Round(
        ours_hz=readings / ours_s,
        copy_hz=stored / copy_s,
        ingestor_cpu_us=cpu_s * 1e6 / readings,
        missing=readings - stored,
    )


def _ingest(folder: Path, database: DatabaseSettings, packets: Sequence[bytes], readings: int) -> tuple[float, float]:
    with running_broker(folder) as port, running_ingestor(folder, port, database) as ingestor:
        process = psutil.Process(ingestor.pid)
        before, started = sum(process.cpu_times()[:2]), time.perf_counter()
        Firehose(port=port, user=FIREHOSE_USER, secret=SECRET, packets=packets, window=_WINDOW).start()
        ingestor.wait_until_stored(readings)
        return time.perf_counter() - started, sum(process.cpu_times()[:2]) - before


def _copy(conn: Conn) -> float:
    """The rows that are stored now, out to a file and into the emptied table again; seconds of the latter."""
    (folder,) = conn.execute("show data_directory").fetchone() or ("",)
    file = Literal(f"{folder}/reading.copy")
    conn.execute(SQL("copy (select {} from reading) to {} (format binary)").format(_COLUMNS, file))
    empty_tables(conn)
    started = time.perf_counter()
    conn.execute(SQL("copy reading ({}) from {} (format binary)").format(_COLUMNS, file))
    return time.perf_counter() - started


def _results(rounds: Sequence[Round]) -> list[Result]:
    return [
        figure("through broker and ingestor", statistics.median(r.ours_hz for r in rounds), "readings/s"),
        figure("COPY from a file", statistics.median(r.copy_hz for r in rounds), "readings/s"),
        figure("ingestor", statistics.median(r.ingestor_cpu_us for r in rounds), "µs CPU/reading"),
        at_most("missing or doubled", max(abs(r.missing) for r in rounds), "readings", 0),
        at_least(
            "ingestor / COPY, median of rounds", statistics.median(r.ours_hz / r.copy_hz for r in rounds), "ratio", 0.7
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
