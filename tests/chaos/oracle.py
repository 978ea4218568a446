"""What the devices emitted, against what the server has. Pure, but for the readers of files.

The oracle is the devices' own log. A reading is known by the device's serial number, quantity and
the device's own time; the numbers that gateways give play no part, so a mistake in them cannot
hide a loss. Gaps are counted from the gateways' own files, not from what the server thinks.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import Connection

from device_sim.demo import report

Life = tuple[str, UUID]
"""A gateway and the life of its outbox."""


def read_emissions(emissions: Path) -> dict[report.Key, str]:
    """Read what the devices took, and when: all of it must arrive, whether on the air yet or not.

    A reading that still lies in its device when the campaign ends is missing too: nobody came for
    it. A half-written last line is passed over.
    """
    found: dict[report.Key, str] = {}
    for event in _taken(emissions):
        device_time = datetime.fromisoformat(event["device_time"])
        found[event["serial"], event["quantity"], device_time] = event["at"]
    return found


def _taken(emissions: Path) -> Iterator[dict[str, Any]]:
    lines = emissions.read_text(encoding="utf-8").splitlines() if emissions.exists() else []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event["event"] == "taken":
            yield event


def stored(connection: Connection[Any]) -> Counter[report.Key]:
    """Count the rows of each reading; batteries are nobody's measurement."""
    rows = connection.execute(
        "select d.serial, o.quantity::text, o.device_time from observation o "
        "join device d on d.id = o.device_id where o.quantity <> 'battery'"
    )
    return Counter((row[0], row[1], row[2]) for row in rows)


def outcome(emissions: Path, connection: Connection[Any]) -> report.Outcome:
    """Hold the devices' log against the table of readings."""
    emitted, counted = read_emissions(emissions), stored(connection)
    rows = sum(counted[key] for key in emitted)
    present = sum(1 for key in emitted if counted[key])
    return report.Outcome(len(emitted), rows, len(emitted) - present, rows - present)


def other_values(emissions: Path, connection: Connection[Any]) -> int:
    """Count readings that are stored with another value than their device took."""
    rows = connection.execute(
        "select d.serial, o.quantity::text, o.device_time, o.value from observation o "
        "join device d on d.id = o.device_id where o.quantity <> 'battery'"
    )
    taken = _values(emissions)
    return sum(
        1
        for serial, quantity, at, value in rows
        if abs(taken.get((serial, quantity, at), value) - value) > 1e-6
    )


def _values(emissions: Path) -> dict[report.Key, float]:
    found: dict[report.Key, float] = {}
    for event in _taken(emissions):
        at = datetime.fromisoformat(event["device_time"])
        found[event["serial"], event["quantity"], at] = float(event["value"])
    return found


def lost_keys(emissions: Path, connection: Connection[Any]) -> list[str]:
    """Name what is missing, for a person who looks for the mistake."""
    counted = stored(connection)
    return [
        f"{serial} {quantity} {at.isoformat()} taken {when}"
        for (serial, quantity, at), when in read_emissions(emissions).items()
        if not counted[serial, quantity, at]
    ]


def doubled_rows(connection: Connection[Any]) -> int:
    """Count rows whose reading has one already, whatever the device: batteries too."""
    row = connection.execute(
        "select count(*) - count(distinct reading_id) from observation"
    ).fetchone()
    assert row is not None
    return int(row[0])


def lives(outbox: Path, gateway: str) -> dict[Life, int]:
    """Read from a gateway's file how many numbers each life of it has given."""
    if not outbox.exists():
        return {}
    with closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True, timeout=10)) as db:
        rows = db.execute("SELECT boot, last_seq FROM life").fetchall()
    return {(gateway, UUID(boot)): int(last) for boot, last in rows}


def waiting(outbox: Path) -> int:
    """Count what a gateway's file still holds for the server: with a number, or before it."""
    if not outbox.exists():
        return 0
    query = (
        "SELECT (SELECT count(*) FROM observation WHERE settled_at IS NULL)"
        " + (SELECT count(*) FROM held_reading WHERE trouble IS NULL)"
    )
    with closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True, timeout=10)) as db:
        return int(db.execute(query).fetchone()[0])


def gaps_open(given: Mapping[Life, int], settled: Mapping[Life, Iterable[range]]) -> int:
    """Count numbers that gateways gave and the server has not settled.

    Examples
    --------
    >>> life = ("gateway-0001", UUID(int=1))
    >>> gaps_open({life: 5}, {life: [range(1, 3), range(4, 5)]})
    2
    """
    missing = 0
    for life, last in given.items():
        have = {number for run in settled.get(life, ()) for number in run}
        missing += sum(number not in have for number in range(1, last + 1))
    return missing


def settled(connection: Connection[Any]) -> dict[Life, list[range]]:
    """Read what the server has settled."""
    found: dict[Life, list[range]] = {}
    rows = connection.execute("select gateway_id, boot, settled from outbox")
    for gateway, boot, runs in rows:
        found[gateway, boot] = [range(run.lower, run.upper) for run in runs]
    return found
