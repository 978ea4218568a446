"""Days of readings for long trends.

Rows as objects; the migrations are the truth.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Date, Double
from sqlmodel import Field, SQLModel

from telekol.tables.columns import QUANTITY, TIME


class ObservationDay(SQLModel, table=True):
    """One patient's readings of one quantity on one local day, for trends over months."""

    __tablename__ = "observation_day"

    patient_id: UUID = Field(primary_key=True, foreign_key="patient.id")
    quantity: str = Field(primary_key=True, sa_type=QUANTITY)
    day: date = Field(primary_key=True, sa_type=Date)
    median: float = Field(sa_type=Double)
    lowest: float = Field(sa_type=Double)
    highest: float = Field(sa_type=Double)
    count: int
    computed_at: datetime = Field(sa_type=TIME)


class TrendQueue(SQLModel, table=True):
    """Days that must be computed again; one row for each change."""

    __tablename__ = "trend_queue"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    patient_id: UUID
    quantity: str = Field(sa_type=QUANTITY)
    day: date = Field(sa_type=Date)
