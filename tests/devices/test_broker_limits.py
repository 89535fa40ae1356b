"""How large a message may be, and what a device is told that sends a larger one."""

import queue
from collections.abc import Iterator
from dataclasses import dataclass, field

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from wayproof.devices.codecs.native import MAX_PAYLOAD_BYTES
from wayproof.devices.topics import readings_topic

from fix_mqtt import Broker

NAME = "d" * 64
TOO_LARGE = {
    MQTTProtocolVersion.MQTTv5: "disconnected: Packet too large",
    MQTTProtocolVersion.MQTTv311: "disconnected: Unspecified error",
}


@dataclass(frozen=True, kw_only=True)
class Sender:
    """A device with the longest name, and what it is told."""

    client: mqtt.Client
    told: "queue.Queue[str]" = field(default_factory=queue.Queue)

    def send(self, size: int) -> str:
        """What the broker does about so many bytes."""
        self.client.publish(readings_topic(NAME), b"x" * size, qos=1)
        return self.told.get(timeout=60)


@pytest.fixture(params=TOO_LARGE)
def sender(request: pytest.FixtureRequest, broker: Broker) -> Iterator[Sender]:
    """One under each version of MQTT, connected."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, NAME, protocol=request.param)
    made = Sender(client=client)
    client.username_pw_set(NAME, broker.add_user(NAME))
    client.on_connect = lambda *_: made.told.put("connected")
    client.on_publish = lambda *_: made.told.put("acknowledged")
    client.on_disconnect = lambda _c, _u, _f, reason, _p: made.told.put(f"disconnected: {reason}")
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    assert made.told.get(timeout=60) == "connected"
    yield made
    client.disconnect()
    client.loop_stop()


def test_largest_message_fits(sender: Sender) -> None:
    """A payload of the greatest size is taken, whatever the device's name."""
    assert sender.send(MAX_PAYLOAD_BYTES) == "acknowledged"


def test_larger_message_is_no_success(sender: Sender) -> None:
    """What the broker does not take it never acknowledges: it ends the connection, and names the reason if it can."""
    assert sender.send(2 * MAX_PAYLOAD_BYTES) == TOO_LARGE[MQTTProtocolVersion(sender.client.protocol)]
