"""The alerts process, as it runs in production, with a database that goes away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from psycopg import Connection
from psycopg.rows import TupleRow

from ingest import writer
from telekol import topics
from tests.support.house import add_home, set_limits
from tests.support.messages import message, observation, sort
from tests.support.processes import telekol, wait_until
from tests.support.proxy import Proxy

Db = Connection[TupleRow]


def _findings(connection: Db, number: int) -> Callable[[], bool]:
    def stored() -> bool:
        return connection.execute("select count(*) from finding").fetchone() == (number,)

    return stored


def test_database_away_at_start_and_in_the_middle_delays_and_loses_no_judgement(
    tmp_path: Path, database_name: str, database_proxy: Proxy, connection: Db
) -> None:
    home = add_home(connection)
    set_limits(connection, home.patient_id, "spo2", red_low=88)
    topic = topics.observations(home.gateway)

    def send(value: float) -> None:
        writer.store(connection, [sort(topic, message(observation(value)))])

    url = f"postgresql://postgres@127.0.0.1:{database_proxy.port}/{database_name}"
    database_proxy.cut()
    with telekol(tmp_path, "alerts", TELEKOL_DATABASE_URL=url) as process:
        send(84.0)
        wait_until(lambda: "database away" in process.output(), "alerts to notice")
        database_proxy.mend()
        wait_until(_findings(connection, 1), "the first judgement")

        database_proxy.cut()
        send(95.0)
        wait_until(lambda: process.output().count("database away") > 1, "alerts to notice again")
        database_proxy.mend()
        wait_until(_findings(connection, 2), "the second judgement")
        assert process.stop() == 0
    kinds = connection.execute("select kind from case_event order by version").fetchall()
    assert kinds == [("opened",), ("returned",)]
