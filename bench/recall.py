"""Recall by exposure over twenty million readings: what stood in the heat, what came of it, and where all of it is.

python -m bench.recall [--readings 20000000] [--devices 2000] [--events 100000]
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import UUID

from bench.network import crate, network
from bench.report import Result, at_most, figure, report
from bench.services import register, running_database
from wayproof.store import recalls
from wayproof.store.partitions import open_days_ahead
from wayproof.store.pool import Conn, Pool, connect, open_pool, snapshot_transaction, tenant_transaction
from wayproof.store.queries import load
from wayproof.store.reduce import ROLLED_UP
from wayproof.store.settings import DatabaseSettings
from wayproof.trace.capture import capture
from wayproof.trace.epcis.writing import write_json
from wayproof.trace.recall.criteria import Exposure
from wayproof.trace.recall.dossier import create
from wayproof.trace.recall.evaluate import evaluate
from wayproof.trace.recall.heat import find_heat

_SQL: Final = load("recall", "bench")
_QUERIES: Final = load("queries", "bench")
_BEGIN: Final = datetime(2026, 3, 2, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_ROUNDS: Final = 5
_EVENTS_OF_A_LOT: Final = 102
_CRATES_OF_A_LOT: Final = 20
_A_DOCUMENT: Final = 1_000
_CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"

Event = dict[str, Any]


def main() -> int:
    """Fills a database and asks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", type=int, default=20_000_000)
    parser.add_argument("--devices", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rare", type=int, default=2_000, help="one of how many times of four hours is hot")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="wayproof-bench-") as folder, running_database(Path(folder)) as settings:
        names = register(settings, options.devices)
        until = _BEGIN + timedelta(minutes=options.readings // options.devices)
        with connect(settings, autocommit=True) as conn:
            tenant_id = conn.execute("select tenant_id from tenant").fetchone()[0]  # type: ignore[index]
        started = time.perf_counter()
        _fill(settings, until, options.rare)
        _tell(settings, tenant_id, names, until, options.events)
        with connect(settings, autocommit=True) as conn:
            conn.execute("set statement_timeout = 0")
            conn.execute("vacuum analyze")
        filled = figure("filled in", time.perf_counter() - started, "s")
        results = [
            figure("readings", options.readings, "readings"),
            figure("events", options.events, "events"),
            filled,
            *_asked(settings, tenant_id, until),
        ]
    return report("recall", results)


def _fill(settings: DatabaseSettings, until: datetime, rare: int) -> None:
    begins = [_BEGIN + n * _DAY / 4 for n in range(-(-(until - _BEGIN) // (_DAY / 4)))]
    with connect(settings, autocommit=True) as conn:
        open_days_ahead(conn, _BEGIN.date(), (until - _BEGIN).days)
    with ThreadPoolExecutor(2) as both_cores:
        list(both_cores.map(lambda since: _fill_span(settings, since, min(since + _DAY / 4, until), rare), begins))


def _fill_span(settings: DatabaseSettings, since: datetime, until: datetime, rare: int) -> None:
    with connect(settings, autocommit=True) as conn:
        conn.execute("set statement_timeout = 0")
        conn.execute(_SQL["fill"], {"since": since, "until": until, "rare": rare})
        rolled_up = {"measure": ROLLED_UP["temperature_c"], "since": since, "until": until}
        conn.execute(_QUERIES["fill_rollups"], rolled_up)
    print(f"filled to {until:%Y-%m-%d %H:%M}", file=sys.stderr)


def _tell(settings: DatabaseSettings, tenant_id: UUID, names: list[str], until: datetime, events: int) -> None:
    """The network's events, and for each device a truck that carries one crate after another."""
    told = islice(network(), events)
    with open_pool(settings.model_copy(update={"pool_size": 1}), role="wayproof_api") as pool:
        for source in (told, _rides(names, until, events // _EVENTS_OF_A_LOT * _CRATES_OF_A_LOT)):
            while batch := list(islice(source, _A_DOCUMENT)):
                with tenant_transaction(pool, tenant_id) as conn:
                    assert not capture(conn, tenant_id, _document(batch)).faults


def _rides(names: list[str], until: datetime, crates: int) -> Iterator[Event]:
    for number, name in enumerate(names):
        yield _association(_truck(number), f"urn:wayproof:device:{name}")
    for number in range(crates):
        truck = _truck(number % len(names))
        at = _BEGIN + (until - _BEGIN) * (number / crates)
        sscc = crate(1 + number // _CRATES_OF_A_LOT, number % _CRATES_OF_A_LOT)
        yield _packing(truck, sscc, "ADD", at)
        yield _packing(truck, sscc, "DELETE", min(at + _DAY / 2, until))


def _asked(settings: DatabaseSettings, tenant_id: UUID, until: datetime) -> list[Result]:
    asked = Exposure(above_c=8.0, below_c=None, at_least=timedelta(minutes=30), since=_BEGIN, until=until)
    mild = replace(asked, above_c=6.5)
    unhurried = settings.model_copy(update={"statement_timeout": timedelta()})
    with open_pool(unhurried, role="wayproof_api") as pool:

        def ask(question: Callable[[Conn], Any], rounds: int = _ROUNDS) -> tuple[float, Any]:
            return _milliseconds(pool, tenant_id, question, rounds=rounds)

        whole, found = ask(lambda conn: evaluate(conn, tenant_id, asked))
        many, much = ask(lambda conn: evaluate(conn, tenant_id, mild), 1)
        pruned, heat = ask(lambda conn: find_heat(conn, asked, as_of=found.began_at))
        plain, same = ask(lambda conn: find_heat(conn, asked, as_of=found.began_at, is_plain=True), 1)
        new = recalls.NewRecall(title="bench", reason="", is_mock=True, request_key=None, started_at=found.began_at)
        started = time.perf_counter()
        create(pool, tenant_id, new, asked)
        kept = (time.perf_counter() - started) * 1000
    assert found.found.starts, "nothing stood in the heat"
    return [
        figure("times above 8 °C", len(heat), "times"),
        figure("things that stood in it for 30 minutes", len(found.found.starts), "things"),
        figure("affected", len(found.affected), "things"),
        at_most("recall by exposure above 8 °C", whole, "ms", 2_000),
        figure("recall evaluated and kept", kept, "ms"),
        figure("times above 8 °C, by the rollups", pruned, "ms"),
        figure("times above 8 °C, by every reading", plain, "ms"),
        at_most("answers that the rollups change", int(heat != same), "answers", 0),
        figure("times above 6.5 °C", len(much.found.rides), "times"),
        figure("affected above 6.5 °C", len(much.affected), "things"),
        figure("recall by exposure above 6.5 °C", many, "ms"),
    ]


def _milliseconds(
    pool: Pool, tenant_id: UUID, ask: Callable[[Conn], Any], *, rounds: int = _ROUNDS
) -> tuple[float, Any]:
    took, answer = [], None
    for _ in range(rounds):
        with snapshot_transaction(pool, tenant_id, with_readings=True) as conn:
            started = time.perf_counter()
            answer = ask(conn)
            took.append((time.perf_counter() - started) * 1000)
    return median(took), answer


def _document(events: list[Event]) -> bytes:
    document = {
        "@context": _CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-01T00:00:00Z",
        "epcisBody": {"eventList": events},
    }
    return write_json(document).encode()


def _association(parent: str, child: str) -> Event:
    return {**_packing(parent, child, "ADD", _BEGIN), "type": "AssociationEvent"}


def _packing(parent: str, child: str, action: str, at: datetime) -> Event:
    return {
        "type": "AggregationEvent",
        "action": action,
        "parentID": parent,
        "childEPCs": [child],
        "eventTime": at.isoformat().replace("+00:00", "Z"),
        "eventTimeZoneOffset": "+00:00",
    }


def _truck(number: int) -> str:
    return f"https://example.org/truck/{number}"


if __name__ == "__main__":
    sys.exit(main())
