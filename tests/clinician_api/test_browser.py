"""A real page in Chromium: it keeps itself current, and says so when it cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from telekol.severity import Severity
from tests.clinician_api.conftest import Served, Server
from tests.clinician_api.ward import Ward
from tests.support.browser import open_browser

SHIELD_MS = 2500
"""Longer than a case is shielded after a step of one's own (OWN_SHIELD_MS in live.js)."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def served(serve: Server, ward: Ward, database_url: str) -> Served:
    return serve(database_url)


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, served: Served, problems: list[str]) -> Iterator[Page]:
    """A nurse's browser at the board."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text))
    page.goto(served.url)
    page.get_by_role("button", name="Log på").click()
    expect(page.locator("#live-word")).to_have_text("Opdateres automatisk")
    yield page
    context.close()


def test_a_red_row_appears_by_itself_and_stands_first(page, ward, problems):
    expect(page.get_by_text("Ingen åbne sager")).to_be_visible()
    ward.add_case(ward.add_patient("Bodil Eksempelsen"), Severity.YELLOW)
    expect(page.locator("tr[data-severity=yellow]")).to_be_visible()
    patient = ward.add_patient("Asta Prøvesen")
    ward.add_case(patient, Severity.RED)
    row = page.locator("tr[data-severity=red]")
    expect(row).to_contain_text("Asta Prøvesen")
    expect(row).to_contain_text("Rød")
    expect(row).to_have_class(re.compile("just-changed"))
    expect(page.locator("tr[data-case]").first).to_have_attribute("data-patient", str(patient))
    expect(page).to_have_title(re.compile(r"^\(2\)"))
    expect(page.locator("#live-announce")).to_contain_text("Asta Prøvesen")
    assert problems == []


def test_acknowledge_and_undo_by_keyboard_leave_the_focus_on_the_patient(page, ward, problems):
    case = ward.add_case(ward.add_patient(), Severity.RED)
    page.get_by_role("button", name="Kvittér for Asta Prøvesen").focus()
    page.keyboard.press("Enter")
    undo = page.get_by_role("button", name="Fortryd kvittering for Asta Prøvesen")
    expect(undo).to_be_visible()
    expect(page.get_by_role("link", name="Asta Prøvesen")).to_be_focused()
    expect(page.locator("tr[data-case]")).to_contain_text("af Signe Opdigtet")
    assert ward.state(case) == "seen"
    page.wait_for_timeout(SHIELD_MS)
    undo.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Kvittér for Asta Prøvesen")).to_be_visible()
    expect(page.get_by_role("link", name="Asta Prøvesen")).to_be_focused()
    assert ward.state(case) == "new"
    assert problems == []


def test_two_quick_enters_acknowledge_once(page, ward, problems):
    patient = ward.add_patient()
    case = ward.add_case(patient, Severity.RED)
    page.get_by_role("button", name="Kvittér for Asta Prøvesen").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    undo = page.get_by_role("button", name="Fortryd kvittering for Asta Prøvesen")
    expect(undo).to_be_visible()
    page.wait_for_timeout(500)
    assert (ward.state(case), ward.version(case)) == ("seen", 2)
    assert problems == []


def test_a_double_click_acknowledges_once(page, ward):
    case = ward.add_case(ward.add_patient(), Severity.RED)
    page.get_by_role("button", name="Kvittér for Asta Prøvesen").dblclick()
    undo = page.get_by_role("button", name="Fortryd kvittering for Asta Prøvesen")
    expect(undo).to_be_visible()
    page.wait_for_timeout(500)
    assert (ward.state(case), ward.version(case)) == ("seen", 2)


def test_ones_own_click_does_not_wait_for_the_resting_pointer(page, ward):
    case = ward.add_case(ward.add_patient(), Severity.RED)
    button = page.get_by_role("button", name="Kvittér for Asta Prøvesen")
    button.hover()
    for _ in range(20):
        ward.add_case(ward.add_patient("Bodil Eksempelsen"), Severity.BLUE)
        page.wait_for_timeout(20)
    button.click()
    undo = page.get_by_role("button", name="Fortryd kvittering for Asta Prøvesen")
    expect(undo).to_be_visible(timeout=1200)
    assert ward.state(case) == "seen"


def test_the_button_says_what_it_is_doing(page, ward):
    ward.add_case(ward.add_patient(), Severity.RED)
    button = page.get_by_role("button", name="Kvittér for Asta Prøvesen")
    held: list[Route] = []
    page.route("**/acknowledge", lambda route: held.insert(0, route))
    button.click()
    expect(button).to_have_text("Kvitterer …")
    expect(button).to_have_attribute("aria-disabled", "true")
    held[0].continue_()
    expect(page.get_by_role("button", name="Fortryd kvittering for")).to_be_visible()


def test_a_step_without_an_answer_is_not_confirmed(page, ward):
    ward.add_case(ward.add_patient(), Severity.RED)
    page.route("**/acknowledge", lambda route: route.abort())
    page.get_by_role("button", name="Kvittér for Asta Prøvesen").click()
    expect(page.locator("#live-notice")).to_contain_text("Handlingen er ikke bekræftet")


def test_focus_stays_on_the_patient_when_rows_move(page, ward):
    ward.add_case(ward.add_patient("Bodil Eksempelsen"), Severity.YELLOW)
    page.get_by_role("link", name="Bodil Eksempelsen").focus()
    ward.add_case(ward.add_patient("Asta Prøvesen"), Severity.RED)
    expect(page.locator("tr[data-severity=red]")).to_be_visible()
    expect(page.get_by_role("link", name="Bodil Eksempelsen")).to_be_focused()


def test_a_refusal_is_told(page, ward, served):
    case = ward.add_case(ward.add_patient(), Severity.YELLOW)
    button = page.get_by_role("button", name="Kvittér for Asta Prøvesen")
    expect(button).to_be_visible()
    # As if the case had moved between reading and pressing.
    page.locator("input[name=version]").evaluate("element => { element.value = 7 }")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#live-notice")).to_contain_text("Sagen er ændret, siden du så den")
    assert ward.state(case) == "new"


def test_a_lost_connection_is_said_and_recovers(page, ward, served, serve):
    ward.add_case(ward.add_patient(), Severity.YELLOW)
    expect(page.locator("tr[data-case]")).to_be_visible()
    serve.stop()
    expect(page.locator("#live-lost")).to_be_visible()
    expect(page.locator("#live-lost")).to_contain_text(
        re.compile(r"Ikke opdateret siden \d\d:\d\d")
    )
    expect(page.locator("#live-word")).to_contain_text("Ikke opdateret siden")
    expect(page.locator("tr[data-case]")).to_be_visible()
    expect(page.locator(".act button")).to_have_attribute("aria-disabled", "true")


def test_a_session_that_ends_is_said(page, ward):
    ward.remove_clinician("nurse-1")
    ward.add_case(ward.add_patient(), Severity.RED)
    expect(page.locator("#live-notice")).to_contain_text("Du er logget af")
    expect(page.locator("#live-notice a")).to_have_attribute("href", "/sign-in")
    expect(page.locator("#live-lost")).to_be_hidden()
    expect(page.locator("#live")).to_be_hidden()


def test_the_patients_page_follows(page, ward, served, problems):
    patient = ward.fill()
    page.goto(f"{served.url}/patients/{patient}")
    expect(page.locator("#live-word")).to_have_text("Opdateres automatisk")
    page.locator("[data-quantity=spo2] summary").click()
    ward.add_reading(patient, 82)
    ward.add_finding(patient, Severity.RED)
    number = page.locator("[data-quantity=spo2] .number")
    expect(number).to_have_text("82")
    expect(page.locator("[data-quantity=spo2] details")).to_have_attribute("open", "")
    assert problems == []


@pytest.mark.parametrize("width", [1920, 1280, 390])
def test_nothing_runs_out_of_the_side(page, ward, served, width):
    patient = ward.fill()
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("/board", f"/patients/{patient}?days=90", "/board?lang=en"):
        page.goto(served.url + path)
        expect(page.locator(".live-status.on")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_stream_that_is_refused_says_signed_out(page, ward):
    ward.add_case(ward.add_patient(), Severity.RED)
    expect(page.locator("tr[data-case]")).to_be_visible()
    page.context.clear_cookies()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#live-notice")).to_contain_text("Du er logget af")
    expect(page.locator("#live-word")).to_have_text("Du er logget af")
    expect(page.locator("tr[data-case]")).to_be_hidden()
