"""The way to the database. Touches PostgreSQL.

Owns the engine and the two kinds of unit of work; the type of the session says whether it
may write. Knows no HTTP: an endpoint lets the errors pass and `errors` answers them.

Invariants
----------
1. A reading session is one read-only, repeatable-read transaction: all queries of a page see
   the same moment.
2. A writing session commits when its block ends well and at no other time, before the answer
   is sent.
3. A dead connection is found out in seconds and replaced, so the service recovers by itself.
4. No statement's parameters and no row ever reach a log, whatever the level; they hold names.
5. Every transaction says for whom it is (`telekol.clinician`): functions of the database give a
   clinician the readings of their own teams' patients, and nobody else any.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from psycopg import Connection
from sqlalchemy import create_engine, text
from sqlmodel import Session

from clinician_api import asking

CONNECT_TIMEOUT_S: Final = 3
"""A nurse waits this long before the page says that the database is away."""

_CONNECT: Final[dict[str, Any]] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    # A line that went silent without a goodbye: unacknowledged data gives up after 5 s, and an
    # idle connection is probed after 5 s, three times 2 s apart.
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    # No page needs a query this long; one that does must not hold a connection.
    "options": "-c statement_timeout=10000 -c timezone=UTC",
    "application_name": "telekol-api",
}


class ReadSession(Session):
    """A session whose transaction the database has made read-only."""


class WriteSession(Session):
    """A session that may write."""


class Database:
    """The engine, and units of work on it.

    Parameters
    ----------
    url
        The database's address, as postgresql://...
    """

    def __init__(self, url: str) -> None:
        self.url = url
        # At DEBUG it would log every row; set first, because an engine looks only once.
        logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)
        self._engine = create_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1),
            connect_args=_CONNECT,
            pool_pre_ping=True,
            pool_size=5,
            max_overflow=10,
            pool_timeout=5,
            hide_parameters=True,
        )
        self._read_engine = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    @contextmanager
    def reading(self) -> Iterator[ReadSession]:
        """Open a read-only unit of work."""
        with ReadSession(self._read_engine) as session:
            _say_who_asks(session)
            yield session

    @contextmanager
    def writing(self) -> Iterator[WriteSession]:
        """Open a unit of work that commits when the block ends without an error."""
        with WriteSession(self._engine) as session:
            _say_who_asks(session)
            yield session
            session.commit()

    def check(self) -> None:
        """Ask the database for a sign of life, of the schema too."""
        with self.reading() as session:
            session.connection().execute(text("select 1 from triage_case limit 1"))

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()


def _say_who_asks(session: Session) -> None:
    who = asking.clinician.get()
    if who is not None:
        # For this transaction only: the connection goes back to the pool as nobody's.
        told = text("select set_config('telekol.clinician', :who, true)")
        session.connection().execute(told, {"who": who})


def driver_connection(session: WriteSession) -> Connection[Any]:
    """Give the psycopg connection of a unit of work, inside its transaction."""
    connection: Any = session.connection().connection.driver_connection
    assert isinstance(connection, Connection)  # noqa: S101 - the URL names the driver
    return connection
