"""The website on a real server, and Debian's Chromium to visit it; any trouble that it reports fails the test."""

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, ViewportSize, expect, sync_playwright

from wayproof.model.access import Scope
from wayproof.model.device import Device
from wayproof.model.shipment import Shipment
from wayproof.store.keys import create_key
from wayproof.store.pool import Conn

from fix_registry import MONDAY, Registry
from fix_telemetry import Tell
from ports import free_port

ROOT = Path(__file__).resolve().parent.parent
LEAFLET = ROOT / "api" / "wayproof" / "api" / "static" / "vendor" / "leaflet" / "leaflet.js"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
# Root needs --no-sandbox; the others keep Chromium from asking for its maker's hosts.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# The page asks every three seconds, and a busy machine is no failure.
expect.set_options(timeout=30_000)
STILL = """async () => {
  const boxes = [...document.querySelectorAll(".marker")];
  const places = () => JSON.stringify(boxes.map(one => one.getBoundingClientRect()));
  for (let last = "", same = 0; same < 10;) {
    await new Promise(requestAnimationFrame);
    await Promise.all(document.getAnimations().map(one => one.finished.catch(() => 0)));
    const now = places();
    same = now === last ? same + 1 : 0;
    last = now;
  }
}"""


@dataclass(frozen=True, kw_only=True)
class Website:
    """The API with its pages, served over TCP, and one tenant of it with a key."""

    origin: str
    registry: Registry
    superuser: Conn
    tell: Tell

    def key(self, *scopes: Scope) -> str:
        """A token of the tenant; with every scope, unless some are named."""
        return create_key(
            self.superuser, tenant_id=self.registry.tenant_id, label="test", scopes=scopes or tuple(Scope)
        )[1]

    def shipment(self, reference: str = "", **reading: Any) -> tuple[Shipment, Device]:
        """A shipment under way, to be kept at 2 to 8 °C; if there is a `reading`, its device has just told it."""
        registry = self.registry
        shipment = registry.change(registry.shipment(reference, profile=registry.profile()), picked_up_at=MONDAY)
        device = registry.device()
        registry.assignment(shipment, device)
        if reading:
            self.report(device, **reading)
        return shipment, device

    def report(self, device: Device, *, seconds_ago: float = 1, **reading: Any) -> None:
        """Lets a device tell a reading of a moment ago."""
        self.tell(device, datetime.now(UTC) - timedelta(seconds=seconds_ago), **reading)


@pytest.fixture
def website(app: FastAPI, registry: Registry, superuser: Conn, tell: Tell) -> Iterator[Website]:
    """The website of tenant acme, with nothing in it."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None))
    thread = Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    yield Website(origin=f"http://127.0.0.1:{port}", registry=registry, superuser=superuser, tell=tell)
    server.should_exit = True
    thread.join(60)


@dataclass(kw_only=True)
class Visit:
    """One page, and what went wrong in it."""

    page: Page
    origin: str
    #: Console errors (refusals by the content security policy are among them), exceptions, requests to other hosts.
    troubles: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Notes from now on whatever the browser complains of."""
        self.page.on("console", self._note_error)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", self._check_origin)

    def _note_error(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.troubles.append(said.text)

    def _check_origin(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme != "data" and f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.troubles.append(f"a request left the origin: {request.url}")

    def go(self, path: str = "/") -> Page:
        """Opens a path of the site."""
        self.page.goto(self.origin + path)
        return self.page

    def sign_in(self, key: str) -> Page:
        """Opens the overview by a link that holds a key, and waits for the first live state."""
        self.go(f"/#key={key}").locator("#connection", has_text="Live").wait_for()
        return self.page

    def settle(self) -> None:
        """Waits until nothing moves or fades any more: the map's zoom, popups, markers that glide."""
        self.page.evaluate(STILL)

    def forgive(self, *expected: str) -> None:
        """Drops the troubles that the test has provoked; each must contain one of `expected`, and one must be there."""
        assert self.troubles
        assert [trouble for trouble in self.troubles if not any(part in trouble for part in expected)] == []
        self.troubles.clear()

    def axe(self) -> list[str]:
        """What axe-core finds wrong, as rule and element."""
        # Through the browser's debugger: the page's own policy would refuse the script.
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate("axe.run()")
        return [f"{rule['id']}: {node['html']}" for rule in found["violations"] for node in rule["nodes"]]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One Chromium for a module: playwright's loop must have ended before other modules run loops of their own."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on PATH: apt-get install chromium")
    if not LEAFLET.is_file():
        pytest.skip("the pages' libraries are not there: npm ci && python web/build.py")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def _visit(browser: Browser, origin: str, *, scripts: bool, dark: bool, width_px: int) -> Iterator[Visit]:
    context = browser.new_context(
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
        timezone_id="America/New_York",
        viewport=ViewportSize(width=width_px, height=800),
    )
    visit = Visit(page=context.new_page(), origin=origin)
    visit.watch()
    yield visit
    context.close()


class VisitFactory(Protocol):
    """Opens the website anew, in a browser that knows nothing of earlier visits."""

    def __call__(self, *, scripts: bool = True, dark: bool = False, width_px: int = 1280) -> Visit:
        """`scripts` False: as with JavaScript switched off."""


@pytest.fixture
def visit_factory(chromium: Browser, website: Website) -> Iterator[VisitFactory]:
    """Opens visits; after the test none of them may have seen any trouble."""
    visits: list[Visit] = []
    with ExitStack() as stack:

        def make(*, scripts: bool = True, dark: bool = False, width_px: int = 1280) -> Visit:
            visit = _visit(chromium, website.origin, scripts=scripts, dark=dark, width_px=width_px)
            visits.append(stack.enter_context(visit))
            return visits[-1]

        yield make
    assert [visit.troubles for visit in visits if visit.troubles] == []


@pytest.fixture
def visit(visit_factory: VisitFactory) -> Visit:
    """A visit on a desk, in daylight."""
    return visit_factory()
