"""Rule sets, who uses which, and what was in force when something was judged.

Rows as objects; the migrations are the truth.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from telekol.tables.columns import QUANTITY, TIME


class StoredRuleSet(SQLModel, table=True):
    """A version of a rule set as it was published; a template until a physician approves it."""

    __tablename__ = "rule_set"

    id: int = Field(primary_key=True)
    name: str = Field(sa_type=Text)
    version: int
    fingerprint: str = Field(sa_type=Text)
    definition: Any = Field(sa_type=JSONB, nullable=False)
    loaded_at: datetime = Field(sa_type=TIME)
    approved_by: str | None = Field(foreign_key="clinician.id", sa_type=Text)
    approved_at: datetime | None = Field(sa_type=TIME)


class RuleSetUse(SQLModel, table=True):
    """Which rule set is used from when: by a team, else by a programme, else by all."""

    __tablename__ = "rule_set_use"

    id: int = Field(primary_key=True)
    rule_set_id: int = Field(foreign_key="rule_set.id")
    programme_id: str | None = Field(foreign_key="programme.id", sa_type=Text)
    team_id: str | None = Field(foreign_key="team.id", sa_type=Text)
    valid_from: datetime = Field(sa_type=TIME)
    set_by: str = Field(sa_type=Text)


class RuleBasis(SQLModel, table=True):
    """What was in force when readings of a patient and quantity were judged."""

    __tablename__ = "rule_basis"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    patient_id: UUID = Field(foreign_key="patient.id")
    quantity: str = Field(sa_type=QUANTITY)
    fingerprint: UUID
    rule_set_id: int | None = Field(foreign_key="rule_set.id")
    approved: bool
    limits: Any = Field(sa_type=JSONB, nullable=False)
    reference: Any = Field(sa_type=JSONB, nullable=False)
    context: Any = Field(sa_type=JSONB, nullable=False)
    made_at: datetime = Field(sa_type=TIME)
