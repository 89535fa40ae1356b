"""Decoding a message fails for itself alone."""

import itertools
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading_strategies import readings

from wayproof.devices.codecs.native import decode, encode_cbor, encode_json
from wayproof.ingest import decoding
from wayproof.ingest.batcher import Chunk
from wayproof.model.errors import MalformedPayload, QuarantineReason
from wayproof.model.reading import NUMERIC_MEASURES, Reading
from wayproof.store.columns import DOOR_UNKNOWN, Columns
from wayproof.store.intake import Batch
from wayproof.store.microseconds import to_microseconds
from wayproof.store.registry import KnownDevice

from fix_ingest import reading_json
from fix_intake import NOON

DEVICE = KnownDevice(device_id=1, tenant_id=UUID(int=1))


TOPIC = b"wp/v1/truck-1/readings"
DEVICES = {TOPIC: DEVICE}


def decode_payloads(*payloads: bytes, topic: bytes = TOPIC) -> Batch:
    """What messages hold that came in two chunks."""
    messages = [(topic, payload, 1) for payload in payloads]
    chunks = [Chunk(messages=part, received_at=NOON, epoch=1) for part in (messages[:1], messages[1:])]
    return decoding.decode_all(chunks, DEVICES)


def test_megabyte_is_set_aside() -> None:
    """A payload beyond the limit is set aside whole, should a broker let it pass."""
    payload = b"{" + b" " * 2**20
    batch = decode_payloads(payload, reading_json(1))
    assert [(r.raw, r.reason) for r in batch.rejections] == [(payload, QuarantineReason.TOO_LARGE)]
    assert batch.arrivals.seq.tolist() == [1]


@pytest.mark.parametrize("topic", ["", "wp/v1/../readings", "wp/v1/a/b/readings", "wp/v2/truck-1/readings", "a\0b"])
def test_other_topic_is_set_aside(topic: str) -> None:
    """What is no readings topic of ours names no device."""
    batch = decode_payloads(reading_json(1), topic=topic.encode())
    assert [(r.reason, r.message.device_name) for r in batch.rejections] == [(QuarantineReason.BAD_TOPIC, None)]


def test_our_own_bug_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message on which the codec itself breaks is set aside for the day when that is mended."""
    monkeypatch.setattr(decoding, "decode", lambda payload: 1 // 0 if payload == b"{}" else decode(payload))
    batch = decode_payloads(b"{}", reading_json(1))
    assert [(r.raw, r.reason) for r in batch.rejections] == [(b"{}", QuarantineReason.CODEC_FAILURE)]
    assert "ZeroDivisionError" in batch.rejections[0].detail
    assert batch.arrivals.seq.tolist() == [1]


def test_lack_of_memory_is_no_fault_of_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory is short nothing is set aside: the process ends, and the messages come again."""

    def short(_payload: bytes) -> Any:
        raise MemoryError

    monkeypatch.setattr(decoding, "decode", short)
    with pytest.raises(MemoryError):
        decode_payloads(b"{}")


payloads = st.one_of(
    st.sampled_from(
        [
            b"",
            b"[]",
            b"{}",
            b"nonsense",
            b"\xa0",
            b'{"observed_at":1772452800000}',
            b'{"observed_at":1772452800000,"boot":1,"seq":1,"latitude_deg":1}',
            b'{"observed_at":"2026-03-02T12:00:00","boot":1,"seq":1}',
            b'{"observed_at":"9999-12-31T23:59:59-12:00","boot":1,"seq":1}',
            b'{"observed_at":"2026-03-02T12:00:00+02:00","boot":1,"seq":1,"door_open":true}',
            b'{"observed_at":1772452800000,"boot":1,"seq":1,"extra":{"a":[1,2]}}',
            b'{"observed_at":1772452800000,"boot":1,"seq":1,"extra":{"a":"\\u0000"}}',
            b'{"observed_at":1772452800000,"boot":1,"seq":1,"temperature_c":1e400}',
            b'{"observed_at":1772452800000,"boot":1,"seq":1,"bogus":1}',
        ]
    ),
    st.lists(readings(), min_size=1, max_size=4).map(encode_json),
    st.lists(readings(), min_size=1, max_size=4).map(encode_cbor),
)


@given(st.lists(payloads, min_size=1, max_size=6))
def test_whole_batches_give_what_the_codec_gives(messages: list[bytes]) -> None:
    """However messages are mixed, the columns hold the readings that the codec finds in each, and reject the same."""
    batch = decode_payloads(*messages)
    expected: dict[int, list[Reading]] = {}
    refused: dict[int, list[str]] = {}
    for number, payload in enumerate(messages):
        try:
            decoded = decode(payload)
        except MalformedPayload as error:
            refused[number] = [error.reason.value]
            continue
        expected[number] = list(decoded.readings)
        refused[number] = [reject.reason.value for reject in decoded.rejects]
    found = rows_by_message(batch.arrivals)
    assert found == {number: rows_of(readings) for number, readings in expected.items() if readings}
    assert sorted(r.reason.value for r in batch.rejections) == sorted(itertools.chain(*refused.values()))


def rows_of(readings: list[Reading]) -> list[tuple[Any, ...]]:
    """Readings as comparable tuples."""
    return [
        (
            to_microseconds(r.observed_at),
            r.boot,
            r.seq,
            *(getattr(r, name) for name in NUMERIC_MEASURES),
            r.door_open,
            r.extra,
        )
        for r in readings
    ]


def rows_by_message(columns: Columns) -> dict[int, list[tuple[Any, ...]]]:
    """The rows of each message, as `rows_of` gives them."""
    found: dict[int, list[tuple[Any, ...]]] = {}
    for at, source in enumerate(columns.source.tolist()):
        numbers = [None if np.isnan(value) else float(value) for value in columns.numbers[:, at]]
        door, extra = columns.door_open[at], columns.extra[at]
        row = (
            int(columns.observed_us[at]),
            int(columns.boot[at]),
            int(columns.seq[at]),
            *numbers,
            None if door == DOOR_UNKNOWN else bool(door),
            None if extra is None else msgspec.json.decode(extra),
        )
        found.setdefault(source, []).append(row)
    return found
