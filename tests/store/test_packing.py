"""Packing old days changes no answer, loses nothing, and can be killed."""

import csv
import gzip
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import psycopg
import pytest
from reading_strategies import BOUNDS
from real_data import LONDON, real_data

from wayproof.devices.simulator.disorder import disorderly
from wayproof.devices.simulator.fleet import fleet_plan
from wayproof.model.clock import LATEST, judge_clock
from wayproof.model.device import Device
from wayproof.model.errors import Unavailable
from wayproof.model.reading import MEASURES, Measures, Reading, content_seq
from wayproof.store import locks, telemetry
from wayproof.store.packing import count_packed_days, pack_day, packable_days
from wayproof.store.partitions import drop_before, open_days_ahead
from wayproof.store.pool import Conn, connect, tenant_transaction
from wayproof.store.registry import KnownDevice
from wayproof.store.settings import DatabaseSettings

from fix_intake import NOON, arrival, write
from fix_packing import Stored, bytes_a_reading, everything, fill
from fix_registry import Registry
from fix_telemetry import Tell

pytestmark = pytest.mark.usefixtures("plain")

TODAY = NOON.date()
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
AGE = timedelta(days=30)


@pytest.fixture
def operator(database: DatabaseSettings) -> Iterator[Conn]:
    """A connection with the owner's rights, as maintenance holds it."""
    with connect(database, autocommit=True) as conn:
        yield conn


def pack_all(conn: Conn, today: date) -> list[date]:
    """Packs whatever is old enough on that day."""
    days = packable_days(conn, today=today, age=AGE)
    for day in days:
        pack_day(conn, day)
    return days


def _any_readings(seed: int) -> Iterator[Reading]:
    """A day of a device with values of every kind: decimals, singles, doubles, gaps, hashes, odd intervals."""
    chance = random.Random(seed)
    kinds: list[Callable[[float], float | None]] = [
        lambda _: None,
        lambda value: round(value, chance.choice((0, 1, 2))),
        lambda value: round(value, 6),
        float,
        lambda value: chance.choice((None, value)),
        lambda _: -0.0,
        lambda _: 5e-324,
    ]
    kind_of = {name: chance.choice(kinds) for name in BOUNDS}
    counted = chance.random() < 0.8
    for n in range(chance.choice((1, 2, 96, 400))):
        measures = Measures(
            **{name: kind_of[name](chance.uniform(*BOUNDS[name])) for name in BOUNDS},
            door_open=chance.choice((None, True, False)) if seed % 3 else None,
            extra={"n": n, "q": chance.random(), "x": [None, "ü"]} if seed % 4 == 0 and n % 2 else None,
        )
        at = MIDNIGHT + timedelta(seconds=n * 200 + chance.choice((0, 0, 0, 1, 0.000_001)))
        boot, seq = (3, n + 1) if counted else (0, content_seq(at, measures))
        yield Reading(observed_at=at, boot=boot, seq=seq, **{name: getattr(measures, name) for name in MEASURES})


def test_whatever_was_stored_comes_back(operator: Conn, superuser: Conn) -> None:
    """Every column of every reading, whatever its values, is the same bits after packing as before."""
    open_days_ahead(operator, TODAY, 0)
    chance = random.Random(1)
    for device_id in range(1, 121):
        late = [timedelta(seconds=chance.choice((0.2, 3, 5_000, 9e6)) * chance.random()) for _ in range(400)]
        rows = zip(_any_readings(device_id), late, strict=False)
        fill(superuser, ((device_id, reading, reading.observed_at + delay) for reading, delay in rows))
    before = everything(superuser)
    assert pack_all(operator, TODAY + AGE + DAY) == [TODAY]
    assert superuser.execute("select count(*) from reading").fetchone() == (0,)
    assert everything(superuser) == before
    assert count_packed_days(operator) == 1


def _answers(registry: Registry, device: Device, shipment_ids: list[Any]) -> list[Any]:
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        found: list[Any] = [telemetry.get_state(conn, device.device_id)]
        for limit in (1, 7, 500):
            position, page = None, telemetry.list_readings(conn, device.device_id, limit=limit)
            while page and len(found) < 400:
                found += page
                last = page[-1].reading
                position = (last.observed_at, last.boot, last.seq)
                page = telemetry.list_readings(conn, device.device_id, position=position, limit=limit)
        found.append(telemetry.list_readings(conn, device.device_id, since=NOON - DAY, until=NOON, limit=99))
        for shipment_id in shipment_ids:
            legs = telemetry.list_legs(conn, shipment_id)
            found += [telemetry.list_track(conn, leg, max_points=20) for leg in legs]
            for bucket_s in (60, 900):
                found += telemetry.list_buckets(conn, legs, measure="temperature_c", bucket_s=bucket_s)
        found += [telemetry.latest_positions(conn, shipment_ids), telemetry.latest_climates(conn, shipment_ids)]
    return found


