"""Promises about the schema as a whole: words on everything, indexes, constraints that hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from sqlmodel import SQLModel

import telekol.tables  # noqa: F401 - registers the tables
from scripts import schema_page
from tests.support.house import add_home


def test_every_table_is_named_in_python(connection: Connection[TupleRow]) -> None:
    rows = connection.execute("select tablename from pg_tables where schemaname = 'public'")
    assert {name for (name,) in rows} - {"alembic_version"} == set(SQLModel.metadata.tables)


def test_every_table_column_and_view_says_what_it_is(connection: Connection[TupleRow]) -> None:
    silent = connection.execute(
        "select c.relname, a.attname from pg_class c "
        "join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
        "where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' "
        "and c.relname <> 'alembic_version' and col_description(c.oid, a.attnum) is null "
        "union all select relname, '' from pg_class "
        "where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') "
        "and relname <> 'alembic_version' and obj_description(oid, 'pg_class') is null"
    ).fetchall()
    assert silent == []


def test_every_foreign_key_has_an_index(connection: Connection[TupleRow]) -> None:
    rows = connection.execute(
        "select conname from pg_constraint k where contype = 'f' and not exists ("
        "select from pg_index i where i.indrelid = k.conrelid and i.indpred is null "
        "and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)"
    )
    assert [name for (name,) in rows] == []


def test_the_page_of_the_schema_is_fresh(connection: Connection[TupleRow]) -> None:
    for path, text in schema_page.pages(connection).items():
        assert path.read_text(encoding="utf-8") == text, "run `make docs` and commit"


# ------------------------------------------------------------------------- constraints


@pytest.fixture
def enrolled(connection: Connection[TupleRow]) -> UUID:
    """A patient in a programme since new year."""
    home = add_home(connection)
    connection.execute("insert into programme values ('kol', 'Tele-KOL', 'Tele-COPD')")
    row = connection.execute(
        "insert into enrolment (patient_id, programme_id, team_id, period) "
        "values (%s, 'kol', 'team-akut', '[2026-01-01,)') returning id",
        [home.patient_id],
    ).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def _refused(connection: Connection[TupleRow], name: str, statement: str, *values: Any) -> None:
    with pytest.raises(psycopg.errors.IntegrityError) as raised:
        connection.execute(statement.encode(), values)
    assert raised.value.diag.constraint_name == name


def test_enrolments_of_one_patient_do_not_overlap(
    connection: Connection[TupleRow], enrolled: UUID
) -> None:
    again = (
        "insert into enrolment (patient_id, programme_id, team_id, period, ended_because) "
        "select patient_id, 'kol', 'team-akut', %s::tstzrange, %s from enrolment where id = %s"
    )
    over, before = "[2025-06-01,2026-01-02)", "[2025-06-01,2026-01-01)"
    _refused(connection, "enrolled_once_at_a_time", again, over, "moved", enrolled)
    _refused(connection, "an_end_has_a_reason", again, before, None, enrolled)
    closed = "[2025-06-01,2025-12-31]"
    _refused(connection, "enrolment_period_is_half_open", again, closed, "moved", enrolled)
    connection.execute(again.encode(), [before, "moved", enrolled])


def test_one_plan_and_one_pause_at_a_time(connection: Connection[TupleRow], enrolled: UUID) -> None:
    plan = "insert into plan (enrolment_id, period, set_by) values (%s, %s::tstzrange, 'nurse-1')"
    connection.execute(plan.encode(), [enrolled, "[2026-01-01,2026-02-01)"])
    connection.execute(plan.encode(), [enrolled, "[2026-02-01,)"])
    _refused(connection, "one_plan_at_a_time", plan, enrolled, "[2026-03-01,)")
    pause = (
        "insert into enrolment_pause (enrolment_id, period, reason) "
        "values (%s, %s::tstzrange, 'admitted')"
    )
    connection.execute(pause.encode(), [enrolled, "[2026-01-05,2026-01-09)"])
    _refused(connection, "paused_once_at_a_time", pause, enrolled, "[2026-01-08,)")


def test_a_plan_asks_for_one_thing_once_and_for_what_exists(
    connection: Connection[TupleRow], enrolled: UUID
) -> None:
    row = connection.execute(
        "insert into plan (enrolment_id, period, set_by) "
        "values (%s, '[2026-01-01,)', 'nurse-1') returning id",
        [enrolled],
    ).fetchone()
    assert row is not None
    item = "insert into plan_item (plan_id, quantity, questionnaire_id) values (%s, %s, %s)"
    connection.execute(item.encode(), [row[0], "spo2", None])
    _refused(connection, "asked_once_in_a_plan", item, row[0], "spo2", None)
    _refused(connection, "a_quantity_or_a_questionnaire", item, row[0], None, None)
    _refused(connection, "plan_item_questionnaire_fkey", item, row[0], None, "none-such")


def test_an_answer_says_truly_whether_it_was_late(
    connection: Connection[TupleRow], enrolled: UUID
) -> None:
    connection.execute("insert into questionnaire values ('kol', 1, 'KOL', 'COPD', '{}')")
    answer = (
        "insert into questionnaire_answer (id, patient_id, questionnaire_id, "
        "questionnaire_version, answered_at, received_at, due_at, timing, entered, answers) "
        "select gen_random_uuid(), patient_id, 'kol', 1, %s, %s, %s, %s, 'typed', '{}' "
        "from enrolment where id = %s"
    )
    noon, evening = (datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (12, 20))
    connection.execute(answer.encode(), [noon, evening, noon, "on-time", enrolled])
    _refused(
        connection, "late_is_after_it_was_due", answer, evening, evening, noon, "on-time", enrolled
    )
    _refused(connection, "due_unless_ad_hoc", answer, noon, noon, None, "late", enrolled)
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        connection.execute("update questionnaire_answer set timing = 'ad-hoc', due_at = null")


def test_a_clinician_of_the_release_before_is_a_member_and_moves(
    connection: Connection[TupleRow],
) -> None:
    add_home(connection)
    connection.execute("insert into team values ('lunge', 'Lungeteam', 'hospital')")
    connection.execute("update membership set period = tstzrange(now() - interval '1 day', null)")
    connection.execute("update clinician set team_id = 'lunge' where id = 'nurse-1'")
    rows = connection.execute(
        "select team_id, period @> now() from membership order by lower(period)"
    ).fetchall()
    assert rows == [("team-akut", False), ("lunge", True)]
