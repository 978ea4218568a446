"""A person's step on a case: what it does, and when it is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from telekol.severity import Channel, Severity

JSON = {"accept": "application/json"}


async def test_acknowledge_and_undo_by_form(nurse, ward):
    case = ward.add_case(ward.add_patient(), Severity.RED)
    answer = await nurse.post(f"/cases/{case}/acknowledge", data={"version": 1})
    assert (answer.status_code, answer.headers["location"]) == (303, "/board")
    assert ward.state(case) == "seen"
    answer = await nurse.post(f"/cases/{case}/unacknowledge", data={"version": 2})
    assert answer.status_code == 303
    assert ward.state(case) == "new"
    history = ward.connection.execute(
        "select kind, clinician_id from case_event where case_id = %s order by version", [case]
    ).fetchall()
    assert history == [
        ("opened", None),
        ("acknowledged", "nurse-1"),
        ("unacknowledged", "nurse-1"),
    ]


async def test_from_the_patients_page_one_returns_there(nurse, ward):
    patient = ward.add_patient()
    case = ward.add_case(patient, Severity.RED)
    answer = await nurse.post(f"/cases/{case}/acknowledge", data={"version": 1, "back": "patient"})
    assert answer.headers["location"] == f"/patients/{patient}"


async def test_a_script_gets_a_short_answer(nurse, ward):
    case = ward.add_case(ward.add_patient(), Severity.RED)
    answer = await nurse.post(f"/cases/{case}/acknowledge", data={"version": 1}, headers=JSON)
    assert (answer.status_code, answer.content) == (204, b"")


async def test_twice_is_refused_and_nothing_is_lost(nurse, ward):
    case = ward.add_case(ward.add_patient(), Severity.RED)
    await nurse.post(f"/cases/{case}/acknowledge", data={"version": 1}, headers=JSON)
    answer = await nurse.post(f"/cases/{case}/acknowledge", data={"version": 2}, headers=JSON)
    assert answer.status_code == 409
    assert answer.json()["code"] == "case-conflict"
    assert ward.version(case) == 2


async def test_what_worsened_unseen_is_not_acknowledged(nurse, ward):
    patient = ward.add_patient()
    case = ward.add_case(patient, Severity.YELLOW)
    ward.add_case(patient, Severity.RED)
    answer = await nurse.post(f"/cases/{case}/acknowledge", data={"version": 1}, headers=JSON)
    assert answer.status_code == 409
    assert answer.json()["code"] == "case-moved"
    assert "ændret" in answer.json()["message"]
    assert ward.state(case) == "new"


async def test_a_person_without_script_gets_a_page_that_explains(nurse, ward):
    case = ward.add_case(ward.add_patient(), Severity.RED)
    answer = await nurse.post(f"/cases/{case}/unacknowledge", data={"version": 1})
    assert answer.status_code == 409
    assert "Tilbage" in answer.text


async def test_an_unknown_case(nurse):
    answer = await nurse.post(f"/cases/{uuid4()}/acknowledge", data={"version": 1}, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-case")


@pytest.mark.parametrize(
    "form", [{}, {"version": "x"}, {"version": "0"}, {"version": "1", "back": "//evil.test"}]
)
@pytest.mark.parametrize("step", ["acknowledge", "unacknowledge", "clear"])
async def test_a_form_that_makes_no_sense(nurse, ward, form, step):
    case = ward.add_case(ward.add_patient(), Severity.RED)
    answer = await nurse.post(f"/cases/{case}/{step}", data=form, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-request")
    assert ward.state(case) == "new"


async def test_a_case_id_that_is_none(nurse):
    answer = await nurse.post("/cases/1/acknowledge", headers=JSON)
    assert answer.status_code == 422


async def test_a_missed_measurement_that_was_seen_and_dealt_with_is_closed_by_a_person(nurse, ward):
    patient = ward.add_patient()
    case = ward.add_case(patient, Severity.BLUE, channel=Channel.MISSING)
    seen_at = datetime.now(UTC)
    ward.acknowledge(case, seen_at)
    assert f"/cases/{case}/unacknowledge" in (await nurse.get("/board")).text
    ward.connection.execute("alter table case_event disable trigger all")
    ward.connection.execute(
        "update case_event set at = at - interval '1 hour' where kind = 'acknowledged'"
    )
    assert f"/cases/{case}/clear" in (await nurse.get("/board")).text
    answer = await nurse.post(f"/cases/{case}/clear", data={"version": 2})
    assert (answer.status_code, ward.state(case)) == (303, "closed")


async def test_a_red_reading_cannot_be_cleared_away(nurse, ward):
    case = ward.add_case(ward.add_patient(), Severity.RED)
    answer = await nurse.post(f"/cases/{case}/clear", data={"version": 1}, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "case-conflict")
    assert ward.state(case) == "new"
