"""Which names may send, kept in memory for as long as one database connection lives."""

import time
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Final

from wayproof.devices.topics import device_of_readings_topic
from wayproof.store.pool import Conn
from wayproof.store.registry import KnownDevice, find_devices, known_devices, listen, registry_changed

_MANY_DEVICES: Final = 65_536
_LEAST_INTERVAL_S: Final = 1.0
"""However often the registry changes, it is not read again sooner. So long a retired device may still be heard."""
_GREATEST_INTERVAL_S: Final = 60.0
"""It is read again at least so often: behind some poolers no announcement arrives."""


@lru_cache(_MANY_DEVICES)
def named_device(topic: bytes) -> str | None:
    """The device that a topic names, or None."""
    return device_of_readings_topic(topic.decode("utf-8", "replace"))


class KnownDevices:
    """Names to devices. A new device is known at once: what is unknown is looked up, once a batch."""

    def __init__(self, conn: Conn) -> None:
        self._conn = conn
        listen(conn)  # before reading, so that no change falls in between
        self._read()

    def by_topic(self, topics: Collection[bytes]) -> Mapping[bytes, KnownDevice]:
        """Devices that may send, by the topic that names them; at least those of `topics`."""
        self._changed |= registry_changed(self._conn)
        age_s = time.monotonic() - self._read_at
        if age_s > (_LEAST_INTERVAL_S if self._changed else _GREATEST_INTERVAL_S):
            self._read()
        new = topics - self._topics.keys()
        if new:
            self._learn({topic: name for topic in new if (name := named_device(topic))})
        return self._topics

    def _learn(self, names: Mapping[bytes, str]) -> None:
        unknown = set(names.values()) - self._known.keys()
        if unknown:
            self._known |= find_devices(self._conn, unknown)
        self._topics |= {topic: self._known[name] for topic, name in names.items() if name in self._known}

    def _read(self) -> None:
        self._changed = False
        self._read_at = time.monotonic()
        self._known = known_devices(self._conn)
        self._topics: dict[bytes, KnownDevice] = {}
