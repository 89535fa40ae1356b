"""The sender: empties a device's outbox into the broker, against receipts. What a truck's gateway runs."""

import logging
import threading
import time
from collections.abc import Iterable
from datetime import datetime
from itertools import accumulate
from types import TracebackType
from typing import Final, Self

from wayproof.devices.publisher.link import BrokerAddress, Link, Waker
from wayproof.devices.publisher.outbox import Observation, Outbox
from wayproof.devices.publisher.window import Delays, Window
from wayproof.devices.receipts import decode_receipt
from wayproof.devices.topics import is_device_name
from wayproof.model.errors import InvalidInput, WayproofError
from wayproof.model.reading import Measures

MAX_MESSAGE_READINGS: Final = 50
MAX_MESSAGE_BYTES: Final = 32_768
_STABLE_AFTER_S: Final = 30.0
"""A connection that held this long was a good one: the next loss is met with the shortest delay."""
_LONGEST_WAIT_S: Final = 10.0
"""Bounds each wait on the network, so that keep-alives go out in time."""

_log = logging.getLogger(__name__)


class Publisher:
    """Records readings of one device and sends them until a receipt names each.

    Recording works at any time, connected or not, started or not; a background thread does the rest. Nothing but the
    outbox holds readings, so memory stays bounded however many wait.
    """

    def __init__(self, *, device: str, secret: str, broker: BrokerAddress, outbox: Outbox) -> None:
        if not is_device_name(device):
            raise InvalidInput(f"expected a device of at most 64 letters, digits, '.', '_' and '-', got {device!r}")
        self.device = device
        self._secret = secret
        self._broker = broker
        self._outbox = outbox
        #: Why readings do not get through at the moment; None when nothing is known to be wrong.
        self.last_error: str | None = None
        self._is_connected = False
        self._may_connect = True
        self._is_stopping = False
        self._waker: Waker | None = None
        self._thread: threading.Thread | None = None
        self._delays = Delays()
        self._retry_at_s = 0.0
        self._receipted = threading.Condition()

    def start(self) -> None:
        """Starts sending."""
        if self._thread is not None:
            raise RuntimeError("the publisher runs already")
        self._is_stopping = False
        self._waker = Waker()
        self._thread = threading.Thread(
            target=self._run, args=[self._waker], name=f"publisher-{self.device}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Ends sending; what no receipt has named stays in the outbox."""
        if self._thread is None or self._waker is None:
            return
        self._is_stopping = True
        self._waker.wake()
        self._thread.join()
        self._waker.close()
        self._thread = self._waker = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def record(self, observed_at: datetime, measures: Measures) -> tuple[int, int]:
        """Keeps one reading and gives its `(boot, seq)`; once it returns the reading survives a power cut.

        `observed_at` is aware. Raises InvalidInput for a value that can never be stored, OutboxFull when the outbox
        has reached its bound.
        """
        seqs = self.record_many([(observed_at, measures)])
        return self._outbox.boot, seqs.start

    def record_many(self, observations: Iterable[Observation]) -> range:
        """Keeps several readings at the cost of one, all or none, and gives their numbers."""
        seqs = self._outbox.append(observations)
        self._wake()
        return seqs

    def pending(self) -> int:
        """How many readings no receipt has named yet."""
        return len(self._outbox)

    def wait_until_safe(self, timeout_s: float) -> bool:
        """Waits until every reading recorded so far is receipted; False if that takes longer."""
        with self._receipted:
            return self._receipted.wait_for(lambda: not self._outbox, timeout_s)

    @property
    def is_connected(self) -> bool:
        """Whether the broker has accepted the device."""
        return self._is_connected

    def disconnect(self) -> None:
        """Breaks the connection, as a dead spot does, until `reconnect`; recording goes on."""
        self._may_connect = False
        self._wake()

    def reconnect(self) -> None:
        """Allows connecting again, and tries at once."""
        self._may_connect = True
        self._retry_at_s = 0.0
        self._wake()

    def _wake(self) -> None:
        waker = self._waker
        if waker is not None:
            waker.wake()

    def _may_run(self) -> bool:
        return self._may_connect and not self._is_stopping

    def _run(self, waker: Waker) -> None:
        while not self._is_stopping:
            if not self._may_connect:
                waker.wait(None)
                continue
            started_at_s = time.monotonic()
            self._connect_and_send(waker)
            if time.monotonic() - started_at_s > _STABLE_AFTER_S:
                self._delays.reset()
            self._pause(waker)

    def _pause(self, waker: Waker) -> None:
        self._retry_at_s = time.monotonic() + self._delays.next()
        while self._may_run() and (left_s := self._retry_at_s - time.monotonic()) > 0:
            waker.wait(left_s)  # a new reading wakes us too, and is no reason to hurry

    def _connect_and_send(self, waker: Waker) -> None:
        window = Window(time.monotonic)
        link = Link(
            device=self.device,
            secret=self._secret,
            broker=self._broker,
            on_receipt=lambda payload: self._take_receipt(payload, window),
            waker=waker,
        )
        try:
            link.open()
            self._is_connected = True
            self._send(link, window)
        except WayproofError as error:
            self.last_error = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, a gateway that sends no more is worse
            _log.exception("publisher of %s failed", self.device)
            self.last_error = repr(error)
        finally:
            self._is_connected = False
            link.close(politely=self._is_stopping)

    def _send(self, link: Link, window: Window) -> None:
        while self._may_run():
            if window.resend_if_silent():
                self.last_error = "the broker takes readings, and no receipt has come for them: sending again"
            while window.is_open() and link.can_publish() and self._send_next(link, window):
                pass
            if not self._outbox:
                self.last_error = None
            link.wait(min(window.silence_left_s(), _LONGEST_WAIT_S))

    def _send_next(self, link: Link, window: Window) -> bool:
        """Publishes the next message; False if none waits."""
        page = self._outbox.page(after=window.sent_through, limit=MAX_MESSAGE_READINGS)
        if not page:
            return False
        items = _fitting([payload for _, payload in page])
        link.publish(items[0] if len(items) == 1 else b"[" + b",".join(items) + b"]")
        window.sent(page[0][0], page[len(items) - 1][0])
        return True

    def _take_receipt(self, payload: bytes, window: Window) -> None:
        try:
            receipt = decode_receipt(payload)
        except InvalidInput as error:
            self.last_error = str(error)
            return
        if receipt.boot != self._outbox.boot:
            return
        self._outbox.remove(receipt, sent_through=window.highest_sent)
        window.receipted(receipt)
        self._delays.reset()
        self.last_error = None
        with self._receipted:
            self._receipted.notify_all()


def _fitting(payloads: list[bytes]) -> list[bytes]:
    """As many of the first payloads as one message may hold, and at least one."""
    ends = accumulate(len(payload) + 1 for payload in payloads)
    return payloads[: max(1, sum(end < MAX_MESSAGE_BYTES for end in ends))]
