"""Limits, templates of limits, and what is usual for a patient.

Rows as objects; the migrations are the truth.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Double, Text
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE
from sqlmodel import Field, SQLModel

from telekol.tables.columns import QUANTITY, TIME


class PatientLimit(SQLModel, table=True):
    """Null is no limit; 0 is a limit."""

    __tablename__ = "patient_limit"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    patient_id: UUID = Field(foreign_key="patient.id")
    quantity: str = Field(sa_type=QUANTITY)
    red_low: float | None = Field(sa_type=Double)
    yellow_low: float | None = Field(sa_type=Double)
    yellow_high: float | None = Field(sa_type=Double)
    red_high: float | None = Field(sa_type=Double)
    valid_from: datetime = Field(sa_type=TIME)
    set_by: str = Field(sa_type=Text)
    approved_by: str | None = Field(foreign_key="clinician.id", sa_type=Text)
    approved_at: datetime | None = Field(sa_type=TIME)


class LimitTemplate(SQLModel, table=True):
    """Limits a programme proposes for a new patient."""

    __tablename__ = "limit_template"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    programme_id: str = Field(foreign_key="programme.id", sa_type=Text)
    quantity: str = Field(sa_type=QUANTITY)
    red_low: float | None = Field(sa_type=Double)
    yellow_low: float | None = Field(sa_type=Double)
    yellow_high: float | None = Field(sa_type=Double)
    red_high: float | None = Field(sa_type=Double)
    period: Any = Field(sa_type=TSTZRANGE, nullable=False)
    approved_by: str | None = Field(foreign_key="clinician.id", sa_type=Text)
    approved_at: datetime | None = Field(sa_type=TIME)


class ReferenceValue(SQLModel, table=True):
    """What is usual for a patient, dated: relative limits are measured from it."""

    __tablename__ = "reference_value"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    patient_id: UUID = Field(foreign_key="patient.id")
    quantity: str = Field(sa_type=QUANTITY)
    value: float = Field(sa_type=Double)
    period: Any = Field(sa_type=TSTZRANGE, nullable=False)
    origin: str = Field(sa_type=Text)
    set_by: str | None = Field(foreign_key="clinician.id", sa_type=Text)
    approved_by: str | None = Field(foreign_key="clinician.id", sa_type=Text)
    approved_at: datetime | None = Field(sa_type=TIME)
    evidence: Any = Field(sa_type=JSONB, nullable=True)
    proposed_at: datetime | None = Field(sa_type=TIME)
