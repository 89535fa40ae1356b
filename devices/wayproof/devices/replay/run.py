"""Publishing what a survey found, through one publisher for each device."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from wayproof.devices.publisher import BrokerAddress, Observation, Outbox, Publisher
from wayproof.devices.replay.survey import Survey
from wayproof.model.errors import InvalidInput, Unavailable

_CHUNK_ROWS: Final = 500
_OUTBOX_ROWS: Final = 5_000
_LOOK_EVERY_S: Final = 0.05

Tell = Callable[[int], None]
"""Is told how many rows are safe by now."""


class Outcome(NamedTuple):
    """What a run did; every good row of the file is stored."""

    rows: int
    #: How many of these an earlier run had brought there.
    rows_known: int


def replay(
    found: Survey, *, broker: BrokerAddress, secrets: Mapping[str, str], tell: Tell, patience_s: float = 60.0
) -> Outcome:
    """Publishes every good row of a file and returns once each is receipted.

    `secrets` are by device. Rows are numbered by device in the order of the file, under the file's own boot. So a row
    that is published again is a duplicate, and a run that follows a broken one starts where the receipts of the first
    rows say that it broke off. Raises Unavailable when no receipt has come for `patience_s`.
    """
    unknown = sorted(set(found.rows) - set(secrets))
    if unknown:
        raise InvalidInput(f"expected the secret of each device, got none for {', '.join(unknown)}")
    with TemporaryDirectory(prefix="wayproof-replay-") as folder, ExitStack() as stack:
        senders = {
            device: _Sender(stack, Path(folder) / device, device=device, secret=secrets[device], found=found, to=broker)
            for device in found.rows
        }
        run = _Run(list(senders.values()), tell, patience_s)
        for device, observation in found.first.items():
            senders[device].publisher.record_many([observation])
        run.wait_for_room(0)
        rows_known = sum(sender.skip_what_is_safe() for sender in senders.values())
        for device, observation in found.observations():
            if senders[device].add(observation):
                run.wait_for_room(_OUTBOX_ROWS - _CHUNK_ROWS)
        for sender in senders.values():
            sender.flush()
        run.wait_for_room(0)
    return Outcome(rows=sum(found.rows.values()), rows_known=rows_known)


class _Sender:
    """One device's rows on their way."""

    def __init__(
        self, stack: ExitStack, path: Path, *, device: str, secret: str, found: Survey, to: BrokerAddress
    ) -> None:
        self.outbox = stack.enter_context(Outbox.open(path, boot=found.boot, capacity=_OUTBOX_ROWS))
        self.publisher = stack.enter_context(Publisher(device=device, secret=secret, broker=to, outbox=self.outbox))
        self._row = 0
        self._chunk: list[Observation] = []

    def skip_what_is_safe(self) -> int:
        """Goes on where an earlier run broke off; gives the number of rows that it brought there."""
        safe_through = self.outbox.safe_through
        self.outbox.skip_to(safe_through + 1)
        return safe_through if safe_through > 1 else 0  # the first row was published just now

    def add(self, observation: Observation) -> bool:
        """Takes the file's next row of this device; True if that made it write to the outbox."""
        self._row += 1
        if self._row >= self.outbox.next_seq:
            self._chunk.append(observation)
        if len(self._chunk) < _CHUNK_ROWS:
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Records what has gathered."""
        self.publisher.record_many(self._chunk)
        self._chunk = []

    def safe_rows(self) -> int:
        """How many of the file's rows are receipted."""
        return self.outbox.next_seq - 1 - len(self.outbox)


class _Run:
    """Waits for receipts, and loses patience when none comes."""

    def __init__(self, senders: Sequence[_Sender], tell: Tell, patience_s: float) -> None:
        self._senders = senders
        self._tell = tell
        self._patience_s = patience_s
        self._safe_rows = -1
        self._moved_at_s = time.monotonic()

    def wait_for_room(self, max_waiting: int) -> None:
        """Returns once no outbox holds more than `max_waiting` rows."""
        self._moved_at_s = time.monotonic()
        self._look()
        while any(len(sender.outbox) > max_waiting for sender in self._senders):
            time.sleep(_LOOK_EVERY_S)
            self._look()

    def _look(self) -> None:
        safe_rows = sum(sender.safe_rows() for sender in self._senders)
        if safe_rows != self._safe_rows:
            self._safe_rows, self._moved_at_s = safe_rows, time.monotonic()
            self._tell(safe_rows)
        elif time.monotonic() - self._moved_at_s > self._patience_s:
            raise Unavailable(f"no receipt for {self._patience_s:.0f} s: {self._complaints()}")

    def _complaints(self) -> str:
        waiting = [sender.publisher for sender in self._senders if sender.outbox]
        return "; ".join(sorted({publisher.last_error or "no reason known" for publisher in waiting}))
