"""A real `wayproof up` on a data folder of its own."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.services.mosquitto import find_mosquitto
from wayproof.cli.services.plan import PREFERRED_PORTS

from ports import free_port

WAYPROOF = (sys.executable, "-m", "wayproof.cli.main")
EMBEDDED = ("postgres", "maintenance", "broker", "broker-sync", "chain", "ledger", "ingest", "api", "trace")
"""Services that run as long as `wayproof up` without a fleet."""


@dataclass(kw_only=True)
class Up:
    """One start of `wayproof up`, and every line it has printed."""

    data: DataDir
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self) -> None:
        """Collects lines until the process ends; runs in a thread of its own."""
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip("\n"))

    def wait_for(self, *words: str, since: int = 0, timeout_s: float = 180) -> str:
        """The first line after the first `since` that holds all words, as soon as it is there."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for line in self.lines[since:]:
                if all(word in line.split() for word in words):
                    return line
            time.sleep(0.02)
        raise AssertionError(f"no line with {words} among:\n" + "\n".join(self.lines))

    def wait_until_ready(self, services: tuple[str, ...] = EMBEDDED) -> None:
        """Returns once the services are ready and the address is printed."""
        for name in services:
            self.wait_for(name, "ready")
        self.wait_for("Open")

    def pid(self, service: str) -> int:
        """The process of a service that is ready."""
        return int(self.data.pid_file(service).read_text(encoding="ascii"))

    def wayproof(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command on the data folder."""
        return subprocess.run(
            [*WAYPROOF, *arguments],
            env={**_clean_environment(), "WAYPROOF_DATA": str(self.data.root)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> int:
        """Signals it and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        status = self.process.wait(80)
        self.reader.join(60)
        return status


def start_up(folder: Path, *options: str, mosquitto: Path | None = None) -> Up:
    """Starts `wayproof up` without a fleet."""
    data = DataDir.at(folder)
    data.make()
    if not data.ports():
        # Not the preferred ones, which another test's or somebody's own `wayproof up` may want meanwhile.
        data.remember_ports({name: free_port() for name in PREFERRED_PORTS})
    process = subprocess.Popen(
        [*WAYPROOF, "up", "--no-demo", "--data", str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**_clean_environment(), "WAYPROOF_MOSQUITTO": str(mosquitto or find_mosquitto())},
    )
    return Up(data=data, process=process)


@pytest.fixture
def up_factory() -> Iterator[Callable[..., Up]]:
    """Starts `wayproof up`; ends what still runs after the test."""
    started: list[Up] = []

    def make(folder: Path, *options: str, mosquitto: Path | None = None) -> Up:
        started.append(start_up(folder, *options, mosquitto=mosquitto))
        return started[-1]

    yield make
    for up in started:
        up.stop()


@pytest.fixture(scope="module")
def running_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A `wayproof up` that is ready, shared by the tests of a module."""
    up = start_up(tmp_path_factory.mktemp("up") / "data")
    try:
        up.wait_until_ready()
        yield up
    finally:
        up.stop()


def descendants(pid: int) -> list[psutil.Process]:
    """Every process below `pid`."""
    return psutil.Process(pid).children(recursive=True)


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("WAYPROOF_")}
