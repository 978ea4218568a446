"""The days of judged readings are found by index, whatever the planner thinks of their number.

Revision ID: 0034
Revises: 0033
Phase: pre (the same days are queued)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_name("0034_pre_days_by_index_down.sql"))
