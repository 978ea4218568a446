"""The desk: functions through which clinicians decide about readings, and who may call them.

Revision ID: 0028
Revises: 0025
Phase: pre (nothing that the release before calls is changed)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0028"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_name("0028_back.sql"))
    op.execute("drop view ownerless_reading")
    op.execute("drop trigger attribution_said on attribution_event")
    op.execute("drop trigger validity_said on validity_event")
    op.execute("drop function tell_desk, tell_validity")
    op.execute("drop function settle_validity, settle_reading, decided_readings")
    op.execute("drop function held_history, reading_attribution, held_readings")
    op.execute("drop function has_or_had_kit")
    op.execute("drop function may_see, works_for, asking_clinician")
    op.execute("revoke select on reading_validity, validity_event from telekol_api")
    # Fails while there are others, who must not become nurses: remove them first.
    op.execute("alter table clinician drop constraint clinician_role_check")
    op.execute(
        "alter table clinician add constraint clinician_role_check "
        "check (role in ('nurse', 'physician'))"
    )
