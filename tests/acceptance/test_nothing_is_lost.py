"""Whatever is killed or cut: what a device emitted is stored, each reading once.

The oracle is the devices' own count; the processes are the production ones, killed with -9.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from device_sim.demo import report
from tests.support.house import add_home
from tests.support.processes import Broker, Process, wait_until
from tests.support.proxy import Proxy
from tests.support.running_house import GATEWAY, RunningHouse

Db = Connection[TupleRow]


def _stored(connection: Db) -> list[report.StoredReading]:
    rows = connection.execute(
        "select o.reading_id, d.serial, o.quantity, o.device_time "
        "from observation o join device d on d.id = o.device_id"
    )
    return [report.StoredReading(row[0], (row[1], row[2], row[3])) for row in rows]


def _outcome(house: RunningHouse, connection: Db) -> report.Outcome:
    lines = house.emissions.read_text(encoding="utf-8").splitlines()
    return report.compare(report.read_emissions(lines), _stored(connection))


def _measure(house: RunningHouse, times: int) -> None:
    with house.control() as sim:
        for _ in range(times):
            sim.measure(GATEWAY, "oximeter")
            sim.measure(GATEWAY, "scale")


def _all_delivered(house: RunningHouse, connection: Db) -> Callable[[], bool]:
    def delivered() -> bool:
        with house.control() as sim:
            pending = sim.status()["total"]["pending"]
        return pending == 0 and _outcome(house, connection).missing == 0

    return delivered


def _kill_and_restart(process: Process) -> None:
    process.kill()
    process.start()


@pytest.mark.timeout(180)
def test_killed_processes_and_cut_lines_lose_nothing_and_double_nothing(
    tmp_path: Path, broker: Broker, database_url: str, connection: Db
) -> None:
    add_home(connection, GATEWAY)
    seed = random.randrange(2**32)
    luck = random.Random(seed)
    with (
        Proxy(("127.0.0.1", broker.port)) as line,
        RunningHouse(tmp_path, f"mqtt://127.0.0.1:{line.port}", database_url) as house,
    ):

        def cut_and_mend() -> None:
            line.cut()
            _measure(house, 1)
            line.mend()

        trouble: list[Callable[[], object]] = [
            lambda: _kill_and_restart(house.gateway),
            lambda: _kill_and_restart(house.ingest),
            lambda: _kill_and_restart(broker),
            lambda: _kill_and_restart(house.alerts),
            cut_and_mend,
        ]
        luck.shuffle(trouble)
        for harm in trouble:
            _measure(house, 2)
            harm()
        _measure(house, 1)
        wait_until(_all_delivered(house, connection), f"every reading (seed {seed})", 90)
        outcome = _outcome(house, connection)
        judged = "select not exists (select 1 from judgement_queue)"
        wait_until(lambda: connection.execute(judged).fetchone() == (True,), "every judgement")

    assert outcome.missing == 0, f"seed {seed}"
    assert outcome.duplicates == 0, f"seed {seed}"
    assert outcome.emitted >= 33
    judgements = connection.execute(
        "select count(*) filter (where turn = 0), count(distinct reading_id) from judgement"
    )
    assert judgements.fetchone() == (outcome.emitted, outcome.emitted)


@pytest.mark.timeout(240)
def test_a_gateway_killed_at_random_points_misses_and_doubles_nothing(
    tmp_path: Path, broker: Broker, database_url: str, connection: Db
) -> None:
    """Killed while it starts, connects, reads a device, commits, publishes or hears a receipt."""
    add_home(connection, GATEWAY)
    seed = random.randrange(2**32)
    luck = random.Random(seed)
    with RunningHouse(tmp_path, broker.url, database_url) as house:
        for _ in range(8):
            _measure(house, 1)
            time.sleep(luck.uniform(0.0, 2.5))
            _kill_and_restart(house.gateway)
        wait_until(_all_delivered(house, connection), f"every reading (seed {seed})", 120)
    # Counted when every process has ended: a device may have measured a moment ago.
    outcome = _outcome(house, connection)
    assert (outcome.missing, outcome.duplicates) == (0, 0), f"seed {seed}"
    assert outcome.emitted >= 24
    # Numbers are used once, in one life; batteries are read beside what was measured.
    query = (
        "select count(*) = count(distinct (outbox_id, seq)), count(distinct outbox_id) "
        "from observation"
    )
    assert connection.execute(query).fetchone() == (True, 1)
    query = "select count(*) from observation where quantity <> 'battery'"
    assert connection.execute(query).fetchone() == (outcome.stored,)
    assert connection.execute("select count(*) from quarantine").fetchone() == (0,)


@pytest.mark.timeout(120)
def test_nothing_is_acknowledged_while_the_database_is_away(
    tmp_path: Path, broker: Broker, database_name: str, database_proxy: Proxy, connection: Db
) -> None:
    add_home(connection, GATEWAY)
    url = f"postgresql://postgres@127.0.0.1:{database_proxy.port}/{database_name}"
    with RunningHouse(tmp_path, broker.url, url) as house:
        database_proxy.cut()
        _measure(house, 2)
        wait_until(lambda: "holding" in house.ingest.output(), "ingest to hold what came")
        assert _outcome(house, connection).stored == 0
        database_proxy.mend()
        wait_until(_all_delivered(house, connection), "every reading", 60)
        outcome = _outcome(house, connection)
    assert (outcome.missing, outcome.duplicates) == (0, 0)


def test_the_oracle_sees_a_loss_and_a_double() -> None:
    """A test of the test: an oracle that cannot fail proves nothing."""
    line = (
        '{{"event": "indicated", "serial": "S", "quantity": "spo2", "value": 93, "unit": "%", '
        '"device_time": "2026-11-02T08:00:0{0}", "at": "2026-11-02T08:00:0{0}+00:00"}}'
    )
    emitted = report.read_emissions([line.format(n) for n in range(3)] + ['{"event": "indi'])
    keys = list(emitted)
    rows = [report.StoredReading(UUID(int=n), keys[k]) for n, k in enumerate((0, 1, 1))]
    outcome = report.compare(emitted, rows)
    assert (outcome.emitted, outcome.stored, outcome.missing, outcome.duplicates) == (3, 3, 1, 1)
    assert not outcome.is_complete
