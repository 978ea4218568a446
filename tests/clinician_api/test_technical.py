"""Homes in trouble: what support reads, in words, and nothing of a patient."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from clinician_api.language import Language
from clinician_api.technical_queries import HomeRow, Homes, TroubleRow
from clinician_api.technical_view import technical_view
from clinician_api.words import Words
from telekol.troubles import TROUBLES
from tests.clinician_api.ward import Ward

NOW = datetime.now(UTC)


def _heard(ward: Ward, gateway: str, *, online: bool = True, **more: Any) -> None:
    message = {
        "version": "1.4.2",
        "clock": {"trusted": True, "why": ""},
        "outbox": {"depth": 0, "oldest_age_s": None, "size_bytes": 1, "last_seq": 0},
        "devices": [{"address": "C0:00:00:00:00:01", "model": "Nonin 3230", "battery_pct": 12}],
        **more,
    }
    ward.connection.execute(
        "insert into gateway_health (gateway_id, life, connection, report, online, "
        "online_changed_at, heard_at, message) "
        "values (%s, gen_random_uuid(), 1, 1, %s, now() - interval '2 days', now(), %s)",
        [gateway, online, json.dumps(message)],
    )


@pytest.fixture
def home(ward: Ward) -> str:
    return ward.add_home(ward.add_patient("Asta Prøvesen"))


async def test_a_silent_home_is_said_with_what_to_do(nurse, ward, home):
    _heard(ward, home, online=False)
    page = (await nurse.get("/technical")).text
    assert "Hjemmeboksen har ingen forbindelse til serveren." in page
    assert "Spørg, om hjemmeboksen er tændt" in page
    assert "Målinger når ikke frem" in page
    assert "Asta Prøvesen" in page
    assert "1 hjem med tekniske fejl" in (await nurse.get("/board")).text


async def test_a_home_that_was_never_heard_is_not_among_those_that_are_well(nurse, home):
    page = (await nurse.get("/technical")).text
    assert "Hjemmeboksen har aldrig meldt sig." in page
    assert "Hjem uden fejl" not in page
    assert "1 hjem med tekniske fejl" in (await nurse.get("/board")).text


async def test_outbox_clock_battery_and_version(nurse, ward, home):
    outbox = {"depth": 14, "oldest_age_s": 2 * 86400 + 5, "size_bytes": 1, "last_seq": 0}
    _heard(ward, home, outbox=outbox, clock={"trusted": False, "why": "x"})
    page = (await nurse.get("/technical")).text
    assert "14 målinger, ældste 2 dage" in page
    assert "usikkert" in page
    assert "batteri 12 % (lavt)" in page
    assert "1.4.2" in page


async def test_gaps_and_quarantine_are_told_in_words(nurse, ward, home):
    _heard(ward, home)
    ward.connection.execute(
        "insert into outbox (gateway_id, boot, settled) "
        "values (%s, gen_random_uuid(), '{[1,40),[45,90),[91,120)}')",
        [home],
    )
    ward.connection.execute(
        "insert into quarantine (topic, payload, code, reason, gateway_id, fingerprint) values "
        "('t', 'x', 'implausible-value', 'weight 412 kg', %s, 'a'), "
        "('t', 'x', 'new-code', 'r', %s, 'b'), ('t', 'x', 'not-json', 'r', null, 'c')",
        [home, home],
    )
    page = (await nurse.get("/technical")).text
    assert "5 målinger mangler (nr. 40-44)" in page
    assert "1 måling mangler (nr. 90)" in page
    assert "Værdien kan intet levende menneske have. Antal: 1" in page
    assert "Årsag new-code." in page
    assert "Beskeden er ikke JSON." in page
    assert "412" not in page


async def test_readings_of_a_kit_that_nobody_has(nurse, ward):
    ward.connection.execute("insert into kit values ('kit-9')")
    ward.connection.execute("insert into gateway (id, kit_id) values ('gw-9', 'kit-9')")
    ward.send_weights("gw-9", (70.0, 1), (71.0, 2))
    page = (await nurse.get("/technical")).text
    assert "2 målinger kom, mens ingen havde kittet" in page


async def test_support_sees_homes_and_no_patient(app, ward, home):
    _heard(ward, home, online=False)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://board.test") as client:
        await client.post("/sign-in", data={"clinician": "support-1"})
        for path in ("/technical", "/technical/content"):
            page = (await client.get(path)).text
            assert "kit-1" in page
            assert "Asta" not in page
            assert "/patients/" not in page


async def test_english_is_complete(nurse, ward, home):
    _heard(ward, home, online=False)
    page = (await nurse.get("/technical?lang=en")).text
    assert "The gateway has no connection to the server." in page
    assert "Readings do not arrive" in page
    assert "hjemmeboks" not in page.lower()


@pytest.mark.parametrize("code", [*TROUBLES, "trouble-of-tomorrow"])
@pytest.mark.parametrize("language", list(Language))
def test_every_trouble_has_words_and_a_step(code, language):
    homes = Homes(
        [HomeRow("gw-1", "kit-1", None, None, None, True, NOW, NOW, {})],
        [TroubleRow("gw-1", str(code), None, NOW - timedelta(hours=1), "")],
        [],
        [],
        [],
    )
    (home,) = technical_view(homes, Words(language), NOW, names=False).in_trouble
    (trouble,) = home.troubles
    assert trouble.what.strip()
    assert trouble.step.strip()


@pytest.mark.parametrize(
    "message",
    [
        None,
        {},
        {"devices": None},
        {"devices": [{}], "outbox": {"depth": 3}},
        {"radio": {"state": "singing"}},
    ],
)
def test_odd_health_breaks_no_page(message):
    homes = Homes([HomeRow("gw", None, None, None, None, None, None, NOW, message)], [], [], [], [])
    assert technical_view(homes, Words(Language.DANISH), NOW, names=True)
