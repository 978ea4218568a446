"""What ingest does for every live message, made cheaper.

Revision ID: 0045
Revises: 0040
Phase: pre (nothing but speed; code of before runs on it)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0045"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop index kit_assignment_of_kit")
    op.execute("alter table outbox reset (fillfactor)")
    op.execute(
        "alter table judgement_queue add constraint judgement_queue_patient_id_fkey "
        "foreign key (patient_id) references patient"
    )
