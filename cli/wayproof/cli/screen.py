"""What `wayproof up` shows: a table that follows the services on a terminal, one line a change elsewhere."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from wayproof.cli.services.child import Child
from wayproof.cli.services.plan import Plan
from wayproof.cli.services.spec import State

_COLOURS: Final = {
    State.WAITING: "dim",
    State.STARTING: "yellow",
    State.READY: "green",
    State.DONE: "green",
    State.CRASHED: "bold red",
    State.STOPPING: "yellow",
    State.STOPPED: "dim",
}


class Screen(Protocol):
    """Shows how the services stand."""

    def changed(self, child: Child) -> None:
        """A service is in a new state."""

    def draw(self, children: Iterable[Child]) -> None:
        """Time has passed."""

    def say(self, line: str) -> None:
        """Shows a line that stays."""

    def close(self) -> None:
        """Leaves the last picture standing."""


def open_screen(plan: Plan, logs: str) -> Screen:
    """The screen that fits where our output goes."""
    console = Console()
    return LiveScreen(console, plan, logs) if console.is_terminal else PlainScreen(console, plan, logs)


class PlainScreen:
    """One line a change: for logs, pipes and tests."""

    def __init__(self, console: Console, plan: Plan, logs: str) -> None:
        self._console = console
        for name, where in plan.external:
            self.say(f"{name:<12} external  {where}")
        for note in plan.notes:
            self.say(f"note: {note}")
        self.say(f"logs: {logs}")

    def changed(self, child: Child) -> None:
        """Prints the new state; that a service waits again follows from its crash."""
        if child.state == State.WAITING:
            return
        pid = f" pid {child.pid}" if child.state == State.READY else ""
        why = f": {child.reason}" if child.state == State.CRASHED else ""
        self.say(f"{child.service.name:<12} {child.state:<9} {child.service.where}{pid}{why}")

    def draw(self, children: Iterable[Child]) -> None:
        """Nothing: lines do not move."""

    def say(self, line: str) -> None:
        """Prints a line with the time."""
        self._console.print(f"{datetime.now(UTC):%H:%M:%S} {line}", highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Nothing is open."""


class LiveScreen:
    """A table on a terminal, drawn anew twice a second."""

    def __init__(self, console: Console, plan: Plan, logs: str) -> None:
        self._plan = plan
        self._logs = logs
        self._children: tuple[Child, ...] = ()
        self._live = Live(console=console, get_renderable=self._picture, refresh_per_second=2)
        self._live.start()

    def changed(self, child: Child) -> None:
        """Shows a crash above the table for good; the table shows the rest."""
        if child.state == State.CRASHED:
            self.say(f"{child.service.name} {child.state}: {child.reason}")

    def draw(self, children: Iterable[Child]) -> None:
        """Takes note of the services; the table is drawn by the clock."""
        self._children = tuple(children)

    def say(self, line: str) -> None:
        """Prints a line above the table."""
        self._live.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Leaves the last table standing."""
        self._live.stop()

    def _picture(self) -> Group:
        table = Table("service", "state", "where", "pid", "starts", box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for child in self._children:
            state = Text(child.state, style=_COLOURS[child.state])
            pid = str(child.pid) if child.pid is not None else ""
            table.add_row(child.service.name, state, child.service.where, pid, str(child.starts))
        for name, where in self._plan.external:
            table.add_row(name, "external", where, "", "")
        notes = [Text(note, style="yellow") for note in self._plan.notes]
        foot = Text(f"Logs: {self._logs}   Ctrl-C stops everything in order.", style="dim")
        return Group(Text(), table, *notes, foot)