def test_api_answers_the_same(operator: Conn, registry: Registry, tell: Tell, superuser: Conn) -> None:
    """Pages, tracks, series and last positions are the same over loose, packed and mixed days."""
    truck, chance, shipments = registry.device(), random.Random(5), []
    for day in range(4):
        shipments.append(registry.shipment())
        registry.assignment(shipments[-1], truck, NOON + day * DAY, NOON + (day + 1) * DAY)
    for hours in range(0, 24 * 5, 2):
        told: dict[str, Any] = {"latitude_deg": 1 + hours / 7, "longitude_deg": 5.5} if hours % 3 else {}
        tell(truck, MIDNIGHT + hours * DAY / 24, **told, temperature_c=chance.uniform(-20, 20))
    tell(truck, MIDNIGHT + 9 * DAY, received_at=MIDNIGHT + DAY, temperature_c=77)  # a wrong clock
    ids = [shipment.shipment_id for shipment in shipments]
    before = _answers(registry, truck, ids)
    open_days_ahead(operator, TODAY, 1)  # of the five days two are partitions, three wait
    assert len(pack_all(operator, TODAY + AGE + 3 * DAY)) == 3
    assert _answers(registry, truck, ids) == before
    tell(truck, NOON + DAY / 48, latitude_deg=3, longitude_deg=3, temperature_c=4)  # late, beside a packed day
    late = _answers(registry, truck, ids)
    assert late != before
    assert len(pack_all(operator, TODAY + AGE + 9 * DAY)) == 3
    assert _answers(registry, truck, ids) == late
    assert superuser.execute("select count(*), min(clock_flags) from reading").fetchone() == (1, 1)


def _asked(conn: Conn, device: KnownDevice, *seqs: int) -> set[int]:
    rows = conn.execute(
        "select seq from packed_identities(%s, %s, %s, %s)",
        [[device.device_id] * len(seqs), [NOON] * len(seqs), [1] * len(seqs), list(seqs)],
    )
    return {seq for (seq,) in rows}


def test_writers_can_ask_what_is_packed(operator: Conn, ingest_conn: Conn, truck: KnownDevice) -> None:
    """Of readings of packed days a writer learns which it has already, to the very identity."""
    write(ingest_conn, [arrival(truck, seq=seq) for seq in (1, 2)])
    assert _asked(ingest_conn, truck, 1, 2, 3) == set()
    pack_all(operator, TODAY + AGE + DAY)
    assert _asked(ingest_conn, truck, 1, 2, 3) == {1, 2}


def test_reading_that_comes_late_is_merged(
    operator: Conn, ingest_conn: Conn, superuser: Conn, truck: KnownDevice
) -> None:
    """A new reading of a packed day is packed in the next round; one that is packed already counts once, as it was."""
    write(ingest_conn, [arrival(truck, seq=seq, temperature_c=seq) for seq in (1, 3)])
    pack_all(operator, TODAY + AGE + DAY)
    write(ingest_conn, [arrival(truck, seq=seq, received_at=NOON + DAY, observed_at=NOON) for seq in (2, 3)])
    assert pack_all(operator, TODAY + AGE + DAY) == [TODAY]
    found = superuser.execute("select seq, temperature_c, received_at from unpacked_reading order by seq").fetchall()
    assert found == [(1, 1, NOON), (2, None, NOON + DAY), (3, 3, NOON)]
    assert superuser.execute("select count(*) from reading").fetchone() == (0,)
    assert pack_all(operator, TODAY + AGE + DAY) == []


