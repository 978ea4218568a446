"""The one door: the demo sign-in, its cookie, and what ends a session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from clinician_api.app import create_app
from clinician_api.sessions import LIFETIME, SessionCookies
from telekol.errors import SettingsError
from tests.clinician_api.conftest import SECRET, settings_for

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


async def test_says_that_it_is_a_demo_and_lists_the_clinicians(anonymous, ward):
    page = (await anonymous.get("/sign-in", headers={"accept": "text/html"})).text
    assert "Demo-login" in page
    assert "Signe Opdigtet" in page
    assert 'value="physician-1"' in page


async def test_signs_in_and_leads_to_the_board(anonymous, ward):
    answer = await anonymous.post("/sign-in", data={"clinician": "nurse-1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/board")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Signe" not in cookie
    board = await anonymous.get("/board", headers={"accept": "text/html"})
    assert "Signe Opdigtet" in board.text


async def test_over_https_the_cookie_is_secure(app, ward):
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://board.test") as client:
        answer = await client.post("/sign-in", data={"clinician": "nurse-1"})
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "form", [{}, {"clinician": ""}, {"clinician": "nobody"}, {"clinician": "\0x"}]
)
async def test_an_unknown_clinician_stays_outside(anonymous, ward, form):
    answer = await anonymous.post("/sign-in", data=form)
    assert answer.status_code == 422
    assert not anonymous.cookies


async def test_without_the_setting_nobody_gets_in(database_url, ward):
    app = create_app(settings_for(database_url, api_demo_sign_in=False))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://board.test") as client:
        for answer in (
            await client.get("/sign-in"),
            await client.post("/sign-in", data={"clinician": "nurse-1"}),
        ):
            assert answer.status_code == 503
            assert "identitetsudbyder" in answer.text
            assert "Signe" not in answer.text
            assert "set-cookie" not in answer.headers
    app.state.house.database.close()


async def test_a_clinician_who_is_removed_is_out_at_once(nurse, ward):
    ward.remove_clinician("nurse-1")
    answer = await nurse.get("/board")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    answer = await nurse.get("/api/cases", headers={"accept": "application/json"})
    assert answer.status_code == 401


async def test_two_boards_on_one_host_keep_their_own_sessions(database_url, ward):
    app = create_app(settings_for(database_url, api_port=8077))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://board.test") as client:
        await client.post("/sign-in", data={"clinician": "nurse-1"})
        assert list(client.cookies) == ["telekol_session_8077"]
        await client.post("/sign-out")
        assert not client.cookies
    app.state.house.database.close()


async def test_signing_out_forgets_the_session(nurse):
    await nurse.post("/sign-out")
    assert (await nurse.get("/board")).status_code == 303


def test_a_cookie_holds_for_a_working_day():
    cookies = SessionCookies(SECRET)
    value = cookies.issue("nurse-1", NOW)
    session = cookies.read(value, NOW + LIFETIME - timedelta(seconds=1))
    assert session is not None
    assert (session.clinician_id, session.until) == ("nurse-1", NOW + LIFETIME)
    assert cookies.read(value, NOW + LIFETIME) is None


@pytest.mark.parametrize("value", [None, "", "x", "a.b", "....", "bnVyc2UtMQ.x"])
def test_what_is_no_cookie_is_no_session(value):
    assert SessionCookies(SECRET).read(value, NOW) is None


def test_a_cookie_of_another_secret_or_of_the_future_is_refused():
    other = SessionCookies("another-secret-another-secret-another")
    assert SessionCookies(SECRET).read(other.issue("nurse-1", NOW), NOW) is None
    ahead = SessionCookies(SECRET).issue("nurse-1", NOW + timedelta(hours=1))
    assert SessionCookies(SECRET).read(ahead, NOW) is None


def test_every_changed_letter_is_noticed():
    value = SessionCookies(SECRET).issue("nurse-1", NOW)
    for index, letter in enumerate(value):
        # The last letter of base64 can hold bits that mean nothing; all others count.
        if index < len(value) - 1:
            changed = value[:index] + ("A" if letter != "A" else "B") + value[index + 1 :]
            assert SessionCookies(SECRET).read(changed, NOW) is None


def test_a_missing_or_short_secret_says_how_to_make_one(monkeypatch):
    monkeypatch.delenv("TELEKOL_API_SECRET", raising=False)
    with pytest.raises(SettingsError, match=r"TELEKOL_API_SECRET is not set.*token_urlsafe"):
        settings_for("postgresql:///x", api_secret=None)
    with pytest.raises(SettingsError, match="at least 32 characters") as caught:
        settings_for("postgresql:///x", api_secret="too-short")
    assert "too-short" not in str(caught.value)
