"""The database's history: Alembic migrations, written as SQL that can be reviewed as SQL.

Each migration is numbered, says its phase (``pre`` runs before the new code is deployed,
``post`` after) and has its statements in a .sql file of the same name. Imports telekol only.
"""
