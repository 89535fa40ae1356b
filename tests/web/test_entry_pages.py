"""Signing in and out, the API's documentation, problems as people see them, and what holds for every page."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect

from wayproof.model.access import Scope
from wayproof.store.keys import revoke_key
from wayproof.store.pool import Conn

from fix_api import Customer, problem
from fix_browser import AXE, ROOT, Visit, VisitFactory, Website

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OSLO = {"latitude_deg": 59.9139, "longitude_deg": 10.7522}


def sign_in_by_form(page: Page, key: str) -> None:
    """Pastes the key and presses the button."""
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_a_link_with_a_key_signs_in_and_forgets_it(website: Website, visit: Visit) -> None:
    """The key of a link is gone from address and history; the cookie that stays is out of scripts' reach."""
    key = website.key()
    page = visit.sign_in(key)
    expect(page.get_by_role("heading", level=1)).to_have_text("Shipments")
    assert page.url == f"{website.origin}/"
    cookies: list[Any] = page.context.cookies()
    assert [(it["name"], it["httpOnly"], it["sameSite"]) for it in cookies] == [("wayproof_session", True, "Strict")]
    assert page.evaluate("document.cookie + JSON.stringify([localStorage, sessionStorage])") == "[{},{}]"
    history = page.context.new_cdp_session(page).send("Page.getNavigationHistory")
    assert [entry["url"] for entry in history["entries"] if key in entry["url"]] == []


def test_a_link_with_another_key_takes_over(website: Website, visit: Visit) -> None:
    """Whoever is signed in and follows a link with another key sees what that key may see."""
    page = visit.sign_in(website.key())
    with page.expect_event("load"):
        page.evaluate("key => { location.hash = `key=${key}` }", website.key())
    expect(page.locator("#connection")).to_have_text("Live")
    assert page.url == f"{website.origin}/"


def test_a_link_with_a_bad_key_is_refused(website: Website, visit: Visit) -> None:
    """A key that is not valid is refused in words, and gone from the address as well."""
    page = visit.go("/#key=wp_aaaaaaaaaaaa_" + "a" * 43)
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    assert page.url == f"{website.origin}/"
    visit.forgive("401")


def test_signing_in_and_out_needs_no_scripts(website: Website, visit_factory: VisitFactory) -> None:
    """By forms alone: a bad key is refused in words, a good one leads to the list, and signing out ends that."""
    visit = visit_factory(scripts=False)
    page = visit.go()
    sign_in_by_form(page, "wp_nonsense")
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    visit.forgive("401")
    sign_in_by_form(page, website.key())
    expect(page.get_by_role("heading", level=1)).to_have_text("Shipments")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert page.context.cookies() == []


def test_a_revoked_key_ends_the_session(website: Website, visit: Visit) -> None:
    """When its key is revoked an open overview turns into the sign-in page by itself."""
    key = website.key()
    page = visit.sign_in(key)
    revoke_key(website.superuser, key[3:15])
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    visit.forgive("401")


def test_another_site_cannot_sign_out(client: TestClient) -> None:
    """A form of another site, which is sent without the cookie, does not touch the session."""
    assert "set-cookie" not in client.post("/sign-out").headers


def test_the_documentation_shows_every_operation(website: Website, visit: Visit) -> None:
    """The documentation lists all operations of the OpenAPI document, from this origin alone."""
    page = visit.go("/docs")
    document = page.request.get(f"{website.origin}/openapi.json").json()
    operations = sum(len(item) for item in document["paths"].values())
    assert operations > 30
    expect(page.locator(".opblock")).to_have_count(operations)
    page.locator(".opblock-summary-control").first.click()
    expect(page.locator(".opblock-body").first).to_be_visible()


def test_people_see_problems_as_pages(website: Website, visit: Visit) -> None:
    """A browser that navigates gets a problem as a page; whoever else asks gets the document."""
    page = visit.go("/nowhere")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    answer = page.request.get(f"{website.origin}/nowhere", headers={"Accept": "*/*"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert visit.go("/v1/shipments").title() == "Sign in · Wayproof"
    visit.forgive("404", "401")


def test_a_key_without_the_scope_sees_why(website: Website, visit: Visit) -> None:
    """Who signs in with a key that may not read shipments is told so, and can sign out."""
    visit.go(f"/#key={website.key(Scope.SITES_READ)}")
    expect(visit.page.locator("main")).to_contain_text("shipments:read")
    visit.page.get_by_role("button", name="Sign out").click()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Sign in")
    visit.forgive("403")


def test_problems_stay_documents_for_programs(acme: Customer) -> None:
    """Only `Accept: text/html` turns a problem into a page; its status stays."""
    cookie = {"Cookie": f"wayproof_session={acme.token}"}
    for path, slug in (("/nowhere", "not-found"), ("/?cursor=x", "invalid-cursor")):
        document = problem(acme.client.get(path, headers=cookie), slug)
        page = acme.client.get(path, headers={**cookie, **BROWSER})
        assert (page.status_code, page.headers["content-type"]) == (document["status"], "text/html; charset=utf-8")
        assert f"<h1>{document['title']}</h1>" in page.text


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("TEXT/HTML", "text/html"),
        ("application/json;q=0.5, text/html;q=0.9", "text/html"),
        ("text/html, application/json", "text/html"),
        ("text/html; charset=utf-8; q=1.0, */*", "text/html"),
        ("application/json, text/html;q=0.1", "application/problem+json"),
        ("application/json, text/html", "application/problem+json"),
        ("text/html;q=0.1, application/problem+json", "application/problem+json"),
        ("text/html;q=0.1, */*;q=0.2", "application/problem+json"),
        ("text/html;q=0", "application/problem+json"),
        ("text/html;q=nan", "application/problem+json"),
        ("text/htmlx", "application/problem+json"),
        (";;,,q=", "application/problem+json"),
        ("*/*", "application/problem+json"),
    ],
)
def test_who_would_rather_have_the_document_gets_it(client: TestClient, accept: str, kind: str) -> None:
    """Weight decides between page and document, then the order in which they are named."""
    answer = client.get("/nowhere", headers={"Accept": accept})
    assert answer.headers["content-type"].split(";")[0] == kind


