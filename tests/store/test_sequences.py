"""Sets of numbers in one row or in several are what plain Python sets are."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wayproof.store import sequences
from wayproof.store.pool import Conn, connect
from wayproof.store.registry import KnownDevice
from wayproof.store.sequences import Progress, add_sequences
from wayproof.store.settings import DatabaseSettings

from fix_intake import arrival, columns, write

Range = tuple[int, int]
Numbers = dict[tuple[int, int], set[int]]
"""By device and boot."""

TOLD = 32


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of three ranges, so that a few numbers make many."""
    monkeypatch.setattr(sequences, "PAGE_RANGES", 3)


def add(conn: Conn, device: KnownDevice, seqs: Sequence[int], *, boot: int = 1, most_pages: int = 1_000) -> Progress:
    """Adds numbers of one boot."""
    arrivals = columns([arrival(device, boot=boot, seq=seq) for seq in seqs])
    (told,) = add_sequences(conn, arrivals, [], most_pages=most_pages)
    return told


def ranges(numbers: set[int]) -> list[Range]:
    """A set as inclusive ranges."""
    lows = sorted(n for n in numbers if n - 1 not in numbers)
    highs = sorted(n for n in numbers if n + 1 not in numbers)
    return list(zip(lows, highs, strict=True))


def expected(held: set[int], added: set[int]) -> tuple[int, tuple[Range, ...]]:
    """What a receipt has to say."""
    every = ranges(held)
    through = every[0][1] if every[0][0] == 1 else 0
    told = [r for place, r in enumerate(every) if place < TOLD or added & set(range(r[0], r[1] + 1))]
    return through, tuple(r for r in told if r[0] > 1)


def kept(conn: Conn) -> Numbers:
    """What the rows hold, after a look at how they stand."""
    rows = conn.execute(
        "select device_id, boot, since, pages, array(select array[lower(r), upper(r) - 1] from unnest(seqs) r)"
        "  from device_sequence order by device_id, boot, since"
    ).fetchall()
    return {owner: _checked([row[2:] for row in rows if row[:2] == owner]) for owner in {row[:2] for row in rows}}


def _checked(pages: Sequence[tuple[int, int, list[list[int]]]]) -> set[int]:
    assert [(since, count) for since, count, _ in pages[:1]] == [(0, len(pages))]
    assert all(since == held[0][0] for since, _, held in pages[1:])
    assert all(1 <= len(held) <= sequences.PAGE_RANGES for _, _, held in pages)
    every = [tuple(r) for _, _, held in pages for r in held]
    numbers = {n for low, high in every for n in range(low, high + 1)}
    assert every == ranges(numbers)  # in order over all rows, none overlapping or bordering on another
    return numbers


batches = st.lists(st.lists(st.tuples(st.integers(1, 2), st.integers(1, 60)), min_size=1, max_size=25), max_size=8)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=batches, data=st.data())
def test_sets_are_sets(ingest_conn: Conn, truck: KnownDevice, parts: list[list[Range]], data: st.DataObject) -> None:
    """In any order and with any repetition the rows hold what a set does, and a receipt tells of it."""
    again = data.draw(
        st.permutations(parts + data.draw(st.lists(st.sampled_from(parts), max_size=3) if parts else st.just([])))
    )
    with ingest_conn.transaction(force_rollback=True):
        model: Numbers = {}
        for part in again:
            added: Numbers = {}
            for boot, seq in part:
                added.setdefault((truck.device_id, boot), set()).add(seq)
            model = {owner: model.get(owner, set()) | added.get(owner, set()) for owner in model.keys() | added.keys()}
            arrivals = columns([arrival(truck, boot=boot, seq=seq) for boot, seq in part])
            told = {(p.device_id, p.boot): (p.through, p.beyond) for p in add_sequences(ingest_conn, arrivals, [])}
            assert told == {owner: expected(model[owner], seqs) for owner, seqs in added.items()}
            assert kept(ingest_conn) == model


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.sets(st.integers(1, 80), min_size=1, max_size=25), min_size=1, max_size=8))
def test_full_set_grows_no_gaps(ingest_conn: Conn, truck: KnownDevice, parts: list[set[int]]) -> None:
    """A set with too many gaps takes only what joins its ranges, counts what it left out, and tells of nothing else."""
    with ingest_conn.transaction(force_rollback=True):
        held: set[int] = set()
        for part in parts:
            told = add(ingest_conn, truck, sorted(part), most_pages=2)
            (now,) = kept(ingest_conn).values()
            assert held <= now <= held | part
            assert told.left_out == len(part - now)
            assert (told.through, told.beyond) == expected(now, part & now)
            runs = [set(range(low, high + 1)) for low, high in ranges(part)]
            assert all(run <= now for run in runs if 1 in run or {min(run) - 1, max(run) + 1, *run} & held)
            assert len(ranges(now)) <= len(ranges(held)) + (1 in part) or not _is_full(held)
            held = now
        everything = set(range(1, max(held) + 1))
        told = add(ingest_conn, truck, sorted(everything), most_pages=2)
        assert (told.through, told.beyond, told.left_out) == (max(held), (), 0)


