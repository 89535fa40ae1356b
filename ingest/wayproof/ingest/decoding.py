"""Messages to columns: at once where they are right as they are, with care where they are not.

The hot path decodes a message straight into a typed object, and checks what types cannot say on whole columns. Each
message that is odd in any way goes through the codec proper instead, which names what is wrong with it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec
import numpy as np
import structlog
from msgspec.structs import astuple

from wayproof.devices.codecs.native import MAX_BATCH_READINGS, MAX_PAYLOAD_BYTES, decode, decode_at_once
from wayproof.devices.codecs.wire import WireReading
from wayproof.ingest import metrics
from wayproof.ingest.batcher import Chunk
from wayproof.ingest.bulk_client import Incoming
from wayproof.ingest.devices import named_device
from wayproof.model.clock import EARLIEST, LATEST
from wayproof.model.errors import MalformedPayload, QuarantineReason
from wayproof.model.reading import Reading
from wayproof.store.columns import DOOR_UNKNOWN, Columns, Floats, Ints, Mask, empty, join
from wayproof.store.intake import Batch
from wayproof.store.microseconds import to_microseconds
from wayproof.store.quarantine import Message, Rejection
from wayproof.store.registry import KnownDevice

_log = structlog.get_logger(__name__)
_NOT_PLAIN: Final = (KeyError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_EARLIEST_US: Final = to_microseconds(EARLIEST)
_LATEST_US: Final = to_microseconds(LATEST)
_US_PER_MS: Final = 1_000
_PIECE_READINGS: Final = 2_000
"""So many become columns at once: as objects they still fit in the processor's cache, and their memory is used again
by the next piece. Whole batches take twice as long a reading."""
_UNTOLD: Final = -1
"""A number that the device left out."""


@dataclass(kw_only=True)
class _Rows:
    """Decoded readings, each as the tuple of its fields, and where each came from."""

    values: list[tuple[Any, ...]] = field(default_factory=list)
    #: One entry a message: its number, its device, when it came, how many rows it gave.
    source: list[int] = field(default_factory=list)
    device_id: list[int] = field(default_factory=list)
    received_us: list[int] = field(default_factory=list)
    count: list[int] = field(default_factory=list)


def decode_all(chunks: Sequence[Chunk], devices: Mapping[bytes, KnownDevice]) -> Batch:
    """The readings in `chunks`, and what is none, with its reason. `devices` go by topic."""
    odd = list[int]()
    plain = join(list(_decode_at_once(chunks, devices, odd)))
    doubtful = _doubtful(plain)
    if doubtful.any():
        odd += np.unique(plain.source[doubtful]).tolist()
        plain = plain.rows(~np.isin(plain.source, plain.source[doubtful]))

    def message(number: int) -> Message:
        return _message(*_find(chunks, number), devices)

    careful, rejections = _decode_with_care((number, message(number)) for number in odd)
    return Batch(arrivals=join([plain, careful]) if odd else plain, message=message, rejections=rejections)


def _decode_at_once(chunks: Iterable[Chunk], devices: Mapping[bytes, KnownDevice], odd: list[int]) -> Iterator[Columns]:
    """The readings of messages that are right as they are, at least one piece; adds the others' numbers to `odd`."""
    rows, number = _Rows(), -1
    for chunk in chunks:
        received_us = to_microseconds(chunk.received_at)
        for topic, payload, _ in chunk.messages:
            number += 1
            try:
                device_id = devices[topic].device_id
                reading = decode_at_once(payload)
            except _NOT_PLAIN:
                odd.append(number)
                continue
            if type(reading) is WireReading:
                rows.values.append(astuple(reading))
                rows.count.append(1)
            elif 0 < len(reading) <= MAX_BATCH_READINGS and len(payload) <= MAX_PAYLOAD_BYTES:
                rows.values += map(astuple, reading)
                rows.count.append(len(reading))
            else:
                odd.append(number)
                continue
            rows.source.append(number)
            rows.device_id.append(device_id)
            rows.received_us.append(received_us)
            if len(rows.values) >= _PIECE_READINGS:
                yield _columns(rows)
                rows = _Rows()
    yield _columns(rows)


def _columns(rows: _Rows) -> Columns:
    if not rows.values:
        return empty()
    *numbers, door_open, extra, observed_at, boot, seq = zip(*rows.values, strict=True)
    count = np.array(rows.count)
    return Columns(
        device_id=np.repeat(np.array(rows.device_id), count),
        observed_us=_microseconds(observed_at),
        received_us=np.repeat(np.array(rows.received_us), count),
        boot=_integers(boot),
        seq=_integers(seq),
        numbers=np.stack([_numbers(column) for column in numbers]),
        door_open=_doors(door_open),
        extra=extra,
        source=np.repeat(np.array(rows.source), count),
    )