def test_pages_of_problems_keep_what_programs_go_by(client: TestClient, superuser: Conn) -> None:
    """A problem shown as a page still says which methods there are, how to prove oneself and when to try again."""
    assert client.post("/livez", headers=BROWSER).headers["allow"] == "GET, HEAD"
    assert client.get("/v1/devices", headers=BROWSER).headers["www-authenticate"] == 'Bearer realm="wayproof"'
    superuser.execute("update alembic_version set version_num = 'other'")
    assert client.get("/readyz", headers=BROWSER).headers["retry-after"] == "2"


def test_an_overlong_cursor_is_refused(acme: Customer) -> None:
    """A cursor longer than any that was given out is no fault of ours, on the overview as elsewhere."""
    cookie = {"Cookie": f"wayproof_session={acme.token}"}
    path = "/?cursor=" + "x" * 1500
    problem(acme.client.get(path, headers=cookie), "invalid-input")
    assert acme.client.get(path, headers={**cookie, **BROWSER}).status_code == 422


@pytest.mark.parametrize("path", ["/", "/docs", "/nowhere"])
def test_pages_may_load_nothing_from_outside(client: TestClient, path: str) -> None:
    """Every page is sent with a policy that allows this origin alone, without inline scripts and styles."""
    policy = client.get(path, headers=BROWSER).headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy


def test_the_watch_notices_trouble(website: Website, visit: Visit) -> None:
    """What the other tests rely on: requests to other hosts, refusals by the policy and exceptions are all noticed."""
    page = visit.go()
    with page.expect_console_message(lambda said: "connect-src" in said.text):
        page.evaluate("fetch('http://127.0.0.2:9/').catch(() => 0)")
    with page.expect_console_message(lambda said: "script-src" in said.text):
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), { text: 'window.ran = 1' }))"
        )
    with page.expect_event("pageerror"):
        page.evaluate("setTimeout(() => { throw new Error('planted') })")
    assert page.evaluate("window.ran") is None
    found = " ".join(visit.troubles)
    assert "connect-src" in found
    assert "script-src" in found
    assert "planted" in found
    visit.forgive("Content Security Policy", "planted", "left the origin")


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core: npm ci")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width_px", [390, 1280])
def test_pages_are_accessible(website: Website, visit_factory: VisitFactory, dark: bool, width_px: int) -> None:  # noqa: FBT001
    """axe-core finds nothing wrong with any page of ours, in both themes, on a phone and on a desk."""
    visit = visit_factory(dark=dark, width_px=width_px)
    visit.go()
    assert visit.axe() == []
    page = visit.sign_in(website.key())
    assert visit.axe() == []
    website.shipment("good", temperature_c=5, humidity_pct=60, **OSLO)
    website.shipment("bad", temperature_c=15, latitude_deg=60.2, longitude_deg=11.0)
    website.shipment("silent", seconds_ago=900, temperature_c=5, latitude_deg=48.0, longitude_deg=11.0)
    website.registry.shipment("planned")
    page.get_by_role("link", name="bad").click()
    page.locator("path.stop").first.wait_for(state="attached")
    visit.settle()
    assert visit.axe() == []
    visit.go("/nowhere")
    assert visit.axe() == []
    visit.forgive("404")


@pytest.mark.parametrize("width_px", [320, 390])
def test_pages_fit_a_phone(website: Website, visit_factory: VisitFactory, width_px: int) -> None:
    """No page is wider than the screen, whatever its texts are."""
    website.shipment("R" * 100, temperature_c=5, **OSLO)
    visit = visit_factory(width_px=width_px)
    for path in ("/", f"/#key={website.key()}", "/docs"):
        visit.go(path).wait_for_timeout(1000)
        width = visit.page.evaluate("document.documentElement.scrollWidth")
        assert width <= width_px, path


def test_assets_are_compressed_and_asked_for_again(client: TestClient) -> None:
    """Assets go out compressed, and are not sent again while they have not changed."""
    answer = client.get("/static/base.css", headers={"Accept-Encoding": "gzip"})
    assert (answer.headers["content-encoding"], answer.headers["cache-control"]) == ("gzip", "no-cache")
    again = client.get("/static/base.css", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["/static/../pages.py", "/static/%2e%2e/pages.py", "/static/js/..%2f..%2fpages.py", "/static/"]
)
def test_nothing_but_assets_is_served_as_such(client: TestClient, path: str) -> None:
    """No path leads out of the folder of assets, and folders are not listed."""
    problem(client.get(path), "not-found")


def test_assets_are_built_as_described(tmp_path: Path) -> None:
    """`web/build.py` run again changes nothing; without node_modules it says what to do."""
    if not (ROOT / "node_modules").is_dir():
        pytest.skip("no node_modules: npm ci")
    script = ROOT / "web" / "build.py"
    again = subprocess.run(["python3", str(script)], capture_output=True, text=True, check=True)
    assert " 0 copied, 0 removed" in again.stdout
    copy = tmp_path / "web" / "build.py"
    copy.parent.mkdir()
    copy.write_bytes(script.read_bytes())
    bare = subprocess.run(["python3", str(copy)], capture_output=True, text=True, check=False)
    assert bare.returncode == 1
    assert "npm ci" in bare.stderr
