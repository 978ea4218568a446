"""Indexes under the foreign keys that had none.

Revision ID: 0021
Revises: 0020
Phase: pre (nothing but speed)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop index gateway_of_kit, kit_assignment_of_patient, triage_case_of_patient")
    op.execute("drop index triage_case_of_team, case_event_of_finding, case_event_by_clinician")
    op.execute(
        "drop index attribution_event_from, attribution_event_to, attribution_event_candidate"
    )
    op.execute("drop index attribution_event_undoing, validity_event_of_patient")
    op.execute("drop index plan_item_first_questionnaire")
