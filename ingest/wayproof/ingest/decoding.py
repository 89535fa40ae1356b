"""Messages to rows: whose they are, what they hold, and what of it goes to quarantine."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

import structlog

from wayproof.devices.codecs.native import Decoded, decode
from wayproof.devices.topics import device_of_readings_topic
from wayproof.ingest import metrics
from wayproof.ingest.batcher import Delivery
from wayproof.model.clock import judge_clock
from wayproof.model.errors import MalformedPayload, QuarantineReason
from wayproof.model.reading import Reading
from wayproof.store.intake import Batch
from wayproof.store.quarantine import Message, Rejection
from wayproof.store.readings import Arrival, pack
from wayproof.store.registry import KnownDevice

_log = structlog.get_logger(__name__)
_MANY_DEVICES: Final = 65_536

named_device = lru_cache(_MANY_DEVICES)(device_of_readings_topic)
"""The device that a topic names, or None."""


def decode_all(deliveries: Iterable[Delivery], devices: Mapping[str, KnownDevice]) -> Batch:
    """The readings in `deliveries`, and what is none, with its reason."""
    arrivals: list[Arrival] = []
    rejections: list[Rejection] = []
    for delivery in deliveries:
        message = _message(delivery, devices)
        if message.device is None:
            rejections.append(_nobodys(message))
            continue
        read, refused = _decode(message, message.device)
        arrivals += read
        rejections += refused
    return Batch(arrivals=arrivals, rejections=rejections)


def _message(delivery: Delivery, devices: Mapping[str, KnownDevice]) -> Message:
    name = named_device(delivery.topic)
    return Message(
        topic=delivery.topic,
        payload=delivery.payload,
        received_at=delivery.received_at,
        device_name=name,
        device=devices.get(name) if name else None,
    )


def _nobodys(message: Message) -> Rejection:
    if message.device_name is None:
        return _rejection(message, QuarantineReason.BAD_TOPIC, "expected wp/v1/<device>/readings")
    return _rejection(message, QuarantineReason.UNKNOWN_DEVICE, "no device of this name may send")


def _decode(message: Message, device: KnownDevice) -> tuple[list[Arrival], list[Rejection]]:
    try:
        return _read(message, device)
    except MalformedPayload as error:
        return [], [_rejection(message, error.reason, str(error))]
    except MemoryError:
        raise  # says nothing about the message: it stays unacknowledged and comes again
    except Exception as error:  # noqa: BLE001 - one message must stop no other; the bug is told below
        return [], [_our_fault(message, error)]


def _read(message: Message, device: KnownDevice) -> tuple[list[Arrival], list[Rejection]]:
    decoded: Decoded = decode(message.payload)
    rejections = [
        Rejection(message=message, raw=r.raw, reason=r.reason, detail=r.detail, boot=r.boot, seq=r.seq)
        for r in decoded.rejects
    ]
    return [_arrival(message, device, reading) for reading in decoded.readings], rejections


def _arrival(message: Message, device: KnownDevice, reading: Reading) -> Arrival:
    flags = judge_clock(reading.observed_at, message.received_at)
    return Arrival(
        message=message,
        device_id=device.device_id,
        reading=reading,
        clock_flags=flags,
        row=pack(reading, device_id=device.device_id, received_at=message.received_at, clock_flags=flags),
    )


def _our_fault(message: Message, error: Exception) -> Rejection:
    """Decoding depends on the bytes alone, so it would fail again and again: the bytes wait for the fix."""
    metrics.CODEC_FAILURES.inc()
    _log.error("codec failed", topic=message.topic, bytes=len(message.payload), exc_info=error)
    return _rejection(message, QuarantineReason.CODEC_FAILURE, f"{type(error).__name__}: {error}")


def _rejection(message: Message, reason: QuarantineReason, detail: str) -> Rejection:
    return Rejection(message=message, raw=message.payload, reason=reason, detail=detail)
