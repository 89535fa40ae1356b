"""What a simulation must remember over a restart: which fleet it is, its secrets, how far each device has recorded."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from wayproof.devices.credentials import new_secret
from wayproof.devices.simulator.fleet import LONGEST_PAST, FleetPlan, fleet_plan
from wayproof.model.errors import Conflict, InvalidInput


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The newest stretch that a device set out to record, noted before it did.

    A stretch goes into the outbox at once or not at all. If the outbox still stands at `first`, it did not.
    """

    since: datetime
    until: datetime
    interval: timedelta
    #: Boot and number that the first reading of the stretch gets.
    first: tuple[int, int]


class SimulationState(msgspec.Struct, frozen=True, kw_only=True):
    """What a state folder holds of its fleet. Only the size may change, and then devices that come get secrets."""

    seed: int
    #: Stands before each device's name.
    prefix: str
    epoch: datetime
    #: The first instant that the devices record.
    records_from: datetime
    secrets: dict[str, str]


class StateFolder:
    """The folder that holds the state and the outboxes. Readable by us alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps a second simulation out; Conflict where one is in. The kernel lets go when the process ends."""
        with (self.path / "lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Conflict(f"another simulation is running in {self.path}") from error
            yield

    def open_fleet(
        self, *, seed: int, prefix: str, trucks: int, warehouses: int, history: timedelta, now: datetime
    ) -> tuple[FleetPlan, SimulationState]:
        """The fleet and its state, which is made where there is none: the epoch and the history are those of then.

        InvalidInput where the folder holds the fleet of another seed or prefix, or the history is too long.
        """
        path = self.path / "fleet.json"
        held = _load(path, SimulationState)
        state = held or _new_state(seed, prefix, history, now)
        if (state.seed, state.prefix) != (seed, prefix):
            raise InvalidInput(
                f"{path} holds seed {state.seed} for devices {state.prefix}..., got {seed} for {prefix}...: "
                "give each fleet its own folder"
            )
        fleet = fleet_plan(seed=seed, trucks=trucks, warehouses=warehouses, epoch=state.epoch, prefix=prefix)
        fresh = {plan.device: new_secret() for plan in fleet.devices if plan.device not in state.secrets}
        if fresh or held is None:
            state = msgspec.structs.replace(state, secrets=state.secrets | fresh)
            _replace(path, state)
        return fleet, state

    def outbox(self, device: str) -> Path:
        """Where a device's outbox lies."""
        return self.path / f"{device}.outbox"

    def load_progress(self) -> dict[str, Batch]:
        """The newest batch of each device."""
        return _load(self.path / "progress.json", dict[str, Batch]) or {}

    def save_progress(self, batches: Mapping[str, Batch]) -> None:
        """Durable on return."""
        _replace(self.path / "progress.json", batches)


def _new_state(seed: int, prefix: str, history: timedelta, now: datetime) -> SimulationState:
    if not timedelta(0) <= history <= LONGEST_PAST:
        raise InvalidInput(f"history: expected from 0 to {LONGEST_PAST}, got {history}")
    return SimulationState(seed=seed, prefix=prefix, epoch=now, records_from=now - history, secrets={})


T = TypeVar("T")


def _load(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise InvalidInput(f"{path}: expected what a simulation has written, got {error}") from error


def _replace(path: Path, content: Any) -> None:
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - by descriptor
        file.write(msgspec.json.encode(content))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
