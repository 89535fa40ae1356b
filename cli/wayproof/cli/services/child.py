"""One service and the process that runs it: a small state machine, moved on by `step`."""

import os
import subprocess
import time
from collections.abc import Callable, Iterable
from signal import Signals
from typing import Final

from wayproof.cli.services.logs import bound, last_line
from wayproof.cli.services.ports import listens
from wayproof.cli.services.spec import Service, State
from wayproof.model.errors import WayproofError

FIRST_BACK_OFF_S: Final = 0.5
LONGEST_BACK_OFF_S: Final = 30.0
SERVED_S: Final = 1.0
"""What was ready for so long is started again at once the first time it crashes: it can start, and is missed."""
RAN_WELL_S: Final = 60.0
"""After this long a crash is a new one, and the back-off starts from the beginning."""


class Child:
    """A supervised service. All times are of the monotonic clock, in seconds."""

    def __init__(self, service: Service, *, inherits: tuple[int, ...], on_change: Callable[["Child"], None]) -> None:
        self.service = service
        self.state = State.WAITING
        #: Why the last process ended, or why it could not be started.
        self.reason = ""
        self.starts = 0
        self._inherits = inherits
        self._on_change = on_change
        self._process: subprocess.Popen[bytes] | None = None
        self._crashes_in_a_row = 0
        self._served_s = 0.0
        self._since_s = time.monotonic()
        self._kill_at_s = float("inf")

    @property
    def pid(self) -> int | None:
        """The running process, or None."""
        return self._process.pid if self._process is not None else None

    @property
    def age_s(self) -> float:
        """How long it has been in its state."""
        return time.monotonic() - self._since_s

    def step(self, dependencies: Iterable["Child"]) -> None:
        """Moves on by at most one state."""
        match self.state:
            case State.WAITING if all(other.state in {State.READY, State.DONE} for other in dependencies):
                self._start()
            case State.STARTING:
                self._step_starting()
            case State.READY if self._exit_code() is not None:
                self._crash(self._why_ended())
            case State.CRASHED if self.age_s > self._back_off_s():
                self._become(State.WAITING)
            case State.STOPPING:
                self._step_stopping()
            case _:
                pass

    def begin_stop(self, *, timeout_s: float | None = None) -> None:
        """Asks the process to end, kills it when the time is up, and starts it no more."""
        if self._process is None:
            if self.state not in {State.DONE, State.STOPPED}:
                self._become(State.STOPPED)
            return
        allowed_s = self.service.stop_timeout.total_seconds() if timeout_s is None else timeout_s
        self._kill_at_s = min(self._kill_at_s, time.monotonic() + allowed_s)
        if self.state != State.STOPPING:
            self._signal(self.service.stop_signal)
            self._become(State.STOPPING)

    def bound_log(self) -> None:
        """Keeps the log file from filling the disk."""
        bound(self.service.log)

    def _start(self) -> None:
        self.starts += 1
        try:
            self.service.prepare()
            self._process = self._spawn()
        except (WayproofError, OSError) as error:
            self._crash(str(error))
        else:
            self._become(State.STARTING)

    def _spawn(self) -> subprocess.Popen[bytes]:
        # The kernel asks it to stop should we be killed. It watches the thread that starts it: the main one.
        bound_to_us = ("setpriv", "--pdeathsig", self.service.stop_signal.name.removeprefix("SIG"), "--")
        with self.service.log.open("ab") as log:
            return subprocess.Popen(
                [*bound_to_us, *self.service.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.service.env},
                pass_fds=self._inherits,
                start_new_session=True,  # Ctrl-C in the terminal is for us alone: we stop in order
            )

    def _step_starting(self) -> None:
        code = self._exit_code()
        if code == 0 and self.service.one_shot:
            self._process = None
            self._become(State.DONE)
        elif code is not None:
            self._crash(self._why_ended())
        elif self._is_ready():
            self._become(State.READY)
        elif self.age_s > self.service.start_timeout.total_seconds():
            self._kill()
            self._crash(f"not ready after {self.age_s:.0f} s: {last_line(self.service.log)}")

    def _step_stopping(self) -> None:
        if self._exit_code() is not None:
            self._process = None
            self._become(State.STOPPED)
        elif time.monotonic() > self._kill_at_s:
            self._signal(Signals.SIGKILL)

    def _is_ready(self) -> bool:
        service = self.service
        if service.one_shot or self._process is None:
            return False
        if service.port is not None and not listens(self._process.pid, service.port):
            return False
        return service.ready()

    def _crash(self, reason: str) -> None:
        self._served_s = self.age_s if self.state == State.READY else 0.0
        self._crashes_in_a_row = 1 if self._served_s > RAN_WELL_S else self._crashes_in_a_row + 1
        self._process = None
        self.reason = reason
        self._become(State.CRASHED)

    def _back_off_s(self) -> float:
        if self._crashes_in_a_row == 1 and self._served_s > SERVED_S:
            return 0.0
        return float(min(LONGEST_BACK_OFF_S, FIRST_BACK_OFF_S * 2 ** (self._crashes_in_a_row - 1)))

    def _why_ended(self) -> str:
        code = self._exit_code() or 0
        how = f"killed by {Signals(-code).name}" if code < 0 else f"exit code {code}"
        said = last_line(self.service.log)
        return f"{how}: {said}" if said else how

    def _exit_code(self) -> int | None:
        return self._process.poll() if self._process is not None else None

    def _signal(self, sig: Signals) -> None:
        if self._process is not None:
            self._process.send_signal(sig)

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _become(self, state: State) -> None:
        self.state = state
        self._since_s = time.monotonic()
        self._on_change(self)
