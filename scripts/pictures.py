"""Takes the pictures that the README shows, from a demo that is running now.

Run as ``make pictures`` beside a ``make demo`` that is at least a minute old.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, sync_playwright

RUNNING: Final = Path(".demo/running.json")
IMAGES: Final = Path("docs/images")
_ARGUMENTS: Final = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def main() -> int:
    """Take the pictures; 2 with a word on what is missing."""
    chromium = shutil.which("chromium")
    if chromium is None or not RUNNING.exists():
        sys.stderr.write("expected Chromium, and a demo running from .demo: start `make demo`\n")
        return 2
    address = json.loads(RUNNING.read_text(encoding="utf-8"))["address"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 430})
        _take(page, address)
        browser.close()
    return 0


def _take(page: Page, address: str) -> None:
    page.goto(f"{address}/sign-in")
    page.locator("button.primary").click()
    page.locator("[data-severity=red]").first.wait_for()
    page.wait_for_timeout(4000)  # until a row that has just changed has lost its tint
    page.screenshot(path=IMAGES / "board.png")
    page.locator("[data-severity=red] a").first.click()
    page.locator("svg[role=img]").first.wait_for()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.screenshot(path=IMAGES / "patient.png")


if __name__ == "__main__":
    sys.exit(main())
