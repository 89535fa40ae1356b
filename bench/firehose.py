"""A publisher that costs next to nothing: every packet is rendered before the clock starts, then sent in large pieces.

One connection speaks for all devices (the broker of a benchmark allows that to one user), MQTT 5, QoS 1. What is not
acknowledged is bounded by a window, as with a real fleet.
"""

import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread

from bench.mqtt_load import packet, text
from wayproof.devices.topics import readings_topic

_PUBACK_BYTES = 4
_PIECE = 64 * 1024


def single_readings(devices: Sequence[str], count: int, *, boot: int, first_seq: int = 1) -> list[bytes]:
    """PUBLISH packets of one reading each, round robin over the devices, a second apart per device until now."""
    now_ms = time.time_ns() // 1_000_000
    rounds = -(-count // len(devices))
    packets = []
    for number in range(count):
        turn = number // len(devices)
        body = reading(boot, first_seq + turn, now_ms - (rounds - turn) * 50)
        packets.append(publish(devices[number % len(devices)], number, body))
    return packets


def batched_readings(devices: Sequence[str], count: int, *, size: int, boot: int) -> list[bytes]:
    """PUBLISH packets of `size` readings each, round robin over the devices."""
    now_ms = time.time_ns() // 1_000_000
    packets = []
    for number in range(count):
        first = number // len(devices) * size
        readings = [reading(boot, first + i + 1, now_ms - (count * size - first - i) * 5) for i in range(size)]
        packets.append(publish(devices[number % len(devices)], number, b"[" + b",".join(readings) + b"]"))
    return packets


def reading(boot: int, seq: int, at_ms: int) -> bytes:
    """A truck's reading: position, speed, heading, temperature, humidity, battery."""
    values = (at_ms, boot, seq, seq % 999_983, seq % 777_743, seq % 5, seq % 10, seq % 360, seq % 100)
    return (
        b'{"observed_at":%d,"boot":%d,"seq":%d,"latitude_deg":52.%06d,"longitude_deg":13.%06d,"speed_mps":2%d.%d,'
        b'"heading_deg":%d,"temperature_c":4.%02d,"humidity_pct":6%d.%d,"battery_pct":%d}'
        % (*values, seq % 10, seq % 10, seq % 100)
    )


def publish(device: str, number: int, payload: bytes) -> bytes:
    """A PUBLISH packet under QoS 1."""
    return packet(0x32, text(readings_topic(device)) + (number % 65535 + 1).to_bytes(2, "big") + b"\0" + payload)


def _connect(port: int, user: str, secret: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    hello = text("MQTT") + bytes([5, 0xC2, 0, 0, 0]) + text(user) + text(user) + text(secret)
    connection.sendall(packet(0x10, hello))
    answer = connection.recv(1024)
    if answer[0] != 0x20 or answer[3] != 0:
        raise ConnectionRefusedError(f"{user}: {answer.hex()}")
    return connection


class Stream:
    """One connection that sends prepared packets time and again, in the caller's thread."""

    def __init__(self, *, port: int, user: str, secret: str, window: int = 20_000) -> None:
        self._connection = _connect(port, user, secret)
        self._window = window
        self._sent = 0
        self._received_bytes = 0

    def send(self, packets: Sequence[bytes]) -> None:
        """Returns when all are sent and no more than the window waits for its acknowledgement."""
        for start in range(0, len(packets), 250):
            piece = packets[start : start + 250]
            self._connection.sendall(b"".join(piece))
            self._sent += len(piece)
            while self._sent - self._received_bytes // _PUBACK_BYTES > self._window:
                self._received_bytes += len(self._connection.recv(_PIECE))


@dataclass(kw_only=True)
class Firehose:
    """Sends prepared packets as fast as the window allows."""

    port: int
    user: str
    secret: str
    packets: Sequence[bytes]
    window: int = 20_000
    acknowledged: int = 0

    def start(self) -> Thread:
        """Connects, then sends in a thread of its own."""
        self._connection = _connect(self.port, self.user, self.secret)
        thread = Thread(target=self._run, daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        sent, received = 0, 0
        while self.acknowledged < len(self.packets):
            room = self.window - (sent - self.acknowledged)
            if room > 0 and sent < len(self.packets):
                piece = self.packets[sent : sent + min(room, 250)]
                self._connection.sendall(b"".join(piece))
                sent += len(piece)
                self._connection.setblocking(sent == len(self.packets) or sent - self.acknowledged >= self.window)
            with suppress(BlockingIOError):
                received += len(self._connection.recv(_PIECE))
            self._connection.setblocking(True)
            # PUBACK without reason or properties has four bytes; the broker sends no other under success.
            self.acknowledged = received // _PUBACK_BYTES
        self._connection.close()
