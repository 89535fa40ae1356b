"""Reading in large pieces gives what stock paho gives, packet by packet, however the stream is cut."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from wayproof.ingest.bulk_client import BulkClient, Incoming, MalformedStream, cut_messages, remaining_length

Event = tuple[str, object]


def varint(value: int) -> bytes:
    """A variable byte integer, written out independently of the code under test."""
    out = [value % 128]
    while value := value // 128:
        out[-1] |= 128
        out.append(value % 128)
    return bytes(out)


def packet(header: int, body: bytes) -> bytes:
    """A whole control packet."""
    return bytes([header]) + varint(len(body)) + body


def publish(topic: bytes, payload: bytes, qos: int, mid: int, user_properties: list[tuple[bytes, bytes]]) -> bytes:
    """A PUBLISH packet of MQTT 5."""
    properties = b"".join(
        b"\x26" + len(k).to_bytes(2, "big") + k + len(v).to_bytes(2, "big") + v for k, v in user_properties
    )
    body = len(topic).to_bytes(2, "big") + topic + (mid.to_bytes(2, "big") if qos else b"")
    return packet(0x30 | qos << 1, body + varint(len(properties)) + properties + payload)


topics = st.text("abcdefghij/-", min_size=1, max_size=30).map(str.encode)
mids = st.integers(1, 65535)
short_text = st.text("xyz", max_size=5).map(str.encode)
publishes = st.builds(
    publish,
    topics,
    st.binary(max_size=40) | st.binary(min_size=120, max_size=400),
    st.sampled_from([0, 1, 1, 1]),
    mids,
    st.just([]) | st.lists(st.tuples(short_text, short_text), max_size=20),
)
others = st.one_of(
    st.just(packet(0xD0, b"")),
    mids.map(lambda mid: packet(0x90, mid.to_bytes(2, "big") + b"\x00\x01")),
    mids.map(lambda mid: packet(0x40, mid.to_bytes(2, "big"))),
)
streams = st.lists(publishes | others, max_size=25)


@dataclass
class Reader:
    """A client at one end of a socket pair, and what it reported so far."""

    client: Client
    events: list[Event]
    wire: socket.socket

    def feed(self, piece: bytes) -> MQTTErrorCode:
        """Sends a piece and lets the client read until nothing is left."""
        self.wire.sendall(piece)
        code = MQTTErrorCode.MQTT_ERR_SUCCESS
        while code == MQTTErrorCode.MQTT_ERR_SUCCESS:
            code = self.client._packet_read()
        return code

    def close(self) -> None:
        """Closes both ends."""
        self.client._sock_close()
        self.wire.close()


def reader(kind: Callable[..., Client]) -> Reader:
    """A client of the given class on a socket pair, with every callback noted."""
    client = kind(CallbackAPIVersion.VERSION2, "reader", protocol=MQTTv5, manual_ack=True)
    ours, wire = socket.socketpair()
    ours.setblocking(False)
    client._sock = ours
    events: list[Event] = []

    def on_message(_client: Client, _data: Any, message: MQTTMessage) -> None:
        events.append(("message", (message._topic, bytes(message.payload), message.mid)))

    def on_messages(messages: list[Incoming]) -> None:
        events.extend(("message", message) for message in messages)

    client.on_message = on_message
    client.on_subscribe = lambda _c, _d, mid, _r, _p: events.append(("suback", mid))
    if isinstance(client, BulkClient):
        client.on_messages = on_messages
    return Reader(client, events, wire)


@given(streams, st.lists(st.integers(1, 700), min_size=1, max_size=40))
def test_same_events_as_stock_paho_however_cut(packets: list[bytes], cuts: list[int]) -> None:
    """Any stream of packets, cut anywhere, gives the events that stock paho gives, in the same order."""
    stream = b"".join(packets)
    stock, bulk = reader(Client), reader(BulkClient)
    stock.feed(stream)
    at, turn = 0, 0
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        assert bulk.feed(stream[at : at + size]) == MQTTErrorCode.MQTT_ERR_AGAIN
        at, turn = at + size, turn + 1
    assert bulk.events == stock.events
    stock.close()
    bulk.close()


@given(st.binary(max_size=300))
def test_any_bytes_end_in_messages_or_an_error(noise: bytes) -> None:
    """Arbitrary bytes are cut into packets or named malformed; no other exception leaves the parser."""
    try:
        messages, at, end = cut_messages(noise, 0, v5=True)
    except MalformedStream:
        return
    assert at <= len(noise)
    assert end <= len(noise)
    assert all(len(topic) + len(payload) <= len(noise) for topic, payload, _ in messages)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b"\x32\xff\xff\xff\xff\x01", id="length of five bytes"),
        pytest.param(b"\x32\x00", id="no topic length"),
        pytest.param(b"\x32\x04\x00\x09ab", id="topic longer than the packet"),
        pytest.param(b"\x32\x05\x00\x01a\x00\x01", id="no property length"),
        pytest.param(b"\x32\x06\x00\x01a\x00\x01\x05", id="properties longer than the packet"),
        pytest.param(b"\x32\x06\x00\x01a\x00\x01\x85", id="property length cut off"),
        pytest.param(b"\xf0\x00", id="packet type that a broker never sends"),
    ],
)
def test_malformed_stream_gives_the_connection_up(bad: bytes) -> None:
    """Bytes that are no packet end in a protocol error, as in stock paho, and deliver nothing."""
    bulk = reader(BulkClient)
    assert bulk.feed(bad) == MQTTErrorCode.MQTT_ERR_PROTOCOL
    assert bulk.events == []
    bulk.close()


@given(st.integers(0, 268_435_455))
def test_remaining_length_reads_what_was_written(value: int) -> None:
    """Every variable byte integer is read back, and a cut-off one is reported as incomplete."""
    raw = varint(value)
    assert remaining_length(raw, 0) == (value, len(raw))
    assert remaining_length(raw[:-1], 0) == (0, 0)


def test_acknowledgements_leave_in_one_packet_queue_entry() -> None:
    """A batch of acknowledgements is one write of PUBACK packets, in order."""
    bulk = reader(BulkClient)
    bulk.client._thread = object()  # type: ignore[assignment] # as under loop_start: writing is the loop's
    assert isinstance(bulk.client, BulkClient)
    bulk.client.acknowledge([1, 258, 65535])
    assert [entry["packet"] for entry in bulk.client._out_packet] == [
        b"\x40\x02\x00\x01\x40\x02\x01\x02\x40\x02\xff\xff"
    ]
    bulk.client.acknowledge([])
    assert len(bulk.client._out_packet) == 1
    bulk.close()
