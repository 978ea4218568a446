"""Comments on the tables and columns of the migrations before 0010 that had none.

Revision ID: 0020
Revises: 0019
Phase: pre (nothing but words)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    """Leave the words: they are true of the older schema as well."""
