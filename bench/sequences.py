"""What it costs to count numbers as safe: without gaps, with two ingestors taking turns, with ever more gaps.

Both ways in one run and in turns: the set of a boot in one row, as it was before, and in as many rows as it takes. A
batch is one transaction; both must hold the same numbers and tell the same in the end.

    python -m bench.sequences [--rounds 30] [--gaps 0 1000 75000 150000 300000]
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from bench.report import Result, at_most, figure, report
from bench.services import register, running_database
from wayproof.store.arrays import Int4Array, Int8Array
from wayproof.store.columns import Columns, Ints
from wayproof.store.pool import Conn, connect
from wayproof.store.queries import load
from wayproof.store.reduce import runs
from wayproof.store.sequences import Progress, add_sequences

_SQL: Final = load("sequences", "bench")
_FIRST_DEVICE: Final = 1
_NO_BOUND: Final = 1_000_000
_RECEIPTS: Final = 15
_MANY_GAPS: Final = 50_000


Way = Callable[[Conn, Columns], list[Progress]]


def main() -> int:
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--gaps", type=int, nargs="+", default=[0, 1_000, 75_000, 150_000, 300_000])
    options = parser.parse_args()
    with TemporaryDirectory(prefix="wayproof-bench-") as folder, running_database(Path(folder)) as settings:
        register(settings, 5_000)
        with (
            connect(settings, role="wayproof_ingest", autocommit=True) as conn,
            connect(settings, autocommit=True) as owner,
        ):
            owner.execute(_SQL["define_whole"])
            owner.execute("grant select, insert, update on whole_sequence to wayproof_ingest")
            results = [*_flows(conn, owner, options.rounds), *_gaps(conn, owner, options.gaps)]
    return report("sequences", results)


def _flows(conn: Conn, owner: Conn, rounds: int) -> Iterator[Result]:
    for devices, readings in ((200, 20_000), (5_000, 20_000), (5_000, 5_000)):
        name = f"{devices} devices, {readings} readings a batch"
        flow = [_batch(devices, readings // devices, n) for n in range(rounds)]
        yield from _compared(conn, owner, f"{name}, no gaps", flow, bar=1.05)
        if readings == devices:
            continue
        halves = [part for batch in flow for part in (_every_second(batch, 0), _every_second(batch, 1))]
        yield from _compared(conn, owner, f"{name}, every second one by another ingestor", halves)


def _compared(
    conn: Conn, owner: Conn, name: str, flow: Sequence[Columns], bar: float | None = None
) -> Iterator[Result]:
    owner.execute("truncate device_sequence, whole_sequence")
    whole, rows = _in_turns(conn, flow)
    ratio = median(b / a for a, b in zip(whole, rows, strict=True))
    yield figure(f"{name}: one row", median(whole) * 1000, "ms/batch")
    yield figure(f"{name}: rows", median(rows) * 1000, "ms/batch")
    yield figure(f"{name}: ratio", ratio, "") if bar is None else at_most(f"{name}: ratio", ratio, "", bar)
    yield _differences(owner, name)


def _gaps(conn: Conn, owner: Conn, counts: Sequence[int]) -> Iterator[Result]:
    for gaps in counts:
        owner.execute("truncate device_sequence, whole_sequence")
        for low in range(1, gaps + 1, 20_000):
            _in_rows(conn, _columns(2 * np.arange(low, min(low + 20_000, gaps + 1))))
        if gaps:
            owner.execute(_SQL["fill_whole"], {"device_id": _FIRST_DEVICE, "gaps": gaps})
        owner.execute("vacuum analyze device_sequence, whole_sequence")
        places = np.linspace(1, max(gaps, 1), _RECEIPTS, dtype=np.int64)
        # One that closes a gap, one that is there already, and one after a new gap.
        flow = [_columns(np.array([2 * at + 1, 2 * at, 2 * gaps + 4 * n])) for n, at in enumerate(places, 1)]
        whole, rows = _in_turns(conn, flow)
        yield figure(f"{gaps} gaps: a receipt, one row", median(whole) * 1000, "ms")
        yield figure(f"{gaps} gaps: a receipt, rows", median(rows) * 1000, "ms")
        if gaps >= _MANY_GAPS:
            ratio = median(b / a for a, b in zip(whole, rows, strict=True))
            yield at_most(f"{gaps} gaps: ratio", ratio, "", 0.1)
        size, pages = owner.execute(_SQL["size"]).fetchone() or (0, 0)
        yield figure(f"{gaps} gaps: size of {pages} rows", size / 2**20, "MiB")
        yield _differences(owner, f"{gaps} gaps")


def _differences(owner: Conn, name: str) -> Result:
    (count,) = owner.execute(_SQL["differences"]).fetchone() or (1,)
    return at_most(f"{name}: sets that differ", float(count), "sets", 0)


def _in_turns(conn: Conn, flow: Sequence[Columns]) -> tuple[list[float], list[float]]:
    """Seconds of each batch, in one row and in rows; which is first changes with every other one: they may be pairs."""
    took: dict[Way, list[float]] = {_whole: [], _in_rows: []}
    for n, batch in enumerate(flow):
        ways = (_whole, _in_rows) if n % 4 < 2 else (_in_rows, _whole)
        told = [_timed(way, conn, batch, took[way]) for way in ways]
        if told[0] != told[1]:
            raise AssertionError(f"the two ways tell differently of batch {n}")
    return took[_whole], took[_in_rows]


def _timed(way: Way, conn: Conn, batch: Columns, took: list[float]) -> list[Progress]:
    started = time.perf_counter()
    with conn.transaction():
        told = way(conn, batch)
    took.append(time.perf_counter() - started)
    return sorted(told, key=lambda p: (p.device_id, p.boot))


def _in_rows(conn: Conn, batch: Columns) -> list[Progress]:
    return add_sequences(conn, batch, [], most_pages=_NO_BOUND)


def _whole(conn: Conn, batch: Columns) -> list[Progress]:
    added = runs(batch.device_id, batch.boot, batch.seq)
    params = {
        "device_id": Int4Array(added.device_id),
        "boot": Int4Array(added.boot),
        "low": Int8Array(added.low),
        "high": Int8Array(added.high),
    }
    rows = conn.execute(_SQL["add_whole"], params, prepare=True)
    return [
        Progress(device_id=device_id, boot=boot, through=through, beyond=tuple((low, high) for low, high in beyond))
        for device_id, boot, through, beyond in rows
    ]


def _batch(devices: int, each: int, number: int) -> Columns:
    """The next `each` numbers of every device, devices in turns."""
    seq = np.repeat(np.arange(each) + number * each + 1, devices)
    return _columns(seq, np.tile(np.arange(devices) + _FIRST_DEVICE, each))


def _every_second(batch: Columns, which: int) -> Columns:
    return batch.rows(np.flatnonzero(batch.seq % 2 == which))


def _columns(seq: Ints, device_id: Ints | None = None) -> Columns:
    nothing = np.zeros(len(seq), np.int64)
    return Columns(
        device_id=nothing + _FIRST_DEVICE if device_id is None else device_id,
        observed_us=nothing,
        received_us=nothing,
        boot=nothing + 1,
        seq=seq,
        numbers=np.full((0, len(seq)), np.nan),
        door_open=nothing,
        extra=[None] * len(seq),
        source=nothing,
    )


if __name__ == "__main__":
    sys.exit(main())
