"""Approval of limits, templates of limits, reference values.

Revision ID: 0014
Revises: 0013
Phase: pre (the old code does not notice)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop table reference_value, limit_template")
    op.execute("alter table patient_limit drop column approved_by, drop column approved_at")
