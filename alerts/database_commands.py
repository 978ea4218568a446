"""How a command of this room reaches the database. Touches the process and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection

from alerts.settings import DatabaseCommandSettings
from telekol.errors import TelekolError
from telekol.settings import load


@contextmanager
def database(name: str) -> Iterator[Connection[Any]]:
    """Connect, each statement by itself; an error of the connection is one message.

    Reads TELEKOL_DATABASE_URL.
    """
    settings = load(DatabaseCommandSettings)
    try:
        with psycopg.connect(
            settings.database_url.get_secret_value(),
            autocommit=True,
            application_name=f"telekol-{name}",
            connect_timeout=5,
        ) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise TelekolError(
            f"cannot reach the database: {str(error).strip()}. "
            "Check TELEKOL_DATABASE_URL and that the server is running."
        ) from None
