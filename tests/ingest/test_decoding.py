"""Decoding a message fails for itself alone."""

from typing import Any
from uuid import UUID

import pytest

from wayproof.devices.codecs.native import decode
from wayproof.ingest import decoding
from wayproof.ingest.batcher import Delivery
from wayproof.model.errors import QuarantineReason
from wayproof.store.registry import KnownDevice

from fix_ingest import reading_json
from fix_intake import NOON

DEVICE = KnownDevice(device_id=1, tenant_id=UUID(int=1))


def delivery(payload: bytes, topic: str = "wp/v1/truck-1/readings") -> Delivery:
    """A message as the broker delivers it."""
    return Delivery(topic=topic, payload=payload, received_at=NOON, mid=1, qos=1, epoch=1)


def test_megabyte_is_set_aside() -> None:
    """A payload beyond the limit is set aside whole, should a broker let it pass."""
    payload = b"{" + b" " * 2**20
    batch = decoding.decode_all([delivery(payload), delivery(reading_json(1))], {"truck-1": DEVICE})
    assert [(r.raw, r.reason) for r in batch.rejections] == [(payload, QuarantineReason.TOO_LARGE)]
    assert [a.reading.seq for a in batch.arrivals] == [1]


@pytest.mark.parametrize("topic", ["", "wp/v1/../readings", "wp/v1/a/b/readings", "wp/v2/truck-1/readings", "a\0b"])
def test_other_topic_is_set_aside(topic: str) -> None:
    """What is no readings topic of ours names no device."""
    batch = decoding.decode_all([delivery(reading_json(1), topic)], {"truck-1": DEVICE})
    assert [(r.reason, r.message.device_name) for r in batch.rejections] == [(QuarantineReason.BAD_TOPIC, None)]


def test_our_own_bug_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message on which the codec itself breaks is set aside for the day when that is mended."""
    monkeypatch.setattr(decoding, "decode", lambda payload: 1 // 0 if payload == b"{}" else decode(payload))
    batch = decoding.decode_all([delivery(b"{}"), delivery(reading_json(1))], {"truck-1": DEVICE})
    assert [(r.raw, r.reason) for r in batch.rejections] == [(b"{}", QuarantineReason.CODEC_FAILURE)]
    assert "ZeroDivisionError" in batch.rejections[0].detail
    assert [a.reading.seq for a in batch.arrivals] == [1]


def test_lack_of_memory_is_no_fault_of_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory is short nothing is set aside: the process ends, and the messages come again."""

    def short(_payload: bytes) -> Any:
        raise MemoryError

    monkeypatch.setattr(decoding, "decode", short)
    with pytest.raises(MemoryError):
        decoding.decode_all([delivery(b"{}")], {"truck-1": DEVICE})
