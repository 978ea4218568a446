"""Rule sets as they were published, which programme or team uses which, and who approved them.

Revision ID: 0030
Revises: 0029
Phase: pre (the old code knows no rule set and does not notice)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop table rule_set_use, rule_set")
    op.execute("drop function approve_rule_set, keep_rule_set")
