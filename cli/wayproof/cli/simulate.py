"""`wayproof simulate`: a fleet that never was, at a real broker."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Annotated, Final

import typer

from wayproof.cli.access import database_settings
from wayproof.cli.app import DATA_DEFAULT, TENANT_DEFAULT, AsJson, Data, DatabaseUrl, TenantName
from wayproof.cli.demo import DemoWorld, demo_world
from wayproof.cli.services.data_dir import DataDir
from wayproof.devices.publisher import BrokerAddress
from wayproof.devices.simulator.runner import FleetRunner
from wayproof.devices.simulator.state import StateFolder
from wayproof.model.errors import InvalidInput, Unavailable

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_STATUS_EVERY: Final = timedelta(seconds=30)
_DATABASE_PATIENCE: Final = timedelta(seconds=30)
_RECEIPT_PATIENCE_S: Final = 60.0


def simulate(
    *,
    seed: Annotated[int, typer.Option(help="The same seed tells the same story.")] = 7,
    trucks: Annotated[int, typer.Option(min=0, max=1000, help="Lorries, three in four of them reefers.")] = 12,
    warehouses: Annotated[int, typer.Option(min=0, max=1000, help="Warehouses, with a logger each.")] = 3,
    interval: Annotated[str, typer.Option(help="Between two readings of a lorry, such as 5s or 1m.")] = "5s",
    history: Annotated[str, typer.Option(help="What the fleet has recorded before its first start.")] = "6h",
    duration: Annotated[str | None, typer.Option(help="Stop after this time; default: never.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Record up to now, wait for the receipts, and end.")] = False,
    broker: Annotated[
        str | None, typer.Option(help="HOST:PORT of the broker; default: the embedded one of a running `wayproof up`.")
    ] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="Use TLS, with these certificates to prove the broker.")] = None,
    state: Annotated[
        Path | None, typer.Option(help="Folder of outboxes and secrets; default: `demo` in the data folder.")
    ] = None,
    tenant: TenantName = TENANT_DEFAULT,
    data: Data = DATA_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Run a simulated fleet: register its devices, book its shipments, publish what it measures.

    Goes on where it was stopped: meanwhile the fleet has driven on, and sends what it has recorded.
    """
    place = DataDir.at(data)
    every, past = parse_duration(interval), parse_duration(history)
    lasts = timedelta(0) if once else None if duration is None else parse_duration(duration)
    if not every:
        raise InvalidInput(f"interval: expected at least 1s, got {interval!r}")
    folder = StateFolder(state or place.demo)
    address = broker_address(broker, place, tls_ca)
    settings = database_settings(place, database_url)
    with _Stop.on_signals() as stop, folder.held():
        fleet, kept = folder.open_fleet(
            seed=seed, prefix=f"{tenant}-", trucks=trucks, warehouses=warehouses, history=past, now=_now()
        )
        with (
            demo_world(settings, tenant=tenant, fleet=fleet, state=kept) as world,
            FleetRunner(fleet=fleet, folder=folder, state=kept, broker=address, interval=every) as runner,
        ):
            simulation = _Simulation(world, runner, stop)
            simulation.run(every, lasts)
            simulation.finish(as_json=as_json)


def parse_duration(text: str) -> timedelta:
    """A duration such as `90s`, `5m`, `6h` or `2d`."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text, re.ASCII)
    if match is None:
        raise InvalidInput(f"expected a whole number and s, m, h or d, such as 90s or 6h; got {text!r}")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def broker_address(text: str | None, data: DataDir, tls_ca: Path | None) -> BrokerAddress:
    """The broker at `HOST:PORT`, else the embedded one; Unavailable where none runs."""
    if text is None:
        port = data.ports().get("broker")
        if port is None:
            raise Unavailable(f"no broker in {data.root}: start `wayproof up`, or give --broker")
        return BrokerAddress(host="127.0.0.1", port=port)
    host, _, number = text.rpartition(":")
    if not host or not number.isascii() or not number.isdigit():
        raise InvalidInput(f"broker: expected HOST:PORT, got {text!r}")
    return BrokerAddress(host=host.strip("[]"), port=int(number), tls_ca=tls_ca)


class _Stop(Event):
    """Set once somebody wants us to stop. Looked at where we choose to, so no signal breaks into a stretch."""

    _SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

    @classmethod
    @contextmanager
    def on_signals(cls) -> Iterator["_Stop"]:
        """From here on SIGTERM and SIGINT only set it. Threads started inside inherit that they are blocked."""
        stop = cls()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, cls._SIGNALS)
        # Not sigtimedwait: where the process was frozen past the time-out, Python 3.11 makes a signal up.
        waiter = Thread(target=stop._set_on_signal, name="signals", daemon=True)
        waiter.start()
        try:
            yield stop
        finally:
            if waiter.ident is not None and not stop.is_set():
                signal.pthread_kill(waiter.ident, signal.SIGTERM)
            waiter.join()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _set_on_signal(self) -> None:
        signal.sigwait(self._SIGNALS)
        self.set()


class _Simulation:
    """One run of a fleet and its world, told on stderr."""

    def __init__(self, world: DemoWorld, runner: FleetRunner, stop: _Stop) -> None:
        self._world = world
        self._runner = runner
        self._stop = stop
        self._recorded = 0
        self._delivered = 0
        self._status_at = _now()
        self._world_at = _now()

    def run(self, interval: timedelta, lasts: timedelta | None) -> None:
        """Records and books what is due, each `interval`, until told to stop or, once at least, for `lasts`."""
        ends_at = None if lasts is None else _now() + lasts
        while True:
            self._step(_now())
            now = _now()
            if self._stop.is_set() or (ends_at is not None and now >= ends_at):
                return
            # Just past the multiple of the interval at which lorries observe.
            rest_s = -now.timestamp() % interval.total_seconds()
            self._stop.wait(rest_s + 0.05)

    def finish(self, *, as_json: bool) -> None:
        """Waits for the last receipts, unless told to stop, and says on stdout what was done."""
        deadline = monotonic() + _RECEIPT_PATIENCE_S
        while not self._stop.is_set() and monotonic() < deadline:
            if self._runner.wait_until_safe(timedelta(seconds=0.5)):
                break
        summary = {"recorded": self._recorded, "waiting": self._runner.pending(), "delivered": self._delivered}
        if as_json:
            typer.echo(json.dumps(summary))
            return
        typer.echo(
            "{recorded} readings recorded, {waiting} wait for a receipt, {delivered} deliveries".format(**summary)
        )

    def _step(self, now: datetime) -> None:
        # The world first: a shipment should stand when the first reading of its lorry arrives.
        self._advance_world(now)
        for count in self._runner.record_until(now):
            self._recorded += count
            if self._stop.is_set():
                return
            self._tell_status(_now())

    def _advance_world(self, now: datetime) -> None:
        if now < self._world_at:
            return
        try:
            done = self._world.advance(now)
        except Unavailable as error:
            self._world_at = now + _DATABASE_PATIENCE
            _tell(f"{error}; shipments wait, readings go on")
            return
        for line in done:
            self._delivered += line.startswith("delivered")
            _tell(line)

    def _tell_status(self, now: datetime) -> None:
        if now >= self._status_at:
            self._status_at = now + _STATUS_EVERY
            _tell(f"recorded {self._recorded:,} readings, {self._runner.pending():,} wait for a receipt")


def _tell(line: str) -> None:
    typer.echo(f"{_now():%H:%M:%S}  {line}", err=True)


def _now() -> datetime:
    return datetime.now(UTC)
