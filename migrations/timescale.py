"""The TimescaleDB path, kept small and guarded.

The same tables stand with and without the extension; with it, a table of readings becomes a
hypertable. Whether it is there is asked of the server, never configured.
"""

from __future__ import annotations

from sqlalchemy import Connection, text


def is_available(connection: Connection) -> bool:
    """Say whether this server can load the timescaledb extension."""
    found = connection.execute(
        text("select 1 from pg_available_extensions where name = 'timescaledb'")
    )
    return found.first() is not None


def hypertable_if_available(
    connection: Connection, table: str, time_column: str, chunk: str
) -> bool:
    """Make an empty table a hypertable when the server has TimescaleDB.

    Parameters
    ----------
    table, time_column
        Names from our own migrations.
    chunk
        Time that one chunk spans, as a PostgreSQL interval.

    Returns
    -------
    bool
        Whether it is a hypertable now.
    """
    if not is_available(connection):
        return False
    connection.execute(text("create extension if not exists timescaledb"))
    # No default index: the table has the ones its queries need, the same in both worlds.
    connection.execute(
        text(
            "select create_hypertable(cast(:table as regclass), "
            "by_range(cast(:time_column as name), cast(:chunk as interval)), "
            "create_default_indexes => false)"
        ),
        {"table": table, "time_column": time_column, "chunk": chunk},
    )
    return True
