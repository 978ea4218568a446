"""Who saw or changed what about whom, and why.

Revision ID: 0017
Revises: 0016
Phase: pre (the old code does not notice)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop table access_log")
