"""A home that gives numbers up backwards stops nobody from seeing gaps.

Revision ID: 0025
Revises: 0024
Phase: pre (the view has the same columns and the same rows)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    """Leave the view: it is the same, but for what stopped it."""
