"""Questionnaires and their answers.

Revision ID: 0015
Revises: 0014
Phase: pre (the old code does not notice)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("alter table plan_item drop column questionnaire_first")
    op.execute("drop table questionnaire_answer, questionnaire")
