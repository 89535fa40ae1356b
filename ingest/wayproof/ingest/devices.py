"""Which names may send, kept in memory for as long as one database connection lives."""

import time
from collections.abc import Collection, Mapping
from typing import Final

from wayproof.store.pool import Conn
from wayproof.store.registry import KnownDevice, find_devices, known_devices, listen, registry_changed

_LEAST_INTERVAL_S: Final = 1.0
"""However often the registry changes, it is not read again sooner. So long a retired device may still be heard."""
_GREATEST_INTERVAL_S: Final = 60.0
"""It is read again at least so often: behind some poolers no announcement arrives."""


class KnownDevices:
    """Names to devices. A new device is known at once: what is unknown is looked up, once a batch."""

    def __init__(self, conn: Conn) -> None:
        self._conn = conn
        listen(conn)  # before reading, so that no change falls in between
        self._read()

    def resolve(self, names: Collection[str]) -> Mapping[str, KnownDevice]:
        """Devices of at least those `names` that may send."""
        self._changed |= registry_changed(self._conn)
        age_s = time.monotonic() - self._read_at
        if age_s > (_LEAST_INTERVAL_S if self._changed else _GREATEST_INTERVAL_S):
            self._read()
        unknown = names - self._known.keys()
        if unknown:
            self._known |= find_devices(self._conn, unknown)
        return self._known

    def _read(self) -> None:
        self._changed = False
        self._read_at = time.monotonic()
        self._known = known_devices(self._conn)
