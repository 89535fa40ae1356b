"""Runs a fleet: what its devices record goes into their outboxes, and from there to the broker.

The only part of the simulator with a network. The clock is the caller's.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from time import monotonic
from types import TracebackType
from typing import Final, Self

from wayproof.devices.publisher import BrokerAddress, Outbox, Publisher
from wayproof.devices.simulator.disorder import DisorderlyDevice, disorderly
from wayproof.devices.simulator.fleet import LONGEST_PAST, FleetPlan
from wayproof.devices.simulator.state import Batch, SimulationState, StateFolder
from wayproof.devices.simulator.trucks import TruckPlan

_FRESH: Final = timedelta(minutes=10)
"""What is older than this when it is recorded is past: nobody watches it, and a coarser interval will do."""

_PAST_INTERVAL: Final = timedelta(seconds=30)
_STRETCH: Final = timedelta(hours=1)
_SLOWER: Final = 6
"""How many of a lorry's intervals a warehouse leaves between two readings."""


class _Station:
    """One device with its outbox and its connection."""

    def __init__(self, device: DisorderlyDevice, publisher: Publisher, outbox: Outbox, recorded_to: datetime) -> None:
        self.device = device
        self.publisher = publisher
        self.outbox = outbox
        self.recorded_to = recorded_to
        self._is_connected = True

    def next_batch(self, now: datetime, live: timedelta) -> Batch | None:
        """The next stretch to record; None where everything up to `now` is recorded."""
        since = max(self.recorded_to, now - LONGEST_PAST)
        if since >= now:
            return None
        is_past = now - since > _FRESH
        interval = max(live, _PAST_INTERVAL) if is_past else live
        return Batch(
            since=since,
            until=min(since + _STRETCH, now - _FRESH) if is_past else now,
            interval=interval if isinstance(self.device.plan, TruckPlan) else interval * _SLOWER,
            first=(self.outbox.boot, self.outbox.next_seq),
        )

    def record(self, batch: Batch) -> int:
        """Puts a stretch into the outbox, all of it or nothing; how many readings it had."""
        recorded = self.device.recorded_between(batch.since, batch.until, interval=batch.interval)
        if recorded:
            self.publisher.record_many((each.observed_at, each.measures) for each in recorded)
        self.recorded_to = batch.until
        return len(recorded)

    def connect(self, *, is_connected: bool) -> None:
        """Gives the device its network, or takes it away."""
        if is_connected != self._is_connected:
            (self.publisher.reconnect if is_connected else self.publisher.disconnect)()
            self._is_connected = is_connected


class FleetRunner:
    """All devices of a fleet, each with a publisher of its own. A context manager, for one thread.

    Goes on where the state folder says that the last one stopped: no reading is left out and none recorded twice,
    whenever the process was killed.
    """

    def __init__(
        self,
        *,
        fleet: FleetPlan,
        folder: StateFolder,
        state: SimulationState,
        broker: BrokerAddress,
        interval: timedelta,
    ) -> None:
        self._fleet = fleet
        self._folder = folder
        self._state = state
        self._broker = broker
        self._interval = interval
        self._progress: dict[str, Batch] = {}
        self._stations: list[_Station] = []
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        """Opens the outboxes and starts to connect; publishers keep trying by themselves."""
        self._progress = self._folder.load_progress()
        with ExitStack() as opened:
            self._stations = [self._open_station(device, opened) for device in disorderly(self._fleet)]
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops the publishers; what is not yet sent stays in the outboxes."""
        self._opened.close()

    def record_until(self, now: datetime) -> Iterator[int]:
        """Records what the devices have observed before `now`; after each stretch, how many readings it had.

        May be left between two stretches: the next call goes on there.
        """
        for station in self._stations:
            station.connect(is_connected=station.device.is_connected(now))
        while batches := self._next_batches(now):
            self._progress |= {station.device.plan.device: batch for station, batch in batches}
            self._folder.save_progress(self._progress)
            yield sum(station.record(batch) for station, batch in batches)

    def pending(self) -> int:
        """How many readings wait for a receipt."""
        return sum(station.publisher.pending() for station in self._stations)

    def wait_until_safe(self, timeout: timedelta) -> bool:
        """Gives every device its network back and waits for all receipts; whether they came in time."""
        for station in self._stations:
            station.connect(is_connected=True)
        deadline = monotonic() + timeout.total_seconds()
        return all(station.publisher.wait_until_safe(max(0.0, deadline - monotonic())) for station in self._stations)

    def _next_batches(self, now: datetime) -> list[tuple[_Station, Batch]]:
        planned = ((station, station.next_batch(now, self._interval)) for station in self._stations)
        return [(station, batch) for station, batch in planned if batch is not None]

    def _open_station(self, device: DisorderlyDevice, opened: ExitStack) -> _Station:
        name = device.plan.device
        outbox = opened.enter_context(Outbox.open(self._folder.outbox(name)))
        publisher = Publisher(device=name, secret=self._state.secrets[name], broker=self._broker, outbox=outbox)
        opened.enter_context(publisher)
        return _Station(device, publisher, outbox, self._recorded_to(name, outbox))

    def _recorded_to(self, device: str, outbox: Outbox) -> datetime:
        """Where the device stopped: after its newest stretch if that went into the outbox, else before it."""
        batch = self._progress.get(device)
        if batch is None:
            return self._state.records_from
        return batch.since if (outbox.boot, outbox.next_seq) == batch.first else batch.until
