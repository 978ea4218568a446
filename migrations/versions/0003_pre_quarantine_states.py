"""Quarantine: what became of an entry, and who said so.

Revision ID: 0003
Revises: 0002
Phase: pre (the old code goes on inserting entries; they begin open)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop view quarantine_open")
    op.execute("drop table quarantine_event")
    op.execute("drop trigger quarantine_is_kept on quarantine")
    op.execute("drop trigger quarantine_is_not_emptied on quarantine")
    op.execute("drop function keep_quarantine")
    op.execute("drop index quarantine_waiting, quarantine_given_up")
    op.execute(
        "alter table quarantine drop column state, drop column tries, drop column tried_at, "
        "drop column resolved_at, drop column resolved_by, drop column outcome"
    )
