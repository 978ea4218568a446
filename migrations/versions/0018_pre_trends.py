"""Days of readings for long trends, and the queue of days to compute again.

Revision ID: 0018
Revises: 0017
Phase: pre (the old code's work marks days through triggers and does not notice)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop trigger judged_days_are_computed on judgement_queue")
    op.execute("drop trigger moved_days_are_computed on observation")
    op.execute("drop trigger said_days_are_computed on validity_event")
    op.execute("drop function refresh_trends, queue_judged_days, queue_moved_day, queue_said_day")
    op.execute("drop function local_day, day_begins")
    op.execute("drop table observation_day, trend_queue")
