"""What the supervisor is told of a service, and the states that a service goes through."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from signal import Signals


class State(StrEnum):
    """Where a service stands.

    ::

        waiting ──▶ starting ──▶ ready ──▶ stopping ──▶ stopped
           ▲            │  └───▶ done (a one-shot that ended well)
           └─ crashed ◀─┴───────── ready
    """

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    CRASHED = "crashed"
    STOPPING = "stopping"
    STOPPED = "stopped"


ENDED = frozenset({State.DONE, State.STOPPED})
"""Nothing runs and nothing will be started."""


def nothing() -> None:
    """Prepares nothing."""


def always() -> bool:
    """Is ready as soon as it runs."""
    return True


@dataclass(frozen=True, kw_only=True)
class Service:
    """A program that the supervisor starts, watches, starts again and stops."""

    name: str
    argv: tuple[str, ...]
    #: Its output is appended here.
    log: Path
    #: What people connect to, or a word on what it does.
    where: str = ""
    #: Added to our own environment.
    env: Mapping[str, str] = field(default_factory=dict)
    #: Services that must be ready before this one is started.
    depends_on: tuple[str, ...] = ()
    #: Runs before each start. A WayproofError or OSError out of it counts as a crash.
    prepare: Callable[[], None] = nothing
    #: Whether dependants may start. Asked several times a second while it starts: it must answer at once.
    ready: Callable[[], bool] = always
    #: Loopback port on which it must listen itself: a stranger's listener does not make it ready.
    port: int | None = None
    #: Does its work once and ends with 0; dependants start after that.
    one_shot: bool = False
    stop_signal: Signals = Signals.SIGTERM
    #: How long it may take to stop before it is killed.
    stop_timeout: timedelta = timedelta(seconds=15)
    #: How long it may take to become ready before it counts as crashed.
    start_timeout: timedelta = timedelta(minutes=3)
