"""Stories with homes on the virtual radio, read by production gateways, into the database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from device_sim.emission import EmissionLog
from device_sim.pace import fit
from device_sim.physiology.living import HOME_ZONE
from device_sim.scenario import files
from device_sim.scenario.stage import BrokerAddress, Stage
from device_sim.scenario.timeline import What, unfold
from tests.support.house import add_home
from tests.support.processes import Broker, Process, free_port, telekol, wait_until

Db = Connection[TupleRow]

STORY = """
title_da = "Prøve"
title_en = "A test"
text_da = "Prøve."
text_en = "A test."
days = 4

[[homes]]
[[homes.patients]]
[[homes.patients.events]]
kind = "measure"
when = "day 2 16:00"
device = "oximeter"
values = { spo2 = 83, pulse_rate = 111 }
[[homes.faults]]
name = "clock-1970"
device = "scale"
from = "day 1"
[[homes.outages]]
of = "internet"
from = "day 2"
to = "day 3"
"""


def _printed(sim: Process, word: str) -> str:
    """The address that was printed for the home after `word`."""
    wait_until(lambda: "ready" in sim.output(), "the story to begin", 60)
    lines = [line.split() for line in sim.output().splitlines()]
    return next(line[2] for line in lines if line[:1] == [word])


def _emitted(path: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line for line in lines if line["event"] == "taken"]


@pytest.mark.timeout(240)
def test_a_story_is_told_delivered_and_rightly_dated(
    tmp_path: Path, broker: Broker, database_url: str, connection: Db
) -> None:
    add_home(connection, "gateway-0001")
    connection.execute("update kit_assignment set period = tstzrange('2015-01-01', null)")
    story = tmp_path / "story.toml"
    story.write_text(STORY, encoding="utf-8")
    emissions = tmp_path / "emissions.jsonl"
    sim = telekol(
        tmp_path,
        "sim",
        *("run", str(story), "--speed", "30000", "--base-port", str(free_port())),
        *("--broker", broker.url, "--emissions", str(emissions), "--stay"),
    )
    ingest = telekol(
        tmp_path, "ingest", TELEKOL_BROKER_URL=broker.url, TELEKOL_DATABASE_URL=database_url
    )
    with sim, ingest:
        gateway = telekol(
            tmp_path,
            "gateway",
            TELEKOL_GATEWAY_ID="gateway-0001",
            TELEKOL_GATEWAY_OUTBOX=str(tmp_path / "outbox.sqlite"),
            TELEKOL_GATEWAY_RADIO=_printed(sim, "home"),
            TELEKOL_BROKER_URL=_printed(sim, "broker"),
            TELEKOL_GATEWAY_RESEND_FIRST_S="1",
            TELEKOL_GATEWAY_RESEND_MOST_S="4",
        )
        with gateway:
            # Today's part of the story may lie in the future, where it is told as fast as life:
            # what was taken so far has to arrive.
            wait_until(lambda: len(_emitted(emissions)) >= 11, "three days to be told", 90)
            count = "select count(*) from observation"
            taken = len(_emitted(emissions))
            wait_until(
                lambda: (connection.execute(count).fetchone() or (0,))[0] >= taken,
                "all in the database",
                90,
            )
    rows = connection.execute(
        "select quantity, value, measured_at, device_time from observation order by measured_at"
    ).fetchall()
    now = datetime.now(UTC)
    assert len({(row[0], row[2]) for row in rows}) == len(rows)
    assert all(now - timedelta(days=4) < row[2] <= now for row in rows)
    days = {(now - row[2]).days for row in rows}
    assert {1, 2} <= days
    low = [row for row in rows if row[0] == "spo2" and row[1] == 83]
    assert len(low) == 1
    # The scale believed that it was 1970, until the gateway that read the first weighing set its
    # clock, and the weighing stands on its own day all the same.
    lost = [row for row in rows if row[3] is not None and row[3].year == 1970]
    assert lost
    assert all(row[0] == "body_weight" for row in lost)
    assert "internet cut" in sim.output()
    assert "internet restored" in sim.output()


@pytest.mark.parametrize("name", files.names())
async def test_every_story_can_be_played_by_radio_homes(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of it is beyond the devices, and what the devices took is what the story says."""
    story = files.load(name)
    first = datetime.now(UTC).date() - timedelta(days=story.days + 400)
    story = story.model_copy(update={"start": story.start or first})
    pace = fit(datetime.now(UTC), story.days, 1e9, story.start)
    log = EmissionLog()
    stage = Stage(story, pace, log, broker=BrokerAddress("127.0.0.1", 9))
    try:
        await stage.start()
        await stage.play(pace)
        told = [each for each in unfold(story, pace.first_day) if each.what is What.MEASURED]
        assert log.counts().taken == len(told)
        assert not [each for each in caplog.records if each.name.startswith("device_sim.scenario")]
    finally:
        await stage.close()


async def test_a_person_is_told_what_a_story_that_has_caught_up_waits_for() -> None:
    story = files.load("sudden-fall")
    pace = fit(datetime.now(UTC), story.days, 1e9, datetime.now(HOME_ZONE).date())
    said: list[str] = []
    stage = Stage(story, pace, EmissionLog(), say=said.append)
    try:
        await stage.start()
        playing = asyncio.create_task(stage.play(pace))
        await asyncio.wait_for(_until(lambda: any("waiting until" in line for line in said)), 30)
        playing.cancel()
    finally:
        await stage.close()


async def _until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - lines that are said, no event
        await asyncio.sleep(0.05)
