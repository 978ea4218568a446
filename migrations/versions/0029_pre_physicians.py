"""What physicians decide of one patient: what is usual, and limits.

Revision ID: 0029
Revises: 0028
Phase: pre (functions that the release before does not call)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop function set_limits, set_reference, settle_reference")
    op.execute("drop function must_be_physician_of")
