"""Answers to questionnaires are queued for judgement, and a finding names the answers it is about.

Revision ID: 0038
Revises: 0035
Phase: pre (the old code stores answers as before; they wait in the queue for the new)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0038"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("revoke insert on questionnaire from telekol_alerts")
    op.execute("alter table finding drop column answer_id")
    op.execute("drop trigger answers_are_judged on questionnaire_answer")
    op.execute("drop function queue_answer")
    op.execute("drop table answer_queue")
