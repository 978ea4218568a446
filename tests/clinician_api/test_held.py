"""Readings without an owner: who sees them, what a decision does, and who was first."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import httpx
import pytest

from tests.clinician_api.ward import Ward

NOTE = "ringet til borgeren"
JSON = {"accept": "application/json"}


@pytest.fixture
def patient(ward: Ward) -> UUID:
    return ward.add_patient("Bodil Eksempelsen")


@pytest.fixture
def held(ward: Ward, patient: UUID) -> UUID:
    """A child's weight among the patient's own."""
    gateway = ward.add_home(patient)
    ward.send_weights(gateway, *[(68 + day % 3 * 0.4, 40 - 4 * day) for day in range(8)])
    (child,) = ward.send_weights(gateway, (15.0, 1))
    assert ward.owner(child) is None
    return child


def _form(ward: Ward, reading: UUID, **more: object) -> dict[str, object]:
    row = ward.connection.execute(
        "select measured_at, (select max(id) from attribution_event where reading_id = %s) "
        "from observation where reading_id = %s",
        [reading, reading],
    ).fetchone()
    assert row is not None
    return {"measured_at": row[0].isoformat(), "seen": row[1] or 0, "note": NOTE, **more}


def _events(ward: Ward, reading: UUID) -> list[tuple[str, str, str]]:
    return ward.connection.execute(
        "select kind, by_whom, reason from attribution_event where reading_id = %s "
        "and kind not in ('held', 'unproven') order by id",
        [reading],
    ).fetchall()


async def test_the_board_says_how_many_wait(nurse, held):
    page = (await nurse.get("/board")).text
    assert "1 måling venter på en ejer" in page
    assert 'href="/held"' in page


async def test_the_patients_page_says_that_one_waits(nurse, ward, patient, held):
    assert "1 måling venter på en ejer" in (await nurse.get(f"/patients/{patient}")).text
    other = ward.add_patient("Carl Opdigtet")
    assert "venter på en ejer" not in (await nurse.get(f"/patients/{other}")).text


async def test_the_list_says_why_and_what_is_usual(nurse, held):
    page = (await nurse.get("/held")).text
    assert '<span class="number">15,0</span>' in page
    assert "længere fra borgerens egen, end en krop kan ændre sig" in page
    assert re.search(r"Bodil Eksempelsen plejer at veje 68,4 kg: median af 5 målinger", page)
    assert "\N{MINUS SIGN}53,4 kg fra det sædvanlige" in page
    assert 'class="mark held"' in page
    assert "Kit kit-1" in page
    assert "Akutteam Prøveby" in page
    english = (await nurse.get("/held?lang=en")).text
    assert "usually weighs 68.4 kg: median of 5 readings" in english


async def test_only_who_works_for_the_patient_sees_it(app, ward, held):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://board.test") as client:
        client.headers["accept"] = "text/html"
        await client.post("/sign-in", data={"clinician": "physician-1"})
        assert "Bodil" not in (await client.get("/held")).text
        assert "venter på en ejer" not in (await client.get("/board")).text
        form = _form(ward, held)
        answer = await client.post(f"/held/{held}/refuse", data=form, headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (403, "not-yours")


async def test_attributed_it_is_the_patients_and_leaves_the_list(nurse, ward, patient, held):
    step = (await nurse.get(f"/held/{held}/attribute")).text
    assert "Målingen er Bodil Eksempelsens?" in step
    answer = await nurse.post(f"/held/{held}/attribute", data=_form(ward, held, to=patient))
    assert (answer.status_code, answer.headers["location"]) == (303, "/held?saved=true")
    assert ward.owner(held) == patient
    page = (await nurse.get("/held?saved=true")).text
    assert "Ingen målinger venter" in page
    assert "Besluttet for nylig" in page
    assert NOTE in page
    assert _events(ward, held) == [("attributed", "nurse-1", NOTE)]


async def test_it_can_be_another_patients(nurse, ward, held):
    other = ward.add_patient("Carl Opdigtet")
    form = _form(ward, held, to="", other=other)
    assert (await nurse.post(f"/held/{held}/attribute", data=form)).status_code == 303
    assert ward.owner(held) == other


async def test_it_cannot_be_given_to_a_patient_of_another_team(nurse, ward, held):
    other = ward.add_patient("Ditte Påfundsen", "lunge-eksempel")
    form = _form(ward, held, to="", other=other)
    answer = await nurse.post(f"/held/{held}/attribute", data=form, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (403, "not-yours")
    assert ward.owner(held) is None


async def test_refused_and_undone(nurse, ward, held):
    assert (await nurse.post(f"/held/{held}/refuse", data=_form(ward, held))).status_code == 303
    assert "1 måling venter" not in (await nurse.get("/held")).text
    step = (await nurse.get(f"/held/{held}/undo")).text
    assert "Fortryd beslutningen?" in step
    assert (await nurse.post(f"/held/{held}/undo", data=_form(ward, held))).status_code == 303
    page = (await nurse.get("/held")).text
    assert "1 måling venter" in page
    assert "fortrudt" not in page  # why it waits is still the guard's reason
    assert [kind for kind, _, _ in _events(ward, held)] == ["refused", "undone"]


async def test_somebody_was_first(nurse, ward, patient, held):
    form = _form(ward, held, to=patient)
    ward.connection.execute(
        "select refuse_reading(%s, measured_at, null, 'somebody-else', 'it was the child') "
        "from observation where reading_id = %s",
        [held, held],
    )
    answer = await nurse.post(f"/held/{held}/attribute", data=form)
    assert answer.status_code == 409
    assert "En anden har taget stilling først" in answer.text
    assert 'href="/held"' in answer.text
    assert ward.owner(held) is None


async def test_a_form_that_is_sent_twice_is_one_decision(nurse, ward, patient, held):
    form = _form(ward, held, to=patient)
    for _ in range(2):
        answer = await nurse.post(f"/held/{held}/attribute", data=form)
        assert answer.status_code == 303
    assert len(_events(ward, held)) == 1
    form = _form(ward, held)
    for _ in range(2):
        assert (await nurse.post(f"/held/{held}/undo", data=form)).status_code == 303
    assert [kind for kind, _, _ in _events(ward, held)] == ["attributed", "undone"]


async def test_twice_but_another_answer_is_a_conflict(nurse, ward, patient, held):
    form = _form(ward, held, to=patient)
    await nurse.post(f"/held/{held}/attribute", data=form)
    answer = await nurse.post(f"/held/{held}/refuse", data=form, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "decided-first")
    assert ward.owner(held) == patient


@pytest.mark.parametrize(
    "change", [{"note": " "}, {"note": "x" * 501}, {"seen": -1}, {"measured_at": "yesterday"}]
)
async def test_a_form_that_makes_no_sense(nurse, ward, patient, held, change):
    form = _form(ward, held, to=patient) | change
    assert (await nurse.post(f"/held/{held}/attribute", data=form)).status_code == 422
    assert ward.owner(held) is None


async def test_nobody_chosen(nurse, ward, held):
    answer = await nurse.post(f"/held/{held}/attribute", data=_form(ward, held))
    assert answer.status_code == 422


@pytest.mark.parametrize("step", ["attribute", "refuse", "undo"])
async def test_a_reading_that_does_not_wait(nurse, step):
    assert (await nurse.get(f"/held/{uuid4()}/{step}")).status_code == 404


@pytest.fixture
def unassigned(ward: Ward, patient: UUID) -> UUID:
    """Measured before the patient had the kit."""
    gateway = ward.add_home(patient, days=5)
    (reading,) = ward.send_weights(gateway, (70.0, 9))
    return reading


async def test_what_came_before_anybody_had_the_kit_waits_too(nurse, ward, patient, unassigned):
    page = (await nurse.get("/held")).text
    assert "Kittet var ikke udleveret til nogen" in page
    form = _form(ward, unassigned, to=patient)
    assert (await nurse.post(f"/held/{unassigned}/attribute", data=form)).status_code == 303
    assert ward.owner(unassigned) == patient


async def test_a_reading_that_is_the_patients_can_leave(nurse, ward, patient, held):
    (own,) = ward.send_weights("gw-1", (68.6, 0.5))
    assert ward.owner(own) == patient
    form = _form(ward, own, was=patient)
    answer = await nurse.post(f"/held/{own}/refuse", data=form)
    assert answer.headers["location"] == f"/patients/{patient}"
    assert ward.owner(own) is None


async def test_nobody_takes_another_teams_reading_by_naming_a_patient_of_their_own(
    nurse, ward, held
):
    stranger = ward.add_patient("Ejnar Testmand", "lunge-eksempel")
    gateway = ward.add_home(stranger, "kit-2")
    (theirs,) = ward.send_weights(gateway, (80.0, 1))
    mine = ward.add_patient("Frida Skabelonsen")
    for step, more in (
        ("refuse", {"was": mine}),
        ("refuse", {"was": stranger}),
        ("attribute", {"was": stranger, "to": mine}),
        ("attribute", {"was": mine, "to": mine}),
    ):
        form = _form(ward, theirs, **more)
        answer = await nurse.post(f"/held/{theirs}/{step}", data=form, headers=JSON)
        assert answer.status_code in {403, 409}
    assert ward.owner(theirs) == stranger
