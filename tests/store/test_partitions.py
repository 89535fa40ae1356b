"""Days are opened ahead and for backfill, and dropped by retention, while readings keep coming."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from wayproof.model.clock import EARLIEST
from wayproof.model.errors import Unavailable
from wayproof.store import intake, locks
from wayproof.store.columns import clock_flags, distinct
from wayproof.store.partitions import (
    MaintenanceReport,
    drop_before,
    maintain,
    open_backfilled_days,
    open_days_ahead,
)
from wayproof.store.pool import Conn, connect
from wayproof.store.registry import KnownDevice
from wayproof.store.settings import DatabaseSettings

from fix_intake import NOON, Arrival, arrival, batch, write

pytestmark = pytest.mark.usefixtures("plain")

TODAY = NOON.date()
DAY = timedelta(days=1)
YEAR = timedelta(days=365)


@pytest.fixture
def operator(database: DatabaseSettings) -> Iterator[Conn]:
    """A connection with the owner's rights that does not commit by itself, as a command may hold one."""
    with connect(database) as conn:
        yield conn


def days(conn: Conn) -> dict[str, int]:
    """How many readings each partition holds, by the partition's name."""
    names = conn.execute("select inhrelid::regclass::text from pg_inherits where inhparent = 'reading'::regclass")
    held = dict.fromkeys(sorted(name for (name,) in names), 0)
    counted = conn.execute("select tableoid::regclass::text, count(*) from reading group by 1").fetchall()
    return held | dict(counted)


def test_days_are_opened_ahead_once(operator: Conn, superuser: Conn) -> None:
    """Today and the days to come are opened; a second round finds nothing to do."""
    assert open_days_ahead(operator, TODAY, 2) == 3
    assert open_days_ahead(operator, TODAY, 2) == 0
    assert set(days(superuser)) == {"reading_20260302", "reading_20260303", "reading_20260304", "reading_default"}


