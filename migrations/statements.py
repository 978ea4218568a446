"""Runs a migration's .sql file as it stands.

SQLAlchemy would read ``%`` as a placeholder and ``:name`` as a parameter; psycopg, handed no
parameters, sends the text untouched and runs all of its statements.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection


def run_file(connection: Connection, file: Path) -> None:
    """Run every statement in `file`, in the migration's own transaction."""
    driver: Any = connection.connection.driver_connection
    driver.execute(file.read_text(encoding="utf-8"))