def test_packing_waits_for_a_writer_that_has_asked(
    operator: Conn, ingest_conn: Conn, superuser: Conn, truck: KnownDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a writer's question and its commit its days are not packed: nothing stands both packed and loose."""
    monkeypatch.setattr(locks, "_ATTEMPTS", 1)
    write(ingest_conn, [arrival(truck)])
    with ingest_conn.transaction():
        assert _asked(ingest_conn, truck, 1) == set()
        with pytest.raises(Unavailable, match="LockNotAvailable"):
            pack_day(operator, TODAY)
        pack_day(operator, TODAY + DAY)  # another day does not wait
    pack_day(operator, TODAY)
    assert _asked(ingest_conn, truck, 1) == {1}


def test_killed_packing_leaves_the_day_as_it_was(
    database: DatabaseSettings, operator: Conn, ingest_conn: Conn, superuser: Conn, truck: KnownDevice
) -> None:
    """A packer that is killed when all is packed and nothing committed has done nothing; the next one packs the day."""
    open_days_ahead(operator, TODAY, 0)
    write(ingest_conn, [arrival(truck, seq=seq, temperature_c=seq / 7) for seq in range(1, 50)])
    before = everything(superuser)
    with connect(database) as reader, connect(database, autocommit=True) as doomed:
        reader.execute("select count(*) from reading")  # the partition cannot go while somebody reads
        packer = threading.Thread(target=_swallow, args=(doomed,))
        packer.start()
        _wait_until_blocked(superuser, doomed.info.backend_pid)
        superuser.execute("select pg_terminate_backend(%s)", [doomed.info.backend_pid])
        packer.join(60)
    assert superuser.execute("select count(*) from reading_packed").fetchone() == (0,)
    assert everything(superuser) == before
    assert pack_all(operator, TODAY + AGE + DAY) == [TODAY]
    assert everything(superuser) == before


def _swallow(conn: Conn) -> None:
    try:
        pack_day(conn, TODAY)
    except (Unavailable, psycopg.Error):
        return
    raise AssertionError("the packer was not killed")


def _wait_until_blocked(conn: Conn, pid: int) -> None:
    deadline = time.monotonic() + 60
    while conn.execute("select cardinality(pg_blocking_pids(%s))", [pid]).fetchone() == (0,):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_wrong_clock_is_not_packed_and_goes_by_receipt(
    operator: Conn, ingest_conn: Conn, superuser: Conn, truck: KnownDevice
) -> None:
    """A flagged reading stays loose when its day is packed, and outlives the day if it was received later."""
    open_days_ahead(operator, TODAY, 0)
    ahead = {"observed_at": NOON, "received_at": NOON - DAY}
    rollover = {"observed_at": NOON, "received_at": NOON + timedelta(weeks=1024)}
    write(ingest_conn, [arrival(truck, seq=1), arrival(truck, seq=2, **ahead), arrival(truck, seq=3, **rollover)])
    pack_all(operator, TODAY + AGE + DAY)
    assert superuser.execute("select seq from reading order by seq").fetchall() == [(2,), (3,)]
    assert drop_before(operator, MIDNIGHT + DAY) == 1
    assert [row[4] for row in everything(superuser)] == [3]


def test_day_that_is_dropped_leaves_what_was_received_later(
    operator: Conn, ingest_conn: Conn, superuser: Conn, truck: KnownDevice
) -> None:
    """Dropping a day that was never packed keeps those of its flagged readings that were received after the cutoff."""
    open_days_ahead(operator, TODAY, 0)
    rollover = {"observed_at": NOON, "received_at": NOON + timedelta(weeks=1024)}
    write(ingest_conn, [arrival(truck, seq=1), arrival(truck, seq=2, **rollover)])
    assert drop_before(operator, MIDNIGHT + DAY) == 1
    assert [row[4] for row in everything(superuser)] == [2]


def test_young_days_are_never_packed(operator: Conn, ingest_conn: Conn, truck: KnownDevice) -> None:
    """Packing starts with the oldest day, is bounded, stops at its age, and refuses an age that writers do not know."""
    write(ingest_conn, [arrival(truck, seq=n, observed_at=NOON - n * DAY) for n in (2, 29, 30, 31, 32, 33)])
    days = packable_days(operator, today=TODAY, age=AGE, most=2)
    assert days == [TODAY - 33 * DAY, TODAY - 32 * DAY]
    assert packable_days(operator, today=TODAY, age=AGE)[-1] == TODAY - 31 * DAY
    with pytest.raises(ValueError, match="at least 2 days"):
        packable_days(operator, today=TODAY, age=DAY)


def test_packed_readings_are_the_tenants_own(operator: Conn, database: DatabaseSettings, registry: Registry) -> None:
    """The API's role reaches packed readings only through the tenant's view."""
    with connect(database, role="wayproof_api", autocommit=True) as conn:
        for forbidden in ("reading_packed", "unpacked_reading", "packed_identities('{}', '{}', '{}', '{}')"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(f"select * from {forbidden}".encode())  # noqa: S608 - literals above


def test_first_page_unpacks_the_first_day_only(operator: Conn, registry: Registry, superuser: Conn) -> None:
    """A page, and the last position of a leg, unpack as many days as they need, however many there are."""
    truck, shipment = registry.device(), registry.shipment()
    registry.assignment(shipment, truck, MIDNIGHT, MIDNIGHT + 19 * DAY)
    place: dict[str, Any] = {"latitude_deg": 1.5, "longitude_deg": 2.5}
    readings = (Reading(observed_at=MIDNIGHT + n * DAY / 96, boot=1, seq=n, **place) for n in range(96 * 20))
    fill(superuser, ((truck.device_id, reading, reading.observed_at) for reading in readings))
    superuser.execute(
        "insert into device_state (device_id, received_at, position_observed_at) values (%s, now(), now())",
        [truck.device_id],
    )
    assert len(pack_all(operator, TODAY + AGE + 99 * DAY)) == 20
    superuser.execute("analyze reading_packed")
    page = {"since": MIDNIGHT, "after_boot": -1, "after_seq": -1, "until": LATEST, "limit": 50}
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        assert _unpacked_days(conn, "list_readings", {"device_id": truck.device_id, **page}) <= 2
        assert _unpacked_days(conn, "latest_positions", {"shipment_ids": [shipment.shipment_id]}) <= 2


def _unpacked_days(conn: Conn, query: str, values: dict[str, Any]) -> int:
    explain = b"explain (analyze, costs off, timing off) "
    plan = conn.execute(explain + telemetry._SQL[query].encode(), values).fetchall()
    (loops,) = [re.search(r"loops=(\d+)\)", line) for (line,) in plan if "Function Scan on packed" in line]
    assert loops is not None
    return int(loops[1])


def _simulated(day: datetime) -> Iterator[Stored]:
    fleet = fleet_plan(seed=7, trucks=14, warehouses=2, epoch=day)
    chance = random.Random(7)
    for device_id, device in enumerate(disorderly(fleet), 1):
        interval = timedelta(seconds=30 if device_id <= 14 else 180)
        recorded = device.recorded_between(day, day + DAY, interval=interval)
        for seq, (recorded_at, observed_at, measures) in enumerate(recorded, 1):
            received_at = recorded_at + timedelta(seconds=chance.uniform(0.02, 0.4))
            if not judge_clock(observed_at, received_at):
                values = {name: getattr(measures, name) for name in MEASURES}
                yield device_id, Reading(observed_at=observed_at, boot=5, seq=seq, **values), received_at


def _london() -> Iterator[Stored]:
    with gzip.open(LONDON, "rt", encoding="utf-8") as file:
        rooms: dict[str, int] = {}
        for seq, row in enumerate(islice(csv.DictReader(file), 20_000), 1):
            device_id = rooms.setdefault(row["Sensor"], len(rooms) + 1)
            at = datetime.fromisoformat(row["Date"]).replace(tzinfo=UTC)
            numbers = {"temperature_c": row["Temp"], "humidity_pct": row["RH"]}
            told: dict[str, Any] = {name: float(value) for name, value in numbers.items() if value}
            received_at = at + timedelta(microseconds=250_000 + seq * 7_919 % 300_000)
            yield device_id, Reading(observed_at=at, boot=1, seq=seq, **told), received_at


@pytest.mark.parametrize("source", [lambda: _simulated(MIDNIGHT), pytest.param(_london, marks=real_data)])
def test_packed_reading_is_small(
    operator: Conn,
    superuser: Conn,
    source: Callable[[], Iterable[Stored]],
    record_property: Callable[[str, object], None],
) -> None:
    """A reading of a simulated lorry, or of a real room's sensor, takes at most 34 bytes, and is the same as before."""
    fill(superuser, source())
    before = everything(superuser)
    while pack_all(operator, TODAY + 400 * DAY):
        pass
    assert everything(superuser) == before
    size = bytes_a_reading(superuser)
    record_property("bytes_a_reading", size)
    print(f"{size:.1f} bytes a reading, {len(before)} readings")  # noqa: T201 - the figure is wanted
    assert size <= 34
