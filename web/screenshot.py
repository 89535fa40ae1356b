"""Takes the README's picture of the overview from a running Wayproof: web/screenshot.py http://127.0.0.1:8080 wp_...

Needs playwright (requirements/test.txt) and Debian's Chromium.
"""

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "overview.png"
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


def take(url: str, key: str, picture: Path) -> None:
    """Signs in, selects the first shipment that is under way, and saves what is to be seen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{url}/#key={key}")
        page.locator(".marker").first.wait_for()
        page.locator("#filters label", has_text="In transit").click()
        page.locator("[data-status=in_transit][data-verdict=within] h3 a").first.click()
        page.locator("path.track").first.wait_for(state="attached")
        page.wait_for_timeout(1500)  # the map's own movements
        page.screenshot(path=picture)
        browser.close()


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("--to", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    take(arguments.url.rstrip("/"), arguments.key, arguments.to)


if __name__ == "__main__":
    main()
