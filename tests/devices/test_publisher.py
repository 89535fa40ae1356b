"""The publisher against a real broker: everything recorded arrives, and stays with the device until it is receipted."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from wayproof.devices.codecs.native import decode
from wayproof.devices.publisher import BrokerAddress, Observation, Outbox, Publisher
from wayproof.devices.receipts import Receipt, encode_receipt
from wayproof.devices.topics import SHARED_READINGS_FILTER, device_of_readings_topic, receipts_topic
from wayproof.model.errors import InvalidInput
from wayproof.model.reading import Measures

from fix_mqtt import Broker, make_certificate

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEVICE = "truck-1"


class Shore:
    """The other end: notes what arrives on the readings topics and, unless told to be mute, receipts it."""

    def __init__(self, broker: Broker, tls_ca: Path | None = None) -> None:
        self.is_mute = False
        self.messages: list[bytes] = []
        self.seqs: set[int] = set()
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "svc@ingest-1", protocol=mqtt.MQTTv5)
        self._client.username_pw_set("svc@ingest-1", broker.secrets["svc@ingest-1"])
        if tls_ca is not None:
            self._client.tls_set(str(tls_ca))
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, _u, _f, _r, _p: client.subscribe(SHARED_READINGS_FILTER, qos=1)
        self._client.on_subscribe = lambda _c, _u, _m, _r, _p: self._subscribed.set()
        self._client.on_message = lambda _c, _u, message: self._take(message)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(60)

    def _take(self, message: mqtt.MQTTMessage) -> None:
        payload = bytes(message.payload)
        self.messages.append(payload)
        readings = decode(payload).readings
        self.seqs |= {reading.seq for reading in readings}
        if not self.is_mute:
            self.receipt(device_of_readings_topic(message.topic) or "", readings[0].boot)

    def receipt(self, device: str, boot: int) -> None:
        """Publishes what has arrived of a boot."""
        through = 0
        while through + 1 in self.seqs:
            through += 1
        beyond = tuple((seq, seq) for seq in sorted(self.seqs) if seq > through)[:32]
        receipt = Receipt(boot=boot, through=through, beyond=beyond)
        self._client.publish(receipts_topic(device), encode_receipt(receipt), qos=0)

    def close(self) -> None:
        """Ends the connection."""
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    """The outbox of truck-1."""
    with Outbox.open(tmp_path / "outbox.db") as outbox:
        yield outbox


@pytest.fixture
def publisher(broker: Broker, outbox: Outbox) -> Iterator[Publisher]:
    """A publisher of truck-1, known to the broker and not started."""
    broker.add_user("svc@ingest-1")
    secret = broker.add_user(DEVICE)
    address = BrokerAddress(host="127.0.0.1", port=broker.port)
    publisher = Publisher(device=DEVICE, secret=secret, broker=address, outbox=outbox)
    yield publisher
    publisher.stop()


@pytest.fixture
def shore(broker: Broker, publisher: Publisher) -> Iterator[Shore]:
    """A receipting subscriber."""
    shore = Shore(broker)
    yield shore
    shore.close()


def observations(count: int, *, text: str = "") -> list[Observation]:
    """Distinguishable observations."""
    extra = {"text": text} if text else None
    return [(NOON + timedelta(seconds=n), Measures(temperature_c=n / 10, extra=extra)) for n in range(count)]


def until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    """Waits for a condition; fails if it does not come."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_everything_recorded_arrives_and_leaves_the_outbox(publisher: Publisher, shore: Shore) -> None:
    """Readings recorded before and after the start arrive in order, and the outbox is empty once all are receipted."""
    publisher.record_many(observations(120))
    with publisher:
        boot, seq = publisher.record(NOON, Measures(speed_mps=1.5))
        assert seq == 121
        assert publisher.wait_until_safe(60)
    assert publisher.pending() == 0
    arrived = [reading for payload in shore.messages for reading in decode(payload).readings]
    assert [reading.seq for reading in arrived] == list(range(1, 122))
    assert {reading.boot for reading in arrived} == {boot}
    assert arrived[-1].speed_mps == 1.5
    assert publisher.last_error is None


