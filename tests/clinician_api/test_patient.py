"""A patient's page, and the same facts as JSON."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import event

from clinician_api.patient_view import LEAST_SPAN
from telekol.quantities import Quantity
from telekol.severity import Severity

NOW = datetime.now(UTC)
JSON = {"accept": "application/json"}


async def test_shows_the_newest_value_large_with_unit_age_and_colour(nurse, ward):
    patient = ward.add_patient()
    at = datetime.now(UTC) - timedelta(minutes=12, seconds=5)
    ward.add_reading(patient, 70.84, at, "body_weight")
    ward.add_finding(patient, Severity.YELLOW, at, "body_weight")
    page = (await nurse.get(f"/patients/{patient}")).text
    section = page[page.index('data-quantity="body_weight"') :]
    assert '<span class="number">70,84</span> <span class="unit">kg</span>' in section
    assert "12 min. siden" in section
    assert 'class="judged yellow"' in section
    assert "Gul" in section
    english = (await nurse.get(f"/patients/{patient}?lang=en")).text
    assert '<span class="number">70.84</span>' in english


def test_every_quantity_can_be_drawn():
    assert set(LEAST_SPAN) == set(Quantity)


async def test_a_quantity_beside_the_usual_kit_has_a_place_once_it_was_measured(nurse, ward):
    patient = ward.add_patient()
    ward.add_reading(patient, 37.2, datetime.now(UTC) - timedelta(hours=1), "body_temperature")
    page = (await nurse.get(f"/patients/{patient}")).text
    section = page[page.index('data-quantity="body_temperature"') :]
    assert '<span class="number">37,2</span> <span class="unit">°C</span>' in section
    assert 'data-quantity="systolic_bp"' not in page


async def test_batteries_are_the_homes_and_not_the_patients(nurse, ward):
    patient = ward.add_patient()
    for value in (90, 12):  # of two devices: one chart of both would say nothing
        ward.add_reading(patient, value, datetime.now(UTC) - timedelta(hours=1), "battery")
    page = (await nurse.get(f"/patients/{patient}")).text
    assert 'data-quantity="battery"' not in page
    assert "Batteri" not in page


async def test_a_day_of_dense_readings_has_hours_on_its_axis(nurse, ward):
    patient = ward.add_patient()
    for minutes in range(0, 1200, 20):
        ward.add_reading(patient, 92, datetime.now(UTC) - timedelta(minutes=minutes))
    page = (await nurse.get(f"/patients/{patient}?days=1")).text
    assert "24 timer" in page
    assert "Iltmætning det seneste døgn" in page
    ticks = re.findall(r'class="tick x"[^>]*>(\d\d:00)<', page)
    assert len(set(ticks)) >= 5
    assert {int(tick[:2]) % 4 for tick in ticks} == {0}


async def test_each_clause_of_a_case_says_when_it_was_measured(nurse, ward):
    patient = ward.add_patient()
    ward.add_case(patient, Severity.RED, NOW - timedelta(hours=30))
    weight = ("Vægt 74 kg, over den gule grænse 73 kg", "Weight 74 kg, over the yellow limit 73 kg")
    at = NOW - timedelta(hours=2)
    ward.add_case(patient, Severity.YELLOW, at, "body_weight", reason=weight)
    for path in ("/board", f"/patients/{patient}"):
        page = (await nurse.get(path)).text
        clauses = re.findall(r'class="clause">([^<]+) <time datetime="([^"]+)"', page)
        assert [sentence.split()[0] for sentence, _ in clauses] == ["Iltmætning", "Vægt"]
        assert clauses[1][1] == at.isoformat(timespec="seconds")


async def test_evidence_stands_behind_a_finding(nurse, ward):
    patient = ward.add_patient()
    ids = [ward.add_reading(patient, 90 - n, NOW - timedelta(days=n)) for n in (2, 1, 0)]
    ward.add_finding(patient, Severity.RED, NOW, readings=ids)
    gone = [ids[0], uuid4()]
    ward.connection.execute(
        "insert into finding (id, patient_id, channel, rule, rule_version, result, severity, "
        "quantity, measured_at, late, reading_ids, limits, evidence, reason_da, reason_en, cause, "
        "rule_id) values (gen_random_uuid(), %s, 'clinical', 'relative-limits', 2, 'judged', "
        "'yellow', 'spo2', now(), true, %s, %s, %s, 'Da', 'En', 'validity/3', 'spo2-below-usual')",
        [
            patient,
            gone,
            json.dumps({"red_low": -6, "yellow_low": -4}),
            json.dumps(
                {
                    "red_low": 86.0,
                    "yellow_low": 88.0,
                    "value": 87.0,
                    "approved": False,
                    "z": -2.5,
                    "number_of_tomorrow": 7,
                    "reference": {"value": 92.0, "n": 14, "approved": False},
                }
            ),
        ],
    )
    page = (await nurse.get(f"/patients/{patient}")).text
    finding = page[page.index("Seneste fund") :]
    assert "spo2-below-usual, version 2" in finding
    assert "ikke-godkendt skabelon" in finding
    assert "vurderet igen" in finding
    assert "en måling blev gjort ugyldig eller gyldig igen" in finding
    assert "rød under 86 %, gul under 88 %" in finding
    assert "92 % (14 målinger), foreslået, ikke godkendt" in finding
    assert "<dt>standardafvigelser (z)</dt><dd>-2,5</dd>" in finding
    assert "<dt>number_of_tomorrow</dt><dd>7</dd>" in finding
    assert "1 er ikke længere borgerens" in finding
    assert "Målinger (3)" in finding


async def test_every_quantity_of_the_usual_kit_has_a_place_also_without_readings(nurse, ward):
    page = (await nurse.get(f"/patients/{ward.add_patient()}")).text
    assert len(re.findall("data-quantity=", page)) == 3
    assert page.count("Ingen målinger endnu") == 3
    assert "Ingen åbne sager" in page


async def test_the_newest_reading_is_shown_though_older_than_the_period(nurse, ward):
    patient = ward.add_patient()
    ward.add_reading(patient, 91, NOW - timedelta(days=20))
    page = (await nurse.get(f"/patients/{patient}?days=7")).text
    assert '<span class="number">91</span>' in page
    assert "20 dage siden" in page
    assert "Ingen målinger i perioden" in page


async def test_chart_limits_table_and_findings(nurse, ward):
    patient = ward.fill()
    page = (await nurse.get(f"/patients/{patient}?days=90")).text
    assert 'class="limit red"' in page
    assert "rød under 85, gul under 90" in page
    assert page.count('<polyline class="run"') > 3
    assert "Målinger som tabel (31)" in page
    assert "Simuleret Oximeter" in page
    assert "tastet ind" in page
    assert "kom sent ind" in page
    assert "Iltmætning 84 % er under rød grænse 85 %" in page
    assert "/unacknowledge" not in page
    assert "/acknowledge" in page


async def test_too_little_data_is_said_and_never_green(nurse, ward):
    patient = ward.add_patient()
    ward.add_reading(patient, 93)
    ward.add_finding(
        patient,
        Severity.GREEN,
        result="insufficient",
        reason=("Kun 1 måling", "Only 1 reading"),
    )
    page = (await nurse.get(f"/patients/{patient}")).text
    assert "For lidt data til at vurdere" in page
    assert 'class="judged green"' not in page


async def test_a_finding_about_no_single_quantity_is_shown(nurse, ward):
    patient = ward.add_patient()
    ward.add_finding(patient, Severity.YELLOW, quantity=None)
    assert (await nurse.get(f"/patients/{patient}")).status_code == 200


async def test_limits_that_changed_are_drawn_as_they_were(nurse, ward):
    patient = ward.add_patient()
    ward.add_reading(patient, 91)
    ward.set_limits(patient, "spo2", 85, 90, None, None)
    ward.connection.execute(
        "insert into patient_limit (patient_id, quantity, red_low, valid_from, set_by) "
        "values (%s, 'spo2', 80, now() - interval '5 days', 'physician-1')",
        [patient],
    )
    page = (await nurse.get(f"/patients/{patient}")).text
    assert "rød under 80" in page
    assert "rød under 85" not in page
    assert page.count('class="limit red"') == 4  # two spans, in two sizes


async def test_the_number_of_questions_does_not_grow_with_the_readings(nurse, ward, app):
    asked = []
    engine = app.state.house.database._engine
    event.listen(engine, "before_cursor_execute", lambda *_: asked.append(1))
    few = ward.add_patient()
    await nurse.get(f"/patients/{few}")
    first = len(asked)
    asked.clear()
    await nurse.get(f"/patients/{ward.fill()}?days=90")
    # Two more for the sentences of open cases and one for what findings used, however many.
    assert len(asked) == first + 3 <= 19
    asked.clear()
    await nurse.get("/board")
    assert len(asked) <= 12


@pytest.mark.parametrize("path", ["/patients/{}", "/patients/{}/content"])
async def test_an_unknown_patient(nurse, path):
    answer = await nurse.get(path.format(uuid4()))
    assert answer.status_code == 404
    assert "Siden eller borgeren findes ikke" in answer.text


@pytest.mark.parametrize("query", ["days=8", "days=x", "days=-1"])
async def test_a_period_that_is_not_offered(nurse, ward, query):
    answer = await nurse.get(f"/patients/{ward.add_patient()}?{query}")
    assert answer.status_code == 422


async def test_json_cases(nurse, ward):
    patient = ward.add_patient()
    case = ward.add_case(patient, Severity.RED)
    answer = await nurse.get("/api/cases", headers=JSON)
    (row,) = answer.json()
    assert (row["id"], row["patient_id"]) == (str(case), str(patient))
    assert (row["severity"], row["state"], row["version"]) == ("red", "new", 1)
    assert row["patient_name"] == "Asta Prøvesen"
    assert datetime.fromisoformat(row["opened_at"]).tzinfo is not None


async def test_json_observations(nurse, ward):
    patient = ward.add_patient()
    for day in range(5):
        ward.add_reading(patient, 90 + day, NOW - timedelta(days=day))
        ward.add_reading(patient, 70 + day, NOW - timedelta(days=day), "pulse_rate")
    address = f"/api/patients/{patient}/observations"
    assert len((await nurse.get(address, headers=JSON)).json()) == 10
    asked = {
        "quantity": "spo2",
        "since": (NOW - timedelta(days=3, hours=1)).isoformat(),
        "limit": 2,
    }
    rows = (await nurse.get(address, params=asked, headers=JSON)).json()
    assert [(row["value"], row["unit"]) for row in rows] == [(90, "%"), (91, "%")]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"limit": 0}, 422, "bad-request"),
        ({"limit": 10**9}, 422, "bad-request"),
        ({"quantity": "mood"}, 422, "bad-request"),
        ({"since": "2026-01-01T00:00:00"}, 422, "bad-request"),
        ({"since": "0001-01-01T00:00:00+14:00"}, 422, "bad-request"),
        ({"since": "9999-12-31T23:59:59-14:00"}, 422, "bad-request"),
    ],
)
async def test_json_errors_have_a_code(nurse, ward, query, status, code):
    address = f"/api/patients/{ward.add_patient()}/observations"
    answer = await nurse.get(address, params=query, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_json_unknown_patient(nurse):
    answer = await nurse.get(f"/api/patients/{uuid4()}/observations", headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-patient")


async def test_the_api_describes_itself(nurse):
    description = (await nurse.get("/api/openapi.json")).json()
    assert set(description["paths"]) == {
        "/api/cases",
        "/api/patients/{patient_id}/observations",
    }
    assert "ErrorBody" in description["components"]["schemas"]


async def test_a_value_is_never_rounded_onto_its_limit(nurse, ward):
    patient = ward.add_patient()
    ward.set_limits(patient, "spo2", 88, 90.5, None, None)
    ward.add_reading(patient, 87.6)
    page = (await nurse.get(f"/patients/{patient}")).text
    assert '<span class="number">87,6</span>' in page
    assert "rød under 88, gul under 90,5" in page


async def test_a_red_that_waits_for_a_second_measurement_is_said_with_its_time(nurse, ward):
    patient = ward.add_patient()
    gateway = ward.add_home(patient)
    finding = ward.add_finding(patient, Severity.RED)
    instruction = uuid4()
    ward.connection.execute(
        "insert into instruction (id, gateway_id, kind, body, issued_at, expires_at) "
        "values (%s, %s, 'remeasure', '{}', now(), now() + interval '15 minutes')",
        [instruction, gateway],
    )
    ward.connection.execute(
        "insert into confirmation (finding_id, patient_id, quantity, reading_id, measured_at, "
        "gateway_id, instruction_id, doubt, asked_at, until) values (%s, %s, 'spo2', %s, now(), "
        "%s, %s, 'sudden', now(), '2099-01-05 07:17Z')",
        [finding, patient, uuid4(), gateway, instruction],
    )
    page = (await nurse.get(f"/patients/{patient}")).text
    assert "Iltmætning var rød, og hjemmet er bedt om at måle igen" in page
    assert "senest kl. 08:17" in page
    ward.connection.execute("update confirmation set outcome = 'normal', ended_at = now()")
    assert "bedt om at måle igen" not in (await nurse.get(f"/patients/{patient}")).text
