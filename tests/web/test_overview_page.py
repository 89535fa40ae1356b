"""The overview: the list, the map, and that both are live."""

import json
import math
import re
import shutil
import subprocess
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from fix_browser import Visit, VisitFactory, Website

LISBON = {"latitude_deg": 38.7223, "longitude_deg": -9.1393}
OSLO = {"latitude_deg": 59.9139, "longitude_deg": 10.7522}
ATHENS = {"latitude_deg": 37.9838, "longitude_deg": 23.7275}
MADRID = {"latitude_deg": 40.4168, "longitude_deg": -3.7038}
NORTH_SEA = {"latitude_deg": 56.0, "longitude_deg": 3.0}

WORLD = [
    ("chukotka", 66.6, 178.5),
    ("beyond 180", 66.8, -176.0),
    ("siberia", 66.5, 120.0),
    ("greenland", 72.0, -40.0),
    ("alaska", 66.0, -150.0),
    ("antarctica", -78.0, 20.0),
    ("viti levu", -17.8, 178.0),
    ("norwegian sea", 67.5, 0.0),
    ("baffin sea", 73.0, -67.0),
    ("bering sea", 58.0, -178.0),
    ("pacific sea", 0.0, -150.0),
]

ON_LAND = """marker => {
  const land = document.querySelector("path.land");
  const box = marker.getBoundingClientRect();
  const point = new DOMPoint(box.x + box.width / 2, box.y + box.height / 2);
  return land.isPointInFill(point.matrixTransform(land.getScreenCTM().inverse()));
}"""


def center(page: Page, reference: str) -> tuple[float, float]:
    """Where the marker of a shipment stands on the screen, in pixels."""
    box = marker(page, reference).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def marker(page: Page, reference: str) -> Any:
    """The marker of the shipment with that reference."""
    return page.get_by_role("button", name=re.compile(re.escape(reference)))


def mercator(place: dict[str, float]) -> tuple[float, float]:
    """Web Mercator, in radians, y downwards (EPSG 3857 on the unit sphere)."""
    latitude, longitude = (math.radians(place[name]) for name in ("latitude_deg", "longitude_deg"))
    return longitude, -math.asinh(math.tan(latitude))


def card_texts(page: Page) -> dict[str, str]:
    """The text of each field of the first card, without times."""
    fields = page.locator(".shipment").first.locator("[data-field]:not(time)")
    texts = fields.evaluate_all("all => all.map(one => [one.dataset.field, one.textContent.trim()])")
    return dict(texts)


def test_shipments_are_listed_and_marked(website: Website, visit: Visit) -> None:
    """Each shipment has a card that tells how it is kept, and one whose place is known has a marker."""
    website.shipment("cold", temperature_c=4.24, **OSLO)
    website.shipment("warm", temperature_c=-11.96, **ATHENS)
    website.registry.shipment("idle")
    page = visit.sign_in(website.key())
    expect(page.locator(".shipment h3")).to_have_text(["idle", "warm", "cold"])
    expect(page.locator(".shipment .condition")).to_have_text(
        [
            "No temperature yet no limits agreed",
            "\N{MINUS SIGN}12.0 °C out of range · 2 to 8 °C",
            "4.2 °C in range · 2 to 8 °C",
        ]
    )
    expect(page.locator(".marker")).to_have_count(2)
    expect(marker(page, "cold")).to_have_attribute("data-verdict", "within")
    expect(marker(page, "warm")).to_have_attribute("data-verdict", "outside")


def test_markers_stand_where_their_devices_are(website: Website, visit: Visit) -> None:
    """Markers keep the proportions of Web Mercator among themselves, and the ground under them agrees."""
    places = {"lisbon": LISBON, "oslo": OSLO, "athens": ATHENS, "madrid": MADRID, "sea": NORTH_SEA}
    for reference, place in places.items():
        website.shipment(reference, **place)
    page = visit.sign_in(website.key())
    page.locator("path.land").wait_for(state="attached")
    visit.settle()
    seen = {reference: center(page, reference) for reference in places}
    (west, south), (east, north) = seen["lisbon"], seen["oslo"]
    scale = (east - west) / (mercator(OSLO)[0] - mercator(LISBON)[0])
    assert (north - south) / (mercator(OSLO)[1] - mercator(LISBON)[1]) == pytest.approx(scale, rel=0.02)
    for reference, place in places.items():
        x, y = mercator(place)
        expected = (west + (x - mercator(LISBON)[0]) * scale, south + (y - mercator(LISBON)[1]) * scale)
        assert seen[reference] == pytest.approx(expected, abs=2), reference
    assert marker(page, "madrid").evaluate(ON_LAND) is True
    assert marker(page, "sea").evaluate(ON_LAND) is False


