"""Readings are judged again when an answer of their day comes.

Revision ID: 0046
Revises: 0045
Phase: pre (the old code judges them again too, and does not look at the answer)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    before = Path(__file__).with_name("0046_pre_answers_beside_readings_down.sql")
    run_file(op.get_bind(), before)
