"""Home health: how each gateway is, when it was online, what was wrong, what it acknowledged.

Revision ID: 0002
Revises: 0001
Phase: pre (runs before the code that needs it is deployed; the old code does not notice)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop view technical_trouble")
    op.execute(
        "drop table instruction_acknowledgement, gateway_trouble, gateway_presence, gateway_health"
    )
