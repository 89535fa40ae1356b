"""The supervisor's state machine, on small programs that really run."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from wayproof.cli.services.child import FIRST_BACK_OFF_S, Child
from wayproof.cli.services.spec import Service, State
from wayproof.cli.services.supervisor import Supervisor
from wayproof.model.errors import InvalidInput, Unavailable

from ports import free_port

SLEEPS = ("sleep", "600")
IGNORES_SIGTERM = (
    sys.executable,
    "-c",
    "import signal; signal.signal(15, signal.SIG_IGN); print(1, flush=True); signal.pause()",
)


class Watch:
    """A supervisor with the changes that it has told of."""

    def __init__(self, *services: Service) -> None:
        self.changes: list[tuple[str, State]] = []
        self.supervisor = Supervisor(services, on_change=self._hear)

    def _hear(self, child: Child) -> None:
        self.changes.append((child.service.name, child.state))

    def __getitem__(self, name: str) -> Child:
        return self.supervisor.children[name]

    def until(self, condition: Callable[[], bool], timeout_s: float = 60) -> None:
        """Steps until `condition` holds."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, self.changes
            self.supervisor.step()
            time.sleep(0.01)

    def stop(self) -> None:
        """Stops everything in a hurry."""
        self.supervisor.stop()
        self.supervisor.stop()
        self.until(lambda: self.supervisor.finished)

    def states(self, name: str) -> list[State]:
        """What a service has gone through."""
        return [state for who, state in self.changes if who == name]


@pytest.fixture
def watch() -> Iterator[Callable[..., Watch]]:
    """Makes supervisors; stops what they run after the test."""
    made: list[Watch] = []

    def make(*services: Service) -> Watch:
        made.append(Watch(*services))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def service(tmp_path: Path) -> Callable[..., Service]:
    """Makes services that log below the test's folder."""

    def make(name: str, *argv: str, **more: object) -> Service:
        return Service(name=name, argv=argv or SLEEPS, log=tmp_path / f"{name}.log", **more)  # type: ignore[arg-type]

    return make


def test_dependants_start_after_readiness_and_stop_before(
    watch: Callable[..., Watch], service: Callable[..., Service]
) -> None:
    """A service is started once those that it depends on are ready, and those are stopped after it."""
    gate: list[int] = []
    it = watch(service("base", ready=lambda: bool(gate)), service("top", depends_on=("base",)))
    it.until(lambda: it["base"].age_s > 0.2 and it["base"].state == State.STARTING)
    assert it["top"].state == State.WAITING
    gate.append(1)
    it.until(lambda: it.supervisor.all_ready)
    it.supervisor.stop()
    it.until(lambda: it.supervisor.finished)
    assert it.changes[-4:] == [
        ("top", State.STOPPING),
        ("top", State.STOPPED),
        ("base", State.STOPPING),
        ("base", State.STOPPED),
    ]


def test_crashes_are_followed_by_growing_pauses(watch: Callable[..., Watch], service: Callable[..., Service]) -> None:
    """What crashes again and again is started again after half a second, then a second, and so on."""
    it = watch(service("weak", "sh", "-c", "echo out of luck; exit 3"))
    started: dict[int, float] = {}
    while it["weak"].starts < 3:
        it.until(lambda: it["weak"].starts > len(started))
        started[it["weak"].starts] = time.monotonic()
    assert it["weak"].reason == "exit code 3: out of luck"
    assert started[2] - started[1] > 0.4
    assert started[3] - started[2] > 0.9


