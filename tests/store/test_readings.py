"""Readings get into the table exactly as they are, once each."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.errors import UniqueViolation
from psycopg.rows import dict_row

from wayproof.model.clock import EARLIEST, LATEST, ClockFlag, judge_clock
from wayproof.model.errors import QuarantineReason, Unavailable
from wayproof.model.reading import MAX_BOOT, MAX_SEQ, MEASURES, NUMERIC_MEASURES, Reading
from wayproof.store.columns import clock_flags, copy_image, distinct
from wayproof.store.intake import write_batch
from wayproof.store.microseconds import from_microseconds
from wayproof.store.pool import Conn
from wayproof.store.readings import copy_in
from wayproof.store.registry import KnownDevice

from fix_intake import NOON, Arrival, arrival, batch, columns, rejection, write

json_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
# jsonb keeps numbers as decimals: beyond 2^53 a float comes back as the integer that it was written as.
json_numbers = st.integers(-(2**60), 2**60) | st.floats(-1e15, 1e15)
json_values = st.recursive(
    st.none() | st.booleans() | json_numbers | json_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(json_text, inner, max_size=3),
    max_leaves=8,
)
readings = st.builds(
    Reading,
    observed_at=st.datetimes(
        EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None) - timedelta(microseconds=1), timezones=st.just(UTC)
    ),
    boot=st.integers(0, MAX_BOOT),
    seq=st.integers(1, 2**63 - 1),
    door_open=st.none() | st.booleans(),
    extra=st.none() | st.dictionaries(json_text, json_values, max_size=3),
    **{name: st.none() | st.floats(allow_nan=False) for name in NUMERIC_MEASURES},
)


def stored(conn: Conn) -> list[dict[str, Any]]:
    """Every row of table reading."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("select * from reading order by device_id, observed_at, boot, seq").fetchall()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reading=readings, flags=st.sampled_from([ClockFlag(0), ClockFlag.FUTURE, ClockFlag(7)]))
def test_every_column_comes_back(ingest_conn: Conn, truck: KnownDevice, reading: Reading, flags: ClockFlag) -> None:
    """What is packed is what PostgreSQL reads: every column, nulls, JSON, and the extremes of each type."""
    received_at = NOON + timedelta(microseconds=1)
    packed = columns([Arrival(device=truck, reading=reading, received_at=received_at)])
    with ingest_conn.transaction(force_rollback=True):
        copy_in(ingest_conn, packed, np.array([flags]))
        (found,) = stored(ingest_conn)
    assert found == {
        "observed_at": reading.observed_at,
        "received_at": received_at,
        "seq": reading.seq,
        "device_id": truck.device_id,
        "boot": reading.boot,
        "clock_flags": flags,
        **{name: getattr(reading, name) for name in MEASURES},
    }


def test_duplicate_fails_the_straight_copy(ingest_conn: Conn, truck: KnownDevice) -> None:
    """COPY refuses what is stored already; that is what the staging path is for."""
    packed = columns([arrival(truck)])
    copy_in(ingest_conn, packed, np.zeros(1, np.int64))
    with pytest.raises(UniqueViolation):
        copy_in(ingest_conn, packed, np.zeros(1, np.int64))


