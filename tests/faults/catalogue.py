"""Every fault that a run can inject: how it is done, and how it is healed."""

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle
from typing import Final

import psutil

from wayproof.model.errors import Unavailable
from wayproof.store.partitions import maintain

from faults.database import can_fill, resume
from faults.stack import Stack
from faults.story import FLEET

Heal = Callable[[], None]

_SKEWS: Final = [timedelta(0), *(sign * timedelta(hours=hours) for hours in (1, 2, 30, 9000) for sign in (1, -1))]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong for a while."""

    name: str
    #: What it befalls: two faults may overlap unless they befall the same.
    target: str
    #: How long it lasts at most.
    longest_s: float
    #: How soon after it is healed the first new row should be there.
    pass_s: float
    #: Whether customers read on as if nothing were.
    leaves_reads: bool
    inject: Callable[[Stack], Heal]


def _nothing() -> None:
    """What has healed itself."""


def _kill_ingestors(stack: Stack, *numbers: int, sig: signal.Signals = signal.SIGKILL) -> Heal:
    hurt = [stack.ingestors[number] for number in numbers]
    for ingestor in hurt:
        code = ingestor.stop(sig)
        assert sig == signal.SIGKILL or code == 0, f"a drained ingestor ended with {code}:\n{ingestor.log.read_text()}"

    def heal() -> None:
        for ingestor in hurt:
            ingestor.launch()

    return heal


def _kill_fleet(stack: Stack) -> Heal:
    stack.fleet.send(signal.SIGKILL)
    stack.fleet.wait(20)
    return stack.fleet.start


def _stop_broker(stack: Stack, sig: signal.Signals, *, forget: bool = False) -> Heal:
    stack.broker.stop(sig)
    if forget:
        (stack.broker.service.folder / "mosquitto.db").unlink(missing_ok=True)
    return stack.broker.start


def _stop_database(stack: Stack, sig: signal.Signals) -> Heal:
    stack.database.stop(sig)
    return stack.database.start


def _terminate_backends(stack: Stack) -> Heal:
    stack.database.terminate_backends()
    return _nothing


def _fill_data_disk(stack: Stack) -> Heal:
    disk = stack.database.cluster.folder
    stack.database.fill_disk(disk)
    stack.fleet.send(signal.SIGUSR1)  # or what there is might fit into pages that exist
    return partial(stack.database.free_disk, disk)


def _fill_wal_disk(stack: Stack) -> Heal:
    """PostgreSQL ends itself once it needs a new segment: nothing can be promised that is not in the log."""
    stack.database.fill_disk(stack.database.wal)
    stack.fleet.send(signal.SIGUSR1)
    stack.database.end_segments()
    return partial(stack.database.free_disk, stack.database.wal)


def _skew_clocks(stack: Stack) -> Heal:
    stack.fleet.set_clocks(dict(zip(FLEET, cycle(_SKEWS), strict=False)))
    return partial(stack.fleet.set_clocks, {})


def _cut(stack: Stack, wire: str) -> Heal:
    stack.wires[wire].cut()
    return stack.wires[wire].heal


def _reset(stack: Stack, wire: str) -> Heal:
    stack.wires[wire].reset()
    return _nothing


def _stall(stack: Stack, wire: str) -> Heal:
    stack.wires[wire].stall()
    return stack.wires[wire].heal


def _black_hole(stack: Stack, wire: str) -> Heal:
    """What was connected never comes back, and is never told."""
    stack.wires[wire].silence()
    return stack.wires[wire].heal


def _slow(stack: Stack, wire: str) -> Heal:
    stack.wires[wire].slow(latency_s=0.2, bytes_per_s=20_000)
    return stack.wires[wire].heal


def _freeze_ingestor(stack: Stack, number: int) -> Heal:
    process = stack.ingestors[number].process
    assert process is not None
    return _freeze([psutil.Process(process.pid)])


def _freeze_broker(stack: Stack) -> Heal:
    assert stack.broker.process is not None
    return _freeze([psutil.Process(stack.broker.process.pid)])


def _freeze_backends(stack: Stack) -> Heal:
    return _freeze(stack.database.writers())


def _freeze(processes: list[psutil.Process]) -> Heal:
    for process in processes:
        process.suspend()
    return partial(resume, processes)


def _burst(stack: Stack) -> Heal:
    stack.fleet.send(signal.SIGUSR1)
    return _nothing


def _maintain(stack: Stack) -> Heal:
    """No fault, but it moves rows about while others come: days are opened for backfill, old ones packed."""
    deadline_s = time.monotonic() + 30
    while True:
        try:
            with stack.database.connect() as conn:
                maintain(
                    conn,
                    today=datetime.now(UTC).date(),
                    ahead_days=1,
                    retention=None,
                    packing_age=timedelta(days=20),
                )
        except Unavailable:
            assert time.monotonic() < deadline_s
        else:
            return _nothing


def _wire_faults() -> list[Fault]:
    return [
        Fault(
            name=f"{wire} wire {name}",
            target=f"{wire} wire",
            longest_s=longest_s,
            pass_s=pass_s,
            leaves_reads=True,
            inject=partial(do, wire=wire),
        )
        for wire, dead_s in (("database", 8), ("broker", 12), ("devices", 25))
        for name, longest_s, pass_s, do in (
            ("cut", 3, 5, _cut),
            ("reset", 0, 5, _reset),
            ("stalled", 4, 5, _stall),
            ("black hole", 2, dead_s, _black_hole),
            ("slow", 4, 5, _slow),
        )
    ]


def _process_faults() -> list[Fault]:
    kill, term, immediate = signal.SIGKILL, signal.SIGTERM, signal.SIGQUIT
    return [
        Fault(
            name=name,
            target=target,
            longest_s=longest_s,
            pass_s=pass_s,
            leaves_reads=target != "database",
            inject=inject,
        )
        for name, target, longest_s, pass_s, inject in (
            ("ingestor kill -9, one of two", "ingestors", 2, 2, lambda stack: _kill_ingestors(stack, 0)),
            ("ingestor kill -9, the other", "ingestors", 2, 2, lambda stack: _kill_ingestors(stack, 1)),
            ("ingestor kill -9, both", "ingestors", 2, 2, lambda stack: _kill_ingestors(stack, 0, 1)),
            ("ingestor TERM", "ingestors", 2, 2, lambda stack: _kill_ingestors(stack, 0, sig=term)),
            ("ingestor frozen", "ingestors", 6, 2, partial(_freeze_ingestor, number=1)),
            ("fleet kill -9", "fleet", 2, 5, _kill_fleet),
            ("fleet bursts", "fleet", 0, 2, _burst),
            ("fleet's clocks wrong", "fleet", 3, 2, _skew_clocks),
            ("broker TERM", "broker", 2, 3, partial(_stop_broker, sig=term)),
            ("broker KILL", "broker", 2, 3, partial(_stop_broker, sig=kill)),
            ("broker KILL, file lost", "broker", 2, 3, partial(_stop_broker, sig=kill, forget=True)),
            ("broker frozen", "broker", 4, 3, _freeze_broker),
            ("pg_terminate_backend", "database", 0, 1, _terminate_backends),
            ("PostgreSQL immediate stop", "database", 2, 5, partial(_stop_database, sig=immediate)),
            ("PostgreSQL postmaster -9", "database", 2, 5, partial(_stop_database, sig=kill)),
            ("PostgreSQL backends frozen", "database", 6, 5, _freeze_backends),
            ("PostgreSQL maintenance", "database", 0, 2, _maintain),
        )
    ]


def _disk_faults() -> list[Fault]:
    return [
        Fault(name=name, target="database", longest_s=4, pass_s=5, leaves_reads=leaves_reads, inject=inject)
        for name, leaves_reads, inject in (
            ("disk full", True, _fill_data_disk),
            ("WAL disk full", False, _fill_wal_disk),
        )
    ]


FAULTS: Final[Mapping[str, Fault]] = {f.name: f for f in (*_process_faults(), *_wire_faults(), *_disk_faults())}


def faults_of(stack: Stack) -> list[Fault]:
    """Those that this machine allows."""
    may_fill = not stack.no_disk and can_fill(stack.folder / "disk") and can_fill(stack.folder / "wal")
    return [fault for fault in FAULTS.values() if may_fill or fault.inject not in {_fill_data_disk, _fill_wal_disk}]
