"""Takes the pictures that README and clinicians' guide show, from a demo that is running now.

Run as ``make pictures`` beside a ``make demo`` that is at least a minute old. So that there is
something to decide about, it lets a child step on a scale of the demo: it sends one weight through
ingest, whose guard holds it.
"""

from __future__ import annotations

import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

import psycopg
from playwright.sync_api import Browser, Page, sync_playwright

from ingest import parcel, writer
from telekol import topics, wire
from telekol.observation import Device, Observation, TimeConfidence, reading_id
from telekol.quantities import FACTS, Quantity

RUNNING: Final = Path(".demo/running.json")
IMAGES: Final = Path("docs/images")
_ARGUMENTS: Final = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_CHILD_KG: Final = 21.4

_A_SCALE: Final = (
    "select b.gateway_id, d.address, d.manufacturer, d.model, d.serial from observation o "
    "join outbox b on b.id = o.outbox_id join device d on d.id = o.device_id "
    "where o.quantity = 'body_weight' and o.patient_id is not null "
    "order by o.measured_at desc limit 1"
)


def main() -> int:
    """Take the pictures; 2 with a word on what is missing."""
    chromium = shutil.which("chromium")
    if chromium is None or not RUNNING.exists():
        sys.stderr.write("expected Chromium, and a demo running from .demo: start `make demo`\n")
        return 2
    running = json.loads(RUNNING.read_text(encoding="utf-8"))
    _let_a_child_on_a_scale(running["database"])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        _as_nurse(browser, running["address"])
        _as_physician(browser, running["address"])
        browser.close()
    return 0


def _let_a_child_on_a_scale(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        found = connection.execute(_A_SCALE).fetchone()
        if found is None:
            sys.stderr.write("no weight has come yet: the picture of held readings will be empty\n")
            return
        gateway, *names = found
        device = Device(
            **dict(zip(("address", "manufacturer", "model", "serial"), names, strict=True))
        )
        now = datetime.now(UTC)
        weight = Observation(
            id=reading_id(device, Quantity.BODY_WEIGHT, now.replace(tzinfo=None)),
            device=device,
            quantity=Quantity.BODY_WEIGHT,
            value=_CHILD_KG,
            unit=FACTS[Quantity.BODY_WEIGHT].unit,
            measured_at=now,
            device_time=now.replace(tzinfo=None),
            clock_offset_s=0.0,
            time_confidence=TimeConfidence.CLOCK_CHECKED,
            received_at=now,
        )
        message = wire.ObservationMessage(
            v=1, gateway=gateway, boot=uuid4(), seq=1, sent_at=now, observations=(weight,)
        )
        topic = topics.observations(gateway)
        writer.store(connection, [parcel.sort(topic, wire.encode(message), now)])


def _signed_in(browser: Browser, address: str, role: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 700}).new_page()
    page.goto(f"{address}/sign-in")
    page.locator("label", has_text=role).locator("input").first.check()
    page.locator("button.primary").click()
    return page


def _as_nurse(browser: Browser, address: str) -> None:
    page = _signed_in(browser, address, "sygeplejerske")
    page.locator("[data-severity=red]").first.wait_for()
    page.set_viewport_size({"width": 1280, "height": 560})
    page.wait_for_timeout(4000)  # until a row that has just changed has lost its tint
    page.screenshot(path=IMAGES / "board.png")
    page.locator("[data-severity=red] a").first.click()
    page.locator("svg[role=img]").first.wait_for()
    page.locator("#live-word", has_text="automatisk").wait_for()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.screenshot(path=IMAGES / "patient.png")
    for name, height in (("held", 520), ("technical", 700)):
        page.set_viewport_size({"width": 1280, "height": height})
        page.goto(f"{address}/{name}")
        page.locator("#live-word", has_text="automatisk").wait_for()
        if page.locator("details.panel").count():
            page.locator("details.panel summary").click()
        page.screenshot(path=IMAGES / f"{name}.png")


def _as_physician(browser: Browser, address: str) -> None:
    page = _signed_in(browser, address, "læge")
    page.locator("[data-severity=red] a").first.click()
    page.locator("svg[role=img]").first.wait_for()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(page.url.partition("?")[0] + "/limits")
    slider = page.locator("input[type=range][data-for=yellow_low]")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(2000)  # until the answer to the slider is there
    page.screenshot(path=IMAGES / "limits.png")


if __name__ == "__main__":
    sys.exit(main())
