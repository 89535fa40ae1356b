"""Topics of the native protocol v1, and the names that may stand in them."""

import re
from typing import Final

PREFIX: Final = "wp/v1"
READINGS_FILTER: Final = f"{PREFIX}/+/readings"
SHARED_READINGS_FILTER: Final = f"$share/ingest/{READINGS_FILTER}"
"""What ingestors subscribe to: the broker gives each message to one of them (MQTT 5.0 section 4.8.2)."""

SERVICE_PREFIX: Final = "svc@"
"""Starts the user names of our own processes; no device name can hold an @."""

_NAME: Final = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_READINGS: Final = re.compile(rf"{PREFIX}/({_NAME.pattern})/readings")


def is_device_name(name: str) -> bool:
    """Whether `name` can be a topic level, an MQTT user name and a path segment: letters, digits, `.`, `_`, `-`."""
    return _NAME.fullmatch(name) is not None


def readings_topic(device: str) -> str:
    """Where `device` publishes its readings."""
    return f"{PREFIX}/{device}/readings"


def receipts_topic(device: str) -> str:
    """Where `device` is told which of its readings are stored."""
    return f"{PREFIX}/{device}/receipts"


def device_of_readings_topic(topic: str) -> str | None:
    """The device that a readings topic names, or None for any other topic."""
    match = _READINGS.fullmatch(topic)
    return match[1] if match else None
