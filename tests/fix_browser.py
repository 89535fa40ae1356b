"""Debian's Chromium, and visits in it that fail their test on any trouble the browser reports."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, ViewportSize, sync_playwright

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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One Chromium for a module: playwright's loop must have ended before other modules run loops of their own."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on PATH: apt-get install chromium")
    if not LEAFLET.is_file():
        pytest.skip("the pages' libraries are not built: npm ci && python web/build.py")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


VisitFactory = Callable[..., Visit]


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


@pytest.fixture
def visit_factory(chromium: Browser) -> Iterator[VisitFactory]:
    """Opens visits; after the test none of them may have seen any trouble."""
    visits: list[Visit] = []
    with ExitStack() as stack:

        def make(origin: str, *, scripts: bool = True, dark: bool = False, width_px: int = 1280) -> Visit:
            visit = _visit(chromium, origin, scripts=scripts, dark=dark, width_px=width_px)
            visits.append(stack.enter_context(visit))
            return visits[-1]

        yield make
    assert [visit.troubles for visit in visits if visit.troubles] == []
