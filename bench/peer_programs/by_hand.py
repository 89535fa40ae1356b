"""What a good engineer writes in an hour: stock paho under MQTT 5, batches, one INSERT each, acknowledged after commit.

python bench/peer_programs/by_hand.py BROKER_PORT USER PASSWORD DATABASE_URL
"""

import queue
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from wayproof.devices.topics import READINGS_FILTER

_INSERT = (Path(__file__).parent / "insert.sql").read_text(encoding="utf-8")
_BATCH, _AGE_S = 2_000, 0.05
_FIELDS = (
    *("observed_at", "boot", "seq", "latitude_deg", "longitude_deg", "speed_mps", "heading_deg", "temperature_c"),
    *("humidity_pct", "battery_pct"),
)

Messages = queue.Queue[mqtt.MQTTMessage]


def main() -> None:
    """Runs until it is killed."""
    port, user, password, url = sys.argv[1:]
    messages: Messages = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, user, protocol=mqtt.MQTTv5, manual_ack=True)
    client.username_pw_set(user, password)
    client.on_message = lambda _client, _userdata, message: messages.put(message)
    client.on_connect = lambda client, *_rest: client.subscribe(READINGS_FILTER, qos=1)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = 65_535
    client.connect("127.0.0.1", int(port), properties=properties)
    client.loop_start()
    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as conn:
        devices = dict(conn.execute("select name, device_id from device").fetchall())
        while True:
            batch = _take(messages)
            conn.execute(_INSERT, _columns(batch, devices))
            conn.commit()
            for message in batch:
                client.ack(message.mid, 1)


def _take(messages: Messages) -> list[mqtt.MQTTMessage]:
    batch = [messages.get()]
    until = time.monotonic() + _AGE_S
    while len(batch) < _BATCH and (left := until - time.monotonic()) > 0:
        try:
            batch.append(messages.get(timeout=left))
        except queue.Empty:
            break
    return batch


def _columns(batch: list[mqtt.MQTTMessage], devices: dict[str, int]) -> list[list[Any]]:
    told = [msgspec.json.decode(message.payload) for message in batch]
    device_ids = [devices[message.topic.split("/")[2]] for message in batch]
    return [device_ids, *([reading.get(field) for reading in told] for field in _FIELDS)]


if __name__ == "__main__":
    main()
