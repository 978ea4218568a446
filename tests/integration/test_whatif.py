"""What-if over readings in a real database says what the engine said, or would have said."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from alerts import engine
from alerts.past import sweep_commands, whatif_commands, whatif_store
from alerts.past.stored_year import StoredYear
from alerts.round.verdicts import LETTERS
from alerts.rulesets import loading
from alerts.rulesets.model import overlaid
from telekol.errors import TelekolError
from telekol.quantities import Quantity
from tests.support.house import Home, add_home, set_limits
from tests.support.stored_readings import Reading, store

Db = Connection[TupleRow]
NOW = datetime.now(UTC).replace(microsecond=0)
DAYS = 45


@pytest.fixture
def home(connection: Db) -> Home:
    """A patient with own limits, who measured daily; every reading judged as it came."""
    made = add_home(connection)
    begun = NOW - timedelta(days=DAYS + 1)
    set_limits(connection, made.patient_id, "spo2", red_low=84, valid_from=begun)
    set_limits(connection, made.patient_id, "pef", yellow_low=190, valid_from=begun)
    rng = np.random.default_rng(6)
    for day in range(DAYS):
        at = begun + timedelta(days=day)
        usual = (91.0 if day < 30 else 87.0, 80.0, 205.0)
        values = np.round(rng.normal(usual, (1.6, 7.0, 10.0)))
        store(
            connection,
            made.patient_id,
            *(
                Reading(name, float(value), at)
                for name, value in zip(("spo2", "pulse_rate", "pef"), values, strict=True)
            ),
        )
        while engine.run_round(connection):
            pass
    return made


def _year(connection: Db, home: Home) -> StoredYear:
    (year,) = whatif_store.stored_years(connection, [home.patient_id])
    return year


def test_with_unchanged_limits_it_says_what_the_engine_said_of_every_reading(
    connection: Db, home: Home
) -> None:
    year = _year(connection, home)
    said: dict[tuple[str, int], str] = {}
    for outcome in year.past.in_force.outcomes.values():
        readings = year.past.readings
        for row, severity in zip(
            outcome.rows.tolist(), outcome.judgement.severity.tolist(), strict=True
        ):
            key = str(outcome.rule.quantity), int(readings.measured_us[row])
            said[key] = said.get(key, "") + LETTERS[severity]
    judged = connection.execute(
        "select quantity, measured_at, outcomes from judgement where turn = 0"
    ).fetchall()
    assert len(judged) == 3 * DAYS
    found = {(quantity, round(at.timestamp() * 1e6)): outcomes for quantity, at, outcomes in judged}
    assert found == said
    assert {"y", "r"} <= set("".join(found.values()))


def test_a_slider_over_a_patients_own_limit(connection: Db, home: Home) -> None:
    year = _year(connection, home)
    same = year.with_own({"spo2-floor": {"red_low": 84}})
    assert same.before == same.after
    tighter = year.with_own({"spo2-floor": {"red_low": 87}})
    before, after = tighter.rules["spo2-floor"]
    assert before is not None
    assert after is not None
    assert after.red > before.red
    none = year.with_own({"spo2-floor": {"red_low": None}})
    assert none.rules["spo2-floor"][1] is not None
    assert none.rules["spo2-floor"][1].red == 0
    stand_in = year.with_own({"own-limits-pef": {"yellow_low": 210}}, [
        str(home.patient_id)
    ])  # fmt: skip
    assert stand_in.after.flagged > stand_in.before.flagged


def test_another_rule_set_over_the_same_year(connection: Db, home: Home) -> None:
    year = _year(connection, home)
    changed = overlaid(year.rule_set, {"spo2-lastingly-below-usual": {"yellow_low": -2}})
    difference = year.under(changed)
    before, after = difference.rules["spo2-lastingly-below-usual"]
    assert before is not None
    assert after is not None
    assert after.yellow > before.yellow
    assert {day.series for day in difference.days} == {str(home.patient_id)}


def test_what_was_measured_before_is_looked_back_on_and_not_told(
    connection: Db, home: Home
) -> None:
    (week,) = whatif_store.stored_years(connection, [home.patient_id], days=7)
    assert 0 < week.past.in_force.days(len(week.past.cells.day)).size <= 8
    assert len(week.past.readings) == 3 * DAYS
    # The level of the first period is known although the week asked about is the last.
    found = week.past.in_force.outcomes["spo2-below-usual"].judgement
    assert (found.severity >= 0).all()


def test_a_withdrawn_reading_is_not_there(connection: Db, home: Home) -> None:
    before = len(_year(connection, home).past.readings)
    connection.execute(
        "insert into withdrawn_reading (patient_id, reading_id, why) "
        "select patient_id, reading_id, 'invalid' from observation "
        "where quantity = 'spo2' order by measured_at desc limit 1"
    )
    assert len(_year(connection, home).past.readings) == before - 1


def test_a_team_is_all_of_its_patients_by_their_rule_sets(connection: Db, home: Home) -> None:
    add_home(connection, gateway="gw-test-2", name="Bodil Prøvesen")
    patients = whatif_store.patients_of_team(connection, "team-akut")
    assert len(patients) == 2
    (year,) = whatif_store.stored_years(connection, patients)
    assert len(year.past.readings.names) == 2
    assert year.rule_set.fingerprint == loading.load().fingerprint
    assert year.past.in_force.context.approved is False


def test_who_is_not_there_is_named(connection: Db, home: Home) -> None:
    nobody = uuid4()
    with pytest.raises(TelekolError, match=str(nobody)):
        whatif_store.stored_years(connection, [home.patient_id, nobody])
    with pytest.raises(TelekolError, match="team-nobody"):
        whatif_store.patients_of_team(connection, "team-nobody")
    year = _year(connection, home)
    with pytest.raises(TelekolError, match="no-such-rule"):
        year.with_own({"no-such-rule": {"red_low": 1}})
    with pytest.raises(TelekolError, match="longest_reference_age_days"):
        year.with_own({"spo2-below-usual": {"longest_reference_age_days": 1}})
    assert Quantity.SPO2 in {rule.quantity for rule in year.rule_set.rules}


def test_the_command_and_a_sweep_of_the_database_agree(
    connection: Db,
    home: Home,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TELEKOL_DATABASE_URL", database_url)
    asked = ["--patient", str(home.patient_id), "--set", "spo2-floor.red_low=87"]
    whatif_commands.app([*asked, "--json"], standalone_mode=False)
    (document,) = json.loads(capsys.readouterr().out)
    expected = _year(connection, home).with_own({"spo2-floor": {"red_low": 87}}).as_document()
    assert {key: document[key] for key in expected} == expected
    whatif_commands.app(asked, standalone_mode=False)
    assert "days would have another colour" in capsys.readouterr().out
    sweep_commands.app(["--scheduler", "threads"], standalone_mode=False)
    said = capsys.readouterr().out
    (swept,) = json.loads(said)
    assert swept["patient_days"] == len(_year(connection, home).past.cells.day)
    assert str(home.patient_id) not in said


@pytest.mark.parametrize(
    "asked",
    [
        ["--set", "a.b=1"],
        ["--team", "team-akut"],
        ["--team", "team-akut", "--set", "nonsense"],
        ["--team", "team-akut", "--set", "spo2-floor.red_low=nan"],
        ["--team", "team-akut", "--set", "spo2-floor.red_low=x"],
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(asked: list[str]) -> None:
    with pytest.raises(TelekolError, match="expected --"):
        whatif_commands.app(asked, standalone_mode=False)
