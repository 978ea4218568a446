"""Chromium as Debian ships it, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, sync_playwright

# The sandbox needs rights that a container's root has not; the rest keeps Chromium from
# calling home, which fails slowly on a closed network.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def open_page(width: int = 1280, height: int = 800) -> Iterator[Page]:
    """A new page in a new, empty browser; a script error on it fails the test."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("expected Chromium; run: sudo apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        page = browser.new_page(viewport={"width": width, "height": height})
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        yield page
        browser.close()
    assert failures == []
