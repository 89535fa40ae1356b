"""Eclipse Mosquitto as the embedded MQTT 5 broker."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from wayproof.cli.services.unprivileged import renamed
from wayproof.model.errors import Unavailable

_CONFIG = """\
# As root it would become another user, who may not read what we write. Without effect for everybody else.
user root
listener {port} 127.0.0.1
allow_anonymous false
password_file {folder}/passwords
acl_file {folder}/acl
# Without this a device that picks an ingestor's client id throws the ingestor off.
use_username_as_clientid true
# A payload of 64 KiB with its topic and properties; 268 MB is the default. Who sends more is told, and disconnected:
# with message_size_limit a client of MQTT 3.1.1 would get an acknowledgement of what is dropped.
max_packet_size 66560

persistence true
persistence_location {folder}/
# Only a comfort: what the broker loses when it is killed, the devices send again (they wait for our receipts).
autosave_interval 30
persistent_client_expiration 7d

# The defaults drop what was acknowledged after 1,000 messages (issue 3687) and hand out 20 at a time.
max_queued_messages 1000000
max_queued_bytes 536870912
max_inflight_messages 0

log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages false
"""


@dataclass(frozen=True, kw_only=True)
class Mosquitto:
    """One broker on disk: its configuration, who may connect, and what it keeps over a restart."""

    folder: Path
    program: Path

    def prepare(self, port: int) -> None:
        """Writes the configuration; passwords and ACL must stand beside it before the broker starts."""
        self.folder.mkdir(parents=True, exist_ok=True)
        text = _CONFIG.format(port=port, folder=self.folder)
        (self.folder / "mosquitto.conf").write_text(text, encoding="utf-8")

    def argv(self) -> list[str]:
        """The broker's command line. SIGTERM saves and stops it, SIGHUP makes it read passwords and ACL again."""
        return renamed(str(self.program), "-c", str(self.folder / "mosquitto.conf"))


def find_mosquitto(programs: Path | None = None) -> Path:
    """The broker's program: of this machine, else what `wayproof broker install` unpacked below the data folder.

    `WAYPROOF_MOSQUITTO` names another one. Debian keeps its own in /usr/sbin, which is on no user's PATH.
    """
    named = os.environ.get("WAYPROOF_MOSQUITTO")
    if named is not None:
        return _existing(Path(named))
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else _existing((programs or _default_programs()) / "mosquitto" / "mosquitto")


def _default_programs() -> Path:
    return Path(os.environ.get("WAYPROOF_DATA", ".wayproof")).absolute() / "programs"


def _existing(program: Path) -> Path:
    if not program.exists():
        raise Unavailable(f"no mosquitto (looked for {program} last): run `wayproof broker install`")
    return program
