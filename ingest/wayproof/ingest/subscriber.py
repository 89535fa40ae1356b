"""The broker's side: taking messages, acknowledging them after the commit, publishing receipts."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from threading import Event, Lock
from typing import Any, Final

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from wayproof.devices.topics import SHARED_READINGS_FILTER
from wayproof.ingest import metrics
from wayproof.ingest.batcher import Batcher, Chunk
from wayproof.ingest.bulk_client import BulkClient, Incoming, StockClient
from wayproof.ingest.settings import IngestSettings

_log = structlog.get_logger(__name__)

_RECEIVE_MAXIMUM: Final = 65_535
"""All that MQTT allows: what bounds our memory is the queue, and a batch must fit in whole."""
_GREATEST_RECONNECT_DELAY_S: Final = 2
"""Ingestors are few: trying often harms no broker, and a broker that is back is used at once."""
_GOODBYE_S: Final = 5.0
_SHORT_S: Final = 5.0
_CONTESTED: Final = 3
"""So many short connections in a row mean that two processes under one name throw each other off. Not every broker
says so (mosquitto 2.0.11 just closes the connection), so it is told by that."""


class Subscriber:
    """One MQTT 5 connection that makes itself again, with a session that outlives it.

    Brokers go on sharing messages out to sessions whose client is away, and drop them when the session expires. So who
    leaves for good unsubscribes first, takes what the broker still holds for it, and ends its session.
    """

    def __init__(self, settings: IngestSettings, batcher: Batcher) -> None:
        self._settings = settings
        self._batcher = batcher
        self._epoch = 0
        self._epoch_lock = Lock()
        self._subscribed = Event()
        self._leaving = Event()
        self._unsubscribed = Event()
        self._connected_at = 0.0
        self._short_connections = 0
        self._gone = Event()
        self._taken = 0  # counted by the network thread alone
        self._settled = 0  # counted by one writer at a time
        self._quiet_since = 0.0
        self._was_full = False
        self._client = self._new_client()

    @property
    def is_ready(self) -> bool:
        """Whether messages can come."""
        return self._subscribed.is_set()

    def start(self) -> None:
        """Connects in the background, and again whenever the connection is lost."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = round(self._settings.session_expiry.total_seconds())
        properties.ReceiveMaximum = _RECEIVE_MAXIMUM
        self._client.connect_async(
            self._settings.broker_host,
            self._settings.broker_port,
            keepalive=round(self._settings.keep_alive.total_seconds()),
            clean_start=False,
            properties=properties,
        )
        self._client.loop_start()

    def tend(self) -> None:
        """Asks again for a subscription that was refused: whoever grants it may not have known us yet."""
        if self._client.is_connected() and not (self.is_ready or self._leaving.is_set()):
            self._client.subscribe(SHARED_READINGS_FILTER, qos=1)

    def leave(self) -> None:
        """From now on the others get all that is new. Goes on taking what was meant for us: see `has_left`."""
        self._leaving.set()
        _log.info("leaving for good")
        if self._client.is_connected():
            self._client.unsubscribe(SHARED_READINGS_FILTER)

    @property
    def is_leaving(self) -> bool:
        """Whether `leave` was called."""
        return self._leaving.is_set()

    @property
    def has_left(self) -> bool:
        """Whether the broker holds nothing for us any more: all that came is acknowledged, and nothing follows."""
        is_empty = self._unsubscribed.is_set() and self._taken == self._settled
        return is_empty and time.monotonic() - self._quiet_since > self._settings.leave_after_idle.total_seconds()

    @property
    def is_contested(self) -> bool:
        """Whether another process runs under our name."""
        return self._short_connections >= _CONTESTED

    def stop(self, *, for_good: bool = False) -> None:
        """Sends what is queued and disconnects.

        The session stays, and the broker keeps our messages for us; `for_good` ends it, and the broker forgets us.
        """
        properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
        if for_good:
            properties.SessionExpiryInterval = 0
        if self._client.disconnect(properties=properties) is mqtt.MQTT_ERR_SUCCESS:
            self._gone.wait(_GOODBYE_S)

    def acknowledge(self, chunks: Sequence[Chunk]) -> None:
        """Lets the broker forget messages, in the order in which they came (MQTT 5.0 section 4.6).

        Those of an ended connection are dropped: their packet ids may by now stand for messages that are not stored.
        """
        with self._epoch_lock:
            mids: list[int] = []
            for chunk in chunks:
                if chunk.epoch == self._epoch:
                    mids += [mid for _, _, mid in chunk.messages if mid]
                else:
                    metrics.STALE_ACKNOWLEDGEMENTS.inc(len(chunk.messages))
            self._client.acknowledge(mids)
        self._settled += sum(len(chunk.messages) for chunk in chunks)

    def publish(self, notices: Iterable[tuple[str, bytes]]) -> None:
        """At most once: a device that misses a receipt sends again, and gets another."""
        self._client.publish_all(notices)

    def _new_client(self) -> BulkClient | StockClient:
        settings = self._settings
        kind = BulkClient if settings.read_in_bulk else StockClient
        client = kind(
            CallbackAPIVersion.VERSION2,
            settings.user,
            protocol=mqtt.MQTTv5,
            transport=settings.broker_transport,
            manual_ack=True,
        )
        client.username_pw_set(settings.user, settings.password.get_secret_value())
        if settings.broker_tls_ca is not None:
            client.tls_set(str(settings.broker_tls_ca))
        client.reconnect_delay_set(1, _GREATEST_RECONNECT_DELAY_S)
        client.on_pre_connect = lambda _client, _userdata: self._end_epoch()  # not every loss is announced
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_unsubscribe
        client.on_messages = self._on_messages
        client.is_paused = self._is_paused
        return client

    def _is_paused(self) -> bool:
        is_full = self._batcher.is_full
        if is_full and not self._was_full:
            metrics.PAUSES.inc()
        self._was_full = is_full
        return is_full

    def _end_epoch(self) -> None:
        self._unsubscribed.clear()
        with self._epoch_lock:
            self._epoch += 1

    def _on_connect_fail(self, _client: mqtt.Client, _userdata: Any) -> None:
        settings = self._settings
        _log.warning("no connection to broker", host=settings.broker_host, port=settings.broker_port)

    def _on_connect(
        self, client: mqtt.Client, _userdata: Any, flags: mqtt.ConnectFlags, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            _log.error("broker refused the connection", reason=str(reason), user=self._settings.user)
            return
        self._connected_at = time.monotonic()
        metrics.CONNECTIONS.inc()
        _log.info("connected to broker", session_present=flags.session_present, epoch=self._epoch)
        if self._leaving.is_set():
            client.unsubscribe(SHARED_READINGS_FILTER)  # also where we did before: the session may be an older one
        else:
            client.subscribe(SHARED_READINGS_FILTER, qos=1)

    def _on_subscribe(
        self, client: mqtt.Client, _userdata: Any, _mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            _log.error("broker refused the subscription", reasons=[str(reason) for reason in reasons])
            return
        self._subscribed.set()
        _log.info("subscribed", filter=SHARED_READINGS_FILTER)
        if self._leaving.is_set():  # asked for just before we were told to leave
            client.unsubscribe(SHARED_READINGS_FILTER)

    def _on_unsubscribe(
        self, _client: mqtt.Client, _userdata: Any, _mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            _log.error("broker refused to end the subscription", reasons=[str(reason) for reason in reasons])
            return
        self._subscribed.clear()
        self._quiet_since = time.monotonic()
        self._unsubscribed.set()
        _log.info("unsubscribed", filter=SHARED_READINGS_FILTER)

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        self._end_epoch()
        self._subscribed.clear()
        is_short = time.monotonic() - self._connected_at < _SHORT_S
        self._short_connections = self._short_connections + 1 if is_short else 0
        _log.warning("disconnected from broker", reason=str(reason))
        self._gone.set()  # last: the interpreter cannot end while a thread is writing its log

    def _on_messages(self, messages: list[Incoming]) -> None:
        chunk = Chunk(messages=messages, received_at=datetime.now(UTC), epoch=self._epoch)
        self._taken += len(messages)
        self._quiet_since = time.monotonic()
        metrics.RECEIVED.inc(len(messages))
        metrics.RECEIVED_BYTES.inc(chunk.payload_bytes)
        self._batcher.put(chunk)
