"""Gaps: which numbers of which outbox are missing, since when and why.

Revision ID: 0004
Revises: 0003
Phase: pre (the old code does not notice)
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.statements import run_file

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TROUBLES_OF_0002 = """
create view technical_trouble as
select g.kit_id, t.gateway_id, t.code, t.device,
    case when t.since between '2015-01-01' and t.raised_at then t.since else t.raised_at end
        as since,
    t.detail
from gateway_trouble t
left join gateway g on g.id = t.gateway_id
where t.cleared_at is null
union all
select g.kit_id, h.gateway_id, 'gateway-offline', null, h.online_changed_at, ''
from gateway_health h
left join gateway g on g.id = h.gateway_id
where not h.online
"""


def upgrade() -> None:
    run_file(op.get_bind(), Path(__file__).with_suffix(".sql"))


def downgrade() -> None:
    op.execute("drop view technical_trouble")
    op.execute("drop view gateway_gap")
    op.execute("drop view gap_reason")
    op.execute("drop function missing_numbers, waiting_numbers")
    op.execute("drop table gap_explanation, sequence_gap")
    op.execute(_TROUBLES_OF_0002)
