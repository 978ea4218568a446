"""Readings older than any outage we accept are compressed, where TimescaleDB is.

Revision ID: 0022
Revises: 0021
Phase: pre (what is read and written is the same; nothing happens on plain PostgreSQL)
"""

from __future__ import annotations

from alembic import op

from migrations import timescale

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    timescale.compress_if_hypertable(op.get_bind(), "observation")


def downgrade() -> None:
    timescale.decompress_if_hypertable(op.get_bind(), "observation")
