"""What people do to readings runs in a role of its own, for operators and for the owner.

Revision ID: 0024
Revises: 0023
Phase: pre (who signs in as the owner notices nothing)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_name("0024_back.sql"))
