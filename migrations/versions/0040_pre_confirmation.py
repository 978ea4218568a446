"""Doubtful reds that wait for a second measurement, and how that ended.

Revision ID: 0040
Revises: 0038
Phase: pre (the old code raises every red at once, as before)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0040"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop table confirmation")
