"""One short row for each reading judged; what was in force; findings that name their rule set.

Revision ID: 0031
Revises: 0030
Phase: pre (the old code's findings have none of the new columns, and are read as version 1)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute(
        "alter table finding drop column rule_id, drop column rule_set_id, "
        "drop column basis_id, drop column turn, drop column cause"
    )
    op.execute("drop table judgement, rule_basis")
    op.execute("drop function tell_judged")
