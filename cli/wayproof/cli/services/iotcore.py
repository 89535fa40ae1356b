"""iotcore (rumqttd) as the embedded MQTT broker of last resort, where no mosquitto can be had.

It knows neither password hashes nor an ACL, and forgets its sessions when it stops. So it takes everybody on
loopback, and the status screen says which promise is weaker.
"""

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

WEAKER: Final = (
    "broker: iotcore instead of mosquitto. Every program on this machine can publish as any device (promise 8), "
    "and what waits in the broker is lost when it stops; devices send it again (promise 1 holds)."
)

# MQTT 3.1.1 and 5 need listeners of their own; the library's default is to listen on every interface.
_LISTENER: Final = """
[{version}.1]
name = "{version}"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1

[{version}.1.connections]
connection_timeout_ms = 60000
max_payload_size = 65536
max_inflight_count = 1000
dynamic_filters = true
"""
_ROUTER: Final = """\
id = 0

[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
"""


@dataclass(frozen=True, kw_only=True)
class IotCore:
    """One broker; nothing of it survives a stop but its configuration."""

    folder: Path

    def prepare(self, port: int, port_of_v4: int) -> None:
        """Writes the configuration: MQTT 5 on `port`, MQTT 3.1.1 on the other."""
        self.folder.mkdir(parents=True, exist_ok=True)
        listeners = _LISTENER.format(version="v5", port=port) + _LISTENER.format(version="v4", port=port_of_v4)
        (self.folder / "iotcore.toml").write_text(_ROUTER + listeners, encoding="utf-8")

    def argv(self) -> list[str]:
        """The broker's command line. It logs every packet as an error, so it may log nothing."""
        return [
            *(sys.executable, "-m", "iotcore"),
            *("--config", str(self.folder / "iotcore.toml")),
            *("--log-level", "CRITICAL"),
        ]


def has_iotcore() -> bool:
    """Whether the library is installed."""
    return find_spec("iotcore") is not None
