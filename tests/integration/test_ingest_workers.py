"""Several ingest processes on one broker, and several writers on one database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from ingest import writer
from telekol import topics
from telekol.observation import Observation
from tests.integration.test_ingest_process import Home
from tests.support.house import add_home
from tests.support.messages import message, observation, sort
from tests.support.processes import Broker, Process, telekol, wait_until

Db = Connection[TupleRow]


def _worker(tmp_path: Path, number: int, broker: Broker, database_url: str) -> Process:
    folder = tmp_path / f"worker-{number}"
    folder.mkdir()
    return telekol(
        folder,
        "ingest",
        TELEKOL_BROKER_URL=broker.url,
        TELEKOL_DATABASE_URL=database_url,
        TELEKOL_INGEST_CLIENT_ID=f"telekol-ingest-{number}",
        TELEKOL_INGEST_SHARE="ingest",
    )


def _says(worker: Process, words: str) -> bool:
    return words in worker.output()


def _rows(connection: Db) -> list[UUID]:
    return [row[0] for row in connection.execute("select reading_id from observation")]


@pytest.mark.timeout(240)
def test_two_workers_share_and_one_that_is_killed_loses_nothing(
    tmp_path: Path, broker: Broker, database_url: str, connection: Db
) -> None:
    add_home(connection)
    home = Home(broker.port)
    boot = uuid4()
    readings = [observation() for _ in range(300)]
    workers = [_worker(tmp_path, number, broker, database_url) for number in (1, 2)]
    with workers[0], workers[1]:
        for worker in workers:
            wait_until(partial(_says, worker, "receiving from all"), "a worker", 60)
        for seq, reading in enumerate(readings, start=1):
            home.send(message(reading, boot=boot, seq=seq))
            if seq == 150:
                workers[0].kill()
        workers[0].start()
        through = 0
        answered: set[int] = set()
        while through < 300 or len(answered) < 300:
            receipt = home.receipt(60)
            assert receipt.through >= through
            through = receipt.through
            answered.add(receipt.first)
        for worker in workers:
            wait_until(partial(_says, worker, "new readings"), "both to have worked", 60)
    home.close()
    stored = _rows(connection)
    assert sorted(stored) == sorted(reading.id for reading in readings)


@pytest.mark.timeout(180)
def test_writers_with_the_same_readings_make_no_row_twice(
    database_url: str, connection: Db
) -> None:
    gateways = ["gw-test-1", "gw-test-2", "gw-test-3"]
    for gateway in gateways:
        add_home(connection, gateway)
    rounds: list[list[Observation]] = [[observation() for _ in range(40)] for _ in range(8)]

    def store(gateway: str) -> list[int]:
        """Each sends the same readings, from an outbox of its own, in another order."""
        boot, stored = uuid4(), []
        with psycopg.connect(database_url, autocommit=True) as own:
            for number, items in enumerate(rounds):
                order = items if gateway != "gw-test-2" else items[::-1]
                payload = message(*order, gateway=gateway, boot=boot, seq=number * 40 + 1)
                parcel = sort(topics.observations(gateway), payload)
                stored.append(writer.store(own, [parcel]).stored)
        return stored

    with ThreadPoolExecutor(3) as pool:
        stored = list(pool.map(store, gateways))
    assert [sum(each) for each in zip(*stored, strict=True)] == [40] * 8
    found = _rows(connection)
    assert sorted(found) == sorted(item.id for items in rounds for item in items)


@pytest.mark.timeout(180)
def test_writers_with_one_outbox_make_no_number_twice_and_receipts_grow(
    database_url: str, connection: Db
) -> None:
    add_home(connection)
    boot = uuid4()
    payloads = [message(observation(), boot=boot, seq=seq) for seq in range(1, 61)]

    def store(_: int) -> list[int]:
        through = []
        with psycopg.connect(database_url, autocommit=True) as own:
            for payload in payloads:
                receipt = writer.store(own, [sort(topics.observations("gw-test-1"), payload)])
                assert receipt.receipts[0] is not None
                through.append(receipt.receipts[0].through)
        return through

    with ThreadPoolExecutor(3) as pool:
        throughs = list(pool.map(store, range(3)))
    for through in throughs:
        assert through == sorted(through)
        assert through[-1] == 60
    assert len(_rows(connection)) == 60
