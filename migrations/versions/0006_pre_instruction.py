"""Instructions: what the server asked of a home, how often it was sent, and how it ended.

Revision ID: 0006
Revises: 0005
Phase: pre (runs before the code that needs it is deployed; the old code does not notice)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop table instruction")
