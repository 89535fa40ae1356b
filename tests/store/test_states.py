"""State and sequences follow from what is stored, in whatever order it came."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from wayproof.model.clock import EARLIEST
from wayproof.store.intake import write_batch
from wayproof.store.pool import Conn
from wayproof.store.registry import KnownDevice
from wayproof.store.sequences import Progress

from fix_intake import NOON, arrival, batch, rejection, write

MINUTE = timedelta(minutes=1)


def state(conn: Conn) -> dict[str, Any]:
    """The only row of device_state."""
    with conn.cursor(row_factory=dict_row) as cursor:
        (row,) = cursor.execute("select * from device_state").fetchall()
    return row


def everything(conn: Conn) -> list[list[tuple[Any, ...]]]:
    """All that is derived from readings, and the readings' identities."""
    return [
        conn.execute("select * from device_state order by device_id").fetchall(),
        conn.execute(
            "select device_id, boot, range_agg(seqs) from device_sequence group by device_id, boot order by 1, 2"
        ).fetchall(),
        conn.execute("select device_id, observed_at, boot, seq from reading order by 1, 2, 3, 4").fetchall(),
        conn.execute("select * from reading_rollup order by device_id, measure, begins_at").fetchall(),
    ]


def test_latest_goes_by_observed_time(ingest_conn: Conn, truck: KnownDevice) -> None:
    """A reading that comes late does not move the state back, though it counts as contact."""
    write(ingest_conn, [arrival(truck, seq=2, temperature_c=5.0)])
    write(
        ingest_conn,
        [arrival(truck, seq=1, temperature_c=9.0, observed_at=NOON - MINUTE, received_at=NOON + MINUTE)],
    )
    row = state(ingest_conn)
    assert (row["observed_at"], row["seq"], row["temperature_c"]) == (NOON, 2, 5.0)
    assert row["received_at"] == NOON + MINUTE


def test_position_and_temperature_have_times_of_their_own(ingest_conn: Conn, truck: KnownDevice) -> None:
    """A later message without a position or temperature does not make the last one unknown."""
    write(ingest_conn, [arrival(truck, latitude_deg=53.4, longitude_deg=-2.9, temperature_c=5.0, battery_pct=80.0)])
    write(ingest_conn, [arrival(truck, seq=2, observed_at=NOON + MINUTE, door_open=True)])
    row = state(ingest_conn)
    assert (row["observed_at"], row["battery_pct"], row["door_open"]) == (NOON + MINUTE, None, True)
    assert (row["position_observed_at"], row["latitude_deg"], row["position_seq"]) == (NOON, 53.4, 1)
    assert (row["temperature_observed_at"], row["temperature_c"]) == (NOON, 5.0)


def test_wrong_clock_moves_only_the_contact(ingest_conn: Conn, superuser: Conn, truck: KnownDevice) -> None:
    """A reading from the future or from 1970 is kept and flagged, and never becomes the latest."""
    later = NOON + MINUTE
    future = arrival(truck, seq=2, observed_at=NOON + timedelta(days=1), received_at=later, temperature_c=50.0)
    unset = arrival(truck, seq=3, observed_at=EARLIEST, received_at=later, temperature_c=60.0)
    write(ingest_conn, [future, unset])
    assert (state(ingest_conn)["observed_at"], state(ingest_conn)["temperature_c"]) == (None, None)
    write(ingest_conn, [arrival(truck, temperature_c=5.0)])
    row = state(ingest_conn)
    assert (row["observed_at"], row["temperature_c"], row["received_at"]) == (NOON, 5.0, later)
    flags = superuser.execute("select seq, clock_flags from reading order by seq").fetchall()
    assert flags == [(1, 0), (2, 1), (3, 2)]


def test_reading_sent_again_is_judged_as_it_was_stored(ingest_conn: Conn, truck: KnownDevice) -> None:
    """A future reading that is sent again once its time has come stays flagged, and out of the state."""
    tomorrow = NOON + timedelta(days=1)
    write(ingest_conn, [arrival(truck, observed_at=tomorrow)])
    write(ingest_conn, [arrival(truck, observed_at=tomorrow, received_at=tomorrow)])
    assert (state(ingest_conn)["observed_at"], state(ingest_conn)["received_at"]) == (None, tomorrow)


