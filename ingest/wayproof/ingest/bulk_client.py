"""paho's client, reading the socket in large pieces.

Stock paho takes each packet off the socket with four system calls and builds a message and a properties object
for it: 17 to 28 µs a message. Here one `recv` brings up to 256 KiB, all PUBLISH packets of the piece are cut out in
one pass (MQTT 5.0 section 3.3), and the acknowledgements of a batch leave in one write. Every other packet goes to
paho's own handlers, in its place between the messages; connecting, subscribing, keep-alive, TLS and WebSocket stay
paho's.

This leans on paho's private `_packet_read` and `_in_packet`, hence the version bound in pyproject.toml and the
property tests that hold both readers to the same result.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from paho.mqtt.client import Client, MQTTMessage, MQTTv5, time_func
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes

_PIECE_BYTES: Final = 256 * 1024
_PAUSE_S: Final = 0.01
_PUBLISH_QOS: Final = 0b1111_0110
"""Of a fixed header: the packet's type and its QoS, without the DUP and RETAIN flags."""
_PUBLISH_0: Final = PacketTypes.PUBLISH << 4
_PUBLISH_1: Final = _PUBLISH_0 | 1 << 1
_PUBACK: Final = PacketTypes.PUBACK << 4
_PUBACK_BYTES: Final = b"\x40\x02"
_LENGTH_BYTES: Final = 4
"""A remaining length has at most four bytes (MQTT 5.0 section 1.5.5)."""


Incoming = tuple[bytes, bytes, int]
"""Topic, payload and packet id of one PUBLISH; the id is 0 under QoS 0. A plain tuple: nothing is cheaper to make."""


class MalformedStream(Exception):
    """The broker sent bytes that are no MQTT packet; the connection has to be given up."""