def test_land_is_land_all_over_the_world(website: Website, visit_factory: VisitFactory) -> None:
    """Outlines that cross 180 degrees leave land land and sea sea everywhere, and draw no line across the world."""
    for reference, latitude_deg, longitude_deg in WORLD:
        website.shipment(reference, latitude_deg=latitude_deg, longitude_deg=longitude_deg)
    visit = visit_factory(width_px=1800)
    page = visit.sign_in(website.key())
    page.locator("path.land").wait_for(state="attached")
    visit.settle()
    for reference, _, _ in WORLD:
        assert marker(page, reference).evaluate(ON_LAND) is ("sea" not in reference), reference
    border = page.locator("path.border").get_attribute("d") or ""
    assert 0 < _longest_step(border) < 200, "longer than the 49th parallel, where the world has 1024 pixels"
    assert page.locator("path.land").evaluate("land => getComputedStyle(land).stroke") == "none"


def _longest_step(path: str) -> float:
    lines = [[float(x) for x in re.findall(r"(-?[\d.]+) -?[\d.]+", line)] for line in path.split("M")]
    return max(abs(after - before) for line in lines for before, after in pairwise(line))


def test_a_moving_device_moves_its_marker(website: Website, visit: Visit) -> None:
    """What a device reports shows in list and map without the page being loaded again."""
    _, device = website.shipment("moving", temperature_c=4, heading_deg=90, **LISBON)
    website.shipment("resting", **ATHENS)
    page = visit.sign_in(website.key())
    page.evaluate("window.loadedOnce = true")
    visit.settle()
    (x, y), rest = center(page, "moving"), center(page, "resting")
    website.report(device, seconds_ago=0, temperature_c=9.5, heading_deg=45, **OSLO)
    expect(page.locator(".shipment .condition").last).to_contain_text("9.5 °C")
    visit.settle()
    new_x, new_y = center(page, "moving")
    assert new_x > x + 50
    assert new_y < y - 50
    assert center(page, "resting") == rest
    assert marker(page, "moving").locator(".body").get_attribute("transform") == "rotate(45)"
    assert page.evaluate("window.loadedOnce") is True


def test_new_shipments_appear_and_the_unchanged_cost_nothing(website: Website, visit: Visit) -> None:
    """A poll that finds nothing new is answered 304; a new shipment appears by itself, newest first."""
    website.shipment("old", **OSLO)
    statuses: list[int] = []
    visit.page.on("response", lambda it: statuses.append(it.status) if "/v1/shipments?" in it.url else None)
    page = visit.sign_in(website.key())
    page.wait_for_event("response", lambda it: "/v1/shipments?" in it.url and it.status == 304)
    assert statuses[:2] == [200, 304]
    assert statuses.count(200) == 1
    website.shipment("new", **LISBON)
    expect(page.locator(".shipment h3")).to_have_text(["new", "old"])
    expect(page.locator(".marker")).to_have_count(2)


def test_a_hidden_tab_asks_nothing(website: Website, visit: Visit) -> None:
    """While nobody looks the page does not poll; when somebody does it asks at once."""
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url) if "/v1/shipments?" in request.url else None)
    page = visit.sign_in(website.key())
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    asked.clear()
    page.wait_for_timeout(4000)
    assert asked == []
    with page.expect_request(lambda request: "/v1/shipments?" in request.url):
        page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    assert len(asked) == 1


def test_choosing_a_card_chooses_its_marker(website: Website, visit: Visit) -> None:
    """A click on a card opens its popup and draws its way; one on a marker chooses its card; a second one ends it."""
    _, device = website.shipment("first", seconds_ago=60, **LISBON)
    website.report(device, seconds_ago=30, **MADRID)
    other, _ = website.shipment("second", **OSLO)
    page = visit.sign_in(website.key())
    page.get_by_role("link", name="first").click()
    expect(page.locator(".leaflet-popup")).to_contain_text("first")
    expect(page.locator("path.track")).to_have_count(1)
    expect(page.locator("path.stop")).to_have_count(2)
    visit.settle()
    marker(page, "second").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".shipment.selected h3")).to_have_text("second")
    expect(page.locator(".shipment.selected .more")).to_be_visible()
    expect(page.locator("path.track")).to_have_count(0)
    assert page.url.endswith(f"/#shipment-{other.shipment_id}")
    page.get_by_role("link", name="second").click()
    expect(page.locator(".shipment.selected, .leaflet-popup, path.stop")).to_have_count(0)
    assert page.url == f"{website.origin}/"


def test_a_link_to_a_shipment_chooses_it(website: Website, visit: Visit) -> None:
    """The address of a chosen shipment can be sent to somebody, who sees it chosen."""
    shipment, _ = website.shipment("sent", **OSLO)
    visit.sign_in(website.key())
    page = visit.go(f"/#shipment-{shipment.shipment_id}")
    page.reload()
    expect(page.locator(".shipment.selected h3")).to_have_text("sent")


