"""Queue the days of readings that were stored before there were trends.

Revision ID: 0023
Revises: 0022
Phase: post (after the code that computes days is deployed)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    """Leave the queue: its rows are days to compute, whoever asked for them."""
