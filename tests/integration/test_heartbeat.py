"""A service's heartbeat stops when it cannot get on, and comes back when it can."""

from __future__ import annotations

import time
from pathlib import Path

from telekol.heartbeat import EVERY_S
from tests.support.processes import Broker, Process, telekol, wait_until
from tests.support.proxy import Proxy


def _stops_and_comes_back(file: Path, process: Process, line: Proxy, away: str) -> None:
    wait_until(file.exists, "the first heartbeat")
    line.cut()
    wait_until(lambda: away in process.output(), "the service to notice")
    last = file.stat().st_mtime_ns
    time.sleep(EVERY_S + 1)
    assert file.stat().st_mtime_ns == last
    line.mend()
    wait_until(lambda: file.stat().st_mtime_ns > last, "the heartbeat to come back", 40)


def test_alerts_beats_as_long_as_it_reaches_the_database(
    tmp_path: Path, database_name: str, database_proxy: Proxy
) -> None:
    file = tmp_path / "beat"
    url = f"postgresql://postgres@127.0.0.1:{database_proxy.port}/{database_name}"
    with telekol(
        tmp_path, "alerts", TELEKOL_DATABASE_URL=url, TELEKOL_HEARTBEAT_FILE=str(file)
    ) as process:
        _stops_and_comes_back(file, process, database_proxy, "database away")


def test_ingest_beats_as_long_as_it_has_the_broker(
    tmp_path: Path, database_url: str, broker: Broker, broker_proxy: Proxy
) -> None:
    file = tmp_path / "beat"
    with telekol(
        tmp_path,
        "ingest",
        TELEKOL_DATABASE_URL=database_url,
        TELEKOL_BROKER_URL=f"mqtt://127.0.0.1:{broker_proxy.port}",
        TELEKOL_HEARTBEAT_FILE=str(file),
    ) as process:
        _stops_and_comes_back(file, process, broker_proxy, "broker away")
