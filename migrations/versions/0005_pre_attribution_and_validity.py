"""Attribution and validity: who said whose a reading is, and whether it holds.

Revision ID: 0005
Revises: 0004
Phase: pre (the old code inserts readings and queue rows as before; it updates none)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop view reading_validity, unattributed_reading")
    op.execute(
        "drop function attribute_reading, refuse_reading, undo_attribution, "
        "invalidate_reading, reinstate_reading, place_reading, judge_again, said_invalid"
    )
    op.execute("drop trigger observation_is_immutable on observation")
    op.execute("drop trigger observation_is_kept on observation")
    op.execute("drop function keep_observation")
    op.execute("drop table withdrawn_reading, validity_event, attribution_event")
    op.execute("alter table judgement_queue drop column cause, drop column quantity")
