"""The native payload, version 1: one reading or a batch, as JSON (RFC 8259) or CBOR (RFC 8949).

The first byte tells which. A reading is an object with `observed_at`, optional `boot` and `seq`, and the measures of
`wayproof.model.reading.Measures`; a batch is an array of such objects. docs/protocol.md has examples.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from typing import Any, Final, NoReturn, TypeVar

import cbor2
import msgspec

from wayproof.devices.codecs.wire import Counting, WireReading, is_plain, to_reading
from wayproof.model.errors import InvalidInput, MalformedPayload, QuarantineReason
from wayproof.model.reading import UNCOUNTED_BOOT, Reading

MAX_PAYLOAD_BYTES: Final = 65_536
MAX_BATCH_READINGS: Final = 1_000

_JSON_WHITESPACE: Final = b" \t\n\r"
_SELF_DESCRIBED_CBOR: Final = b"\xd9\xd9\xf7"
"""Tag 55799, which says "what follows is CBOR" (RFC 8949 section 3.4.6)."""

_MAX_CBOR_DEPTH: Final = 10
"""A batch, a reading, and the eight levels of `extra`."""

_BEYOND_BOUNDS: Final = {b"NaN": b"1e99999", b"-Infinity": b"-1e99998", b"Infinity": b"1e99998"}
_NOT_A_NUMBER: Final = re.compile(rb"(?<=[\s:,\[])(?:NaN|-?Infinity)(?=[\s,\]}])")

_KNOWN_TAGS: Final = (*range(6), 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)
"""Tags that cbor2 interprets by itself. None is needed here, and some are bombs (25, 28 and 29 repeat content)."""

_Parse = Callable[[Any], Any]
"""Turns one item of a message into the wanted type, or raises msgspec.ValidationError."""

_Split = TypeVar("_Split", msgspec.Raw, list[msgspec.Raw])

_json_reading = msgspec.json.Decoder(Reading)
_json_readings = msgspec.json.Decoder(list[Reading])
_json_item = msgspec.json.Decoder(msgspec.Raw)
_json_items = msgspec.json.Decoder(list[msgspec.Raw])


class Reject(msgspec.Struct, frozen=True, kw_only=True):
    """An item of a message that is no reading."""

    #: The item's own bytes, out of the message.
    raw: bytes
    reason: QuarantineReason
    #: What was wrong and what was expected.
    detail: str
    #: The number that the item bore, where at least that could be read; both or neither.
    boot: int | None = None
    seq: int | None = None


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """What a message held: at least one reading or one reject."""

    readings: tuple[Reading, ...]
    rejects: tuple[Reject, ...] = ()


def decode(payload: bytes) -> Decoded:
    """The readings of a message, and what in it is none.

    An item that is no reading becomes a `Reject`, and its neighbours are read. Raises MalformedPayload where no item
    can be told from another: unknown format, broken syntax, nothing inside, too many bytes or items.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        message = f"expected a payload of at most {MAX_PAYLOAD_BYTES} bytes, got {len(payload)}"
        raise MalformedPayload(QuarantineReason.TOO_LARGE, message)
    first = payload[:1]
    if first == b"{":
        return _decode_json_reading(payload)
    if b"\x80" <= first <= b"\xbf" or payload.startswith(_SELF_DESCRIBED_CBOR):
        return _decode_cbor(payload)
    first = payload.lstrip(_JSON_WHITESPACE)[:1]
    if first == b"{":
        return _decode_json_reading(payload)
    if first == b"[":
        return _decode_json_batch(payload)
    raise _wrong_format(first)


decode_at_once = msgspec.json.Decoder(WireReading | list[WireReading]).decode
"""The hot path's decoder: what it takes may still be wrong in ways that types cannot say (see `wire.to_reading`), and
what it refuses may still hold good readings; either way `decode` has the last word."""