def test_backlog_goes_in_bounded_messages(publisher: Publisher, shore: Shore) -> None:
    """A message carries at most 50 readings and 32 KiB."""
    publisher.record_many(observations(101))
    publisher.record_many(observations(40, text="x" * 3_000))
    with publisher:
        assert publisher.wait_until_safe(60)
    counts = [len(decode(payload).readings) for payload in shore.messages]
    assert max(counts) == 50
    assert max(map(len, shore.messages)) <= 32_768
    assert sum(counts) == 141


def test_single_reading_goes_at_once(publisher: Publisher, shore: Shore) -> None:
    """A reading recorded while nothing waits is published as one object without delay."""
    with publisher:
        until(lambda: publisher.is_connected)
        started_s = time.monotonic()
        publisher.record(NOON, Measures(temperature_c=4.5))
        assert publisher.wait_until_safe(60)
        assert time.monotonic() - started_s < 5
    assert shore.messages[0].startswith(b"{")


def test_unreceipted_readings_stay_and_are_sent_again(publisher: Publisher, shore: Shore, outbox: Outbox) -> None:
    """Without a receipt the broker's acknowledgement frees nothing, and the lowest message is sent again and again."""
    shore.is_mute = True
    publisher.record_many(observations(1_000))
    with publisher:
        until(lambda: len(shore.messages) >= 18)
        assert publisher.pending() == 1_000
        assert len(shore.seqs) == 800  # sixteen messages of fifty: the window
        assert shore.messages[16] == shore.messages[17] == shore.messages[0]
        assert publisher.last_error is not None
        assert "no receipt" in publisher.last_error
        shore.is_mute = False
        shore.receipt(DEVICE, outbox.boot)
        assert publisher.wait_until_safe(60)
        assert publisher.last_error is None


def test_gap_is_filled(publisher: Publisher, shore: Shore, outbox: Outbox) -> None:
    """What the receipts leave out is sent again, and what they name beyond the gap is not."""
    publisher.record_many(observations(200))
    shore.is_mute = True
    with publisher:
        until(lambda: len(shore.seqs) == 200)
        shore.seqs -= set(range(51, 101))
        shore.messages.clear()
        shore.is_mute = False
        shore.receipt(DEVICE, outbox.boot)
        until(lambda: len(shore.seqs) == 200)
        # The receipt named at most 32 single numbers past the gap, which the stand-in writes one by one.
        assert publisher.wait_until_safe(60)
    assert decode(shore.messages[0]).readings[0].seq == 51


def test_dead_spot(publisher: Publisher, shore: Shore) -> None:
    """Between disconnect() and reconnect() readings gather and none goes; then all go, at once."""
    with publisher:
        until(lambda: publisher.is_connected)
        publisher.disconnect()
        until(lambda: not publisher.is_connected)
        publisher.record_many(observations(10))
        assert not publisher.wait_until_safe(1.5)
        assert shore.messages == []
        publisher.reconnect()
        assert publisher.wait_until_safe(60)


def test_wrong_secret_is_told_and_tried_slowly(broker: Broker, publisher: Publisher, outbox: Outbox) -> None:
    """A refused device says so, keeps its readings, and gets through once its credential is accepted."""
    address = BrokerAddress(host="127.0.0.1", port=broker.port)
    with Publisher(device=DEVICE, secret="new", broker=address, outbox=outbox) as refused:
        refused.record(NOON, Measures())
        until(lambda: refused.last_error is not None)
        assert refused.last_error == "the broker refused to connect truck-1: Not authorized"
        broker.add_user(DEVICE, "new")
        until(lambda: refused.is_connected)
        shore = Shore(broker)
        assert refused.wait_until_safe(60)
        shore.close()


def test_refused_topic_is_told(broker: Broker, publisher: Publisher) -> None:
    """When the broker's ACL refuses the readings, the reason is kept and so are the readings."""
    broker.add_user("svc@truck")  # a service may not publish readings
    publisher._secret, publisher.device = "secret", "svc@truck"
    (broker.service.folder / "acl").write_text("user svc@truck\ntopic read wp/v1/svc@truck/receipts\n")
    assert broker.process is not None
    broker.process.send_signal(signal.SIGHUP)
    publisher.record(NOON, Measures())
    with publisher:
        until(lambda: publisher.last_error is not None)
        assert publisher.last_error == "the broker refused readings of svc@truck: Not authorized"
    assert publisher.pending() == 1


