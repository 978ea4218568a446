"""Organisations, care teams and memberships.

Revision ID: 0010
Revises: 0006
Phase: pre (the old code does not notice)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0010"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop trigger clinician_joins_the_home_team on clinician")
    op.execute("drop function join_home_team")
    op.execute("drop table membership")
    op.execute("alter table team drop column organisation_id, drop column sor_code")
    op.execute("drop table organisation")
