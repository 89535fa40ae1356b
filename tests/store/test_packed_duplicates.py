"""A reading that stands in a packed day is a duplicate like any other."""

from datetime import timedelta

import pytest

from wayproof.store.packing import pack_day
from wayproof.store.pool import Conn
from wayproof.store.registry import KnownDevice

from fix_intake import NOON, arrival, write
from fix_packing import everything

pytestmark = pytest.mark.usefixtures("plain")

AGO = timedelta(days=40)


def derived(conn: Conn) -> list[object]:
    """What is counted at insert."""
    return [
        conn.execute("select device_id, readings, observed_at from device_state").fetchall(),
        conn.execute("select * from reading_rollup order by 1, 2, 3").fetchall(),
    ]


def test_packed_reading_that_comes_again_is_not_stored(ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """It is counted as a duplicate and receipted; nothing is stored or counted twice, and new ones are taken."""
    old = [arrival(truck, seq=n, observed_at=NOON - AGO + timedelta(minutes=n), temperature_c=5.0) for n in (1, 2, 3)]
    write(ingest_conn, old)
    pack_day(superuser, (NOON - AGO).date())
    before = (everything(superuser), derived(superuser))
    again = write(ingest_conn, old)
    assert (again.stored, again.duplicates) == (0, 3)
    assert [p.through for p in again.progress] == [3]
    assert (everything(superuser), derived(superuser)) == before

    late = arrival(truck, seq=4, observed_at=NOON - AGO + timedelta(minutes=4), temperature_c=6.0)
    mixed = write(ingest_conn, [*old, late])
    assert (mixed.stored, mixed.duplicates) == (1, 3)
    assert len(everything(superuser)) == 4
    assert superuser.execute("select readings from device_state").fetchall() == [(4,)]
