"""On TimescaleDB the same functions keep the same promises by TimescaleDB's own means."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from wayproof.model.clock import EARLIEST, LATEST
from wayproof.store.packing import is_hypertable, pack_day, packable_days
from wayproof.store.partitions import MaintenanceReport, drop_before, maintain
from wayproof.store.pool import Conn, connect
from wayproof.store.registry import KnownDevice
from wayproof.store.settings import DatabaseSettings

from fix_intake import NOON, arrival, write
from fix_packing import everything

pytestmark = pytest.mark.usefixtures("timescale")

TODAY = NOON.date()
DAY = timedelta(days=1)
AGE = timedelta(days=30)


@pytest.fixture
def operator(database: DatabaseSettings) -> Iterator[Conn]:
    """A connection with the owner's rights, as maintenance holds it."""
    with connect(database, autocommit=True) as conn:
        yield conn


def chunks(conn: Conn) -> dict[datetime, bool]:
    """Whether each day is in columnstore, by its beginning."""
    rows = conn.execute(
        "select range_start, is_compressed from timescaledb_information.chunks where hypertable_name = 'reading'"
    )
    return dict(rows.fetchall())


def test_round_converts_old_days(operator: Conn, ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """Maintenance turns days past the packing age into columnstore, and leaves every reading as it was."""
    assert is_hypertable(operator)
    observed = [NOON - n * DAY for n in (0, 29, 31, 32)]
    write(ingest_conn, [arrival(truck, seq=n, observed_at=at, temperature_c=n / 7) for n, at in enumerate(observed, 1)])
    before = everything(superuser)
    done = maintain(operator, today=TODAY, ahead_days=1, retention=None, packing_age=AGE)
    assert done == MaintenanceReport(dropped=0, opened_ahead=0, opened_for_backfill=0, packed=2)
    assert sorted(chunks(superuser).values()) == [False, False, True, True]
    assert everything(superuser) == before
    assert maintain(operator, today=TODAY, ahead_days=1, retention=None, packing_age=AGE).packed == 0


def test_columnstore_takes_each_reading_once(
    operator: Conn, ingest_conn: Conn, superuser: Conn, truck: KnownDevice
) -> None:
    """Into a day in columnstore a new reading goes, a second time none; the next round converts it as well."""
    write(ingest_conn, [arrival(truck, seq=seq) for seq in (1, 3)])
    pack_day(operator, TODAY)
    again = [arrival(truck, seq=seq, received_at=NOON + DAY, observed_at=NOON) for seq in (1, 2, 3)]
    written = write(ingest_conn, again)
    assert (written.stored, written.duplicates) == (1, 2)
    assert [row[4] for row in everything(superuser)] == [1, 2, 3]
    assert packable_days(operator, today=TODAY + AGE + 2 * DAY, age=AGE) == [TODAY]
    pack_day(operator, TODAY)
    assert packable_days(operator, today=TODAY + AGE + 2 * DAY, age=AGE) == []
    assert [row[4] for row in everything(superuser)] == [1, 2, 3]


def test_wrong_clock_goes_by_receipt(operator: Conn, ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """Days are dropped by the device's time, readings with a wrong clock by ours, in columnstore too."""
    rows = [
        arrival(truck, seq=1, observed_at=NOON - 9 * DAY),
        arrival(truck, seq=2, observed_at=NOON - DAY),
        arrival(truck, seq=3, observed_at=EARLIEST),
        arrival(truck, seq=4, observed_at=EARLIEST + DAY, received_at=NOON - 9 * DAY),
        arrival(truck, seq=5, observed_at=LATEST - DAY, received_at=NOON - 9 * DAY),
        arrival(truck, seq=6, observed_at=NOON - 9 * DAY, received_at=NOON - 9 * DAY + timedelta(weeks=1024)),
        arrival(truck, seq=7, observed_at=NOON - DAY, received_at=NOON - 9 * DAY),
    ]
    write(ingest_conn, rows)
    for day in chunks(superuser):
        pack_day(operator, day.date())
    assert drop_before(operator, NOON - 5 * DAY) == 1
    assert {row[4] for row in everything(superuser)} == {2, 3, 6}
