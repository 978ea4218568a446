"""Roles of the services, and the function through which the api reaches readings.

Revision ID: 0019
Revises: 0018
Phase: pre (services that sign in as the owner notice nothing)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_ROLES = "telekol_ingest, telekol_alerts, telekol_api, telekol_readings"


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop function patient_readings")
    # Their rights in this database only: other databases of the server may have them too, and so
    # the roles themselves stay.
    for what in ("tables", "functions"):
        op.execute(f"revoke all on all {what} in schema public from {_ROLES}")