def _is_full(held: set[int]) -> bool:
    return len(ranges(held)) > 2 * sequences.PAGE_RANGES


def test_gaps_that_close_leave_one_row(ingest_conn: Conn, truck: KnownDevice) -> None:
    """However scattered numbers came, once none is missing they are one range in one row."""
    seqs = random.Random(7).sample(range(1, 401), 400)
    most = 0
    for at in range(0, len(seqs), 20):
        add(ingest_conn, truck, seqs[at : at + 20])
        (pages,) = ingest_conn.execute("select max(pages) from device_sequence").fetchone() or (0,)
        most = max(most, pages)
    assert most > 10
    assert ingest_conn.execute("select since, pages, seqs::text from device_sequence").fetchall() == [
        (0, 1, "{[1,401)}")
    ]


def test_left_out_is_stored(
    ingest_conn: Conn, superuser: Conn, truck: KnownDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reading that a full set leaves out is stored, and counted when it comes again after gaps have closed."""
    monkeypatch.setattr(add_sequences, "__kwdefaults__", {"most_pages": 2})
    write(ingest_conn, [arrival(truck, seq=seq) for seq in range(2, 40, 2)])
    (told,) = write(ingest_conn, [arrival(truck, seq=seq) for seq in (50, 51, 1, 39)]).progress
    assert (told.through, told.left_out) == (2, 2)
    assert told.beyond[-1] == (38, 39)
    assert superuser.execute("select count(*) from reading where seq >= 50").fetchone() == (2,)
    write(ingest_conn, [arrival(truck, seq=seq) for seq in range(3, 38, 2)])
    (again,) = write(ingest_conn, [arrival(truck, seq=seq) for seq in (50, 51)]).progress
    assert (again.through, again.beyond, again.left_out) == (39, ((50, 51),), 0)


@pytest.fixture
def writers(database: DatabaseSettings) -> Iterator[list[Conn]]:
    """Connections of four ingestors."""
    conns = [connect(database, role="wayproof_ingest", autocommit=True) for _ in range(4)]
    yield conns
    for conn in conns:
        conn.close()


def test_writers_at_once(writers: list[Conn], superuser: Conn, device_factory: Callable[[str], KnownDevice]) -> None:
    """Ingestors that share devices, and sometimes get the same readings, neither deadlock nor lose a number."""
    devices = [device_factory(f"truck-{n}") for n in range(6)]
    dice = random.Random(11)
    numbers = [(device, seq) for device in devices for seq in range(1, 301)]
    dice.shuffle(numbers)
    parts = [numbers[n::4] + dice.sample(numbers, 100) for n in range(4)]
    problems: list[BaseException] = []
    threads = [
        threading.Thread(target=_add_all, args=(conn, part, problems))
        for conn, part in zip(writers, parts, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    assert kept(superuser) == {(device.device_id, 1): set(range(1, 301)) for device in devices}
    assert superuser.execute("select count(*) from device_sequence").fetchone() == (len(devices),)


def _all(spans: Sequence[Range]) -> set[int]:
    return {n for low, high in spans for n in range(low, high + 1)}


def _add_all(conn: Conn, numbers: list[tuple[KnownDevice, int]], problems: list[BaseException]) -> None:
    try:
        for at in range(0, len(numbers), 25):
            part = numbers[at : at + 25]
            with conn.transaction():
                told = add_sequences(conn, columns([arrival(device, seq=seq) for device, seq in part]), [])
            held = {p.device_id: {*range(1, p.through + 1), *_all(p.beyond)} for p in told}
            assert all(seq in held[device.device_id] for device, seq in part)
    except BaseException as error:  # noqa: BLE001 - for the main thread to show
        problems.append(error)


def test_migration_keeps_sets(
    ingest_conn: Conn, superuser: Conn, truck: KnownDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sets that stood in one row each are the same after the migration, in as many rows as it takes."""
    monkeypatch.setattr(sequences, "PAGE_RANGES", 64)
    scattered = set(range(3, 403, 2))
    with superuser.transaction():
        superuser.execute("drop table device_sequence")
        superuser.execute("create table device_sequence (device_id integer, boot integer, seqs int8multirange)")
        superuser.execute("insert into device_sequence values (%s, 1, '{[1,11)}')", [truck.device_id])
        for_each = (
            "insert into device_sequence select %s, 2, range_agg(int8range(n, n, '[]')) from unnest(%s::bigint[]) n"
        )
        superuser.execute(for_each, [truck.device_id, list(scattered)])
        revision = files("wayproof.store.migrations").joinpath("versions/0003_sequence_blocks.sql")
        superuser.execute(revision.read_text(encoding="utf-8").encode())
    assert kept(superuser) == {(truck.device_id, 1): set(range(1, 11)), (truck.device_id, 2): scattered}
    assert superuser.execute("select count(*) from device_sequence where boot = 2").fetchone() == (4,)
    add(ingest_conn, truck, range(1, 402), boot=2)
    assert kept(superuser)[truck.device_id, 2] == set(range(1, 402))
