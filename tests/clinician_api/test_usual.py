"""What is usual for a patient: proposed with its readings, approved, ended, or set anew."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from clinician_api.usual_view import number_of
from tests.clinician_api.ward import Ward

NOW = datetime.now(UTC)
JSON = {"accept": "application/json"}


@pytest.fixture
def patient(ward: Ward) -> UUID:
    made = ward.add_patient()
    ward.enrol(made)
    for day in range(20):
        ward.add_reading(made, 91 + day % 3, NOW - timedelta(days=40 - day))
    return made


@pytest.fixture
def proposal(ward: Ward, patient: UUID) -> int:
    row = ward.connection.execute(
        "insert into reference_value (patient_id, quantity, value, period, origin, evidence, "
        "proposed_at) values (%s, 'spo2', 92, tstzrange(%s, null), 'proposed', %s, now()) "
        "returning id",
        [patient, NOW - timedelta(days=27), json.dumps({"n": 14, "spread": 1.4826})],
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
async def physician(anonymous: httpx.AsyncClient, ward: Ward) -> httpx.AsyncClient:
    anonymous.headers["accept"] = "text/html"
    await anonymous.post("/sign-in", data={"clinician": "physician-1"})
    return anonymous


def _levels(ward: Ward) -> list[tuple[float, str, bool, bool]]:
    return ward.connection.execute(
        "select value, origin, approved_by is not null, upper_inf(period) from reference_value "
        "order by id"
    ).fetchall()


async def test_a_proposal_is_shown_with_the_readings_it_is_made_of(physician, patient, proposal):
    page = (await physician.get(f"/patients/{patient}/usual")).text
    assert '<span class="number">92 %</span>' in page
    assert "Foreslået, venter på en læge" in page
    assert "Median af 14 målinger fra den første tid; spredning 1,5 %." in page
    assert "Målinger bag forslaget (14)" in page
    assert 'class="level"' in page
    front = (await physician.get(f"/patients/{patient}")).text
    assert "1 sædvanlige niveauer venter på en læge" in front


async def test_approved_once_by_a_physician_of_the_patient(physician, ward, patient, proposal):
    for _ in range(2):
        answer = await physician.post(f"/patients/{patient}/usual/{proposal}/approve")
        assert answer.status_code == 303
    assert _levels(ward) == [(92, "proposed", True, True)]
    page = (await physician.get(f"/patients/{patient}/usual")).text
    assert "Godkendt af Poul Påhitsen" in page


async def test_refused_it_ends(physician, ward, patient, proposal):
    answer = await physician.post(f"/patients/{patient}/usual/{proposal}/refuse")
    assert answer.status_code == 303
    assert _levels(ward) == [(92, "proposed", False, False)]
    page = (await physician.get(f"/patients/{patient}/usual")).text
    assert "Afsluttet uden godkendelse" in page


async def test_another_level_ends_the_one_before(physician, ward, patient, proposal):
    form = {"quantity": "spo2", "seen": proposal, "value": "89,5", "origin": "clinic"}
    for _ in range(2):  # sent twice is once
        answer = await physician.post(f"/patients/{patient}/usual", data=form)
        assert answer.status_code == 303
    assert _levels(ward) == [(92, "proposed", False, False), (89.5, "clinic", True, True)]
    page = (await physician.get(f"/patients/{patient}/usual")).text
    assert '<span class="number">89,5 %</span>' in page
    assert "Tidligere niveauer (1)" in page


async def test_somebody_was_first(physician, ward, patient, proposal):
    await physician.post(f"/patients/{patient}/usual/{proposal}/refuse")
    answer = await physician.post(f"/patients/{patient}/usual/{proposal}/approve", headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "decided-first")
    form = {"quantity": "spo2", "seen": proposal, "value": "90", "origin": "stated"}
    answer = await physician.post(f"/patients/{patient}/usual", data=form)
    assert answer.status_code == 409
    assert len(_levels(ward)) == 1


@pytest.mark.parametrize(
    "change", [{"value": "x"}, {"value": "101"}, {"quantity": "battery"}, {"origin": "proposed"}]
)
async def test_a_level_that_makes_no_sense(physician, ward, patient, change):
    form = {"quantity": "spo2", "seen": 0, "value": "90", "origin": "stated"} | change
    answer = await physician.post(f"/patients/{patient}/usual", data=form)
    assert answer.status_code == 422
    assert _levels(ward) == []


async def test_not_for_a_patient_of_others(physician, ward):
    stranger = ward.add_patient("Ditte Påfundsen", "akut-proeveby")
    form = {"quantity": "spo2", "seen": 0, "value": "90", "origin": "stated"}
    answer = await physician.post(f"/patients/{stranger}/usual", data=form, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (403, "not-yours")


async def test_a_nurse_reads_it_and_decides_nothing(nurse, patient, proposal):
    page = (await nurse.get(f"/patients/{patient}/usual")).text
    assert "Foreslået, venter på en læge" in page
    assert "<form" not in page[page.index("<main") :]


def test_numbers_as_people_write_them():
    assert [number_of(text) for text in ("71,5", "71.5", " 92", "", "x", "inf", "1e400")] == [
        71.5,
        71.5,
        92,
        None,
        None,
        None,
        None,
    ]
