"""The whole way of a doubtful red: the home is asked, measures again, and nobody is called."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.support.house import add_home, set_limits
from tests.support.processes import Broker, wait_until
from tests.support.running_house import GATEWAY, RunningHouse

Db = Connection[TupleRow]


def _there(connection: Db, query: str) -> bool:
    row = connection.execute(query).fetchone()
    return row is not None and bool(row[0])


@pytest.mark.timeout(180)
def test_a_sudden_84_percent_reaches_the_home_as_a_question_and_a_second_93_answers_it(
    tmp_path: Path, broker: Broker, database_url: str, connection: Db
) -> None:
    home = add_home(connection, GATEWAY, "Asta Prøvesen")
    set_limits(connection, home.patient_id, "spo2", red_low=88, yellow_low=90)
    set_limits(connection, home.patient_id, "pulse_rate", red_high=120)
    with RunningHouse(tmp_path, broker.url, database_url) as house:
        wait_until(
            lambda: _there(connection, "select bool_or(online) from gateway_health"),
            "the home to be connected",
            30,
        )
        for spo2, judged in ((93, 1), (84, 2)):
            with house.control() as sim:
                sim.measure(GATEWAY, "oximeter", spo2=spo2, pulse_rate=80)
            count = f"select count(*) >= {judged} from judgement where quantity = 'spo2'"
            wait_until(partial(_there, connection, count), f"the {spo2} to be judged", 30)
        asked = (
            "select count(*) = 1 from instruction_acknowledgement a "
            "join confirmation c on c.instruction_id = a.instruction where c.outcome is null"
        )
        wait_until(lambda: _there(connection, asked), "the home to have the question", 60)
        assert not _there(connection, "select count(*) > 0 from triage_case")
        with house.control() as sim:
            sim.measure(GATEWAY, "oximeter", spo2=93, pulse_rate=80)
        ended = "select outcome = 'normal' from confirmation"
        wait_until(lambda: _there(connection, ended), "the second measurement to answer it", 30)
    said = "select reason_da from finding where rule = 'second-measurement'"
    row = connection.execute(said).fetchone()
    assert row is not None
    assert row[0].startswith("Iltmætning 84 % kl. ")
    assert row[0].endswith("93 %, normal")
    assert not _there(connection, "select count(*) > 0 from triage_case")