def test_silence_is_visible(website: Website, visit: Visit) -> None:
    """A shipment under way that was not heard of for minutes is marked stale in list and map, and can be filtered."""
    website.shipment("silent", seconds_ago=365, temperature_c=5, **OSLO)
    website.shipment("lively", temperature_c=5, **LISBON)
    page = visit.sign_in(website.key())
    page.get_by_role("link", name="lively").click()
    expect(page.locator(".shipment[data-stale] h3")).to_have_text(["silent"])
    expect(page.locator(".shipment[data-stale] [data-field=seen]")).to_have_text("6 min ago")
    expect(page.locator(".marker[data-stale]")).to_have_count(1)
    page.get_by_text("Needs attention").click()
    expect(page.locator(".shipment h3")).to_have_text(["silent"])
    expect(page.locator(".marker")).to_have_count(1)
    expect(page.locator("path.stop")).to_have_count(0)


def test_text_is_never_markup(website: Website, visit: Visit) -> None:
    """A reference or a name that looks like HTML is shown letter by letter, wherever it stands."""
    attack = "<img src=x onerror=\"document.title='owned'\">"
    website.shipment(attack, temperature_c=5, **OSLO)
    page = visit.sign_in(website.key())
    page.locator(".shipment h3 a").click()
    expect(page.locator(".shipment h3")).to_have_text([attack])
    expect(page.locator(".leaflet-popup strong")).to_have_text(attack)
    page.locator(".marker").hover()
    expect(page.locator(".leaflet-tooltip", has_text=attack)).to_be_visible()
    assert page.locator("img").count() == 0
    assert page.title() == "Shipments · Wayproof"


def test_the_list_needs_no_scripts(website: Website, visit_factory: VisitFactory) -> None:
    """Without JavaScript the list says what it says with it, in UTC."""
    website.shipment("plain", temperature_c=-0.04, humidity_pct=61, speed_mps=20, heading_deg=1, **OSLO)
    key = website.key()
    live = visit_factory().sign_in(key)
    page = visit_factory(scripts=False).go()
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    assert card_texts(page) == card_texts(live)
    assert card_texts(page)["temperature"] == "0.0 °C"
    expect(page.locator("[data-field=due]")).to_have_text("3 Mar 2026, 00:00 UTC")
    expect(page.locator("[data-field=seen]")).to_contain_text("UTC")
    expect(page.locator("#map")).to_be_hidden()


def test_times_are_the_viewers(website: Website, visit: Visit) -> None:
    """Times are shown in the viewer's zone, New York's here, and tell UTC to whoever points at them."""
    website.shipment("timed", **OSLO)
    due = visit.sign_in(website.key()).locator("[data-field=due]")
    year = "" if datetime.now(UTC).year == 2026 else " 2026"
    expect(due).to_have_text(f"2 Mar{year}, 19:00")
    expect(due).to_have_attribute("title", "2026-03-03 00:00:00 UTC")


def test_long_lists_are_followed(website: Website, visit_factory: VisitFactory) -> None:
    """With scripts all pages of the list are shown; without them a link leads to the next one."""
    for number in range(105):
        website.registry.shipment(f"R-{number:03}")
    key = website.key()
    expect(visit_factory().sign_in(key).locator(".shipment")).to_have_count(105)
    page = visit_factory(scripts=False).go()
    page.get_by_label("API key").fill(key)
    way, seen = page.get_by_role("button", name="Sign in"), list[str]()
    while way.count():
        with page.expect_navigation():  # waits for the whole page
            way.click()
        seen += page.locator(".shipment h3").all_text_contents()
        way = page.get_by_role("link", name="Older shipments")
    assert [text.strip() for text in seen] == [f"R-{number:03}" for number in reversed(range(105))]


def test_the_first_shipment_can_be_made_as_the_page_says(website: Website, visit: Visit) -> None:
    """The commands that an empty page shows make a shipment, which then appears by itself."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("no curl on PATH")
    page = visit.sign_in(website.key())
    commands = page.locator("#empty pre").inner_text().replace("wp_…", website.key())
    made = subprocess.run(["bash", "-euc", commands], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["reference"] == "FIRST-1"
    expect(page.locator(".shipment h3")).to_have_text(["FIRST-1"])
    expect(page.locator("#empty")).to_be_hidden()


def test_a_lost_connection_is_told_and_mended(website: Website, visit: Visit) -> None:
    """While the server cannot be reached the page says so and keeps what it shows; then it goes on."""
    website.shipment("kept", **OSLO)
    page = visit.sign_in(website.key())
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_have_text("Connection lost, trying again")
    expect(page.locator(".shipment h3")).to_have_text(["kept"])
    page.context.set_offline(False)
    expect(page.locator("#connection")).to_have_text("Live")
    visit.forgive("ERR_INTERNET_DISCONNECTED")
