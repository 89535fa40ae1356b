"""One connection of one device to the broker (MQTT 5). When it breaks it is thrown away, with all its state."""

import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from wayproof.devices.topics import readings_topic, receipts_topic
from wayproof.model.errors import Unavailable

_KEEPALIVE_S: Final = 30
_ANSWER_TIMEOUT_S: Final = 20.0
"""How long the broker may take to accept a connection, or to acknowledge any message."""
_MAX_UNACKNOWLEDGED: Final = 20
"""Messages that the broker has not acknowledged; paho keeps them in memory."""


@dataclass(frozen=True, kw_only=True)
class BrokerAddress:
    """Where a broker listens."""

    host: str
    port: int
    #: Certificates that the broker's must chain up to (PEM); None connects without TLS.
    tls_ca: Path | None = None


class Waker:
    """Ends another thread's wait: the next one, if that thread is not waiting now."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def wake(self) -> None:
        """Ends the wait; harmless once closed."""
        with suppress(OSError):  # full of wake-ups already, or closed
            self._writer.send(b"\0")

    def fileno(self) -> int:
        """What to poll."""
        return self._reader.fileno()

    def wait(self, timeout_s: float | None) -> None:
        """Returns when woken or after the time-out."""
        poller = select.poll()
        poller.register(self._reader, select.POLLIN)
        poller.poll(None if timeout_s is None else timeout_s * 1_000)
        self.clear()

    def clear(self) -> None:
        """Forgets the wake-ups until now."""
        with suppress(BlockingIOError):
            self._reader.recv(4096)

    def close(self) -> None:
        """Gives back the descriptors."""
        self._reader.close()
        self._writer.close()


class Link:
    """A connection that publishes readings and hands over receipts. Belongs to one thread.

    Every method raises Unavailable once the connection is lost or refused, with the reason.
    """

    def __init__(
        self, *, device: str, secret: str, broker: BrokerAddress, on_receipt: Callable[[bytes], None], waker: Waker
    ) -> None:
        self._device = device
        self._broker = broker
        self._on_receipt = on_receipt
        self._waker = waker
        self._is_ready = False
        self._failure: str | None = None
        self._unacknowledged: set[int] = set()
        self._heard_at_s = time.monotonic()
        self._client = self._make_client(secret)

    def _make_client(self, secret: str) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, self._device, protocol=mqtt.MQTTv5)
        client.username_pw_set(self._device, secret)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_publish = self._published
        client.on_message = lambda _client, _userdata, message: self._on_receipt(bytes(message.payload))
        client.on_disconnect = self._disconnected
        return client

    def open(self) -> None:
        """Connects, and subscribes to receipts; on return readings may be published."""
        address = f"broker {self._broker.host}:{self._broker.port}"
        try:
            if self._broker.tls_ca is not None:
                self._client.tls_set(str(self._broker.tls_ca))
            self._client.connect(self._broker.host, self._broker.port, _KEEPALIVE_S)
            # Or the tail of each burst waits for the broker's delayed acknowledgement: 40 ms a round.
            sock: Any = self._client.socket()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise Unavailable(f"{address} cannot be reached: {error}") from error
        while not self._is_ready:
            self.wait(1.0)

    def can_publish(self) -> bool:
        """Whether the broker keeps up with acknowledging."""
        return len(self._unacknowledged) < _MAX_UNACKNOWLEDGED

    def publish(self, payload: bytes) -> None:
        """Hands one message to the broker, QoS 1."""
        if not self._unacknowledged:
            self._heard_at_s = time.monotonic()
        info = self._client.publish(readings_topic(self._device), payload, qos=1)
        self._unacknowledged.add(info.mid)

    def wait(self, timeout_s: float) -> None:
        """Serves the connection until something has come, the waker has called, or the time is over."""
        sock = self._client.socket()
        if sock is not None:
            self._serve(sock, timeout_s)
        if self._failure is not None or sock is None:
            raise Unavailable(self._failure or "connection to the broker lost")
        if (self._unacknowledged or not self._is_ready) and time.monotonic() - self._heard_at_s > _ANSWER_TIMEOUT_S:
            raise Unavailable(f"the broker has not answered for {_ANSWER_TIMEOUT_S:.0f} s")

    def _serve(self, sock: Any, timeout_s: float) -> None:
        # What TLS has decrypted already poll() no longer sees.
        has_pending = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        poller = select.poll()  # unlike select() it takes descriptors above 1,023: one process may run a whole fleet
        poller.register(sock, select.POLLIN | (select.POLLOUT if self._client.want_write() else 0))
        poller.register(self._waker, select.POLLIN)
        events = dict(poller.poll(0 if has_pending else timeout_s * 1_000))
        if self._waker.fileno() in events:
            self._waker.clear()
        happened = events.get(sock.fileno(), 0)
        if happened & select.POLLOUT:
            self._client.loop_write()
        if has_pending or happened & ~select.POLLOUT:
            self._client.loop_read()
        self._client.loop_misc()

    def close(self, *, politely: bool) -> None:
        """Ends the connection: with a DISCONNECT, or without a word as a dead spot does."""
        if politely:
            self._client.disconnect()
        sock: Any = self._client.socket()
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            self._client.loop_read()  # sees the end and closes the socket

    def _connected(
        self, client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _p: object
    ) -> None:
        self._heard_at_s = time.monotonic()
        if reason.is_failure:
            self._failure = f"the broker refused to connect {self._device}: {reason}"
        else:
            client.subscribe(receipts_topic(self._device), qos=0)

    def _subscribed(
        self, _client: mqtt.Client, _userdata: object, _mid: int, reasons: list[ReasonCode], _p: object
    ) -> None:
        if reasons[0].is_failure:
            self._failure = f"the broker refused receipts to {self._device}: {reasons[0]}"
        self._is_ready = True

    def _published(self, _client: mqtt.Client, _userdata: object, mid: int, reason: ReasonCode, _p: object) -> None:
        self._heard_at_s = time.monotonic()
        self._unacknowledged.discard(mid)
        if reason.is_failure:
            self._failure = f"the broker refused readings of {self._device}: {reason}"

    def _disconnected(
        self, _client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _p: object
    ) -> None:
        self._failure = self._failure or f"connection to the broker lost: {reason}"
