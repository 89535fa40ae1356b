"""The bytes of a reading: unambiguous, exact, and the same after any time in the store."""

import json
import random
import struct
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading_strategies import instants, readings

from wayproof.ledger.evidence import EvidenceTree, reading_leaf
from wayproof.model.canonical import reading_bytes, reading_of
from wayproof.model.clock import LATEST, ClockFlag, judge_clock
from wayproof.model.errors import InvalidInput
from wayproof.model.reading import MEASURES, Reading
from wayproof.model.telemetry import StoredReading
from wayproof.store import telemetry
from wayproof.store.packing import pack_day
from wayproof.store.pool import connect, tenant_transaction
from wayproof.store.registry import KnownDevice
from wayproof.store.settings import DatabaseSettings

from fix_intake import arrival, write
from fix_registry import Registry
from fix_telemetry import Tell

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
stored_readings = st.builds(
    StoredReading, reading=readings(), received_at=instants, clock_flags=st.integers(0, 7).map(ClockFlag)
)


def stored(received_at: datetime = AT, clock_flags: int = 0, **fields: Any) -> StoredReading:
    """A reading of boot 1, seq 2, observed at nine, with these measures."""
    reading = Reading(**{"observed_at": AT, "boot": 1, "seq": 2, **fields})
    return StoredReading(reading=reading, received_at=received_at, clock_flags=ClockFlag(clock_flags))


def test_layout() -> None:
    """The bytes are those that the docstring of reading_bytes states."""
    found = reading_bytes("truck-1", stored(latitude_deg=51.5, longitude_deg=-0.0, door_open=False, extra={"a": 1.0}))
    nine_us = 1_772_355_600_000_000
    assert found == (
        b"wayproof:reading:v1\n\x07truck-1"
        + struct.pack(">qqIQHH", nine_us, nine_us, 1, 2, 0, 0b0101_0000_0000_0011)
        + struct.pack(">dd", 51.5, 0.0)
        + b'{"a":1}'
    )


def test_layout_names_every_measure() -> None:
    """A new measure needs a new version of the layout: the bits of the first are taken."""
    assert (
        *("latitude_deg", "longitude_deg", "altitude_m", "accuracy_m", "speed_mps", "heading_deg", "temperature_c"),
        *("humidity_pct", "pressure_hpa", "light_lux", "shock_g", "battery_pct", "door_open", "extra"),
    ) == MEASURES


def decimals(extra: Any) -> Any:
    """JSON by the decimals that were written, as the database keeps it; of floats the shortest count."""
    return json.loads(json.dumps(extra), parse_float=Decimal)


@given(stored_readings)
def test_round_trip(sent: StoredReading) -> None:
    """From its bytes comes the same reading, so no two readings share them."""
    device, found = reading_of(reading_bytes("truck-1", sent))
    assert device == "truck-1"
    assert decimals(found.reading.extra) == decimals(sent.reading.extra)
    assert replace(found, reading=msgspec.structs.replace(found.reading, extra=sent.reading.extra)) == sent


@pytest.mark.parametrize(
    "changed",
    [
        stored(received_at=AT + timedelta(microseconds=1)),
        stored(clock_flags=1),
        stored(observed_at=AT - timedelta(microseconds=1)),
        stored(boot=2),
        stored(seq=3),
        stored(temperature_c=0.0),
        stored(humidity_pct=0.0),
        stored(door_open=False),
        stored(door_open=True),
        stored(extra={}),
        stored(extra={"n": 2**60}),
        stored(extra={"n": 2**60 + 1}),
        stored(extra={"n": str(2**60)}),
        stored(extra={"n": f"n{2**60}"}),
        stored(extra={"n": 2**60, "s": "n5"}),
        stored(extra={"n": 2**60, "s": 5}),
    ],
)
def test_everything_counts(changed: StoredReading) -> None:
    """What differs in any value, time, flag or presence has other bytes; so has the same of another device."""
    plain = {reading_bytes("truck-1", stored()), reading_bytes("truck-2", stored())}
    assert len(plain) == 2
    assert reading_bytes("truck-1", changed) not in plain
    assert reading_of(reading_bytes("truck-1", changed))[1] == changed


