"""The TimescaleDB path, kept small and guarded.

The same tables stand with and without the extension; with it, a table of readings becomes a
hypertable. Whether it is there is asked of the server, never configured.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, text

OUTAGE_DAYS: Final = 90
"""Longest outage of a home that we plan for. A home without a line for a summer house's season
keeps 2800 readings a day for a year (docs/decisions/0012); what comes after 90 days is still
stored, only slower, into compressed chunks."""

COMPRESS_AFTER_DAYS: Final = 120
"""A chunk is compressed when its newest reading is this old: the outage and a month for people to
attribute and invalidate, so that both fall on rows that are not compressed."""


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


def is_hypertable(connection: Connection, table: str) -> bool:
    """Say whether `table` is a hypertable here."""
    there = connection.execute(text("select 1 from pg_extension where extname = 'timescaledb'"))
    if there.first() is None:
        return False
    found = connection.execute(
        text("select 1 from timescaledb_information.hypertables where hypertable_name = :table"),
        {"table": table},
    )
    return found.first() is not None


def compress_if_hypertable(connection: Connection, table: str) -> bool:
    """Compress chunks of readings that nothing late is expected for.

    Segments are one patient's readings of one quantity, newest first, as every query asks. No
    retention policy: health records are kept ten years at least, and dropping readings is a
    decision of those who own them (docs/operating.md says how).

    Raises
    ------
    RuntimeError
        On TimescaleDB before 2.19.1: there, rows were dropped without an error (issue 7672).
    """
    if not is_hypertable(connection, table):
        return False
    _require_version(connection)
    driver: Any = connection.connection.driver_connection
    driver.execute(
        f"alter table {table} set (timescaledb.enable_columnstore = true, "
        "timescaledb.segmentby = 'patient_id, quantity', "
        "timescaledb.orderby = 'measured_at desc')"
    )
    driver.execute(
        f"call add_columnstore_policy('{table}', after => interval '{COMPRESS_AFTER_DAYS} days')"
    )
    return True


def decompress_if_hypertable(connection: Connection, table: str) -> bool:
    """Make every chunk rows again, and stop compressing."""
    if not is_hypertable(connection, table):
        return False
    driver: Any = connection.connection.driver_connection
    driver.execute(f"call remove_columnstore_policy('{table}', if_exists => true)")
    # The function, not convert_to_rowstore: a procedure may want a transaction of its own.
    driver.execute(
        "select decompress_chunk(format('%%I.%%I', chunk_schema, chunk_name)::regclass) "
        "from timescaledb_information.chunks where hypertable_name = %s and is_compressed",
        [table],
    )
    driver.execute(f"alter table {table} set (timescaledb.enable_columnstore = false)")
    return True


def _require_version(connection: Connection) -> None:
    found = connection.execute(
        text("select extversion from pg_extension where extname = 'timescaledb'")
    ).scalar_one()
    numbers = tuple(int(part) for part in str(found).split("-")[0].split("."))
    if numbers < (2, 19, 1):
        raise RuntimeError(
            f"expected TimescaleDB 2.19.1 or newer, found {found}: older ones drop rows behind a "
            "conflict in compressed chunks; update the extension, then migrate again"
        )
