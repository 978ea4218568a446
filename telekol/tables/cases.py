"""Findings, the cases people work on, and the jobs that look for both.

Rows as objects; the migrations are the truth.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Double, SmallInteger, Text, Uuid
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
    rule_id: str | None = Field(sa_type=Text)
    rule_set_id: int | None
    basis_id: int | None = Field(sa_type=BigInteger)
    turn: int | None = Field(sa_type=SmallInteger)
    cause: str | None = Field(sa_type=Text)
    answer_id: UUID | None = Field(foreign_key="questionnaire_answer.id")


class Judgement(SQLModel, table=True):
    """What the rules said of one reading, in one short row, green as well."""

    __tablename__ = "judgement"

    measured_at: datetime = Field(primary_key=True, sa_type=TIME)
    judged_at: datetime = Field(sa_type=TIME)
    window_hash: int = Field(sa_type=BigInteger)
    basis_id: int = Field(sa_type=BigInteger)
    patient_id: UUID = Field(primary_key=True)
    reading_id: UUID = Field(primary_key=True)
    before_id: UUID | None
    beside_id: UUID | None
    quantity: str = Field(primary_key=True, sa_type=QUANTITY)
    turn: int = Field(primary_key=True, sa_type=SmallInteger)
    before_turn: int | None = Field(sa_type=SmallInteger)
    beside_turn: int | None = Field(sa_type=SmallInteger)
    late: bool
    severity: str | None = Field(sa_type=Text)
    outcomes: str = Field(sa_type=Text)
    cause: str | None = Field(sa_type=Text)
    reading_ids: list[UUID] | None = Field(sa_type=ARRAY(Uuid))


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


class ClockJob(SQLModel, table=True):
    """Up to when each of the jobs that the clock drives has looked."""

    __tablename__ = "clock_job"

    name: str = Field(primary_key=True, sa_type=Text)
    looked_to: datetime = Field(sa_type=TIME)
    ended_at: datetime = Field(sa_type=TIME)
    summary: Any = Field(sa_type=JSONB, nullable=False)


class Confirmation(SQLModel, table=True):
    """A doubtful red that waits for a second measurement, or how that ended."""

    __tablename__ = "confirmation"

    finding_id: UUID = Field(primary_key=True, foreign_key="finding.id")
    patient_id: UUID = Field(foreign_key="patient.id")
    quantity: str = Field(sa_type=QUANTITY)
    reading_id: UUID
    measured_at: datetime = Field(sa_type=TIME)
    gateway_id: str = Field(foreign_key="gateway.id", sa_type=Text)
    instruction_id: UUID = Field(foreign_key="instruction.id")
    doubt: str = Field(sa_type=Text)
    asked_at: datetime = Field(sa_type=TIME)
    until: datetime = Field(sa_type=TIME)
    outcome: str | None = Field(sa_type=Text)
    second_reading_id: UUID | None
    ended_at: datetime | None = Field(sa_type=TIME)
