"""Trying limits out on the stored year: what the engine would say, and nothing saved by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from alerts import engine
from alerts.in_use import rule_store
from alerts.rulesets.model import RuleSet
from clinician_api.limits_store import Course, PastReading
from clinician_api.limits_view import BadLimitError, read_limits
from clinician_api.trying import tried
from telekol.quantities import Quantity
from telekol.severity import Severity
from tests.clinician_api.ward import Ward

NOW = datetime.now(UTC)
JSON = {"accept": "application/json"}
VALUES = [93, 92, 91, 94, 92, 87, 93, 90, 92, 84]


@pytest.fixture
def patient(ward: Ward) -> UUID:
    rule_store.publish_shipped(ward.connection)
    made = ward.add_patient()
    ward.enrol(made)
    ward.set_limits(made, "spo2", 85, 88, None, None)
    for day, value in enumerate(VALUES):
        ward.add_reading(made, value, NOW - timedelta(days=20 - 2 * day))
    return made


@pytest.fixture
async def physician(anonymous: httpx.AsyncClient, ward: Ward) -> httpx.AsyncClient:
    anonymous.headers["accept"] = "text/html"
    await anonymous.post("/sign-in", data={"clinician": "physician-1"})
    return anonymous


def _asked(**limits: str) -> dict[str, str]:
    empty = dict.fromkeys(("red_low", "yellow_low", "yellow_high", "red_high"), "")
    return {"quantity": "spo2"} | empty | limits


def _limits(ward: Ward) -> list[tuple[float | None, float | None, str, str | None]]:
    return ward.connection.execute(
        "select red_low, yellow_low, set_by, approved_by from patient_limit "
        "where quantity = 'spo2' order by valid_from"
    ).fetchall()


def _course(limits: tuple[float | None, ...] | None, rule_set: RuleSet | None = None) -> Course:
    readings = [
        PastReading(Quantity.SPO2, NOW - timedelta(days=20 - 2 * day), value, doubtful=False)
        for day, value in enumerate(VALUES)
    ]
    return Course(readings, [], rule_set, True, limits, 0)  # type: ignore[arg-type]  # four of them


def test_own_limits_are_tried_by_the_engines_own_rules():
    found = tried(_course((85, 88, None, None)), Quantity.SPO2, (88, 91, None, None), NOW)
    assert found is not None
    now = [mark for _, _, mark, _ in found.marks]
    then = [mark for _, _, _, mark in found.marks]
    green, yellow, red = Severity.GREEN, Severity.YELLOW, Severity.RED
    assert now == [green] * 5 + [yellow] + [green] * 3 + [red]
    assert then == [green] * 5 + [red, green, yellow, green, red]
    assert (found.difference.before.red, found.difference.after.red) == (1, 2)


def test_unchanged_limits_change_nothing():
    found = tried(_course((85, 88, None, None)), Quantity.SPO2, None, NOW)
    assert found is not None
    assert all(now is then for _, _, now, then in found.marks)


def test_without_limits_and_rules_there_is_nothing_to_say():
    assert tried(_course(None), Quantity.SPO2, None, NOW) is None


def test_nothing_flagged_where_every_limit_is_taken_away():
    found = tried(_course((85, 88, None, None)), Quantity.SPO2, (None,) * 4, NOW)
    assert found is not None
    assert found.difference.after.flagged == 0


async def test_what_is_in_force_is_what_the_engine_found(physician, ward, patient):
    """The page judges a stored reading as the engine did."""
    ward.connection.execute(
        "insert into judgement_queue (patient_id, reading_ids, measured_from, measured_to) "
        "select patient_id, array_agg(reading_id), min(measured_at), max(measured_at) "
        "from observation group by patient_id"
    )
    while engine.run_round(ward.connection):
        pass
    stored = ward.connection.execute(
        "select severity, count(*) from judgement where severity <> 'green' group by 1"
    ).fetchall()
    page = (await physician.get(f"/patients/{patient}/limits")).text
    counts = {str(severity): int(count) for severity, count in stored}
    assert counts
    told = f"{counts.get('red', 0)} røde og {counts.get('yellow', 0)} gule dage"
    assert page.count(told) == 2  # in force, and as tried: nothing is


async def test_a_slider_asks_and_nothing_is_saved(physician, ward, patient):
    answer = await physician.get(
        f"/patients/{patient}/limits/tried", params=_asked(red_low="88", yellow_low="91")
    )
    assert "Dage, der ændrer farve" in answer.text
    assert "Gul bliver Rød" in answer.text
    assert 'class="mark red"' in answer.text
    assert len(_limits(ward)) == 1


async def test_saved_only_after_a_confirmation(physician, ward, patient):
    asked = _asked(red_low="88", yellow_low="90,5")
    page = (await physician.get(f"/patients/{patient}/limits/confirm", params=asked)).text
    assert "rød under 85 %, gul under 88 %" in page
    assert "rød under 88 %, gul under 90,5 %" in page
    seen = ward.connection.execute("select max(id) from patient_limit").fetchone()
    assert seen is not None
    form = asked | {"seen": str(seen[0])}
    for _ in range(2):  # sent twice is once
        answer = await physician.post(f"/patients/{patient}/limits", data=form)
        assert answer.status_code == 303
    assert _limits(ward) == [
        (85, 88, "physician-1", None),
        (88, 90.5, "physician-1", "physician-1"),
    ]
    late = await physician.post(
        f"/patients/{patient}/limits", data=form | {"red_low": "80"}, headers=JSON
    )
    assert (late.status_code, late.json()["code"]) == (409, "decided-first")


@pytest.mark.parametrize(
    "typed", [{"red_low": "92", "yellow_low": "88"}, {"red_low": "x"}, {"red_low": "140"}]
)
async def test_limits_that_make_no_sense(physician, ward, patient, typed):
    page = (await physician.get(f"/patients/{patient}/limits", params=_asked(**typed))).text
    assert "Grænserne kan ikke bruges" in page
    answer = await physician.post(f"/patients/{patient}/limits", data=_asked(**typed) | {"seen": 1})
    assert answer.status_code == 422
    assert len(_limits(ward)) == 1


async def test_a_nurse_may_try_and_not_save(nurse, patient):
    page = (await nurse.get(f"/patients/{patient}/limits", params=_asked(red_low="88"))).text
    assert "Med de prøvede grænser" in page
    assert "Gem grænserne" not in page


async def test_a_quantity_without_limits(nurse, patient):
    answer = await nurse.get(f"/patients/{patient}/limits?quantity=battery")
    assert answer.status_code == 422


def test_limits_are_read_as_typed():
    assert read_limits(Quantity.SPO2, ("88", " 90,5 ", "", "")) == (88, 90.5, None, None)
    assert read_limits(Quantity.BODY_WEIGHT, ("", "0", "", "")) == (None, 0, None, None)
    with pytest.raises(BadLimitError):
        read_limits(Quantity.SPO2, ("90", "88", "", ""))
