"""The usual level as the system proposes it, and a physician's approval.

Revision ID: 0032
Revises: 0031
Phase: pre (the old code writes no proposal and reads none)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop function approve_reference, refuse_reference")
    # The older schema has no word for a proposal; what a physician approved is a clinic's value.
    op.execute(
        "alter table reference_value drop constraint reference_of_somebody_or_proposed, "
        "drop constraint reference_value_origin_check"
    )
    op.execute("delete from reference_value where origin = 'proposed' and approved_by is null")
    op.execute(
        "update reference_value set origin = 'measured-stable', "
        "set_by = coalesce(set_by, approved_by) where origin = 'proposed'"
    )
    op.execute(
        "alter table reference_value alter column set_by set not null, "
        "drop column evidence, drop column proposed_at, "
        "add constraint reference_value_origin_check check "
        "(origin in ('measured-stable', 'clinic', 'predicted', 'stated'))"
    )