def test_back_off_forgets_crashes_of_a_service_that_ran_well(
    watch: Callable[..., Watch], service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a good run the first pause is short again."""
    monkeypatch.setattr("wayproof.cli.services.child.RAN_WELL_S", 0.1)
    it = watch(service("steady", "sleep", "0.3"))
    for starts in (1, 2, 3):
        it.until(lambda: it["steady"].starts == starts and it["steady"].state == State.CRASHED)  # noqa: B023
        assert it["steady"]._back_off_s() == FIRST_BACK_OFF_S


def test_first_crash_of_what_served_costs_no_pause(
    watch: Callable[..., Watch], service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was ready and crashes is started again at once, but not so the second time."""
    monkeypatch.setattr("wayproof.cli.services.child.SERVED_S", 0.1)
    monkeypatch.setattr("wayproof.cli.services.child.FIRST_BACK_OFF_S", 30.0)
    it = watch(service("steady", "sleep", "0.5"))
    it.until(lambda: it["steady"].starts == 2)
    it.until(lambda: it["steady"].state == State.CRASHED and it["steady"].age_s > 0.5)


def test_one_shot_is_done_when_it_ends_well(watch: Callable[..., Watch], service: Callable[..., Service]) -> None:
    """A one-shot's dependants start after it has ended with 0, not while it runs."""
    it = watch(service("once", "sleep", "0.2", one_shot=True), service("after", depends_on=("once",)))
    it.until(lambda: it.supervisor.all_ready)
    assert it.states("once") == [State.STARTING, State.DONE]
    assert it.changes.index(("once", State.DONE)) < it.changes.index(("after", State.STARTING))


def test_failed_preparation_is_a_crash(watch: Callable[..., Watch], service: Callable[..., Service]) -> None:
    """A service that cannot be prepared is tried again, and says why it could not."""
    failures = iter([Unavailable("not yet")])

    def prepare() -> None:
        for failure in failures:
            raise failure

    it = watch(service("late", prepare=prepare))
    it.until(lambda: it["late"].state == State.READY)
    assert it.states("late") == [State.CRASHED, State.WAITING, State.STARTING, State.READY]
    assert it["late"].reason == "not yet"


def test_missing_program_is_a_crash(watch: Callable[..., Watch], service: Callable[..., Service]) -> None:
    """A program that is not there shows up as a crash with its name."""
    it = watch(service("gone", "/nowhere/program"))
    it.until(lambda: it["gone"].state == State.CRASHED)
    assert "/nowhere/program" in it["gone"].reason


def test_strangers_listener_makes_nobody_ready(watch: Callable[..., Watch], service: Callable[..., Service]) -> None:
    """A service is not ready while another program listens on its port, and counts as crashed in the end."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        it = watch(service("usurped", port=port, start_timeout=timedelta(seconds=0.3)))
        it.until(lambda: it["usurped"].state == State.CRASHED)
    assert State.READY not in it.states("usurped")


def test_own_listener_makes_ready(watch: Callable[..., Watch], service: Callable[..., Service]) -> None:
    """A service is ready as soon as it listens on its port itself."""
    port = free_port()
    it = watch(service("server", sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port), port=port))
    it.until(lambda: it["server"].state == State.READY)


def test_deaf_service_is_killed(watch: Callable[..., Watch], service: Callable[..., Service]) -> None:
    """What does not stop in its time is killed."""
    deaf = service("deaf", *IGNORES_SIGTERM, stop_timeout=timedelta(seconds=0.3))
    it = watch(deaf)
    it.until(lambda: deaf.log.exists() and deaf.log.stat().st_size > 0)
    it.supervisor.stop()
    it.until(lambda: it.supervisor.finished)
    assert it["deaf"].state == State.STOPPED


def test_second_stop_hurries(watch: Callable[..., Watch], service: Callable[..., Service]) -> None:
    """Once asked twice, nobody waits for a service that takes its time, nor for an order."""
    deaf = service("deaf", *IGNORES_SIGTERM, depends_on=("base",), stop_timeout=timedelta(hours=1))
    it = watch(service("base"), deaf)
    it.until(lambda: deaf.log.exists() and deaf.log.stat().st_size > 0)
    it.supervisor.stop()
    it.supervisor.step()
    it.supervisor.stop()
    it.until(lambda: it.supervisor.finished)


def test_children_are_in_no_terminal_group(watch: Callable[..., Watch], service: Callable[..., Service]) -> None:
    """Ctrl-C in the terminal reaches the supervisor alone, which stops the others in order."""
    it = watch(service("apart"))
    it.until(lambda: it.supervisor.all_ready)
    assert it["apart"].pid is not None
    assert os.getsid(it["apart"].pid) != os.getsid(0)


def test_restarted_service_is_stopped_by_its_own_signal(
    watch: Callable[..., Watch], service: Callable[..., Service]
) -> None:
    """Each service is asked to stop by the signal that it wants."""
    told = (
        "import signal,sys; signal.signal(2, lambda *_: sys.exit(print('int'))); print(1, flush=True); signal.pause()"
    )
    polite = service("polite", sys.executable, "-c", told, stop_signal=signal.SIGINT)
    it = watch(polite)
    it.until(lambda: polite.log.exists() and polite.log.stat().st_size > 0)
    it.supervisor.stop()
    it.until(lambda: it.supervisor.finished)
    assert polite.log.read_text().split() == ["1", "int"]


def test_dependencies_come_first(service: Callable[..., Service]) -> None:
    """A service may depend only on those named before it, so there are no circles."""
    with pytest.raises(InvalidInput, match="expected services named before it"):
        Supervisor([service("a", depends_on=("b",)), service("b")])