def test_unreachable_broker_is_told(broker: Broker, publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens, recording works, the error names the address, and stop() does not wait for it."""
    broker.stop()
    monkeypatch.setattr(publisher._delays, "next", lambda: 600.0)
    with publisher:
        publisher.record(NOON, Measures())
        until(lambda: publisher.last_error is not None)
        assert publisher.last_error is not None
        assert f"broker 127.0.0.1:{broker.port} cannot be reached" in publisher.last_error
        started_s = time.monotonic()
    assert time.monotonic() - started_s < 30
    assert publisher.pending() == 1


def test_foreign_messages_on_the_receipts_topic_free_nothing(
    publisher: Publisher, shore: Shore, outbox: Outbox
) -> None:
    """Garbage on the receipts topic, and receipts of another boot, change nothing."""
    shore.is_mute = True
    publisher.record_many(observations(5))
    with publisher:
        until(lambda: len(shore.seqs) == 5)
        for payload in (b"", b"\xff\x00", b"[]", encode_receipt(Receipt(boot=outbox.boot % 1000 + 1, through=5))):
            shore._client.publish(receipts_topic(DEVICE), payload)
        time.sleep(0.3)
        assert publisher.pending() == 5
        shore.is_mute = False
        assert publisher.wait_until_safe(60)


def test_tls(publisher: Publisher, broker: Broker, outbox: Outbox, tls_ca: Path) -> None:
    """With a CA the connection is encrypted and carries thousands of readings and their receipts."""
    address = BrokerAddress(host="127.0.0.1", port=broker.port, tls_ca=tls_ca)
    shore = Shore(broker, tls_ca)
    with Publisher(device=DEVICE, secret="secret", broker=address, outbox=outbox) as encrypted:
        encrypted.record_many(observations(5_000))
        assert encrypted.wait_until_safe(60)
    shore.close()
    assert shore.seqs == set(range(1, 5_001))


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho leaves the socket to the collector
def test_untrusted_broker_gets_no_credential(
    publisher: Publisher, broker: Broker, outbox: Outbox, tls_ca: Path, tmp_path: Path
) -> None:
    """A broker whose certificate does not chain up to our CA is not talked to."""
    address = BrokerAddress(host="127.0.0.1", port=broker.port, tls_ca=make_certificate(tmp_path))
    with Publisher(device=DEVICE, secret="secret", broker=address, outbox=outbox) as distrustful:
        until(lambda: distrustful.last_error is not None)
        assert "certificate verify failed" in str(distrustful.last_error)


def test_bad_values_never_reach_the_outbox(publisher: Publisher) -> None:
    """A value that can never be stored is refused where it is recorded."""
    with pytest.raises(InvalidInput):
        publisher.record(NOON, Measures(humidity_pct=float("nan")))
    assert publisher.pending() == 0


def test_reused_boot_loses_nothing(publisher: Publisher, shore: Shore, outbox: Outbox) -> None:
    """Where receipts already name the numbers of a file restored from a backup, its readings are sent all the same."""
    shore.seqs = set(range(1, 501))
    publisher.record_many(observations(300))
    with publisher:
        assert publisher.wait_until_safe(60)
    assert sum(len(decode(payload).readings) for payload in shore.messages) == 300
    assert outbox.safe_through == 500


def test_many_readings_in_bounded_memory(publisher: Publisher, shore: Shore) -> None:
    """Twenty thousand waiting readings are sent page by page."""
    for _ in range(20):
        publisher.record_many(observations(1_000))
    with publisher:
        assert publisher.wait_until_safe(60)
    assert len(shore.seqs) == 20_000
    assert len(shore.messages) == 400


def test_device_is_a_name(broker: Broker, outbox: Outbox) -> None:
    """A name that would not be a topic level of its own is refused at once."""
    address = BrokerAddress(host="127.0.0.1", port=broker.port)
    for name in ("", "a/b", "+", "a..b", "svc@ingest-1"):
        with pytest.raises(InvalidInput, match="expected a device"):
            Publisher(device=name, secret="secret", broker=address, outbox=outbox)


def test_publisher_starts_once_and_again(publisher: Publisher, shore: Shore) -> None:
    """A running publisher is not started twice; a stopped one may be started again."""
    with publisher, pytest.raises(RuntimeError):
        publisher.start()
    with publisher:
        publisher.record(NOON, Measures())
        assert publisher.wait_until_safe(60)
    publisher.stop()
