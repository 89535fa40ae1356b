"""One run: a story is sent while faults come, both out of one seed; then all is healed and must come in."""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final

import psycopg

from wayproof.store.queries import load

from faults.catalogue import Fault, Heal, faults_of
from faults.checks import check_everything, check_receipted, missing, read_outboxes
from faults.database import Database
from faults.stack import Stack, running_stack
from faults.story import FLEET, story_of
from fix_ingest import eventually

RECOVERY_BOUND_S: Final = 30.0
SLOWEST_READ_S: Final = 5.0
_SQL: Final = load("checks", "faults")
_SAMPLE_S: Final = 0.02
_LIVENESS_S: Final = 150


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """A fault, and how long after it was healed a new row was there."""

    fault: str
    #: How soon it should be there.
    pass_s: float
    leaves_reads: bool
    lasted_s: float
    first_row_s: float
    #: The same until each device of the fleet had one.
    all_rows_s: float
    #: The same for the first read of a device's latest.
    first_read_s: float
    #: Whether another fault was about at the same time: then the figure says little.
    is_overlapped: bool


@dataclass(kw_only=True)
class Result:
    """What a run has shown."""

    seed: int
    no_disk: str = ""
    recoveries: list[Recovery] = field(default_factory=list)
    #: What was done when, in seconds: for whoever looks into a failure.
    diary: list[str] = field(default_factory=list)
    #: How many readings there were, all of them stored.
    readings: int = 0
    #: From the end of the faults until all was safe.
    drained_s: float = 0.0


class RowWatch:
    """Watches past all proxies how many rows there are."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: dict[str, int] = {}
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="row-watch")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """As long as this lasts."""
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join()

    def wait_for_rows(self) -> tuple[float, float]:
        """Seconds until there is a row more than when last looked, and until every device of the fleet has one more."""
        since_s = time.monotonic()
        with self._changed:
            before = self._rows
            has_one = self._changed.wait_for(lambda: self._rows != before, RECOVERY_BOUND_S)
            assert has_one, f"no new row {RECOVERY_BOUND_S} s after everything was healed"
            first_s = time.monotonic() - since_s
            has_all = self._changed.wait_for(lambda: not self._silent(before), RECOVERY_BOUND_S)
            assert has_all, f"no new row of {self._silent(before)} {RECOVERY_BOUND_S} s after everything was healed"
        return first_s, time.monotonic() - since_s

    def _silent(self, before: dict[str, int]) -> list[str]:
        return [device for device in FLEET if self._rows.get(device, 0) == before.get(device, 0)]

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                with self._database.connect() as conn:
                    self._follow(conn)
            except psycopg.Error:
                self._ended.wait(_SAMPLE_S)

    def _follow(self, conn: psycopg.Connection) -> None:
        while not self._ended.wait(_SAMPLE_S):
            rows: dict[str, int] = dict(conn.execute(_SQL["counts"]).fetchall())
            with self._changed:
                self._rows = rows
                self._changed.notify_all()


def run(seed: int, seconds: float, folder: Path, result: Result) -> None:
    """Sends and hurts for about `seconds`, then checks; `result` is filled as far as it gets."""
    with running_stack(story_of(seed), folder) as stack:
        result.no_disk = stack.no_disk
        watch = RowWatch(stack.database)
        with watch.watching():
            watch.wait_for_rows()
            chance, end_s = random.Random(seed), time.monotonic() + seconds
            deck = _deck(chance, faults_of(stack))
            while time.monotonic() < end_s:
                result.recoveries += _round(stack, watch, chance, deck, result.diary)
                _check_safety(stack)
        _check_liveness(stack, result)


def _deck(chance: random.Random, faults: list[Fault]) -> Iterator[Fault]:
    """All faults in random order, and then again in another."""
    while True:
        yield from chance.sample(faults, len(faults))


def _round(
    stack: Stack, watch: RowWatch, chance: random.Random, deck: Iterator[Fault], diary: list[str]
) -> list[Recovery]:
    """One fault, or two at once; healed, and a new row is there."""
    faults = [next(deck)]
    if chance.random() < 0.25 and (second := next(deck)).target != faults[0].target:
        faults.append(second)
    lasting_s = [chance.uniform(0.2, 1) * fault.longest_s for fault in faults]
    between_s, rest_s = chance.uniform(0, 0.5), chance.uniform(0.2, 0.8)
    heals: list[Heal] = []
    began_s = []
    try:
        for fault in faults:
            began_s.append(time.monotonic())
            diary.append(f"{datetime.now(UTC):%H:%M:%S.%f} {fault.name}")
            heals.append(fault.inject(stack))
            time.sleep(between_s if fault is not faults[-1] else max(lasting_s))
    finally:
        for heal in reversed(heals):
            heal()
    diary.append(f"{datetime.now(UTC):%H:%M:%S.%f} healed")
    healed_s = time.monotonic()
    first_row_s, all_rows_s = watch.wait_for_rows()
    first_read_s = stack.reader.wait_for_answer(healed_s, RECOVERY_BOUND_S)
    _check_reads(stack, began_s[0], faults)
    stack.check_alive()
    time.sleep(rest_s)
    return [
        Recovery(
            fault=fault.name,
            pass_s=fault.pass_s,
            leaves_reads=fault.leaves_reads,
            lasted_s=healed_s - began,
            first_row_s=first_row_s,
            all_rows_s=all_rows_s,
            first_read_s=first_read_s,
            is_overlapped=len(faults) > 1,
        )
        for fault, began in zip(faults, began_s, strict=True)
    ]


def _check_reads(stack: Stack, since_s: float, faults: list[Fault]) -> None:
    """Where nothing befell them they went on; where something did, the customer was told to come again."""
    answers = stack.reader.since(since_s)
    refused = {answer.status for answer in answers} - {HTTPStatus.OK}
    goes_on = all(fault.leaves_reads for fault in faults)
    allowed = set() if goes_on else {HTTPStatus.SERVICE_UNAVAILABLE}
    assert refused <= allowed, f"reads were answered with {refused}:\n{stack.reader.log.read_text()[-4000:]}"
    slowest_s = max(answer.ended_s - answer.begun_s for answer in answers)
    assert not goes_on or slowest_s < SLOWEST_READ_S, f"a read took {slowest_s:.1f} s"


def _check_safety(stack: Stack) -> None:
    receipted = stack.fleet.receipted()
    with stack.database.connect() as conn:
        check_receipted(conn, receipted)


def _check_liveness(stack: Stack, result: Result) -> None:
    healed_s = time.monotonic()
    stack.raw.finish()
    stack.fleet.send(signal.SIGTERM)
    assert stack.fleet.wait(_LIVENESS_S) == 0, f"not safe after all faults:\n{stack.fleet.log.read_text()[-4000:]}"
    result.drained_s = time.monotonic() - healed_s
    outboxes = read_outboxes(stack)
    raw = stack.raw.sent
    with stack.database.connect() as conn:
        check_receipted(conn, set(outboxes.recorded) - outboxes.pending)
        stack.raw.send_all_again()
        eventually(lambda: not missing(conn, raw), 60)
        _end_ingestors(stack)
        result.readings = check_everything(conn, outboxes, raw)


def _end_ingestors(stack: Stack) -> None:
    """What they hold is written, so that nothing moves under the checks."""
    codes = [ingestor.stop(signal.SIGTERM) for ingestor in stack.ingestors]
    assert codes == [0, 0]


Runner = Callable[[int], Result]
