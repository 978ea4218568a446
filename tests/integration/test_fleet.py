"""A fleet against the production ingest: out of order, twice, over a cut line; stored once."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.support.processes import Broker, Process, telekol, wait_until
from tests.support.proxy import Proxy

Db = Connection[TupleRow]

GATEWAYS = 12

STORY = """
title_da = "Prøve"
title_en = "A test"
text_da = "Alt på én gang."
text_en = "Everything at once."
days = 14

[[homes]]
[[homes.patients]]
type = "random"
levels = { skipping = 0.0, holidays_per_year = 0.0 }
[[homes.outages]]
of = "internet"
from = "day 3"
to = "day 9"
[[homes.faults]]
name = "repeats-memory"
device = "scale"
from = "day 5"

[[homes]]
[[homes.patients]]
[[homes.faults]]
name = "clock-1970"
device = "oximeter"
from = "day 6"
to = "day 8"
[[homes.faults]]
name = "silent"
device = "scale"
from = "day 4"
to = "day 7"
[[homes.faults]]
name = "weak-signal"
device = "oximeter"
from = "day 9"
to = "day 10"
"""


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "story.toml"
    path.write_text(STORY, encoding="utf-8")
    return path


def _fleet(tmp_path: Path, story: Path, port: int, *more: str) -> Process:
    return Process(
        [
            *(sys.executable, "-m", "telekol", "sim", "fleet", "--gateways", str(GATEWAYS)),
            *("--broker", f"mqtt://127.0.0.1:{port}", "--scenario", str(story)),
            *("--resend-s", "3", "--drain-s", "60", "--twice", "0.3", "--overtaken", "0.3"),
            *("--oracle", str(tmp_path / "oracle.jsonl")),
            *("--summary", str(tmp_path / "summary.json"), *more),
        ],
        tmp_path / "fleet.log",
    )


def _register(story: Path, database_url: str) -> None:
    from typer.testing import CliRunner

    from device_sim.commands import app

    options = ["fleet", "--gateways", str(GATEWAYS), "--scenario", str(story), "--seed-sql", "-"]
    made = CliRunner().invoke(app, options)
    assert made.exit_code == 0, made.output
    with psycopg.connect(database_url, autocommit=True) as opened:
        opened.execute(made.stdout.encode())
        opened.execute(made.stdout.encode())  # twice does no harm


def _ingest(tmp_path: Path, broker: Broker, database_url: str) -> Process:
    return telekol(
        tmp_path, "ingest", TELEKOL_BROKER_URL=broker.url, TELEKOL_DATABASE_URL=database_url
    )


def _summary(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / "summary.json").read_text())
    return found


def _oracle(tmp_path: Path) -> list[dict[str, Any]]:
    lines = (tmp_path / "oracle.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.timeout(240)
def test_a_troubled_fleet_ends_in_the_database_exactly_once(
    tmp_path: Path,
    story: Path,
    broker: Broker,
    broker_proxy: Proxy,
    database_url: str,
    connection: Db,
) -> None:
    _register(story, database_url)
    # Fourteen days in about twenty seconds, and the line is cut in between.
    fleet = _fleet(tmp_path, story, broker_proxy.port, "--speed", "60000")
    with _ingest(tmp_path, broker, database_url), fleet:
        oracle = tmp_path / "oracle.jsonl"
        wait_until(lambda: oracle.exists() and oracle.stat().st_size, "the first readings", 60)
        broker_proxy.cut()
        wait_until(lambda: len(_oracle(tmp_path)) > 60, "readings without a line", 60)
        broker_proxy.mend()
        assert fleet.wait(180) == 0, fleet.output()
        offline = "select count(*) from gateway_health where not online"
        wait_until(lambda: connection.execute(offline).fetchone() == (GATEWAYS,), "goodbyes", 30)
    summary, emitted = _summary(tmp_path), _oracle(tmp_path)
    assert summary["without_receipt"] == 0
    assert summary["refused"] == {}
    assert summary["receipted"] == summary["observations"] == len(emitted)
    assert summary["lost_connections"] >= GATEWAYS
    assert summary["sent_twice"] > 0
    assert summary["overtaken"] > 0
    rows = connection.execute("select reading_id::text, patient_id from observation").fetchall()
    stored = Counter(row[0] for row in rows)
    assert set(stored) == {line["id"] for line in emitted}
    assert max(stored.values()) == 1
    assert all(row[1] is not None for row in rows)
    # The scale that repeats its memory sent the same readings under new numbers.
    assert len(emitted) > len(stored) == summary["emitted"]
    years = connection.execute("select distinct extract(year from device_time) from observation")
    assert 1970 in {int(row[0]) for row in years}
    in_1970 = connection.execute(
        "select count(*) from observation where measured_at < '2015-01-01'"
    )
    assert in_1970.fetchone() == (0,)
    gaps = connection.execute("select count(*) from quarantine").fetchone()
    assert gaps == (0,)


@pytest.mark.timeout(180)
def test_a_home_without_a_line_is_offline_and_one_whose_patient_is_silent_is_not(
    tmp_path: Path, broker: Broker, database_url: str, connection: Db
) -> None:
    """The gallery's silent home: the first has no power from day 6, the second is on holiday."""
    story = Path("silent-home")
    _register(story, database_url)
    fleet = _fleet(tmp_path, story, broker.port, "--speed", "100000")
    online = "select gateway_id, online from gateway_health order by gateway_id limit 2"
    both = [("fleet-00001", True), ("fleet-00002", True)]
    with _ingest(tmp_path, broker, database_url), fleet:
        wait_until(lambda: connection.execute(online).fetchall() == both, "homes online", 60)
        cut = [("fleet-00001", False), ("fleet-00002", True)]
        wait_until(lambda: connection.execute(online).fetchall() == cut, "a home offline", 60)


@pytest.mark.timeout(120)
def test_what_is_refused_or_unanswered_is_seen(
    tmp_path: Path, story: Path, broker: Broker, database_url: str
) -> None:
    """Nobody registered these gateways: every reading is refused, and the exit status says so."""
    fleet = _fleet(tmp_path, story, broker.port, "--speed", "1000000", "--connections", "3")
    with _ingest(tmp_path, broker, database_url), fleet:
        assert fleet.wait(100) == 1, fleet.output()
    summary = _summary(tmp_path)
    assert summary["connections"] == 3
    assert summary["refused"] == {"unknown-kit": summary["observations"]}


@pytest.mark.timeout(120)
def test_without_a_server_nothing_is_receipted(tmp_path: Path, story: Path, broker: Broker) -> None:
    with _fleet(tmp_path, story, broker.port, "--speed", "1000000", "--drain-s", "1") as fleet:
        assert fleet.wait(100) == 1, fleet.output()
    summary = _summary(tmp_path)
    assert summary["receipted"] == 0
    assert summary["without_receipt"] == summary["observations"] > 0


def test_a_broker_that_is_not_there_is_named(tmp_path: Path, story: Path) -> None:
    from typer.testing import CliRunner

    from device_sim.commands import app
    from device_sim.errors import FleetError

    options = ["fleet", "--broker", "http://example.org", "--scenario", str(story)]
    refused = CliRunner().invoke(app, options)
    assert isinstance(refused.exception, FleetError)
    assert "mqtt://127.0.0.1:1883" in str(refused.exception)