def test_progress_is_exact(ingest_conn: Conn, truck: KnownDevice) -> None:
    """Progress names what is safe from 1 on and the ranges beyond, and nothing else."""

    def progress(*seqs: int) -> tuple[int, tuple[tuple[int, int], ...]]:
        (told,) = write(ingest_conn, [arrival(truck, seq=seq) for seq in seqs]).progress
        assert (told.device_id, told.boot) == (truck.device_id, 1)
        return told.through, told.beyond

    assert progress(2, 3) == (0, ((2, 3),))
    assert progress(1) == (3, ())
    assert progress(7, 5) == (3, ((5, 5), (7, 7)))
    assert progress(6) == (3, ((5, 7),))
    assert progress(10) == (3, ((5, 7), (10, 10)))
    assert progress(2) == (3, ((5, 7), (10, 10)))  # a duplicate is told again
    assert progress(4) == (7, ((10, 10),))


def test_progress_is_bounded(ingest_conn: Conn, truck: KnownDevice) -> None:
    """Of many ranges the lowest are told, and wherever they lie those of what was added."""
    write(ingest_conn, [arrival(truck, seq=seq) for seq in range(2, 402, 2)])
    (told,) = write(ingest_conn, [arrival(truck, seq=300), arrival(truck, seq=501)]).progress
    assert told.beyond == (*((seq, seq) for seq in range(2, 66, 2)), (300, 300), (501, 501))


def test_devices_and_boots_are_counted_apart(
    ingest_conn: Conn, device_factory: Callable[[str], KnownDevice], truck: KnownDevice
) -> None:
    """Each boot of each device has a sequence of its own; what counts nothing has none."""
    other = device_factory("truck-2")
    told = write(
        ingest_conn,
        [arrival(truck), arrival(truck, boot=2), arrival(other, seq=3), arrival(truck, boot=0, seq=2**62)],
    ).progress
    assert list(told) == [
        Progress(device_id=truck.device_id, boot=1, through=1, beyond=()),
        Progress(device_id=truck.device_id, boot=2, through=1, beyond=()),
        Progress(device_id=other.device_id, boot=1, through=0, beyond=((3, 3),)),
    ]


def test_numbered_rejection_is_safe(ingest_conn: Conn, truck: KnownDevice) -> None:
    """What is set aside counts as received where its number could be read, and only if we know whose it is."""
    rejections = [
        rejection(truck, b"a", boot=1, seq=1),
        rejection(truck, b"b"),
        rejection(None, b"c", boot=1, seq=2),
    ]
    told = write_batch(ingest_conn, batch([arrival(truck, seq=3)], rejections)).progress
    assert [(p.through, p.beyond) for p in told] == [(1, ((3, 3),))]


identities = st.tuples(
    st.sampled_from([EARLIEST, NOON - MINUTE, NOON, NOON + timedelta(days=1)]), st.integers(0, 2), st.integers(1, 6)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), parts=st.lists(identities, min_size=1, max_size=12, unique=True))
def test_order_and_duplication_do_not_matter(
    ingest_conn: Conn, truck: KnownDevice, data: st.DataObject, parts: list[tuple[datetime, int, int]]
) -> None:
    """The same messages in any order, any batches and with any repetition leave the same rows."""
    arrivals = [
        arrival(
            truck,
            received_at=NOON + number * timedelta(seconds=1),
            latitude_deg=float(number) if number % 2 else None,
            longitude_deg=0.0 if number % 2 else None,
            temperature_c=float(number) if number % 3 else None,
            battery_pct=float(number),
            observed_at=observed_at,
            boot=boot,
            seq=seq,
        )
        for number, (observed_at, boot, seq) in enumerate(parts)
    ]
    again = data.draw(st.permutations(arrivals + data.draw(st.lists(st.sampled_from(arrivals)))))
    cut = data.draw(st.integers(0, len(again)))
    assert _result(ingest_conn, [arrivals]) == _result(ingest_conn, [again[:cut], again[cut:]])


def _result(conn: Conn, batches: Sequence[Sequence[Any]]) -> Any:
    with conn.transaction(force_rollback=True):
        for batch in batches:
            write(conn, batch)
        return everything(conn)