def test_batch_is_stored_once(ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """A batch that comes again, partly or twice in itself, adds only what is new, and counts the rest."""
    first = [arrival(truck, seq=seq) for seq in (1, 2, 2, 3)]
    written = write(ingest_conn, first)
    assert (written.stored, written.duplicates) == (3, 1)
    again = write(ingest_conn, [arrival(truck, seq=seq) for seq in (3, 4)])
    assert (again.stored, again.duplicates) == (1, 1)
    assert [row["seq"] for row in stored(superuser)] == [1, 2, 3, 4]


def test_first_of_two_with_one_identity_wins(truck: KnownDevice) -> None:
    """Of two arrivals with the same identity the one received first is kept, in the order of identities."""
    late, early = arrival(truck, seq=2, battery_pct=2.0), arrival(truck, seq=1)
    kept = distinct(columns([late, early, arrival(truck, seq=2, battery_pct=3.0)]))
    assert (kept.seq.tolist(), kept.source.tolist()) == ([1, 2], [1, 0])


def test_refused_row_leaves_its_neighbours(ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """What PostgreSQL calls bad data goes to quarantine with its message, and every neighbour is stored."""
    batch = [arrival(truck, seq=seq, extra={"n": seq}) for seq in range(1, 10)]
    batch[4] = arrival(truck, seq=5, extra={"text": "a\0b"})  # the codec refuses this; PostgreSQL does, too
    written = write(ingest_conn, batch)
    assert (written.stored, written.duplicates) == (8, 0)
    (refused,) = written.rejections
    assert refused.reason is QuarantineReason.REFUSED_BY_DATABASE
    assert "UntranslatableCharacter" in refused.detail
    assert [row["seq"] for row in stored(superuser)] == [1, 2, 3, 4, 6, 7, 8, 9]
    assert superuser.execute("select reason, payload from quarantine").fetchall() == [("refused_by_database", b"{}")]
    (progress,) = written.progress
    assert progress.through == 9  # set aside is safe


def test_refused_and_duplicate_in_one_batch(ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """A refused row is found among duplicates as well."""
    write(ingest_conn, [arrival(truck, seq=1)])
    written = write(
        ingest_conn, [arrival(truck, seq=1), arrival(truck, seq=2, extra={"a": "\0"}), arrival(truck, seq=3)]
    )
    assert (written.stored, written.duplicates, len(written.rejections)) == (1, 1, 1)
    assert [row["seq"] for row in stored(superuser)] == [1, 3]


def test_what_cannot_be_counted_is_set_aside_alone(ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """A reading by which a count would overflow goes to quarantine, and stops no other device or reading."""
    write(ingest_conn, [arrival(truck, temperature_c=5.0)])
    superuser.execute("update reading_rollup set count = 2147483647")
    written = write(ingest_conn, [arrival(truck, seq=2, temperature_c=6.0), arrival(truck, seq=3, light_lux=1.0)])
    assert (written.stored, [r.reason for r in written.rejections]) == (1, [QuarantineReason.REFUSED_BY_DATABASE])
    assert [row["seq"] for row in stored(superuser)] == [1, 3]
    assert superuser.execute("select readings from device_state").fetchall() == [(2,)]
    assert [p.through for p in written.progress] == [3]


def test_nothing_is_left_of_a_failed_batch(ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """A fault of the database is Unavailable and leaves neither reading, state, sequence nor quarantine."""
    superuser.execute("revoke insert on quarantine from wayproof_ingest")
    with pytest.raises(Unavailable, match="InsufficientPrivilege"):
        write_batch(ingest_conn, batch([arrival(truck)], [rejection(truck)]))
    assert stored(superuser) == []
    assert superuser.execute("select device_id from device_state").fetchall() == []
    assert superuser.execute("select device_id from device_sequence").fetchall() == []


def test_time_out_is_no_bad_data(ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """Waiting too long for a lock is Unavailable, and the same batch is stored later."""
    ingest_conn.execute("set lock_timeout = '100ms'")
    with superuser.transaction():
        superuser.execute("lock table reading in access exclusive mode")
        with pytest.raises(Unavailable, match="LockNotAvailable"):
            write(ingest_conn, [arrival(truck)])
    assert write(ingest_conn, [arrival(truck)]).stored == 1


def test_lost_connection_is_no_bad_data(ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """A connection that the server ends is Unavailable."""
    superuser.execute("select pg_terminate_backend(%s)", [ingest_conn.info.backend_pid])
    with pytest.raises(Unavailable):
        write(ingest_conn, [arrival(truck)])


def test_extremes_of_identity(ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """The largest boot and seq, and the first and last possible time, are stored and counted."""
    last = LATEST - timedelta(microseconds=1)
    written = write(
        ingest_conn,
        [arrival(truck, boot=MAX_BOOT, seq=MAX_SEQ, observed_at=last), arrival(truck, seq=1, observed_at=EARLIEST)],
    )
    assert [(p.boot, p.through, p.beyond) for p in written.progress] == [
        (1, 1, ()),
        (MAX_BOOT, 0, ((MAX_SEQ, MAX_SEQ),)),
    ]
    assert [row["observed_at"] for row in stored(superuser)] == [EARLIEST, last]


def test_time_zone_of_a_reading_does_not_matter(truck: KnownDevice) -> None:
    """The same instant with another offset packs to the same bytes."""
    there = datetime.fromisoformat("2026-03-02T14:00:00+02:00")
    flags = np.zeros(1, np.int64)
    there_image = copy_image(columns([arrival(truck, observed_at=there)]), flags)
    here_image = copy_image(columns([arrival(truck, observed_at=NOON)]), flags)
    assert b"".join(there_image) == b"".join(here_image)


@given(st.lists(st.tuples(st.integers(0, 2**51), st.integers(0, 2**51)), min_size=1, max_size=20))
def test_clocks_are_judged_alike_in_columns_and_one_by_one(times: list[tuple[int, int]]) -> None:
    """Flags of a whole column are those that `judge_clock` gives for each reading."""
    stamps = [(from_microseconds(a), from_microseconds(b)) for a, b in times]
    device = KnownDevice(device_id=1, tenant_id=UUID(int=0))
    judged = clock_flags(columns([arrival(device, observed_at=a, received_at=b) for a, b in stamps]))
    assert judged.tolist() == [judge_clock(a, b) for a, b in stamps]
