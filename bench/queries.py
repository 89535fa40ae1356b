"""Last states and series at twenty million readings, and what a packed reading takes.

python -m bench.queries [--readings 20000000] [--devices 2000]
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import UUID

from bench.report import Result, at_most, figure, report
from bench.services import register, running_database
from wayproof.model.telemetry import Leg
from wayproof.store import telemetry
from wayproof.store.packing import pack_day
from wayproof.store.partitions import open_days_ahead
from wayproof.store.pool import Conn, Pool, connect, open_pool, tenant_transaction
from wayproof.store.queries import load
from wayproof.store.reduce import ROLLED_UP
from wayproof.store.settings import DatabaseSettings

_SQL: Final = load("queries", "bench")
_STATES: Final = load("telemetry")["list_states"]
_BEGIN: Final = datetime(2026, 3, 2, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_ROUNDS: Final = 40
_THREE_DAYS: Final = 3 * _DAY


def main() -> int:
    """Fills a database, asks what the API asks, packs the first day, and asks again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", type=int, default=20_000_000)
    parser.add_argument("--devices", type=int, default=2_000)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="wayproof-bench-") as folder, running_database(Path(folder)) as settings:
        names = register(settings, options.devices)
        until = _BEGIN + timedelta(minutes=options.readings // options.devices)
        filled = _fill(settings, until)
        with connect(settings, autocommit=True) as conn:
            conn.execute("set statement_timeout = 0")
            loose = _asked(settings, conn, names, until)
            packed = _packed(settings, conn, names)
    return report("queries", [figure("readings", options.readings, "readings"), filled, *loose, *packed])


def _fill(settings: DatabaseSettings, until: datetime) -> Result:
    started = time.perf_counter()
    begins = [_BEGIN + n * _DAY / 4 for n in range(-(-(until - _BEGIN) // (_DAY / 4)))]
    with connect(settings, autocommit=True) as conn:
        open_days_ahead(conn, _BEGIN.date(), (until - _BEGIN).days)
        with ThreadPoolExecutor(2) as both_cores:
            list(both_cores.map(lambda since: _fill_span(settings, since, min(since + _DAY / 4, until)), begins))
        conn.execute("set statement_timeout = 0")
        conn.execute(_SQL["fill_states"])
        conn.execute("vacuum analyze")
    return figure("filled in", time.perf_counter() - started, "s")


def _fill_span(settings: DatabaseSettings, since: datetime, until: datetime) -> None:
    with connect(settings, autocommit=True) as conn:
        conn.execute("set statement_timeout = 0")
        conn.execute(_SQL["fill"], {"since": since, "until": until})
        rolled_up = {"measure": ROLLED_UP["temperature_c"], "since": since, "until": until}
        conn.execute(_SQL["fill_rollups"], rolled_up)
    print(f"filled to {until:%Y-%m-%d %H:%M}", file=sys.stderr)


def _asked(settings: DatabaseSettings, conn: Conn, names: Sequence[str], until: datetime) -> list[Result]:
    tenant, ids = _registered(conn)
    legs = [_leg(ids, _nth(names, n), max(_BEGIN, until - _THREE_DAYS)) for n in range(_ROUNDS)]
    with open_pool(settings, role="wayproof_api") as pool:
        every = {"device_ids": list(ids.values())}
        rows = _milliseconds(pool, tenant, lambda api, _: api.execute(_STATES, every, binary=True).fetchall())
        values = _milliseconds(pool, tenant, lambda api, _: telemetry.list_states(api, ids.values()))
        one = _milliseconds(pool, tenant, lambda api, n: telemetry.get_state(api, ids[_nth(names, n)]))
        series = _milliseconds(pool, tenant, lambda api, n: _series(api, legs[n]))
        last = _milliseconds(pool, tenant, lambda api, n: telemetry.list_readings(api, legs[n].device_id, limit=50))
    return [
        at_most(f"last state of {len(ids)} devices, values of the model", values, "ms", 15),
        at_most("15-minute series of one device over 3 days", series, "ms", 5),
        figure(f"last state of {len(ids)} devices, rows", rows, "ms"),
        figure("last state of one device", one, "ms"),
        figure("first 50 readings of one device", last, "ms"),
    ]


def _packed(settings: DatabaseSettings, conn: Conn, names: Sequence[str]) -> list[Result]:
    tenant, ids = _registered(conn)
    span = {"since": _BEGIN, "until": _BEGIN + _DAY}
    legs = [_leg(ids, _nth(names, n), _BEGIN) for n in range(_ROUNDS)]
    with open_pool(settings, role="wayproof_api") as pool:
        before = conn.execute(_SQL["day_digest"], span).fetchone(), _answers(pool, tenant, legs)
        started = time.perf_counter()
        pack_day(conn, _BEGIN.date())
        took_s = time.perf_counter() - started
        conn.execute("vacuum analyze")
        after = conn.execute(_SQL["day_digest"], span).fetchone(), _answers(pool, tenant, legs)
        page = _milliseconds(pool, tenant, lambda api, n: telemetry.list_readings(api, legs[n].device_id, limit=50))
    size, readings = conn.execute(_SQL["packed_size"]).fetchone() or (0, 1)
    return [
        figure("packed", float(readings) / took_s, "readings/s"),
        at_most("a packed reading", size / float(readings), "bytes", 34),
        at_most("answers that packing changed", int(before != after), "answers", 0),
        figure("first 50 readings of one device, packed", page, "ms"),
    ]


def _registered(conn: Conn) -> tuple[UUID, dict[str, int]]:
    rows = conn.execute("select tenant_id, name, device_id from device").fetchall()
    return rows[0][0], {name: device_id for _, name, device_id in rows}


def _nth(names: Sequence[str], n: int) -> str:
    return names[n * 7_919 % len(names)]


def _leg(ids: dict[str, int], name: str, since: datetime) -> Leg:
    return Leg(device=name, device_id=ids[name], begins_at=since, ends_at=since + _THREE_DAYS)


def _series(conn: Conn, leg: Leg, *, bucket_s: int = 900) -> list[Any]:
    return list(telemetry.list_buckets(conn, [leg], measure="temperature_c", bucket_s=bucket_s))


def _answers(pool: Pool, tenant: UUID, legs: Sequence[Leg]) -> list[Any]:
    """Series read from rollups and from readings."""
    with tenant_transaction(pool, tenant) as api:
        return [[_series(api, leg), _series(api, leg, bucket_s=300)] for leg in legs]


def _milliseconds(pool: Pool, tenant: UUID, ask: Callable[[Conn, int], object]) -> float:
    """The median time of a question, from the call to its answer in Python, in a transaction of the API's role."""
    took = []
    with tenant_transaction(pool, tenant) as api:
        for n in range(_ROUNDS):
            started = time.perf_counter()
            ask(api, n)
            took.append((time.perf_counter() - started) * 1000)
    return median(took)


if __name__ == "__main__":
    sys.exit(main())
