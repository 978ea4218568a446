"""What is judged again says since when: later readings within the rules' reach follow from it.

Revision ID: 0033
Revises: 0032
Phase: pre (the old code finds the newest reading within the times as it did before)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    before = Path(__file__).with_name("0033_pre_reach_down.sql")
    run_file(op.get_bind(), before)
