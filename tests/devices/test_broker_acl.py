"""The broker lets a device publish and read only below its own name."""

import queue

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from wayproof.devices.topics import SHARED_READINGS_FILTER, readings_topic, receipts_topic

from fix_mqtt import Broker


class Client:
    """A bare MQTT 5 client whose answers can be waited for."""

    def __init__(self, broker: Broker, user: str, client_id: str = "") -> None:
        self.published: queue.Queue[ReasonCode] = queue.Queue()
        self.received: queue.Queue[mqtt.MQTTMessage] = queue.Queue()
        self.connected: queue.Queue[ReasonCode] = queue.Queue()
        self.subscribed: queue.Queue[list[ReasonCode]] = queue.Queue()
        self.mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id or user, protocol=mqtt.MQTTv5)
        self.mqtt.username_pw_set(user, broker.secrets.get(user, "wrong"))
        self.mqtt.on_connect = lambda _c, _u, _f, reason, _p: self.connected.put(reason)
        self.mqtt.on_publish = lambda _c, _u, _m, reason, _p: self.published.put(reason)
        self.mqtt.on_subscribe = lambda _c, _u, _m, reasons, _p: self.subscribed.put(reasons)
        self.mqtt.on_message = lambda _c, _u, message: self.received.put(message)
        self.mqtt.connect("127.0.0.1", broker.port)
        self.mqtt.loop_start()
        self.connack = self.connected.get(timeout=60)

    def publish(self, topic: str) -> ReasonCode:
        """Publishes at QoS 1 and returns the broker's verdict."""
        self.mqtt.publish(topic, b"{}", qos=1)
        return self.published.get(timeout=60)

    def close(self) -> None:
        """Disconnects and ends the network thread."""
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


def test_device_publishes_only_as_itself(broker: Broker) -> None:
    """Its own topic is taken and reaches the ingestor; another device's topic is refused."""
    for name in ("svc@ingest-1", "truck-1", "truck-2"):
        broker.add_user(name)
    ingest, truck = Client(broker, "svc@ingest-1"), Client(broker, "truck-1")
    ingest.mqtt.subscribe(SHARED_READINGS_FILTER, qos=1)
    ingest.subscribed.get(timeout=60)

    assert not truck.publish(readings_topic("truck-1")).is_failure
    assert truck.publish(readings_topic("truck-2")).getName() == "Not authorized"
    assert truck.publish(receipts_topic("truck-1")).getName() == "Not authorized"

    assert ingest.received.get(timeout=60).topic == readings_topic("truck-1")
    assert ingest.received.empty()
    ingest.close()
    truck.close()


def test_wrong_password_is_refused(broker: Broker) -> None:
    """A name that the broker does not know cannot connect."""
    client = Client(broker, "nobody")
    assert client.connack.is_failure
    client.close()


def test_client_id_cannot_be_taken_over(broker: Broker) -> None:
    """A device that connects under the ingestor's client id does not throw the ingestor off."""
    broker.add_user("svc@ingest-1")
    broker.add_user("truck-1")
    ingest = Client(broker, "svc@ingest-1")
    thief = Client(broker, "truck-1", client_id="svc@ingest-1")
    ingest.mqtt.subscribe(SHARED_READINGS_FILTER, qos=1)
    ingest.subscribed.get(timeout=60)
    thief.publish(readings_topic("truck-1"))
    assert ingest.received.get(timeout=60).topic == readings_topic("truck-1")
    ingest.close()
    thief.close()
