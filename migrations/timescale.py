"""The TimescaleDB path, kept small and guarded.

The same tables stand with and without the extension; with it, a table of readings becomes a
hypertable. Whether it is there is asked of the server, never configured.

What holds for a hypertable and for no other table, and why nothing here stumbles over it:

- A unique key must contain the partition time, and is kept on compressed chunks by unpacking
  them: readings have none, their identity is in a plain table (docs/decisions/0004), so what comes
  late is added without unpacking anything.
- Rows are unpacked to be changed, a hundred thousand in one statement at most
  (timescaledb.max_tuples_decompressed_per_dml_transaction): we change one reading at a time, named
  by the segment's columns and its time, and unpack a thousand.
- No trigger with transition tables and no AFTER INSERT row trigger on a compressed table: readings
  have row triggers of update and delete only.
- Rights are copied to each chunk and row security is not (timescaledb issue 7830): who may not read
  the table may read no chunk, and the api reads through functions.
- A column that is added to a compressed table must be nullable, or have a constant as its default.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from sqlalchemy import Connection, text

from telekol.errors import DatabaseSchemaError

log = logging.getLogger(__name__)

AT_LEAST: Final = (2, 19, 1)
"""Older ones end an INSERT at its first conflict in a compressed chunk and drop the rows behind it
without an error (timescaledb issue 7672)."""

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

    Raises
    ------
    DatabaseSchemaError
        If the extension is too old.
    """
    if not is_available(connection):
        return False
    connection.execute(text("create extension if not exists timescaledb"))
    _require_version(connection)
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

    The Apache edition, as distributions ship it, cannot compress: said, and left out.

    Raises
    ------
    DatabaseSchemaError
        If the extension is too old.
    """
    if not is_hypertable(connection, table):
        return False
    _require_version(connection)
    licence = connection.execute(text("select current_setting('timescaledb.license', true)"))
    if licence.scalar_one() == "apache":
        log.warning(
            "readings are not compressed: this is TimescaleDB's Apache edition, and compressing "
            "is in the community edition (timescaledb.license)"
        )
        return False
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
    if not is_hypertable(connection, table) or not _is_compressing(connection, table):
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


def _is_compressing(connection: Connection, table: str) -> bool:
    found = connection.execute(
        text(
            "select compression_enabled from timescaledb_information.hypertables "
            "where hypertable_name = :table"
        ),
        {"table": table},
    )
    return bool(found.scalar_one())


def version(connection: Connection) -> str | None:
    """Give the extension's version in this database; None without it."""
    found = connection.execute(
        text("select extversion from pg_extension where extname = 'timescaledb'")
    ).scalar_one_or_none()
    return None if found is None else str(found)


def is_new_enough(version: str) -> bool:
    """Say whether rows are safe in this version's compressed chunks.

    Examples
    --------
    >>> is_new_enough("2.19.0"), is_new_enough("2.19.1"), is_new_enough("2.20.0-dev")
    (False, True, True)
    """
    numbers = version.partition("-")[0].split(".")
    return tuple(int(part) for part in numbers) >= AT_LEAST


def _require_version(connection: Connection) -> None:
    found = version(connection)
    if found is None or not is_new_enough(found):
        least = ".".join(map(str, AT_LEAST))
        raise DatabaseSchemaError(
            f"expected TimescaleDB {least} or newer, found {found}: older ones drop rows behind a "
            "conflict in compressed chunks. Install a newer one, run in this database, first of "
            "all in a new session, `alter extension timescaledb update`, and migrate again"
        )
