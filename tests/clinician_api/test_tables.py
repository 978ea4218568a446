"""Every column that telekol.tables names is in the migrated database, as it says."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, inspect
from sqlalchemy.dialects import postgresql
from sqlmodel import SQLModel

import telekol.tables  # noqa: F401 - registers the tables

TABLES = sorted(SQLModel.metadata.tables)


def test_the_tables_are_known():
    assert {"finding", "triage_case", "observation", "patient"} <= set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_agrees_with_the_migrated_database(name, database_url):
    dialect = postgresql.dialect()
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        found = inspect(engine).get_columns(name)
    finally:
        engine.dispose()
    in_database = {
        column["name"]: (column["type"].compile(dialect), column["nullable"]) for column in found
    }
    named = {
        column.name: (column.type.compile(dialect), column.nullable)
        for column in SQLModel.metadata.tables[name].columns
    }
    assert named == in_database
