"""`wayproof up`: everything that Wayproof needs, started, watched and stopped as one."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Annotated, Final

import typer

from wayproof.cli.app import DATA_DEFAULT, TENANT_DEFAULT, Data, DatabaseUrl, TenantName
from wayproof.cli.keys import keys_of_a_start
from wayproof.cli.screen import Screen, open_screen
from wayproof.cli.services.child import Child
from wayproof.cli.services.data_dir import DataDir
from wayproof.cli.services.orphans import adopt_orphans, end_orphans, reap_orphan
from wayproof.cli.services.plan import Plan, Wanted, make_plan
from wayproof.cli.services.spec import State
from wayproof.cli.services.supervisor import HURRY_S, Supervisor
from wayproof.model.errors import Unavailable

_PAUSE_S: Final = 0.05
_TRUCKS: Final = 12


def up(
    *,
    data: Data = DATA_DEFAULT,
    demo: Annotated[bool, typer.Option("--demo/--no-demo", help="Run a small simulated fleet.")] = True,
    trucks: Annotated[int, typer.Option(min=1, max=10_000, help="Size of the simulated fleet.")] = _TRUCKS,
    tenant: TenantName = TENANT_DEFAULT,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="The API's port; default: 8080, or the last one, or a free one."),
    ] = None,
    database_url: DatabaseUrl = None,
    broker_url: Annotated[
        str | None, typer.Option(envvar="WAYPROOF_BROKER_URL", help="A broker's address; default: an embedded one.")
    ] = None,
    rpc_url: Annotated[
        str | None, typer.Option(envvar="WAYPROOF_RPC_URL", help="An EVM chain's RPC URL; default: an embedded one.")
    ] = None,
) -> None:
    """Start everything and keep it running.

    What is not given runs embedded, with its data below --data: PostgreSQL, an MQTT broker, an EVM chain. Ctrl-C stops
    everything in order; a second one hurries.
    """
    folder = DataDir.at(data)
    folder.make()
    wanted = Wanted(
        tenant=tenant,
        trucks=trucks if demo else 0,
        api_port=port,
        database_url=database_url,
        broker_url=broker_url,
        rpc_url=rpc_url,
    )
    with folder.lock() as lock:
        plan = make_plan(folder, wanted)
        folder.rotate_logs(service.name for service in plan.services)
        with _screen(plan, folder) as screen, _stop_requests() as stops:
            _run(folder, plan, screen, stops, lock)


def _run(folder: DataDir, plan: Plan, screen: Screen, stops: list[int], lock: int) -> None:
    supervisor = Supervisor(plan.services, inherits=(lock,), on_change=partial(_on_change, folder, screen))
    greet: Callable[[], bool] | None = partial(_greet, plan, screen)
    heard = 0
    adopt_orphans()
    while not supervisor.finished:
        if len(stops) > heard:
            heard += 1
            supervisor.stop()
        supervisor.step()
        reap_orphan({child.pid for child in supervisor.children.values()})
        screen.draw(supervisor.children.values())
        if greet is not None and supervisor.children["api"].state == State.READY and greet():
            greet = None
        time.sleep(_PAUSE_S)
    end_orphans(HURRY_S)


def _on_change(folder: DataDir, screen: Screen, child: Child) -> None:
    pid_file = folder.pid_file(child.service.name)
    # Only once it is ready: a broker that is signalled earlier has no handler yet, and dies.
    if child.state == State.READY:
        pid_file.write_text(str(child.pid), encoding="ascii")
    else:
        pid_file.unlink(missing_ok=True)
    screen.changed(child)


def _greet(plan: Plan, screen: Screen) -> bool:
    """Makes the keys of this start and says where to look. False where the database does not answer just now."""
    try:
        first, console = keys_of_a_start(plan.database, plan.tenant)
    except Unavailable:
        return False
    if first is not None:
        screen.say(f"First key of tenant {plan.tenant!r}, with every right, shown this once: {first}")
    screen.say(f"Open http://127.0.0.1:{plan.api_port}/#key={console}")
    return True


@contextmanager
def _screen(plan: Plan, folder: DataDir) -> Iterator[Screen]:
    screen = open_screen(plan, str(folder.root / "logs"))
    try:
        yield screen
    finally:
        screen.close()


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """Signals that ask us to stop, as they come: the first one stops in order, each later one hurries."""
    heard: list[int] = []

    def hear(number: int, _frame: FrameType | None) -> None:
        heard.append(number)

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
