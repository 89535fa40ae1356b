"""Questions to the graph of a synthetic network: 20 suppliers, 5 plants, 50 warehouses, 2,000 shops.

python -m bench.trace [--events 1000000]
"""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final
from uuid import UUID

from bench.network import crate, documents, lot
from bench.report import Result, at_most, figure, percentile, report
from bench.services import running_database
from bench.trace_api import asked_of_api
from wayproof.model.access import Scope
from wayproof.store.keys import create_key
from wayproof.store.pool import connect, open_pool, tenant_transaction
from wayproof.store.settings import DatabaseSettings
from wayproof.store.tenants import create_tenant
from wayproof.trace.capture import capture
from wayproof.trace.graph.questions import Direction, Question, Traced, trace

_ROUNDS: Final = 5
_WRITERS: Final = 2
_PAGE: Final = 51
_WANTED: Final = 10_000


def main() -> int:
    """Measures them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="wayproof-bench-") as folder, running_database(Path(folder)) as settings:
        with connect(settings, autocommit=True) as conn:
            tenant_id = create_tenant(conn, "bench").tenant_id
            scopes = [Scope.EVENTS_READ, Scope.TRACE_READ]
            _, token = create_key(conn, tenant_id=tenant_id, label="bench", scopes=scopes)
        filled_s = _fill(settings, tenant_id, options.events)
        with connect(settings, autocommit=True) as conn:
            conn.execute("set statement_timeout = 0")
            conn.execute("vacuum analyze")
        results = [
            figure("events", options.events, "events"),
            figure("captured in process, journal, terms and graph", options.events / filled_s, "events/s"),
            *_asked(settings, tenant_id, options.events),
            *asked_of_api(settings, Path(folder), token, raw=_raw(options.events), finished=_finished(options.events)),
        ]
    return report("trace", results)


def _fill(settings: DatabaseSettings, tenant_id: UUID, events: int) -> float:
    started = time.perf_counter()
    with ProcessPoolExecutor(_WRITERS, mp_context=get_context("spawn")) as pool:
        made = documents(events)
        while some := [pool.submit(_capture, settings, tenant_id, each) for each in islice(made, 50)]:
            for done in some:
                done.result()
    return time.perf_counter() - started


def _capture(settings: DatabaseSettings, tenant_id: UUID, document: bytes) -> None:
    one = settings.model_copy(update={"pool_size": 1})
    with open_pool(one, role="wayproof_api") as pool, tenant_transaction(pool, tenant_id) as conn:
        assert not capture(conn, tenant_id, document).faults


def _asked(settings: DatabaseSettings, tenant_id: UUID, events: int) -> list[Result]:
    raw, crates = _raw(events), [crate(_finished(events), place) for place in range(20)]
    with open_pool(settings.model_copy(update={"pool_size": 1}), role="wayproof_api") as pool:

        def ask(question: Question) -> tuple[Traced, float]:
            with tenant_transaction(pool, tenant_id) as conn:
                started = time.perf_counter()
                found = trace(conn, tenant_id, question)
                return found, 1000 * (time.perf_counter() - started)

        enough = Question(starts=(raw,), direction=Direction.DOWNSTREAM, enough=_WANTED)
        down = [ask(enough) for _ in range(_ROUNDS)]
        up = [ask(Question(starts=(each,), direction=Direction.UPSTREAM)) for each in crates]
        then = replace(enough, as_of=datetime.now(UTC))
        down_then = [ask(then) for _ in range(_ROUNDS)]
        page = [ask(Question(starts=(raw,), direction=Direction.DOWNSTREAM, enough=_PAGE)) for _ in range(_ROUNDS)]
    return [
        *_told("downstream of a raw lot", down),
        *_told("downstream of a raw lot, as of a time", down_then),
        *_told("upstream of a crate", up),
        *_first_page(page),
    ]


def _finished(events: int) -> int:
    """A finished lot from the middle of the network."""
    return max(1, events // 204)


def _raw(events: int) -> str:
    """A raw lot with as much downstream of it as before."""
    return lot(0, max(1, events // 4_080))


def _told(what: str, answers: Sequence[tuple[Traced, float]]) -> list[Result]:
    nodes = median(len(found.nodes) for found, _ in answers)
    times_ms = [took_ms for _, took_ms in answers]
    return [
        figure(f"{what}: things", nodes, "things"),
        at_most(f"{what}: for 10,000 things", median(times_ms) * max(1.0, _WANTED / nodes), "ms", 1_000)
        if nodes > _PAGE
        else figure(f"{what}: median", median(times_ms), "ms"),
        figure(f"{what}: slowest", max(times_ms), "ms"),
    ]


def _first_page(answers: Sequence[tuple[Traced, float]]) -> list[Result]:
    times_ms = [took_ms for _, took_ms in answers]
    return [at_most("first page of 50", percentile(times_ms, 50), "ms", 100)]


if __name__ == "__main__":
    sys.exit(main())
