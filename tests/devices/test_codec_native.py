"""The native payload: what comes back is what was sent, and what is wrong is named."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading_strategies import BOUNDS, readings
from refused import detail, reason

from wayproof.devices.codecs.native import (
    MAX_BATCH_READINGS,
    decode,
    encode_cbor,
    encode_json,
)
from wayproof.model.errors import QuarantineReason
from wayproof.model.reading import MAX_BOOT, MAX_SEQ, Measures, Reading, content_seq

T = "2026-03-01T12:00:00.123456Z"
NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
both_formats = pytest.mark.parametrize("dump", [msgspec.json.encode, cbor2.dumps], ids=["json", "cbor"])
Dump = Callable[[Any], bytes]


def one(payload: bytes) -> Reading:
    """The one reading of a message that holds nothing else."""
    decoded = decode(payload)
    assert decoded.rejects == ()
    (reading,) = decoded.readings
    return reading


@given(st.lists(readings(), min_size=1, max_size=5))
def test_readings_come_back_exactly(sent: list[Reading]) -> None:
    """JSON and CBOR, single and batch, give back every value to the last bit, and the same in both."""
    assert decode(encode_json(sent)).readings == decode(encode_cbor(sent)).readings == tuple(sent)


@given(st.floats(-180, 180))
def test_floats_are_exact(value: float) -> None:
    """The shortest decimal that names a double names it through our decoder too."""
    payload = f'{{"observed_at": "{T}", "latitude_deg": 0, "longitude_deg": {value!r}}}'
    assert one(payload.encode()).longitude_deg == value


@both_formats
@pytest.mark.parametrize("name", BOUNDS)
def test_every_bound_holds(dump: Dump, name: str) -> None:
    """Each number is taken at both its bounds and refused just beyond."""
    pair = {"latitude_deg": 0.0, "longitude_deg": 0.0} if name.endswith("tude_deg") else {}
    for bound, step in zip(BOUNDS[name], (-1, 1), strict=True):
        fields = {"observed_at": T, "boot": 1, "seq": 1} | pair
        assert getattr(one(dump(fields | {name: bound})), name) == bound
        assert name in detail(dump(fields | {name: bound + step * 1e-3}))
        assert name in detail(dump(fields | {name: bound + step * 2**62}))


def test_bounds_cover_every_number() -> None:
    """The table that the tests and the documentation go by names every numeric measure."""
    assert set(BOUNDS) == set(Measures.__struct_fields__) - {"door_open", "extra"}


@both_formats
@pytest.mark.parametrize(
    ("observed_at", "expected"),
    [
        (T, NOON),
        ("2026-03-01T14:00:00.123456+02:00", NOON),
        ("2026-03-01 12:00:00.123456z", NOON),
        ("2026-03-01T12:00:00.1234564Z", NOON),
        ("2026-03-01T12:00:00.1234556Z", NOON),
        (1_772_366_400_123, NOON.replace(microsecond=123_000)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (4_102_444_799_999, datetime(2099, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        ("1970-01-01T02:00:00+02:00", datetime(1970, 1, 1, tzinfo=UTC)),
        ("2100-01-01T05:00:00+14:00", datetime(2099, 12, 31, 15, tzinfo=UTC)),
    ],
)
def test_times_that_are_taken(dump: Dump, observed_at: str | int, expected: datetime) -> None:
    """An RFC 3339 time with any offset, or milliseconds since 1970, becomes UTC to the nearest microsecond."""
    reading = one(dump({"observed_at": observed_at, "boot": 1, "seq": 1}))
    assert reading.observed_at == expected
    assert reading.observed_at.tzinfo is UTC


@both_formats
@pytest.mark.parametrize(
    "observed_at",
    [
        "2026-03-01T12:00:00",
        "2026-03-01",
        "2016-12-31T23:59:60Z",
        "2026-02-29T12:00:00Z",
        "2026-03-01T24:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "9999-12-31T23:59:59.9999999Z",
        "0001-01-01T00:00:00+14:00",
        "2100-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "yesterday",
        "",
        "2026-03-01T12:00:00Z\0",
        -1,
        4_102_444_800_000,
        2**63,
        10**18,
        1_772_366_400.5,
        True,
        None,
        [T],
    ],
)
def test_times_that_are_refused(dump: Dump, observed_at: object) -> None:
    """A naive, impossible or far-away time, a leap second, or a number of seconds is no time."""
    assert detail(dump({"observed_at": observed_at, "boot": 1, "seq": 1, "battery_pct": 50.0}))


@both_formats
def test_uncounted_readings_are_named_by_their_content(dump: Dump) -> None:
    """Without boot and seq a reading gets boot 0 and a hash: equal content, equal name, whatever the offset."""
    first = one(dump({"observed_at": "2026-03-01T12:00:00Z", "temperature_c": 4.5}))
    again = one(dump({"temperature_c": 4.5, "observed_at": 1_772_366_400_000, "boot": None}))
    other = one(dump({"observed_at": "2026-03-01T13:00:00+01:00", "temperature_c": 4.6}))
    assert first == again
    assert (first.boot, other.boot) == (0, 0)
    assert first.seq == content_seq(first.observed_at, Measures(temperature_c=4.5)) != other.seq


@both_formats
@pytest.mark.parametrize(
    "fields",
    [
        {"boot": 1},
        {"seq": 1},
        {"boot": 0, "seq": 1},
        {"boot": MAX_BOOT + 1, "seq": 1},
        {"boot": 1, "seq": 0},
        {"boot": 1, "seq": MAX_SEQ + 1},
        {"boot": 1.0, "seq": 1},
        {"boot": "1", "seq": 1},
        {"boot": True, "seq": 1},
        {"latitude_deg": 1.0},
        {"longitude_deg": 1.0, "latitude_deg": None},
        {"temperature_c": "4.5"},
        {"temperature_c": True},
        {"temperature_c": [4.5]},
        {"door_open": 1},
        {"door_open": "yes"},
        {"temperature": 4.5},
        {"": 1},
        {"extra": []},
        {"extra": {"a": "\0"}},
        {"extra": {"a\0": 1}},
        {"extra": {"a": 2**64}},
        {"extra": {"a": "x" * 4090}},
        {"extra": {"a": [[[[[[[[1]]]]]]]]}},
    ],
)
def test_fields_that_are_refused(dump: Dump, fields: dict[str, Any]) -> None:
    """A field of the wrong type, an unknown one, half a pair, or an `extra` that cannot be stored is refused."""
    payload = dump({"observed_at": T} | fields)
    if dump is cbor2.dumps and fields == {"extra": {"a": 2**64}}:
        assert reason(payload) == QuarantineReason.MALFORMED_CBOR  # a tag, so refused before it is a number
    else:
        assert detail(payload)


@both_formats
@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"a": "x" * 4088},
        {"a": [[[[[[[]]]]]]]},
        {"rssi_dbm": -70, "fix": "3D", "ok": True, "none": None, "dop": 1.5, "sats": [1, 2, {"snr": 40}]},
        {"a": 2**64 - 1, "b": -(2**63)},
        {"é\ud7ff𝄞": "\\u0000"},
    ],
)
def test_extras_that_are_taken(dump: Dump, extra: dict[str, Any]) -> None:
    """`extra` is any JSON object of at most 4 KiB and eight levels, and comes back as it was."""
    assert one(dump({"observed_at": T, "boot": 1, "seq": 1, "extra": extra})).extra == extra


def test_last_of_two_equal_names_counts_in_json() -> None:
    """A name twice in one JSON object is read with its last value, as most parsers do (RFC 8259 section 4)."""
    assert one(b'{"observed_at": 0, "battery_pct": 1, "battery_pct": 2}').battery_pct == 2


@both_formats
def test_neighbours_of_a_bad_item_live(dump: Dump) -> None:
    """In a batch each bad item is set aside with its own bytes and, where legible, its number."""
    good = [{"observed_at": T, "boot": 7, "seq": seq, "extra": {"n": [seq]}} for seq in range(1, 31)]
    bad = [
        {"observed_at": T, "boot": 7, "seq": 31, "temperature_c": 1e9},
        {"observed_at": T, "boot": 7, "seq": "32"},
        "no object",
        {"observed_at": "9999-12-31T23:59:59-12:00", "seq": 33, "boot": 7},
    ]
    decoded = decode(dump([bad[0], *good[:10], bad[1], bad[2], *good[10:], bad[3]]))
    assert [reading.seq for reading in decoded.readings] == list(range(1, 31))
    assert [(reject.boot, reject.seq) for reject in decoded.rejects] == [(7, 31), (None, None), (None, None), (7, 33)]
    assert [reject.raw for reject in decoded.rejects] == [dump(item) for item in bad]
    assert {reject.reason for reject in decoded.rejects} == {QuarantineReason.INVALID_READING}


def test_raw_bytes_of_an_item_are_kept_as_sent() -> None:
    """White space and spelling of a rejected JSON item survive, for a replay after a fix."""
    item = b'{ "observed_at" : "never",  "x":1.50 }'
    decoded = decode(b"[\n" + item + b' ,{"observed_at": 5}]')
    assert decoded.rejects[0].raw == item
    assert len(decoded.readings) == 1


def test_largest_batch_is_taken() -> None:
    """A batch may hold a thousand readings."""
    batch = [Reading(observed_at=NOON, boot=1, seq=seq) for seq in range(1, MAX_BATCH_READINGS + 1)]
    assert decode(encode_json(batch)).readings == decode(encode_cbor(batch)).readings == tuple(batch)


def test_self_described_cbor_is_taken() -> None:
    """The CBOR marker of RFC 8949 section 3.4.6 may stand before a message, and stays in its raw bytes."""
    marked = b"\xd9\xd9\xf7" + encode_cbor([Reading(observed_at=NOON, boot=1, seq=1)])
    assert one(marked).seq == 1
    assert detail(b"\xd9\xd9\xf7\xa0")
