"""The house: people and kits, readings, findings, cases.

Revision ID: 0001
Revises:
Phase: pre (runs before the code that needs it is deployed)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file
from migrations.timescale import hypertable_if_available

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    "case_event, triage_case, finding, patient_limit, judgement_queue, quarantine, "
    "outbox, observation_identity, device, kit_assignment, gateway, kit, "
    "patient, clinician, team"
)


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))
    hypertable_if_available(op.get_bind(), "observation", "measured_at", "7 days")


def downgrade() -> None:
    # By itself: TimescaleDB refuses to drop a hypertable along with other tables.
    op.execute("drop table observation")
    op.execute(f"drop table {_TABLES}")
    op.execute("drop type quantity, time_confidence, entry")
    op.execute("drop function refuse_change, tell_judgement, tell_finding, tell_case")
