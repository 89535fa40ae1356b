"""Many devices in one process: raw MQTT 5 over asyncio, cheap enough not to disturb what is measured.

Each device has its own connection, its own credentials and publishes single-reading JSON messages at QoS 1 to its
own topic; it listens to its receipts and knows at any time what is safe.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from wayproof.devices.receipts import decode_receipt
from wayproof.devices.topics import readings_topic, receipts_topic

_PUBACK: Final = 4
_PUBLISH: Final = 3


def varint(value: int) -> bytes:
    """A variable byte integer."""
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(out)


def text(value: str) -> bytes:
    """A UTF-8 string with its length."""
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw


def packet(header: int, body: bytes) -> bytes:
    """A whole control packet."""
    return bytes([header]) + varint(len(body)) + body


@dataclass(kw_only=True)
class Device(asyncio.Protocol):
    """One device: what it has sent, what is acknowledged and what is safe."""

    name: str
    secret: str
    boot: int
    sent: int = 0
    acknowledged: int = 0
    safe: int = 0
    #: Seconds from publish to receipt, one per message.
    latencies_s: list[float] = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: deque[tuple[int, float]] = field(default_factory=deque)
    _buffer: bytearray = field(default_factory=bytearray)
    _transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Says hello: MQTT 5, clean start, keep-alive 60 s, session ends with the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        hello = text("MQTT") + bytes([5, 0xC2, 0, 60, 0]) + text(self.name) + text(self.name) + text(self.secret)
        transport.write(packet(0x10, hello))
        subscribe = (1).to_bytes(2, "big") + b"\0" + text(receipts_topic(self.name)) + b"\0"
        transport.write(packet(0x82, subscribe))

    def data_received(self, data: bytes) -> None:
        """Takes acknowledgements and receipts out of the byte stream."""
        self._buffer += data
        while (end := self._next_packet()) is not None:
            del self._buffer[:end]

    def _next_packet(self) -> int | None:
        length, shift, at = 0, 0, 1
        while True:
            if at >= len(self._buffer):
                return None
            digit = self._buffer[at]
            length |= (digit & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if digit < 0x80:
                break
        if len(self._buffer) < at + length:
            return None
        self._take(self._buffer[0], bytes(self._buffer[at : at + length]))
        return at + length

    def _take(self, header: int, body: bytes) -> None:
        kind = header >> 4
        if kind == 2 and body[1]:
            raise ConnectionRefusedError(f"{self.name}: CONNACK reason {body[1]:#x}")
        if kind == 9:
            self.ready.set()
        elif kind == _PUBACK:
            self.acknowledged += 1
        elif kind == _PUBLISH:
            topic_end = 2 + int.from_bytes(body[:2], "big")
            self._receipt(body[topic_end + 1 :])  # properties are empty: one length byte

    def _receipt(self, payload: bytes) -> None:
        receipt = decode_receipt(payload)
        now = time.perf_counter()
        if receipt.boot != self.boot:
            return
        self.safe = max(self.safe, receipt.through)
        while self._waiting and self._waiting[0][0] <= self.safe:
            self.latencies_s.append(now - self._waiting.popleft()[1])

    def publish(self, now_ms: int) -> None:
        """Sends the next reading."""
        assert self._transport is not None
        self.sent += 1
        n = self.sent
        payload = self.payload(n, now_ms)
        body = text(readings_topic(self.name)) + ((n - 1) % 65535 + 1).to_bytes(2, "big") + b"\0" + payload
        self._transport.write(packet(0x32, body))
        self._waiting.append((n, time.perf_counter()))

    def payload(self, n: int, now_ms: int) -> bytes:
        """Reading number `n`: position, temperature, humidity, battery."""
        return (
            f'{{"observed_at":{now_ms},"boot":{self.boot},"seq":{n},"latitude_deg":{52 + n % 1000 / 1000},'
            f'"longitude_deg":{13 + n % 777 / 1000},"temperature_c":{4 + n % 100 / 100},'
            f'"humidity_pct":{60 + n % 50 / 10},"battery_pct":{n % 100}}}'
        ).encode()

    def close(self) -> None:
        """Says goodbye."""
        if self._transport is not None:
            self._transport.write(packet(0xE0, b""))
            self._transport.close()


async def connect(devices: list[Device], port: int) -> None:
    """Connects all devices, some dozens at a time, and waits until each may publish."""
    loop = asyncio.get_running_loop()
    for start in range(0, len(devices), 50):
        group = devices[start : start + 50]
        for device in group:
            await loop.create_connection(lambda device=device: device, "127.0.0.1", port)  # type: ignore[misc]
        await asyncio.wait_for(asyncio.gather(*(device.ready.wait() for device in group)), 30)


async def publish_at_rate(devices: list[Device], *, rate_hz: float, duration_s: float) -> None:
    """Publishes round robin at `rate_hz` messages a second over all devices, in ticks of 10 ms."""
    started, total, index = time.perf_counter(), int(rate_hz * duration_s), 0
    while index < total:
        due = min(total, int((time.perf_counter() - started) * rate_hz) + 1)
        now_ms = time.time_ns() // 1_000_000
        for number in range(index, due):
            devices[number % len(devices)].publish(now_ms + number // len(devices) % 7)
        index = due
        await asyncio.sleep(0.01)


async def wait_until_safe(devices: list[Device], timeout_s: float) -> bool:
    """True once every device's last reading is receipted."""
    deadline = time.perf_counter() + timeout_s
    while time.perf_counter() < deadline:
        if all(device.safe == device.sent for device in devices):
            return True
        await asyncio.sleep(0.05)
    return False
