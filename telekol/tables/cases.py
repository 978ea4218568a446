"""Findings, and the cases people work on.

Rows as objects; the migrations are the truth.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Double, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from telekol.tables.columns import QUANTITY, TIME


class JudgementQueue(SQLModel, table=True):
    """Readings that wait to be judged, one row for what one transaction stored of one patient."""

    __tablename__ = "judgement_queue"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    patient_id: UUID
    reading_ids: list[UUID] = Field(sa_type=ARRAY(Uuid))
    measured_from: datetime = Field(sa_type=TIME)
    measured_to: datetime = Field(sa_type=TIME)
    enqueued_at: datetime = Field(sa_type=TIME)
    cause: str | None = Field(sa_type=Text)
    quantity: str | None = Field(sa_type=QUANTITY)


class Finding(SQLModel, table=True):
    """What a rule said of a reading, with all that is needed to say it again."""

    __tablename__ = "finding"

    id: UUID = Field(primary_key=True)
    patient_id: UUID = Field(foreign_key="patient.id")
    channel: str = Field(sa_type=Text)
    rule: str = Field(sa_type=Text)
    rule_version: int
    result: str = Field(sa_type=Text)
    severity: str = Field(sa_type=Text)
    score: float | None = Field(sa_type=Double)
    quantity: str | None = Field(sa_type=QUANTITY)
    measured_at: datetime = Field(sa_type=TIME)
    late: bool
    reading_ids: list[UUID] = Field(sa_type=ARRAY(Uuid))
    limits: Any = Field(sa_type=JSONB, nullable=False)
    evidence: Any = Field(sa_type=JSONB, nullable=False)
    reason_da: str = Field(sa_type=Text)
    reason_en: str = Field(sa_type=Text)
    found_at: datetime = Field(sa_type=TIME)


class TriageCase(SQLModel, table=True):
    """Work for people."""

    __tablename__ = "triage_case"

    id: UUID = Field(primary_key=True)
    patient_id: UUID = Field(foreign_key="patient.id")
    channel: str = Field(sa_type=Text)
    team_id: str = Field(foreign_key="team.id", sa_type=Text)
    state: str = Field(sa_type=Text)
    severity: str = Field(sa_type=Text)
    reason_da: str = Field(sa_type=Text)
    reason_en: str = Field(sa_type=Text)
    opened_at: datetime = Field(sa_type=TIME)
    changed_at: datetime = Field(sa_type=TIME)
    version: int


class CaseEvent(SQLModel, table=True):
    """What happened to a case, in order; triage_case is its fold."""

    __tablename__ = "case_event"

    case_id: UUID = Field(primary_key=True, foreign_key="triage_case.id")
    version: int = Field(primary_key=True)
    at: datetime = Field(sa_type=TIME)
    kind: str = Field(sa_type=Text)
    about: str | None = Field(sa_type=Text)
    severity: str | None = Field(sa_type=Text)
    score: float | None = Field(sa_type=Double)
    finding_id: UUID | None = Field(foreign_key="finding.id")
    clinician_id: str | None = Field(foreign_key="clinician.id", sa_type=Text)
