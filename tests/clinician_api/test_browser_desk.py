"""The pages beside the board in Chromium: by keyboard, in haste, without script, on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect

from alerts.in_use import rule_store
from telekol.severity import Channel, Severity
from tests.clinician_api.conftest import Served, Server
from tests.clinician_api.ward import Ward
from tests.support.browser import open_browser

NOW = datetime.now(UTC)


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
    _sign_in(page, served, "nurse-1")
    yield page
    context.close()


def _sign_in(page: Page, served: Served, clinician: str) -> None:
    page.goto(f"{served.url}/sign-in")
    page.locator(f"input[value={clinician}]").check()
    page.get_by_role("button", name="Log på").click()
    expect(page.locator("#live-word")).to_have_text("Opdateres automatisk")


@pytest.fixture
def held(ward: Ward) -> UUID:
    patient = ward.add_patient("Bodil Eksempelsen")
    gateway = ward.add_home(patient)
    ward.send_weights(gateway, *[(68 + day % 3 * 0.4, 40 - 4 * day) for day in range(8)])
    (reading,) = ward.send_weights(gateway, (15.0, 1))
    return reading


def test_a_held_weight_appears_on_an_open_board(page, ward, problems):
    patient = ward.add_patient("Bodil Eksempelsen")
    gateway = ward.add_home(patient)
    ward.send_weights(gateway, *[(68.0, 40 - 4 * day) for day in range(8)])
    ward.send_weights(gateway, (15.0, 1))
    expect(page.get_by_role("link", name="1 måling venter på en ejer")).to_be_visible()
    assert problems == []


def test_decided_by_keyboard_with_a_note_and_undone(page, ward, held, problems):
    page.goto(page.url.replace("/board", "/held"))
    page.get_by_role("link", name="Ikke borgerens").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Begrundelse").fill("barnebarnet var på vægten")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Beslutningen er gemt.")
    expect(page.get_by_text("Ingen målinger venter på en ejer")).to_be_visible()
    page.get_by_role("link", name="Fortryd").click()
    page.get_by_label("Begrundelse").fill("forkert borger")
    page.get_by_role("button", name="Bekræft").click()
    expect(page.get_by_text("1 måling venter")).to_be_visible()
    assert problems == []


def test_a_double_click_decides_once(page, ward, held):
    page.goto(page.url.replace("/board", f"/held/{held}/refuse"))
    page.get_by_label("Begrundelse").fill("barnebarnet var på vægten")
    page.get_by_role("button", name="Bekræft").dblclick()
    expect(page.get_by_role("status")).to_have_text("Beslutningen er gemt.")
    rows = ward.connection.execute(
        "select count(*) from attribution_event where kind = 'refused'"
    ).fetchone()
    assert rows == (1,)


def test_a_note_is_asked_for_before_anything_is_sent(page, ward, held):
    page.goto(page.url.replace("/board", f"/held/{held}/refuse"))
    page.get_by_role("button", name="Bekræft").click()
    assert "/refuse" in page.url
    assert page.get_by_label("Begrundelse").evaluate("element => element.matches(':invalid')")
    assert ward.owner(held) is None


def test_choosing_from_the_list_means_another_patient(page, ward, held):
    other = ward.add_patient("Carl Opdigtet")
    page.goto(page.url.replace("/board", f"/held/{held}/attribute"))
    page.get_by_role("combobox").select_option(str(other))
    page.get_by_label("Begrundelse").fill("Carl lånte vægten")
    page.get_by_role("button", name="Bekræft").click()
    expect(page.get_by_role("status")).to_be_visible()
    assert ward.owner(held) == other


def test_an_open_list_follows_when_somebody_else_decides(page, ward, held, problems):
    page.goto(page.url.replace("/board", "/held"))
    expect(page.locator("#live-word")).to_have_text("Opdateres automatisk")
    ward.connection.execute(
        "select refuse_reading(%s, measured_at, null, 'physician-1', 'asked') "
        "from observation where reading_id = %s",
        [held, held],
    )
    expect(page.get_by_text("Ingen målinger venter på en ejer")).to_be_visible()
    expect(page.get_by_text("Poul Påhitsen")).to_be_visible()
    assert problems == []


def test_invalidated_from_the_patients_page(page, ward, served, problems):
    patient = ward.add_patient()
    at = NOW - timedelta(hours=3)
    ward.add_reading(patient, 92, NOW - timedelta(days=1))
    ward.add_reading(patient, 71, at)
    page.goto(f"{served.url}/patients/{patient}")
    page.locator("[data-quantity=spo2] summary").click()
    page.get_by_role("link", name="Se eller ret Iltmætning").first.click()
    page.get_by_label("Forkert målt, fx kold finger").check()
    page.get_by_label("Nej, der mangler stadig en måling").check()
    page.get_by_role("button", name="Gør målingen ugyldig").click()
    number = page.locator("[data-quantity=spo2] .number")
    expect(number).to_have_text("92")
    page.locator("[data-quantity=spo2] summary").click()
    expect(page.locator("tr.invalid s")).to_have_text("71\N{NO-BREAK SPACE}%")
    assert problems == []


def test_a_slider_shows_what_would_have_been_flagged(page, ward, served, problems):
    rule_store.publish_shipped(ward.connection)
    patient = ward.add_patient()
    ward.enrol(patient)
    ward.set_limits(patient, "spo2", 85, 88, None, None)
    for day in range(12):
        ward.add_reading(patient, 91 + day % 3, NOW - timedelta(days=30 - 2 * day))
    page.get_by_role("button", name="Log af").click()
    _sign_in(page, served, "physician-1")
    page.goto(f"{served.url}/patients/{patient}/limits")
    expect(page.locator("#tried")).to_contain_text("Ingen dag ændrer farve")
    slider = page.locator("input[type=range][data-for=yellow_low]")
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#yellow_low")).to_have_value("92")
    expect(page.locator("#tried")).to_contain_text("Grøn bliver Gul")
    page.get_by_role("button", name="Gem grænserne").click()
    expect(page.get_by_role("heading", name="Gem nye grænser for")).to_be_visible()
    expect(page.get_by_text("rød under 85 %, gul under 92 %")).to_be_visible()
    page.get_by_role("button", name="Bekræft").click()
    expect(page.get_by_role("status")).to_contain_text("gælder fra nu")
    assert problems == []


def test_everything_works_without_script(browser, served, ward, held):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served.url}/sign-in")
    page.get_by_role("button", name="Log på").click()
    page.get_by_role("link", name="1 måling venter på en ejer").click()
    page.get_by_role("link", name="Det er Bodil Eksempelsens måling").click()
    page.get_by_label("Begrundelse").fill("hun er faldet så meget")
    page.get_by_role("button", name="Bekræft").click()
    expect(page.get_by_role("status")).to_have_text("Beslutningen er gemt.")
    assert ward.owner(held) is not None
    context.close()


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_nothing_runs_out_of_the_side(page, ward, served, width, held):
    rule_store.publish_shipped(ward.connection)
    patient = ward.fill()
    ward.add_case(patient, Severity.YELLOW, channel=Channel.TECHNICAL)
    reading = ward.add_reading(patient, 91, NOW)
    at = NOW.isoformat().replace("+", "%2B")
    page.set_viewport_size({"width": width, "height": 800})
    for path in (
        "/held",
        f"/held/{held}/attribute",
        "/technical",
        "/rules",
        f"/patients/{patient}?days=1",
        f"/patients/{patient}/usual",
        f"/patients/{patient}/limits",
        f"/patients/{patient}/readings/{reading}?at={at}",
        "/technical?lang=en",
    ):
        page.goto(served.url + path)
        expect(page.locator("h1")).to_be_visible()
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


CONTRAST = """() => {
  const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!text || !element.checkVisibility()) continue;
    if (element.closest('svg, .unseen-text, .skip, [disabled]')) continue;
    const style = getComputedStyle(element);
    const [front, back] = [rgba(style.color), behind(element)].map(luminance);
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    const large = parseFloat(style.fontSize) >= 24;
    const words = element.textContent.trim().slice(0, 40);
    if (ratio < (large ? 3 : 4.5)) poor.push(`${words}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(browser, served, ward, scheme, held):
    rule_store.publish_shipped(ward.connection)
    patient = ward.fill()
    ward.add_home(patient, "kit-2")
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    _sign_in(page, served, "nurse-1")
    reading = ward.add_reading(patient, 91, NOW)
    at = NOW.isoformat().replace("+", "%2B")
    ward.connection.execute(
        "select invalidate_reading(%s, %s, %s, 'nurse-1', 'cold finger', true)",
        [reading, NOW, patient],
    )
    for path in (
        "/board",
        "/held",
        "/technical",
        "/rules",
        f"/patients/{patient}",
        f"/patients/{patient}/readings/{reading}?at={at}",
        f"/patients/{patient}/limits",
    ):
        page.goto(served.url + path)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate(CONTRAST) == [], path
    context.close()


@pytest.mark.parametrize("path", ["/held", "/technical", "/rules", "/board", "/patients/{}/limits"])
def test_every_control_has_a_name_and_every_id_is_one(page, ward, served, path, held):
    rule_store.publish_shipped(ward.connection)
    patient = ward.fill()
    page.goto(served.url + path.format(patient))
    expect(page.locator("h1")).to_have_count(1)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    nameless = page.evaluate(
        "[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]"
        ".filter(e => !e.labels?.length && !e.ariaLabel).map(e => e.outerHTML)"
    )
    assert nameless == []
    silent = page.evaluate(
        "[...document.querySelectorAll('a, button')]"
        ".filter(e => !e.textContent.trim() && !e.ariaLabel).map(e => e.outerHTML)"
    )
    assert silent == []
