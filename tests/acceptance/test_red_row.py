"""The promise of the house: a low reading at home becomes a red row that a nurse sees."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.support.browser import open_browser
from tests.support.house import add_home, set_limits
from tests.support.processes import Broker
from tests.support.running_house import GATEWAY, NURSE, RunningHouse


@pytest.mark.timeout(120)
def test_a_simulated_84_percent_becomes_a_red_row_while_the_nurse_watches(
    tmp_path: Path, broker: Broker, database_url: str, connection: Connection[TupleRow]
) -> None:
    home = add_home(connection, GATEWAY, "Asta Prøvesen")
    set_limits(connection, home.patient_id, "spo2", red_low=88, yellow_low=90)
    set_limits(connection, home.patient_id, "pulse_rate", red_high=120)

    with RunningHouse(tmp_path, broker.url, database_url) as house, open_browser() as browser:
        page = browser.new_page()
        script_errors: list[str] = []
        page.on("pageerror", lambda error: script_errors.append(str(error)))
        page.goto(f"{house.address}/sign-in")
        page.locator(f"input[value={NURSE}]").check()
        page.locator("button.primary").click()
        page.wait_for_url("**/board")
        expect(page.locator("[data-severity]")).to_have_count(0)

        with house.control() as sim:
            sim.measure(GATEWAY, "oximeter", spo2=84, pulse_rate=96)

        row = page.locator(f'[data-patient="{home.patient_id}"]')
        expect(row).to_have_attribute("data-severity", "red", timeout=20_000)
        expect(row).to_contain_text("Asta Prøvesen")
        expect(row).to_contain_text("Iltmætning 84 %, under den røde grænse 88 %")

        row.locator("a").first.click()
        page.wait_for_url(f"**/patients/{home.patient_id}*")
        expect(page.locator("svg[role=img]").first).to_be_visible()
        assert script_errors == []
