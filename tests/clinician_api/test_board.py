"""What the nurse reads on the board, and in which order."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from clinician_api.words import COPENHAGEN
from telekol.severity import Channel, Severity

NOW = datetime.now(UTC)


def _names(page: str) -> list[str]:
    return re.findall(r'data-focus="patient:[^"]+">([^<]+)<', page)


async def test_worst_first_then_unseen_then_oldest(nurse, ward):
    def case(name: str, severity: Severity, hours: float):
        return ward.add_case(ward.add_patient(name), severity, NOW - timedelta(hours=hours))

    case("Blå", Severity.BLUE, 90)
    case("Gul ny", Severity.YELLOW, 1)
    case("Gul gammel", Severity.YELLOW, 50)
    case("Rød ny", Severity.RED, 1)
    ward.acknowledge(case("Rød set", Severity.RED, 70))
    case("Rød gammel", Severity.RED, 60)
    names = _names((await nurse.get("/board")).text)
    assert names == ["Rød gammel", "Rød ny", "Rød set", "Gul gammel", "Gul ny", "Blå"]


async def test_what_is_back_to_normal_stands_below_what_is_not(nurse, ward):
    back = ward.add_patient("Rød tilbage")
    ward.add_case(back, Severity.RED, NOW - timedelta(hours=80))
    ward.add_case(back, Severity.GREEN, NOW - timedelta(hours=40))
    ward.add_case(ward.add_patient("Rød ny"), Severity.RED, NOW - timedelta(minutes=1))
    seen = ward.add_case(ward.add_patient("Rød set"), Severity.RED, NOW - timedelta(hours=90))
    ward.acknowledge(seen)
    names = _names((await nurse.get("/board")).text)
    assert names == ["Rød ny", "Rød tilbage", "Rød set"]


async def test_a_row_says_colour_in_three_ways(nurse, ward):
    patient = ward.add_patient("Bodil Eksempelsen")
    case = ward.add_case(
        patient, Severity.RED, datetime.now(UTC) - timedelta(minutes=12, seconds=5)
    )
    page = (await nurse.get("/board/rows")).text
    row = page[page.index('<tr role="row" class="case') : page.index("</tbody>")]
    assert 'data-severity="red"' in row
    assert f'data-patient="{patient}"' in row
    assert f'data-case="{case}"' in row
    assert '<svg class="icon red"' in row
    assert "<b>Rød</b>" in row
    assert "Iltmætning 84 % er under rød grænse 85 %" in row
    assert "Ny" in row
    assert "Akutteam Prøveby" in row
    assert re.search(r'<time datetime="[^"]+" title="[^"]+">12 min\.<', row)
    assert ">Siden</th>" in page
    assert f'href="/patients/{patient}"' in row


async def test_since_when_is_moved_by_no_reading_and_no_click(nurse, ward):
    patient = ward.add_patient()
    opened = NOW - timedelta(hours=3)
    case = ward.add_case(patient, Severity.RED, opened)
    exact = f'<time datetime="{opened.isoformat(timespec="seconds")}"'
    ward.add_case(patient, Severity.RED, NOW - timedelta(minutes=2))
    for step in ("acknowledge", "unacknowledge"):
        answer = await nurse.post(f"/cases/{case}/{step}", data={"version": ward.version(case)})
        assert answer.status_code == 303
        for path in ("/board", f"/patients/{patient}"):
            assert exact in (await nurse.get(path)).text


async def test_who_has_seen_it_outlives_a_repeated_reading_but_not_an_undo(nurse, ward):
    patient = ward.add_patient()
    case = ward.add_case(patient, Severity.RED, NOW - timedelta(hours=3))
    seen_at = datetime.now(UTC)
    ward.acknowledge(case, seen_at)
    clock = seen_at.astimezone(COPENHAGEN).strftime("%H:%M")
    for _ in range(2):
        for path in ("/board", f"/patients/{patient}"):
            page = (await nurse.get(path)).text
            assert f"Set</span> <small>af Signe Opdigtet kl. {clock}</small>" in page
        ward.add_case(patient, Severity.RED)
    ward.add_case(patient, Severity.GREEN)
    case = ward.add_case(patient, Severity.RED)
    ward.acknowledge(case)
    await nurse.post(f"/cases/{case}/unacknowledge", data={"version": ward.version(case)})
    page = (await nurse.get(f"/patients/{patient}")).text
    assert "af Signe Opdigtet" not in page


async def test_what_worsened_since_is_seen_by_nobody(nurse, ward):
    patient = ward.add_patient()
    ward.acknowledge(ward.add_case(patient, Severity.YELLOW))
    ward.add_case(patient, Severity.RED)
    assert "af Signe Opdigtet" not in (await nurse.get("/board")).text


async def test_back_to_normal_but_unseen_stays(nurse, ward):
    patient = ward.add_patient()
    ward.add_case(patient, Severity.YELLOW, NOW - timedelta(hours=3))
    ward.add_case(patient, Severity.GREEN, NOW - timedelta(hours=1))
    page = (await nurse.get("/board")).text
    assert "Tilbage til normal, ikke set" in page
    assert 'data-state="returned"' in page


async def test_says_who_has_seen_it(nurse, ward):
    case = ward.add_case(ward.add_patient(), Severity.RED)
    ward.acknowledge(case, clinician="physician-1")
    page = (await nurse.get("/board")).text
    assert "af Poul Påhitsen" in page
    assert f"/cases/{case}/unacknowledge" in page


async def test_an_acknowledgement_that_closed_a_case_can_still_be_undone(nurse, ward):
    patient = ward.add_patient()
    case = ward.add_case(patient, Severity.YELLOW, NOW - timedelta(hours=3))
    ward.add_case(patient, Severity.GREEN, NOW - timedelta(hours=1))
    ward.acknowledge(case, datetime.now(UTC) - timedelta(minutes=5))
    page = (await nurse.get("/board")).text
    assert "Ingen åbne sager" in page
    assert "Kvitteret og afsluttet for nylig" in page
    assert f"/cases/{case}/unacknowledge" in page


async def test_no_undo_beside_a_newer_case(nurse, ward):
    patient = ward.add_patient()
    ward.add_case(patient, Severity.YELLOW, NOW - timedelta(hours=3))
    old = ward.add_case(patient, Severity.GREEN, NOW - timedelta(hours=1))
    ward.acknowledge(old, datetime.now(UTC) - timedelta(minutes=5))
    new = ward.add_case(patient, Severity.RED)
    page = (await nurse.get("/board")).text
    assert new != old
    assert f'data-case="{old}"' in page
    assert f"/cases/{old}/unacknowledge" not in page


async def test_an_empty_board_says_when_it_was_updated(nurse):
    page = (await nurse.get("/board")).text
    assert "Ingen åbne sager" in page
    assert re.search(r"Senest opdateret \d\d:\d\d", page)


async def test_readings_that_wait_are_not_silence(nurse, ward):
    patient = ward.add_patient()
    ward.connection.execute(
        "insert into judgement_queue (patient_id, reading_ids, measured_from, measured_to, "
        "enqueued_at) values (%s, '{}', now(), now(), now() - interval '10 minutes')",
        [patient],
    )
    page = (await nurse.get("/board")).text
    assert "Målinger har ventet på vurdering siden" in page
    assert "Alle modtagne målinger er vurderet" not in page


async def test_the_foot_says_what_it_is_not(nurse):
    page = (await nurse.get("/board")).text
    assert "Ikke et akuttilbud" in page
    assert "Ikke CE-mærket" in page
    assert "hverdage" in page


async def test_english_is_complete_and_remembered(nurse, ward):
    ward.add_case(ward.add_patient(), Severity.RED)
    page = (await nurse.get("/board?lang=en")).text
    assert "Triage board" in page
    assert "SpO2 84 % is below red limit 85 %" in page
    assert "Not an emergency service" in page
    assert '<html lang="en">' in page
    assert not re.search(r"[Kk]vitt|Borger|[Ss]iden", page)
    assert "Triage board" in (await nurse.get("/board")).text
    assert "Triagetavle" in (await nurse.get("/board?lang=da")).text


@pytest.mark.parametrize("language", ["xx", "", "da;path=/", "<script>"])
async def test_an_unknown_language_is_danish(nurse, language):
    answer = await nurse.get("/board", params={"lang": language})
    assert '<html lang="da">' in answer.text
    assert "set-cookie" not in answer.headers


async def test_home_leads_to_the_board(nurse):
    answer = await nurse.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/board")


async def test_channels_are_told_apart(nurse, ward):
    patient = ward.add_patient()
    ward.add_case(patient, Severity.RED)
    ward.add_case(patient, Severity.BLUE, channel=Channel.MISSING)
    page = (await nurse.get("/board")).text
    assert len(_names(page)) == 2
    assert "Mangler</span>" in page
