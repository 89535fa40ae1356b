"""Bare MQTT clients without an outbox: what the broker forgets they send again when they are told to."""

import random
import threading
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from wayproof.devices.topics import readings_topic

from faults.story import LOGGER, STRANGER, TAG, RawMessage, Story, raw_message

_PAUSE_S: Final = 0.1


class RawSender:
    """Sends one message of the story after the other, and now and then an old one."""

    def __init__(self, *, story: Story, port: int, secret: str) -> None:
        self._story = story
        self._port = port
        self._clients = {name: _client(name, secret) for name in (LOGGER, STRANGER, TAG)}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="raw-sender")
        self._sent = 0

    @property
    def sent(self) -> list[RawMessage]:
        """What has been sent by now."""
        return [raw_message(self._story, number) for number in range(self._sent)]

    def start(self) -> None:
        """Starts sending."""
        for client in self._clients.values():
            client.connect_async("127.0.0.1", self._port, keepalive=10)
            client.loop_start()
        self._thread.start()

    def finish(self) -> None:
        """Sends nothing new."""
        self._ended.set()
        self._thread.join()

    def send_all_again(self) -> None:
        """For what a broker that was killed has forgotten."""
        for message in self.sent:
            self._publish(message)

    def stop(self) -> None:
        """Ends the connections."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        for client in self._clients.values():
            client.disconnect()
            client.loop_stop()

    def _run(self) -> None:
        chance = random.Random()
        while not self._ended.wait(_PAUSE_S):
            self._sent += 1  # first, as from here on it may be stored
            self._publish(raw_message(self._story, self._sent - 1))
            if chance.random() < 0.3:
                self._publish(raw_message(self._story, chance.randrange(self._sent)))

    def _publish(self, message: RawMessage) -> None:
        self._clients[message.device].publish(readings_topic(message.device), message.payload, qos=1)


def _client(name: str, secret: str) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=mqtt.MQTTv5)
    client.username_pw_set(name, secret)
    client.reconnect_delay_set(1, 1)
    return client