def _microseconds(column: Sequence[Any]) -> Ints:
    try:
        return np.array(column, np.int64) * _US_PER_MS
    except TypeError:
        return np.array([v * _US_PER_MS if type(v) is int else to_microseconds(v) for v in column])


def _integers(column: Sequence[int | None]) -> Ints:
    try:
        return np.array(column, np.int64)
    except TypeError:
        return np.array([_UNTOLD if v is None else v for v in column], np.int64)


def _numbers(column: Sequence[float | None]) -> Floats:
    if _is_untold(column):
        return np.full(len(column), np.nan)
    return np.array(column, np.float64)  # None becomes NaN


def _doors(column: Sequence[bool | None]) -> Ints:
    if _is_untold(column):
        return np.full(len(column), DOOR_UNKNOWN)
    return np.array([DOOR_UNKNOWN if v is None else v for v in column], np.int64)


def _is_untold(column: Sequence[Any]) -> bool:
    """Whether nobody told this measure, which is quickly seen and spares looking at each None."""
    return not column or (column[0] is None and column.count(None) == len(column))


def _doubtful(columns: Columns) -> Mask:
    """What only the codec proper can judge: numbers left out, half a position, times out of range, extras."""
    has_latitude, has_longitude = (~np.isnan(columns.number(name)) for name in ("latitude_deg", "longitude_deg"))
    doubtful: Mask = (columns.boot == _UNTOLD) | (columns.seq == _UNTOLD) | (has_latitude != has_longitude)
    doubtful |= (columns.observed_us < _EARLIEST_US) | (columns.observed_us >= _LATEST_US)
    if not _is_untold(columns.extra):
        doubtful |= np.array([extra is not None for extra in columns.extra])
    return doubtful


def _decode_with_care(messages: Iterable[tuple[int, Message]]) -> tuple[Columns, list[Rejection]]:
    rows, rejections = _Rows(), list[Rejection]()
    for number, message in messages:
        if message.device is None:
            rejections.append(_nobodys(message))
            continue
        readings, refused = _decode(message)
        rejections += refused
        rows.values += map(_row, readings)
        rows.source.append(number)
        rows.device_id.append(message.device.device_id)
        rows.received_us.append(to_microseconds(message.received_at))
        rows.count.append(len(readings))
    return _columns(rows), rejections


def _row(reading: Reading) -> tuple[Any, ...]:
    if reading.extra is not None:
        reading = msgspec.structs.replace(reading, extra=msgspec.json.encode(reading.extra))
    return astuple(reading)


def _find(chunks: Iterable[Chunk], number: int) -> tuple[Incoming, datetime]:
    for chunk in chunks:
        if number < len(chunk.messages):
            return chunk.messages[number], chunk.received_at
        number -= len(chunk.messages)
    raise LookupError(f"no message {number} beyond the last one of the batch")


def _message(incoming: Incoming, received_at: datetime, devices: Mapping[bytes, KnownDevice]) -> Message:
    topic, payload, _ = incoming
    return Message(
        topic=topic.decode("utf-8", "backslashreplace"),
        payload=payload,
        received_at=received_at,
        device_name=named_device(topic),
        device=devices.get(topic),
    )


def _nobodys(message: Message) -> Rejection:
    if message.device_name is None:
        return _rejection(message, QuarantineReason.BAD_TOPIC, "expected wp/v1/<device>/readings")
    return _rejection(message, QuarantineReason.UNKNOWN_DEVICE, "no device of this name may send")


def _decode(message: Message) -> tuple[Sequence[Reading], list[Rejection]]:
    try:
        decoded = decode(message.payload)
    except MalformedPayload as error:
        return (), [_rejection(message, error.reason, str(error))]
    except MemoryError:
        raise  # says nothing about the message: it stays unacknowledged and comes again
    except Exception as error:  # noqa: BLE001 - one message must stop no other; the bug is told below
        return (), [_our_fault(message, error)]
    return decoded.readings, [
        Rejection(message=message, raw=r.raw, reason=r.reason, detail=r.detail, boot=r.boot, seq=r.seq)
        for r in decoded.rejects
    ]


def _our_fault(message: Message, error: Exception) -> Rejection:
    """Decoding depends on the bytes alone, so it would fail again and again: the bytes wait for the fix."""
    metrics.CODEC_FAILURES.inc()
    _log.error("codec failed", topic=message.topic, bytes=len(message.payload), exc_info=error)
    return _rejection(message, QuarantineReason.CODEC_FAILURE, f"{type(error).__name__}: {error}")


def _rejection(message: Message, reason: QuarantineReason, detail: str) -> Rejection:
    return Rejection(message=message, raw=message.payload, reason=reason, detail=detail)
