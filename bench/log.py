"""The log of custody at a million leaves: appending, roots and proofs, from the call to the answer in Python.

python -m bench.log [--leaves 1000000]
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, TypeVar

from bench.report import Result, at_most, figure, percentile, report
from bench.services import running_database
from wayproof.model.log import NewEntry
from wayproof.model.merkle import check_consistency, leaf_hash, root_from_inclusion
from wayproof.store import log
from wayproof.store.pool import Conn, connect
from wayproof.store.settings import DatabaseSettings

T = TypeVar("T")

_BULK: Final = 10_000
_ROUNDS: Final = 1_000
_PAYLOAD: Final = bytes(1_300)
"""As long as a record with both signatures."""


def main() -> int:
    """Fills a log, then asks for roots and proofs, each of which is checked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leaves", type=int, default=1_000_000)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="wayproof-bench-") as folder, running_database(Path(folder)) as settings:
        results = _measured(settings, options.leaves)
    return report("log", [figure("leaves", options.leaves, "leaves"), *results])


def _measured(settings: DatabaseSettings, leaves: int) -> list[Result]:
    with connect(settings, role="wayproof_api", autocommit=True) as conn:
        bulk = _appended(conn, leaves, _BULK)
        batches = [_appended(conn, transactions * batch, batch) for transactions, batch in ((50, 100), (300, 1))]
        return [bulk, *batches, *_proofs(conn)]


def _entry(number: int) -> NewEntry:
    return NewEntry(kind="handoff", entry=_bytes(number), salt=bytes(32), payload=_PAYLOAD)


def _bytes(number: int) -> bytes:
    return b"wayproof:handoff:v1\n" + number.to_bytes(32)


def _appended(conn: Conn, leaves: int, batch: int) -> Result:
    begin = log.size(conn)
    started = time.perf_counter()
    for start in range(begin, begin + leaves, batch):
        with conn.transaction():
            log.append(conn, [_entry(number) for number in range(start, min(start + batch, begin + leaves))])
    return figure(f"append, {batch} a transaction", leaves / (time.perf_counter() - started), "leaves/s")


def _proofs(conn: Conn) -> list[Result]:
    size = log.size(conn)
    root = log.root_at(conn, size)
    places = random.Random(9162).sample(range(1, size), _ROUNDS)
    inclusion, proofs = _timed(lambda place: log.inclusion_proof(conn, place, size), places)
    for place, proof in zip(places, proofs, strict=True):
        assert root_from_inclusion(leaf=leaf_hash(_bytes(place)), index=place, size=size, proof=proof) == root
    roots, old_roots = _timed(lambda place: log.root_at(conn, place), places)
    consistency, proofs = _timed(lambda place: log.consistency_proof(conn, place, size), places)
    for place, old_root, proof in zip(places, old_roots, proofs, strict=True):
        check_consistency(old_size=place, old_root=old_root, size=size, root=root, proof=proof)
    return [
        at_most("inclusion proof, median", median(inclusion), "ms", 1),
        figure("inclusion proof, 99 of 100", percentile(inclusion, 99), "ms"),
        at_most("consistency proof, median", median(consistency), "ms", 1),
        figure("consistency proof, 99 of 100", percentile(consistency, 99), "ms"),
        figure("root of any size, median", median(roots), "ms"),
    ]


def _timed(ask: Callable[[int], T], places: Sequence[int]) -> tuple[list[float], list[T]]:
    """Milliseconds and answers."""
    took, answers = [], []
    for place in places:
        started = time.perf_counter()
        answers.append(ask(place))
        took.append((time.perf_counter() - started) * 1000)
    return took, answers


if __name__ == "__main__":
    sys.exit(main())
