"""Alembic's entry: runs migrations on the connection it is handed.

Touches the database. A migration runs in one transaction under an advisory lock, so two
services that start at once on an empty database do not build it twice.
"""

from __future__ import annotations

from typing import Final

from alembic import context
from sqlalchemy import Connection, create_engine, text

from migrations.settings import MigrateSettings, sqlalchemy_url
from telekol.settings import load

_LOCK: Final = 4_711_001
"""Number of the advisory lock; any constant that nothing else here uses."""


def _run(connection: Connection) -> None:
    context.configure(connection=connection)
    with context.begin_transaction():
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        context.run_migrations()


def _main() -> None:
    handed: Connection | None = context.config.attributes.get("connection")
    if handed is not None:
        _run(handed)
        return
    engine = create_engine(sqlalchemy_url(load(MigrateSettings)))
    with engine.begin() as connection:
        _run(connection)
    engine.dispose()


_main()