def test_wide_extras_differ() -> None:
    """Integers that one binary64 cannot tell apart, and texts that look like them, stay apart."""
    extras: list[Any] = [2**60, 2**60 + 1, str(2**60), f"n{2**60}", f"s{2**60}", [2**60], 1e300, True, 1, "1", None]
    assert len({reading_bytes("a", stored(extra={"n": extra})) for extra in extras}) == len(extras)


@given(st.binary(max_size=120), stored_readings, st.integers(0), st.integers(1, 255))
def test_fuzz_bytes(noise: bytes, reading: StoredReading, place: int, change: int) -> None:
    """Bytes with a change anywhere are refused as InvalidInput, or are those of another reading."""
    data = bytearray(reading_bytes("truck-1", reading))
    data[place % len(data)] ^= change
    for other in (bytes(data), noise, b"wayproof:reading:v1\n" + noise, bytes(data) + noise):
        with suppress(InvalidInput):
            assert reading_bytes(*reading_of(other)) == other


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(readings())
def test_same_after_storing(registry: Registry, tell: Tell, reading: Reading) -> None:
    """What the database gives back has the bytes of what the device sent, so nothing of the store's form is in them."""
    device = registry.device()
    fields = {name: getattr(reading, name) for name in Reading.__struct_fields__ if name != "observed_at"}
    tell(device, reading.observed_at, received_at=AT, **fields)
    with tenant_transaction(registry.pool, registry.tenant_id) as conn:
        (found,) = telemetry.list_readings(conn, device.device_id, until=LATEST, limit=2)
    sent = StoredReading(reading=reading, received_at=AT, clock_flags=judge_clock(reading.observed_at, AT))
    assert reading_bytes(device.name, found) == reading_bytes(device.name, sent)


@pytest.mark.usefixtures("plain")
def test_same_after_packing(registry: Registry, ingest_conn: Any, database: DatabaseSettings) -> None:
    """Packing a day changes no leaf of its readings, so roots that were signed before still hold."""
    chance, device = random.Random(4), registry.device()
    known = KnownDevice(device_id=device.device_id, tenant_id=device.tenant_id)
    values: list[dict[str, Any]] = [
        {"temperature_c": -0.0, "extra": {"big": 1e300}},
        {"temperature_c": 5e-324, "humidity_pct": 54.3},
        {"temperature_c": round(chance.uniform(-20, 20), 2), "door_open": True},
        {"temperature_c": chance.uniform(-20, 20), "extra": {"id": 2**63}},
    ]
    write(
        ingest_conn,
        [
            arrival(known, received_at=AT + timedelta(seconds=n), seq=n + 1, **values[n % 4] | {"battery_pct": n % 100})
            for n in range(200)
        ],
    )

    def root() -> bytes:
        with tenant_transaction(registry.pool, registry.tenant_id) as conn:
            found = telemetry.list_readings(conn, device.device_id, limit=1_000)
        assert len(found) == 200
        return EvidenceTree(reading_leaf(device.name, reading) for reading in found).root

    before = root()
    with connect(database, autocommit=True) as conn:
        pack_day(conn, date(2026, 3, 1))
        assert conn.execute("select sum(readings) from reading_packed").fetchone() == (200,)
    assert root() == before


@pytest.mark.parametrize(("number", "same"), [(2.0**53, 2**53), (1e300, 10**300), (5.0, 5), (-1e16, -(10**16))])
def test_form_of_a_number(number: float, same: int) -> None:
    """A number in extra has the same bytes whether it was written as a float or, as the database may, as an integer."""
    assert reading_bytes("a", stored(extra={"n": number})) == reading_bytes("a", stored(extra={"n": same}))


def test_number_given_as_integer() -> None:
    """A measure has the same bytes whether JSON wrote 4 or 4.0."""
    whole = msgspec.convert(msgspec.to_builtins(stored().reading) | {"temperature_c": 4}, Reading)
    assert reading_bytes("a", replace(stored(), reading=whole)) == reading_bytes("a", stored(temperature_c=4.0))
