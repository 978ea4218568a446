"""What is asked of a patient, on which days and when.

Rows as objects; the migrations are the truth.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Interval, SmallInteger, Text, Time
from sqlalchemy.dialects.postgresql import TSTZRANGE
from sqlmodel import Field, SQLModel

from telekol.tables.columns import QUANTITY, TIME


class Plan(SQLModel, table=True):
    """What is asked of a patient from one moment to another."""

    __tablename__ = "plan"

    id: UUID = Field(primary_key=True)
    enrolment_id: UUID = Field(foreign_key="enrolment.id")
    period: Any = Field(sa_type=TSTZRANGE, nullable=False)
    intensive_days: int = Field(sa_type=SmallInteger)
    set_by: str = Field(foreign_key="clinician.id", sa_type=Text)
    set_at: datetime = Field(sa_type=TIME)


class PlanItem(SQLModel, table=True):
    """One thing a plan asks for: a quantity, or a questionnaire."""

    __tablename__ = "plan_item"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    plan_id: UUID = Field(foreign_key="plan.id")
    quantity: str | None = Field(sa_type=QUANTITY)
    questionnaire_id: str | None = Field(sa_type=Text)
    required: bool
    questionnaire_first: int | None


class PlanTime(SQLModel, table=True):
    """When an item is due: one weekday and time of day."""

    __tablename__ = "plan_time"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    plan_item_id: int = Field(foreign_key="plan_item.id", sa_type=BigInteger)
    phase: str = Field(sa_type=Text)
    weekday: int = Field(sa_type=SmallInteger)
    due: time = Field(sa_type=Time)
    counts_from: timedelta = Field(sa_type=Interval)
    remind_before: timedelta | None = Field(sa_type=Interval)
