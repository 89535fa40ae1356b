"""The native payload: what comes back is what was sent, and what is wrong is named."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reading_strategies import BOUNDS, readings

from wayproof.devices.codecs.native import (
    MAX_BATCH_READINGS,
    MAX_PAYLOAD_BYTES,
    decode,
    encode_cbor,
    encode_json,
)
from wayproof.model.errors import InvalidInput, MalformedPayload, QuarantineReason
from wayproof.model.reading import MAX_BOOT, MAX_SEQ, Measures, Reading, content_seq

T = "2026-03-01T12:00:00.123456Z"
NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
Encode = Callable[[Sequence[Reading]], bytes]
both_formats = pytest.mark.parametrize("dump", [msgspec.json.encode, cbor2.dumps], ids=["json", "cbor"])
Dump = Callable[[Any], bytes]


def one(payload: bytes) -> Reading:
    """The one reading of a message that holds nothing else."""
    decoded = decode(payload)
    assert decoded.rejects == ()
    (reading,) = decoded.readings
    return reading


def detail(payload: bytes) -> str:
    """Why a message of one item was refused."""
    decoded = decode(payload)
    assert decoded.readings == ()
    (reject,) = decoded.rejects
    assert (reject.raw, reject.reason) == (payload, QuarantineReason.INVALID_READING)
    return reject.detail


def reason(payload: bytes) -> QuarantineReason:
    """Why a message as a whole was refused."""
    with pytest.raises(MalformedPayload) as caught:
        decode(payload)
    return caught.value.reason


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


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_no_number_is_refused_by_itself(number: bytes) -> None:
    """NaN and infinities, which JSON does not have, refuse the reading that holds one and leave its neighbours."""
    good = [b'{"observed_at":%d,"boot":1,"seq":%d,"temperature_c":4.5}' % (seq, seq) for seq in (1, 3)]
    bad = b'{"observed_at":2,"boot":1,"seq":2,"temperature_c":%b, "extra":{"note":"x"}}' % number
    decoded = decode(b"[" + b", ".join([good[0], bad, good[1]]) + b"]")
    assert [reading.seq for reading in decoded.readings] == [1, 3]
    assert [(r.raw, r.reason, r.boot, r.seq) for r in decoded.rejects] == [
        (bad, QuarantineReason.INVALID_READING, 1, 2)
    ]
    (alone,) = decode(bad).rejects
    assert (alone.raw, alone.seq) == (bad, 2)
    (hidden,) = decode(b'{"observed_at":2,"boot":1,"seq":2,"extra":{"a":[%b]}}' % number).rejects
    assert "out of range" in hidden.detail


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"[",
        b"[1,]",
        b'{"observed_at": 1,}',
        b'{"observed_at": 5.5, "boot"',
        b'{"temperature_c": -nan}',
        b'{"a": 01}',
        b"{'a': 1}",
        b'{"a": 1} {"b": 2}',
        b'{"a": "\xff"}',
        b'[{"a": "\xed\xa0\x80"}]',
        b'{"a": "\\ud800"}',
        b'{"a": "\n"}',
        b'{"a": "\\x"}',
        b"[" * 60_000,
        b"[" + b'{"extra":' * 7_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"a": 1}\0',
        "{}".encode("utf-16-le"),
    ],
)
def test_broken_json_is_named(payload: bytes) -> None:
    """What starts like JSON and breaks its grammar, or nests without end, is malformed as a whole."""
    assert reason(payload) == QuarantineReason.MALFORMED_JSON


@pytest.mark.parametrize(
    "payload",
    [
        b"\xa1",
        b"\xa1\x61a",
        b"\xa0\x00",
        b"\xbf\xff",
        b"\x9f\xa0\xff",
        b"\x81\x7f\x61a\xff",
        b"\x9a\xff\xff\xff\xff",
        b"\x9b" + b"\xff" * 8,
        b"\xbb\x7f" + b"\xff" * 7,
        b"\x81\x5b\x7f" + b"\xff" * 7,
        b"\x81" * 60_000 + b"\x80",
        b"\xa1\x61a" * 20_000 + b"\x01",
        b"\xa1\x01\x02",
        b"\xa1\xf6\x02",
        b"\xa2\x61a\x01\x61a\x02",
        b"\x81\x61\xff",
        b"\x81\x1c",
        b"\x81\xf8\x01",
        b"\x81\xff",
        b"\xd9\xd9\xf7",
        b"\xd9\xd9\xf7\xd9\xd9\xf7\xa0",
        b"\x81\xc2\x59\x40\x00" + b"\xff" * 0x4000,
        b"\x81\xc4\x82\x1b\x7f" + b"\xff" * 7 + b"\x01",
        b"\xa1\x65extra\xd8\x1c\xa1\x61a\xd8\x1d\x00",
    ],
)
def test_broken_cbor_is_named(payload: bytes) -> None:
    """Truncated, nested, indefinite, tagged, doubled or trailing CBOR is malformed as a whole."""
    assert reason(payload) == QuarantineReason.MALFORMED_CBOR


def test_no_cbor_tag_is_interpreted() -> None:
    """Every tag is refused, also those that the library would turn into dates, patterns or shared values."""
    contents = [b"\x01", b"\x61a", b"\x41a", b"\x81\x01", b"\x82\x01\x01", b"\xa1\x61a\x01"]
    for tag in range(66_000):
        head = b"\xda" + tag.to_bytes(4, "big")
        for content in contents if tag < 1_100 else contents[:1]:
            with pytest.raises(MalformedPayload, match="tag"):
                decode(b"\xa1\x61a" + head + content)


@pytest.mark.parametrize(
    "value", ["f97e00", "f97c00", "fb7ff0000000000000", "fbfff0000000000000", "fa7fc00000", "f7", "e0"]
)
def test_cbor_has_no_values_that_json_lacks(value: str) -> None:
    """NaN, infinities, undefined and simple values are refused, as a measure and within `extra`."""
    head = cbor2.dumps({"observed_at": T, "boot": 1, "seq": 1})
    grown = bytes([head[0] + 1]) + head[1:]
    assert detail(grown + cbor2.dumps("temperature_c") + bytes.fromhex(value))
    assert detail(grown + cbor2.dumps("extra") + b"\xa1\x61a" + bytes.fromhex(value))


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", QuarantineReason.EMPTY_PAYLOAD),
        (b" \n", QuarantineReason.EMPTY_PAYLOAD),
        (b"[]", QuarantineReason.EMPTY_PAYLOAD),
        (b" [ ] ", QuarantineReason.EMPTY_PAYLOAD),
        (b"\x80", QuarantineReason.EMPTY_PAYLOAD),
        (b"12", QuarantineReason.UNKNOWN_FORMAT),
        (b"null", QuarantineReason.UNKNOWN_FORMAT),
        (b"\xef\xbb\xbf{}", QuarantineReason.UNKNOWN_FORMAT),
        (b"\x00" * 100, QuarantineReason.UNKNOWN_FORMAT),
        (b"<gpx/>", QuarantineReason.UNKNOWN_FORMAT),
        (b"\xd8\x1c\x81\xd8\x1d\x00", QuarantineReason.UNKNOWN_FORMAT),
        (b" " * (MAX_PAYLOAD_BYTES + 1), QuarantineReason.TOO_LARGE),
        (b"[" + b"1," * MAX_BATCH_READINGS + b"1]", QuarantineReason.TOO_LARGE),
        (cbor2.dumps([1] * (MAX_BATCH_READINGS + 1)), QuarantineReason.TOO_LARGE),
    ],
)
def test_messages_without_items_are_named(payload: bytes, expected: QuarantineReason) -> None:
    """No content, no known format, or too much of it: one reason each."""
    assert reason(payload) == expected


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


@given(st.binary(max_size=200), st.sampled_from([b"", b"{", b"[", b"\x81", b"\xa1", b"\xd9\xd9\xf7"]))
@example(b"1" * 5_000 + b"}", b'{"observed_at":')
@example(b"1" * 5_000 + b"}}", b'{"observed_at":1,"extra":{"a":')
@example(b"1e400}", b'{"observed_at":')
def test_arbitrary_bytes_are_decoded_or_named(payload: bytes, start: bytes) -> None:
    """Whatever comes, the decoder answers with readings, rejects or MalformedPayload, and with nothing else."""
    _decode_or_refuse(start + payload)


@given(st.lists(readings(), min_size=1, max_size=3), st.sampled_from([encode_json, encode_cbor]), st.data())
def test_mutated_payloads_are_decoded_or_named(sent: list[Reading], encode: Encode, data: st.DataObject) -> None:
    """A valid message with bytes changed, cut or repeated never crashes the decoder."""
    payload = bytearray(encode(sent))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(payload)))
        payload[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    _decode_or_refuse(bytes(payload))


def _decode_or_refuse(payload: bytes) -> None:
    try:
        decoded = decode(payload)
    except MalformedPayload:
        return
    assert decoded.readings or decoded.rejects
    assert decode(encode_json(decoded.readings)).readings == decoded.readings if decoded.readings else True
    for reject in decoded.rejects:
        assert reject.raw in payload
        assert reject.detail
        assert (reject.boot is None) is (reject.seq is None)


def test_nothing_is_no_message() -> None:
    """An empty sequence cannot be encoded."""
    with pytest.raises(InvalidInput):
        encode_json([])