def encode_json(readings: Sequence[Reading]) -> bytes:
    """One reading as an object, several as an array. Checks nothing: see `wire.check_measures`."""
    return msgspec.json.encode(_object_or_array(readings))


def encode_cbor(readings: Sequence[Reading]) -> bytes:
    """One reading as a map, several as an array. Checks nothing: see `wire.check_measures`."""
    return cbor2.dumps(_object_or_array(readings))


def _object_or_array(readings: Sequence[Reading]) -> Any:
    if not readings:
        raise InvalidInput("expected at least one reading to encode, got none")
    return _fields(readings[0]) if len(readings) == 1 else [_fields(reading) for reading in readings]


def _fields(reading: Reading) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(reading)
    if reading.boot == UNCOUNTED_BOOT:
        del fields["boot"], fields["seq"]
    return fields


def _wrong_format(first: bytes) -> MalformedPayload:
    if not first:
        return MalformedPayload(QuarantineReason.EMPTY_PAYLOAD, "expected a reading or a batch, got no content")
    message = f"expected a JSON or CBOR object or array, got byte 0x{first.hex()}"
    return MalformedPayload(QuarantineReason.UNKNOWN_FORMAT, message)


def _decode_json_reading(payload: bytes) -> Decoded:
    try:
        reading = _json_reading.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        reading = None
    if reading is not None and is_plain(reading):
        return Decoded(readings=(reading,))
    return _examine([_json_parser(_split_json(payload, _json_item))], lambda: [payload])


def _decode_json_batch(payload: bytes) -> Decoded:
    try:
        readings = _json_readings.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        readings = []
    if readings and all(map(is_plain, readings)):
        _check_count(len(readings))
        return Decoded(readings=tuple(readings))
    items = _split_json(payload, _json_items)
    _check_count(len(items))
    return _examine([_json_parser(item) for item in items], lambda: [_as_sent(bytes(item)) for item in items])


