"""`python -m faults.fleet`: devices with outboxes, which record and send until they are told to stop.

What the file of clocks says is added to their times. SIGUSR1: each records very much at once. SIGTERM: no more is
recorded; ends with 0 once every reading is safe.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from wayproof.devices.publisher import BrokerAddress, Observation, Outbox, Publisher, publisher
from wayproof.devices.publisher.link import Link
from wayproof.devices.receipts import Receipt

from faults.story import BOOT, FLEET, Story, observation, skewed

JOURNAL: Final = "receipted"
"""Names the file in which each line is a device and an inclusive range that has left its outbox."""
CLOCKS: Final = "clocks"
"""Names the file that says of devices by how many seconds their clocks are wrong."""
SKEWS: Final = "skews"
"""Names the file in which each line is a device, a number, and by how many seconds its clock was wrong from there on;
the last line of a number holds."""
_TICK_S: Final = 0.1
_BURST: Final = 300
_PATIENCE_S: Final = 120.0


class JournallingOutbox(Outbox):
    """Writes down what receipts have removed."""

    def remove(self, receipt: Receipt, *, sent_through: int) -> int:
        """As Outbox does; the line follows the removal, so what it says is true."""
        removed = super().remove(receipt, sent_through=sent_through)
        if removed:
            lines = [
                json.dumps([self.path.stem, first, min(last, sent_through)]) + "\n"
                for first, last in receipt.ranges()
                if first <= sent_through
            ]
            with (self.path.parent / JOURNAL).open("ab", buffering=0) as journal:
                journal.write("".join(lines).encode())
        return removed


class NoisyLink(Link):
    """Now and then sends a message twice, an old one again, or one after its successor."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._chance = random.Random()
        self._sent: list[bytes] = []
        self._held: bytes | None = None

    def publish(self, payload: bytes) -> None:
        """As Link does, with noise."""
        if self._held is None and self._chance.random() < 0.1:
            self._held = payload
            return
        super().publish(payload)
        self._sent = [*self._sent[-20:], payload]
        if self._held is not None and self.can_publish():
            super().publish(self._held)
            self._held = None
        if self._chance.random() < 0.2 and self.can_publish():
            super().publish(self._chance.choice(self._sent))


class Clocks:
    """What the devices take for the time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[str, float] = {}
        self._noted: dict[str, float] = {}

    def look(self) -> None:
        """Reads how wrong they are by now."""
        path = self._folder / CLOCKS
        self._offsets = json.loads(path.read_text()) if path.exists() else {}

    def observe(self, story: Story, device: str, seqs: range) -> list[Observation]:
        """What `device` takes down under these numbers; how wrong it was is on disk before."""
        offset_s = self._offsets.get(device, 0.0)
        if self._noted.get(device) != offset_s:
            with (self._folder / SKEWS).open("ab", buffering=0) as journal:
                journal.write((json.dumps([device, seqs.start, offset_s]) + "\n").encode())
            self._noted[device] = offset_s
        return [skewed(observation(story, device, seq), offset_s) for seq in seqs]


@contextmanager
def _publishers(folder: Path, port: int, secret: str) -> Iterator[list[tuple[Outbox, Publisher]]]:
    broker = BrokerAddress(host="127.0.0.1", port=port)
    with ExitStack() as stack:
        stack.enter_context(patch.object(publisher, "Link", NoisyLink))
        fleet: list[tuple[Outbox, Publisher]] = []
        for device in FLEET:
            outbox = stack.enter_context(JournallingOutbox.open(folder / f"{device}.db", boot=BOOT))
            sender = Publisher(device=device, secret=secret, broker=broker, outbox=outbox)
            fleet.append((outbox, stack.enter_context(sender)))
        yield fleet


def _run(story: Story, clocks: Clocks, fleet: list[tuple[Outbox, Publisher]]) -> bool:
    told = {signal.SIGTERM: False, signal.SIGUSR1: False}
    for sig in told:
        signal.signal(sig, lambda number, _frame: told.update({signal.Signals(number): True}))
    chance = random.Random()
    while not told[signal.SIGTERM]:
        burst = _BURST if told[signal.SIGUSR1] else 0
        told[signal.SIGUSR1] = False
        clocks.look()
        for outbox, sender in fleet:
            seqs = range(outbox.next_seq, outbox.next_seq + (burst or chance.choice([0, 0, 0, 0, 1, 1, 1, 5])))
            if seqs:
                sender.record_many(clocks.observe(story, sender.device, seqs))
        time.sleep(_TICK_S)
    deadline_s = time.monotonic() + _PATIENCE_S
    return all(sender.wait_until_safe(deadline_s - time.monotonic()) for _, sender in fleet)


def main(seed: str, began_at: str, folder: str, port: str, secret: str) -> int:
    """0: all that was recorded is safe."""
    story = Story(seed=int(seed), began_at=datetime.fromisoformat(began_at))
    with _publishers(Path(folder), int(port), secret) as fleet:
        is_safe = _run(story, Clocks(Path(folder)), fleet)
        for _, sender in fleet if not is_safe else ():
            sys.stderr.write(f"{sender.device}: {sender.pending()} not safe, {sender.last_error}\n")
    return 0 if is_safe else 1


if __name__ == "__main__":
    status = main(*sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)
