"""Outbox files as earlier versions of the gateway made them, for upgrades and salvage."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from uuid import UUID

from telekol.observation import Observation
from tests.gateway.conftest import NOW

_VERSION_1 = """
CREATE TABLE life (
    one INTEGER PRIMARY KEY CHECK (one = 1), boot TEXT NOT NULL, last_seq INTEGER NOT NULL
) STRICT;
CREATE TABLE observation (
    boot TEXT NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL UNIQUE, value REAL NOT NULL,
    body TEXT NOT NULL, received_at TEXT NOT NULL, settled_at TEXT, refusal TEXT,
    PRIMARY KEY (boot, seq)
) STRICT;
CREATE INDEX observation_pending ON observation (seq) WHERE settled_at IS NULL;
CREATE INDEX observation_settled ON observation (settled_at) WHERE settled_at IS NOT NULL;
"""
_VERSION_2 = """
CREATE TABLE device_clock (
    address TEXT PRIMARY KEY, eras TEXT NOT NULL, seen_at TEXT NOT NULL
) STRICT;
"""

OLD_BOOT = UUID("00000000-0000-4000-8000-000000000001")
BOOT = UUID("00000000-0000-4000-8000-000000000002")


def make(
    path: Path,
    version: int,
    waiting: Sequence[Observation],
    history: Sequence[Observation] = (),
    of_old_life: Sequence[Observation] = (),
) -> None:
    """Write a file of `version`: history, then what waits; and history of an earlier life."""
    present = [(BOOT, seq, item) for seq, item in enumerate([*history, *waiting], start=1)]
    earlier = [(OLD_BOOT, seq, item) for seq, item in enumerate(of_old_life, start=1)]
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(_VERSION_1 + (_VERSION_2 if version == 2 else ""))
        db.execute("INSERT INTO life VALUES (1, ?, ?)", (str(BOOT), len(present)))
        for boot, seq, item in [*earlier, *present]:
            settled = boot == OLD_BOOT or seq <= len(history)
            db.execute(
                "INSERT INTO observation VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                (
                    *(str(boot), seq, str(item.id), item.value, item.model_dump_json()),
                    NOW.isoformat(timespec="microseconds"),
                    NOW.isoformat(timespec="microseconds") if settled else None,
                ),
            )
        db.execute(f"PRAGMA user_version = {version}")
        db.commit()