def test_day_is_utc(operator: Conn, ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """A day's partition holds from midnight to before midnight, UTC."""
    open_days_ahead(operator, TODAY, 0)
    midnight = datetime.fromisoformat("2026-03-02T00:00:00+00:00")
    times = (midnight - timedelta(microseconds=1), midnight, midnight + DAY - timedelta(microseconds=1), midnight + DAY)
    write(ingest_conn, [arrival(truck, seq=seq, observed_at=at) for seq, at in enumerate(times, 1)])
    assert days(superuser) == {"reading_20260302": 2, "reading_default": 2}


def test_backfill_gets_its_days(operator: Conn, ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """Plausible readings that wait move into days of their own, oldest first and bounded; misdated ones stay."""
    observed = [NOON - YEAR, NOON - YEAR + DAY, NOON - YEAR + 2 * DAY, EARLIEST, NOON + DAY]
    write(ingest_conn, [arrival(truck, seq=seq, observed_at=at) for seq, at in enumerate(observed, 1)])
    assert open_backfilled_days(operator, most=2) == 2
    assert days(superuser) == {"reading_20250302": 1, "reading_20250303": 1, "reading_default": 3}
    assert open_backfilled_days(operator) == 1
    assert days(superuser)["reading_default"] == 2


def test_moved_reading_is_still_the_same(
    operator: Conn, ingest_conn: Conn, superuser: Conn, truck: KnownDevice
) -> None:
    """A reading that moved from the default partition is a duplicate when it comes again."""
    sent = [arrival(truck, extra={"a": 1}, temperature_c=4.5)]
    write(ingest_conn, sent)
    before = superuser.execute("select * from reading").fetchall()
    open_days_ahead(operator, TODAY, 0)
    assert write(ingest_conn, sent).duplicates == 1
    assert superuser.execute("select * from reading").fetchall() == before


def test_retention_drops_days(operator: Conn, ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """Days that ended before the cutoff go; a wrong clock's reading goes by the time that we received it."""
    observed = [NOON - 3 * DAY, NOON - 2 * DAY, NOON, EARLIEST]
    write(ingest_conn, [arrival(truck, seq=seq, observed_at=at) for seq, at in enumerate(observed, 1)])
    write(ingest_conn, [arrival(truck, seq=5, observed_at=EARLIEST, received_at=NOON - YEAR)])
    open_backfilled_days(operator)
    assert drop_before(operator, NOON - 2 * DAY) == 1
    assert days(superuser) == {"reading_20260228": 1, "reading_20260302": 1, "reading_default": 1}


def test_rollups_go_with_their_readings(operator: Conn, ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """What a round of retention leaves of rollups is what the readings that it leaves add up to."""
    kept_from = datetime.combine(TODAY, datetime.min.time(), UTC) - 2 * DAY
    instants = [kept_from - timedelta(microseconds=1), kept_from, NOON, NOON - 40 * DAY]
    write(
        ingest_conn,
        [arrival(truck, seq=seq, observed_at=at, temperature_c=seq) for seq, at in enumerate(instants, 1)],
    )
    maintain(operator, today=TODAY, ahead_days=0, retention=2 * DAY, packing_age=None)
    maintain(operator, today=TODAY, ahead_days=0, retention=2 * DAY, packing_age=None)
    left = superuser.execute("select observed_at, temperature_c from reading order by 1").fetchall()
    rolled = superuser.execute("select begins_at, low from reading_rollup order by 1").fetchall()
    assert left == rolled == [(kept_from, 2), (NOON, 3)]


def test_maintenance_is_one_call(operator: Conn, ingest_conn: Conn, truck: KnownDevice) -> None:
    """A round drops, opens ahead and for backfill, packs, and tells how much; what is too old opens no day."""
    write(ingest_conn, [arrival(truck, seq=n, observed_at=NOON - n * DAY) for n in (1, 20, 40)])
    rules: dict[str, Any] = {"ahead_days": 1, "retention": timedelta(days=30), "packing_age": timedelta(days=10)}
    report = maintain(operator, today=TODAY, **rules)
    assert report == MaintenanceReport(dropped=0, opened_ahead=2, opened_for_backfill=1, packed=1)
    report = maintain(operator, today=TODAY + 31 * DAY, **rules)
    assert report == MaintenanceReport(dropped=3, opened_ahead=2, opened_for_backfill=0, packed=1)


def test_maintenance_gives_way(
    operator: Conn, ingest_conn: Conn, superuser: Conn, truck: KnownDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a writer that does not end, maintenance lets others pass and gives up as Unavailable."""
    monkeypatch.setattr(locks, "_ATTEMPTS", 2)
    monkeypatch.setattr(locks, "_PAUSE_S", 0)
    with superuser.transaction():
        superuser.execute("lock table reading_default in row exclusive mode")  # what an open COPY holds
        with pytest.raises(Unavailable, match="LockNotAvailable"):
            open_days_ahead(operator, TODAY, 0)
        assert write(ingest_conn, [arrival(truck)]).stored == 1
    assert open_days_ahead(operator, TODAY, 0) == 1


def _one_by_one(conn: Conn, arrivals: list[Arrival]) -> int:
    whole = batch(arrivals)
    rows = distinct(whole.arrivals)
    with conn.transaction():
        return intake._in_halves(conn, whole, rows, clock_flags(rows)).new


def _as_a_batch(conn: Conn, arrivals: list[Arrival]) -> int:
    return write(conn, arrivals).stored


@pytest.mark.parametrize("store", [_as_a_batch, _one_by_one])
def test_day_opened_under_a_waiting_writer(
    *,
    database: DatabaseSettings,
    ingest_conn: Conn,
    superuser: Conn,
    truck: KnownDevice,
    store: Callable[[Conn, list[Arrival]], int],
) -> None:
    """A row that waits for the default partition while its day is opened is stored, not refused."""
    stored: list[int] = []
    with connect(database) as opener:
        opener.execute("select open_reading_day(%s)", [TODAY])  # holds the default partition until it commits
        writer = threading.Thread(target=lambda: stored.append(store(ingest_conn, [arrival(truck)])))
        writer.start()
        _wait_until_blocked(superuser, ingest_conn.info.backend_pid)
        opener.commit()
        writer.join(60)
    assert stored == [1]
    assert days(superuser) == {"reading_20260302": 1, "reading_default": 0}
    assert superuser.execute("select count(*) from quarantine").fetchone() == (0,)


def test_writer_and_maintenance_together(
    database: DatabaseSettings, operator: Conn, superuser: Conn, truck: KnownDevice
) -> None:
    """While days are opened, nothing of what a writer writes is lost, doubled, refused or left in the wrong place."""
    stop, written, problems = threading.Event(), [0], list[BaseException]()
    writer = threading.Thread(target=_keep_writing, args=(database, truck, stop, written, problems))
    writer.start()
    opened = 0
    for day in range(10):
        _wait_for(partial(_wrote, written, problems, written[0] + 400))
        opened += open_days_ahead(operator, TODAY - day * DAY, 0)
        opened += open_backfilled_days(operator, most=1)
    stop.set()
    writer.join(60)
    assert problems == []
    assert opened >= 10
    assert superuser.execute("select count(*) from quarantine").fetchone() == (0,)
    assert superuser.execute("select count(*), count(distinct seq) from reading").fetchone() == (written[0], written[0])
    (seqs,) = superuser.execute("select seqs from device_sequence").fetchone() or ((),)
    assert [(r.lower, r.upper) for r in seqs] == [(1, written[0] + 1)]
    while open_backfilled_days(operator):
        pass
    assert days(superuser)["reading_default"] == 0


def _keep_writing(
    database: DatabaseSettings,
    device: KnownDevice,
    stop: threading.Event,
    written: list[int],
    problems: list[BaseException],
) -> None:
    with connect(database, role="wayproof_ingest", autocommit=True) as conn:
        while not stop.is_set():
            seqs = range(written[0] + 1, written[0] + 201)
            try:
                done = write(conn, [arrival(device, seq=seq, observed_at=NOON - seq % 12 * DAY) for seq in seqs])
                assert done.stored == len(seqs)
            except (Unavailable, AssertionError, psycopg.Error) as error:
                problems.append(error)
                return
            written[0] += len(seqs)


def _wrote(written: list[int], problems: list[BaseException], target: int) -> bool:
    return written[0] >= target or bool(problems)


def _wait_until_blocked(conn: Conn, pid: int) -> None:
    _wait_for(lambda: conn.execute("select cardinality(pg_blocking_pids(%s))", [pid]).fetchone() != (0,))


def _wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, "waited 60 s for nothing"
        time.sleep(0.005)


def test_every_day_has_a_name(operator: Conn) -> None:
    """The first and the last day that a reading can have can be opened."""
    assert open_days_ahead(operator, date(1970, 1, 1), 0) == 1
    assert open_days_ahead(operator, date(2099, 12, 31), 0) == 1
