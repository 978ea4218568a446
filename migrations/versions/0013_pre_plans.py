"""Plans: what is asked of a patient, on which days and when.

Revision ID: 0013
Revises: 0012
Phase: pre (the old code does not notice)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop table plan_time, plan_item, plan")
