"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Phase: pre or post (say which, and why)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    raise NotImplementedError("write the way back, or say why data does not allow one")
