"""Bytes that are no message of the native protocol are named, never half understood."""

from collections.abc import Callable, Sequence

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reading_strategies import readings
from refused import detail, reason

from wayproof.devices.codecs.native import (
    MAX_BATCH_READINGS,
    MAX_PAYLOAD_BYTES,
    decode,
    encode_cbor,
    encode_json,
)
from wayproof.model.errors import InvalidInput, MalformedPayload, QuarantineReason
from wayproof.model.reading import Reading

T = "2026-03-01T12:00:00.123456Z"
Encode = Callable[[Sequence[Reading]], bytes]


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
