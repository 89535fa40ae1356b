"""Starts services in order, keeps them running, and stops them in the opposite order."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from wayproof.cli.services.child import Child
from wayproof.cli.services.spec import ENDED, Service, State
from wayproof.model.errors import InvalidInput

HURRY_S: Final = 1.0
"""How long services get once the user cannot wait any more."""

_LOG_CHECK_S: Final = 10.0


def ignore(_child: Child) -> None:
    """Hears of a change and does nothing."""


class Supervisor:
    """The services of one `wayproof up`. Call `step` again and again from the main thread: children are bound to it."""

    def __init__(
        self,
        services: Iterable[Service],
        *,
        inherits: tuple[int, ...] = (),
        on_change: Callable[[Child], None] = ignore,
    ) -> None:
        self.children: dict[str, Child] = {}
        for service in services:
            unknown = [name for name in service.depends_on if name not in self.children]
            if unknown:
                raise InvalidInput(f"{service.name} depends on {unknown}: expected services named before it")
            self.children[service.name] = Child(service, inherits=inherits, on_change=on_change)
        self._stopping = False
        self._logs_checked_s = time.monotonic()

    @property
    def all_ready(self) -> bool:
        """Whether every service is ready, or done where it is a one-shot."""
        return all(child.state in {State.READY, State.DONE} for child in self.children.values())

    @property
    def finished(self) -> bool:
        """Whether nothing runs any more and nothing will."""
        return self._stopping and all(child.state in ENDED for child in self.children.values())

    def step(self) -> None:
        """Moves every service on by at most one state."""
        if self._stopping:
            self._stop_those_without_dependants()
        for child in self.children.values():
            child.step(self.children[name] for name in child.service.depends_on)
        if time.monotonic() - self._logs_checked_s > _LOG_CHECK_S:
            self._logs_checked_s = time.monotonic()
            for child in self.children.values():
                child.bound_log()

    def stop(self) -> None:
        """From now on services are stopped, each after all that depend on it. A second call hurries."""
        if self._stopping:
            for child in self.children.values():
                child.begin_stop(timeout_s=HURRY_S)
        self._stopping = True

    def _stop_those_without_dependants(self) -> None:
        for name, child in self.children.items():
            dependants = (other for other in self.children.values() if name in other.service.depends_on)
            if child.state != State.STOPPING and all(other.state in ENDED for other in dependants):
                child.begin_stop()
