"""What the browser is told, and what it may send: headers, CSRF, no script in the page."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from telekol.severity import Severity


async def test_every_answer_carries_the_headers(nurse, ward):
    patient = ward.add_patient()
    for path in ("/board", f"/patients/{patient}", "/api/cases", "/nothing", "/sign-in"):
        headers = (await nurse.get(path)).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"


async def test_no_page_needs_inline_script_or_style(nurse, ward):
    patient = ward.fill()
    for path in ("/board", f"/patients/{patient}", "/sign-in"):
        page = (await nurse.get(path)).text
        assert not re.search(r"<script(?![^>]*\bsrc=)", page)
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://board.test"}, False),
        ({"origin": "http://board.test"}, True),
        ({"origin": "http://evil.test"}, False),
        ({"origin": "null"}, False),
    ],
)
async def test_a_step_must_come_from_our_own_pages(nurse, ward, headers, allowed):
    case = ward.add_case(ward.add_patient(), Severity.RED)
    answer = await nurse.post(f"/cases/{case}/acknowledge", data={"version": 1}, headers=headers)
    assert answer.status_code == (303 if allowed else 403)
    assert ward.state(case) == ("seen" if allowed else "new")


async def test_another_site_cannot_sign_somebody_in(anonymous, ward):
    answer = await anonymous.post(
        "/sign-in", data={"clinician": "nurse-1"}, headers={"sec-fetch-site": "cross-site"}
    )
    assert answer.status_code == 403


async def _in_chunks() -> AsyncIterator[bytes]:
    for _ in range(4):
        yield b"a" * 8192


@pytest.mark.parametrize("body", [lambda: b"a" * 100_000, _in_chunks])
async def test_a_large_body_is_refused_and_is_no_fault_of_ours(nurse, ward, caplog, body):
    case = ward.add_case(ward.add_patient(), Severity.RED)
    form = {"content-type": "application/x-www-form-urlencoded"}
    for path in ("/sign-in", f"/cases/{case}/acknowledge"):
        answer = await nurse.post(path, content=body(), headers=form)
        assert answer.status_code == 413
        assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "unexpected" not in caplog.text
    assert ward.state(case) == "new"


def test_a_websocket_is_refused(serve, ward, database_url):
    address = httpx.URL(serve(database_url).url)
    shake_hands = (
        "GET /board HTTP/1.1\r\nHost: board.test\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection((address.host, address.port or 80), timeout=5) as line:
        line.sendall(shake_hands.encode())
        assert line.recv(100).startswith(b"HTTP/1.1 403 ")


async def test_what_came_from_outside_is_escaped(nurse, ward):
    patient = ward.add_patient("<script>alert(1)</script> Prøvesen")
    ward.add_case(patient, Severity.RED, reason=("<b>fed</b>", "<b>bold</b>"))
    for path in ("/board", f"/patients/{patient}"):
        page = (await nurse.get(path)).text
        assert "<script>alert" not in page
        assert "<b>fed" not in page
