"""A server restored from an older backup asks the homes, and ends complete with nobody's help.

Production processes: homes in software, their gateways, the broker, ingest, backup and restore.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from device_sim.demo.postgres import EmbeddedPostgres
from tests.chaos import oracle
from tests.chaos.spy import ReceiptSpy
from tests.support.databases import empty_database, make_logins
from tests.support.house import add_home
from tests.support.processes import Broker, Process, telekol, wait_until
from tests.support.running_house import GATEWAY, RunningHouse

Db = Connection[TupleRow]
PATIENCE_S = 120


@pytest.fixture
def new_server() -> Iterator[str]:
    """An empty database on a server of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="telekol-", ignore_cleanup_errors=True) as folder,
        EmbeddedPostgres(Path(folder) / "data") as server,
        empty_database(server.url()) as url,
    ):
        yield url


def _run(folder: Path, command: str, file: Path, url: str) -> None:
    process = telekol(folder, command, str(file), TELEKOL_DATABASE_URL=url)
    with process:
        assert process.wait(PATIENCE_S) == 0, process.output()


def _ingest(folder: Path, broker_url: str, url: str) -> Process:
    return telekol(
        folder,
        "ingest",
        TELEKOL_BROKER_URL=broker_url,
        TELEKOL_DATABASE_URL=url,
        TELEKOL_INGEST_ASK_EVERY_S="1",
    )


def _measure(house: RunningHouse, times: int) -> None:
    with house.control() as sim:
        for _ in range(times):
            sim.measure(GATEWAY, "oximeter")
            sim.measure(GATEWAY, "scale")


def _is_complete(house: RunningHouse, connection: Db) -> bool:
    with house.control() as sim:
        if sim.status()["total"]["pending"] or oracle.waiting(house.outbox):
            return False
    if oracle.outcome(house.emissions, connection).missing:
        return False
    return oracle.gaps_open(oracle.lives(house.outbox, GATEWAY), oracle.settled(connection)) == 0


@pytest.mark.timeout(400)
def test_restored_from_an_older_backup_everything_comes_again_by_itself(
    tmp_path: Path,
    broker: Broker,
    database_url: str,
    connection: Db,
    new_server: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TELEKOL_GATEWAY_HEALTH_INTERVAL_S", "2")
    add_home(connection, GATEWAY)
    file = tmp_path / "older.dump"
    with RunningHouse(tmp_path, broker.url, database_url) as house:
        _measure(house, 2)
        wait_until(lambda: _is_complete(house, connection), "the first readings", PATIENCE_S)
        _run(tmp_path, "backup", file, database_url)
        _measure(house, 3)
        wait_until(lambda: _is_complete(house, connection), "the later readings", PATIENCE_S)

        house.ingest.kill()
        house.alerts.kill()
        _run(tmp_path, "restore", file, new_server)
        make_logins(new_server)
        folder = tmp_path / "new"
        folder.mkdir()
        spy = ReceiptSpy(broker.port, new_server)
        spy.start()
        with psycopg.connect(new_server, autocommit=True) as restored:
            assert oracle.outcome(house.emissions, restored).missing >= 9
            with _ingest(folder, broker.url, new_server) as ingest:
                wait_until(lambda: _is_complete(house, restored), "every reading again", PATIENCE_S)
                _measure(house, 1)
                wait_until(lambda: _is_complete(house, restored), "what came after", PATIENCE_S)
                ended = "select count(*) > 0 and bool_and(outcome = 'settled') from instruction"
                wait_until(
                    lambda: restored.execute(ended).fetchone() == (True,),
                    "the instruction to end",
                    PATIENCE_S,
                )
                assert ingest.returncode is None
            spy.close()
            outcome = oracle.outcome(house.emissions, restored)
            assert (outcome.missing, outcome.duplicates) == (0, 0)
            assert oracle.doubled_rows(restored) == 0
            assert restored.execute("select count(*) from quarantine").fetchone() == (0,)
            states = restored.execute(
                "select a.state from instruction_acknowledgement a "
                "join instruction i on i.id = a.instruction"
            ).fetchall()
            assert ("done",) in states
        # What is there now is what the lost server had, and the readings that came after.
        old = {row[0] for row in connection.execute("select reading_id from observation")}
        with psycopg.connect(new_server) as restored:
            new = {row[0] for row in restored.execute("select reading_id from observation")}
        assert old <= new
        assert spy.seen.receipts > 0
        assert spy.seen.before_commit == []