def _split_json(payload: bytes, decoder: msgspec.json.Decoder[_Split]) -> _Split:
    """Checks the syntax of the whole payload and that of no field.

    Bare NaN and infinities, which some encoders emit, are no JSON. They read as numbers beyond all bounds, so that the
    item that holds one is refused by itself.
    """
    try:
        payload.decode("utf-8")
        return _split_strictly(payload, decoder)
    except RecursionError as error:
        raise MalformedPayload(QuarantineReason.MALFORMED_JSON, "JSON nests too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedPayload(QuarantineReason.MALFORMED_JSON, str(error)) from error


def _split_strictly(payload: bytes, decoder: msgspec.json.Decoder[_Split]) -> _Split:
    try:
        return decoder.decode(payload)
    except msgspec.DecodeError:
        numeric = _NOT_A_NUMBER.sub(lambda match: _BEYOND_BOUNDS[match[0]], payload)
        if numeric == payload:
            raise
        return decoder.decode(numeric)


def _as_sent(item: bytes) -> bytes:
    for sent, read in _BEYOND_BOUNDS.items():
        item = item.replace(read, sent)
    return item


def _json_parser(raw: msgspec.Raw) -> _Parse:
    return lambda wanted: msgspec.json.decode(raw, type=wanted)


def load_cbor(payload: bytes) -> Any:
    """The one item that a CBOR payload holds, whatever it is; MalformedPayload where it is none that we accept."""
    stream = BytesIO(payload.removeprefix(_SELF_DESCRIBED_CBOR))
    value = _load_cbor(stream)
    rest = stream.read()
    if rest:
        message = f"expected the end of the payload after a CBOR item, got {len(rest)} more bytes"
        raise MalformedPayload(QuarantineReason.MALFORMED_CBOR, message)
    return value


def _decode_cbor(payload: bytes) -> Decoded:
    value = load_cbor(payload)
    if not isinstance(value, list):
        return _plain_cbor([value]) or _examine([_cbor_parser(value)], lambda: [payload])
    _check_count(len(value))
    batch = payload.removeprefix(_SELF_DESCRIBED_CBOR)
    return _plain_cbor(value) or _examine(
        [_cbor_parser(item) for item in value], lambda: list(_cbor_items(batch, len(value)))
    )


def _plain_cbor(items: list[Any]) -> Decoded | None:
    try:
        readings = msgspec.convert(items, list[Reading])
    except msgspec.ValidationError:
        return None
    return Decoded(readings=tuple(readings)) if all(map(is_plain, readings)) else None


def _load_cbor(stream: BytesIO) -> Any:
    decoder = cbor2.CBORDecoder(
        stream,
        tag_hook=_refuse_unknown_tag,
        semantic_decoders=_REFUSED_TAGS,
        max_depth=_MAX_CBOR_DEPTH,
        allow_indefinite=False,
        allow_duplicate_keys=False,
        strict_hashable_types=True,
    )
    try:
        return decoder.decode()
    except cbor2.CBORError as error:
        raise MalformedPayload(QuarantineReason.MALFORMED_CBOR, str(error.__cause__ or error)) from error


def _refuse_tag(_value: object, _immutable: bool) -> NoReturn:  # noqa: FBT001 - cbor2's signature
    raise InvalidInput("expected CBOR without tags")


def _refuse_unknown_tag(tag: cbor2.CBORTag, _immutable: bool) -> NoReturn:  # noqa: FBT001 - cbor2's signature
    raise InvalidInput(f"expected CBOR without tags, got tag {tag.tag}")


_REFUSED_TAGS: Final = dict.fromkeys(_KNOWN_TAGS, _refuse_tag)


def _cbor_parser(value: object) -> _Parse:
    return lambda wanted: msgspec.convert(value, wanted)


def _cbor_items(batch: bytes, count: int) -> Iterator[bytes]:
    """The bytes of each item of an array that has been decoded once: its syntax is known to be right."""
    stream = BytesIO(batch)
    # The head is one byte and, for more than 23 items, a count of 1, 2, 4 or 8 bytes (RFC 8949 section 3).
    stream.seek(1 + {24: 1, 25: 2, 26: 4, 27: 8}.get(batch[0] & 0x1F, 0))
    for _ in range(count):
        start = stream.tell()
        _load_cbor(stream)
        yield batch[start : stream.tell()]


def _check_count(count: int) -> None:
    if count == 0:
        raise MalformedPayload(QuarantineReason.EMPTY_PAYLOAD, "expected at least one reading in a batch, got none")
    if count > MAX_BATCH_READINGS:
        message = f"expected at most {MAX_BATCH_READINGS} readings in a batch, got {count}"
        raise MalformedPayload(QuarantineReason.TOO_LARGE, message)


def _examine(parsers: Sequence[_Parse], raws: Callable[[], Sequence[bytes]]) -> Decoded:
    """Reads each item by itself. The items' bytes are asked for only where one is refused."""
    outcomes = [_read(parse) for parse in parsers]
    readings = tuple(outcome for outcome in outcomes if isinstance(outcome, Reading))
    if len(readings) == len(outcomes):
        return Decoded(readings=readings)
    rejects = (
        _reject(raw, parse, outcome)
        for raw, parse, outcome in zip(raws(), parsers, outcomes, strict=True)
        if not isinstance(outcome, Reading)
    )
    return Decoded(readings=readings, rejects=tuple(rejects))


def _read(parse: _Parse) -> Reading | str:
    """The reading, or what is wrong with it."""
    try:
        return to_reading(parse(WireReading))
    except (msgspec.DecodeError, InvalidInput, RecursionError) as error:
        return str(error)


def _reject(raw: bytes, parse: _Parse, detail: str) -> Reject:
    reason = QuarantineReason.INVALID_READING
    try:
        counting = parse(Counting)
    except msgspec.DecodeError:
        return Reject(raw=raw, reason=reason, detail=detail)
    return Reject(raw=raw, reason=reason, detail=detail, boot=counting.boot, seq=counting.seq)