class BulkClient(Client):
    """A paho client that hands over messages in lists, and acknowledges them in lists.

    `on_messages` is called by the thread that reads, once for all messages that arrived between two other packets.
    Acknowledging is the caller's duty.
    """

    on_messages: Callable[[list[Incoming]], None]
    #: While this holds, nothing is read: the broker keeps what it has, and TCP keeps the broker from sending.
    is_paused: Callable[[], bool] = staticmethod(lambda: False)
    _rest: bytes = b""

    def acknowledge(self, mids: Iterable[int]) -> None:
        """Sends one PUBACK per packet id, all in one write and in the order given."""
        packets = b"".join([_PUBACK_BYTES + mid.to_bytes(2, "big") for mid in mids])
        if packets:
            self._packet_queue(_PUBACK, packets, mid=0, qos=1)

    def publish_all(self, notices: Iterable[tuple[str, bytes]]) -> None:
        """Publishes at most once (QoS 0), all in one write. Topics must be plain names without wildcards."""
        packets = b"".join([_publish_packet(topic.encode(), payload) for topic, payload in notices])
        if packets:
            # Under the name of another packet type, or paho would look for the callbacks of one message.
            self._packet_queue(_PUBACK, packets, mid=0, qos=0)

    def _loop(self, timeout: float = 1.0) -> MQTTErrorCode:
        return self._loop_without_reading() if self.is_paused() else super()._loop(timeout)

    def _loop_without_reading(self) -> MQTTErrorCode:
        """Goes on writing and pinging. The answers to our pings lie behind what is not read, so none is missed."""
        time.sleep(_PAUSE_S)
        with self._msgtime_mutex:
            self._last_bytes_received = time_func()
        self._ping_t = 0.0
        code = self.loop_write() if self.want_write() else MQTTErrorCode.MQTT_ERR_SUCCESS
        return code or self.loop_misc()

    def _packet_read(self) -> MQTTErrorCode:
        try:
            piece = self._sock_recv(_PIECE_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_AGAIN
        except OSError:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        if not piece:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        with self._msgtime_mutex:
            self._last_bytes_received = time_func()
        try:
            return self._take(self._rest + piece if self._rest else piece)
        except MalformedStream:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL

    def _take(self, data: bytes) -> MQTTErrorCode:
        at = 0
        while True:
            messages, at, other_end = cut_messages(data, at, v5=self._protocol == MQTTv5)
            if messages:
                self.on_messages(messages)
            if other_end == 0:
                self._rest = data[at:]
                return MQTTErrorCode.MQTT_ERR_SUCCESS
            self._rest = data[other_end:]  # paho may drop the connection, and with it what was read
            code = self._hand_to_paho(data[at:other_end])
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return code
            at = other_end

    def _hand_to_paho(self, packet: bytes) -> MQTTErrorCode:
        _, body_at = remaining_length(packet, 1)
        self._in_packet = {
            "command": packet[0],
            "have_remaining": 1,
            "remaining_count": list(packet[1:body_at]),
            "remaining_mult": 1,
            "remaining_length": len(packet) - body_at,
            "packet": bytearray(packet[body_at:]),
            "to_process": 0,
            "pos": 0,
        }
        return self._packet_handle()

    def _sock_close(self) -> None:
        self._rest = b""
        super()._sock_close()


class StockClient(Client):
    """Stock paho behind the same interface: slower, and leaning on nothing private.

    While it is paused its network thread waits, so no pings are sent; a broker that drops it for that sends again
    what was not acknowledged.
    """

    on_messages: Callable[[list[Incoming]], None]
    is_paused: Callable[[], bool] = staticmethod(lambda: False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_message = self._hand_over

    def acknowledge(self, mids: Iterable[int]) -> None:
        """Sends one PUBACK per packet id, in the order given."""
        for mid in mids:
            self.ack(mid, qos=1)

    def publish_all(self, notices: Iterable[tuple[str, bytes]]) -> None:
        """Publishes at most once (QoS 0)."""
        for topic, payload in notices:
            self.publish(topic, payload, qos=0)

    def _hand_over(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        while self.is_paused():
            time.sleep(_PAUSE_S)
        self.on_messages([(message._topic, bytes(message.payload), message.mid)])  # noqa: SLF001 - may be no UTF-8


def cut_messages(data: bytes, at: int, *, v5: bool) -> tuple[list[Incoming], int, int]:
    """The messages in `data` from `at` on, up to the first incomplete packet or one that is no PUBLISH.

    Returns the messages, where it stopped, and the end of the other packet that stopped it (0: incomplete). A PUBLISH
    under QoS 2 counts as another packet: paho keeps its state machine.
    """
    messages: list[Incoming] = []
    add = messages.append
    end = len(data)
    while end - at >= 2:  # noqa: PLR2004 - a fixed header has two bytes at least
        length = data[at + 1]
        body = at + 2
        if length > 127:  # noqa: PLR2004 - the high bit says that another byte follows
            length, body = remaining_length(data, at + 1)
            if body == 0:
                break
        stop = body + length
        if stop > end:
            break
        kind = data[at] & _PUBLISH_QOS
        if kind not in (_PUBLISH_0, _PUBLISH_1):
            return messages, at, stop
        topic_end = body + 2 + (data[body] << 8 | data[body + 1]) if length >= 2 else stop + 1  # noqa: PLR2004
        payload_at = topic_end + 2 if kind == _PUBLISH_1 else topic_end
        if v5:
            if payload_at < stop and data[payload_at] == 0:
                payload_at += 1
            else:
                payload_at = _after_properties(data, payload_at, stop)
        if payload_at > stop:
            raise MalformedStream(f"PUBLISH of {length} bytes ends inside its own header")
        mid = data[topic_end] << 8 | data[topic_end + 1] if kind == _PUBLISH_1 else 0
        add((data[body + 2 : topic_end], data[payload_at:stop], mid))
        at = stop
    return messages, at, 0


def _publish_packet(topic: bytes, payload: bytes) -> bytes:
    """A PUBLISH under QoS 0 without properties (MQTT 5.0 section 3.3)."""
    size = 2 + len(topic) + 1 + len(payload)
    return b"".join([b"\x30", _variable_byte_integer(size), len(topic).to_bytes(2, "big"), topic, b"\0", payload])


def _variable_byte_integer(value: int) -> bytes:
    out = bytearray()
    while value > 127:  # noqa: PLR2004 - seven bits a byte
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _after_properties(data: bytes, at: int, stop: int) -> int:
    size, begin = remaining_length(data[:stop], at)
    return begin + size if begin else stop + 1


def remaining_length(data: bytes, at: int) -> tuple[int, int]:
    """A variable byte integer (MQTT 5.0 section 1.5.5) and where it ends; ends at 0 when bytes are still missing."""
    value = 0
    for index in range(_LENGTH_BYTES):
        if at + index >= len(data):
            return 0, 0
        digit = data[at + index]
        value |= (digit & 0x7F) << 7 * index
        if digit < 0x80:  # noqa: PLR2004 - no further byte follows
            return value, at + index + 1
    raise MalformedStream(f"length of more than {_LENGTH_BYTES} bytes: {data[at : at + _LENGTH_BYTES].hex()}")
