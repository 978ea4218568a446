"""The invented patients of a simulated home can be put into any migrated database, twice."""

from __future__ import annotations

import os
import subprocess
import sys

from psycopg import Connection
from psycopg.rows import TupleRow


def _seed(url: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "device_sim.demo.seed", "--homes", "2"],
        env={**os.environ, "TELEKOL_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_homes_are_put_in_once(database_url: str, connection: Connection[TupleRow]) -> None:
    assert "2 of 2 homes were new" in _seed(database_url)
    assert "0 of 2 homes were new" in _seed(database_url)
    gateways = connection.execute("select id from gateway order by id").fetchall()
    assert gateways == [("gateway-0001",), ("gateway-0002",)]
