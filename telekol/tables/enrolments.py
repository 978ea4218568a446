"""Programmes, and who is in them when.

Rows as objects; the migrations are the truth.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlalchemy.dialects.postgresql import TSTZRANGE
from sqlmodel import Field, SQLModel

from telekol.tables.columns import TIME


class Programme(SQLModel, table=True):
    """What a patient can be enrolled in, as a region's Tele-KOL."""

    __tablename__ = "programme"

    id: str = Field(primary_key=True, sa_type=Text)
    name_da: str = Field(sa_type=Text)
    name_en: str = Field(sa_type=Text)
    organisation_id: str | None = Field(foreign_key="organisation.id", sa_type=Text)


class Enrolment(SQLModel, table=True):
    """When a patient is in a programme, who referred, who treats and who watches the readings."""

    __tablename__ = "enrolment"

    id: UUID = Field(primary_key=True)
    patient_id: UUID = Field(foreign_key="patient.id")
    programme_id: str = Field(foreign_key="programme.id", sa_type=Text)
    period: Any = Field(sa_type=TSTZRANGE, nullable=False)
    referred_by: str | None = Field(foreign_key="organisation.id", sa_type=Text)
    treated_by: str | None = Field(foreign_key="organisation.id", sa_type=Text)
    team_id: str = Field(foreign_key="team.id", sa_type=Text)
    consent_at: datetime | None = Field(sa_type=TIME)
    consent_withdrawn_at: datetime | None = Field(sa_type=TIME)
    ended_because: str | None = Field(sa_type=Text)
    registered_at: datetime = Field(sa_type=TIME)


class EnrolmentPause(SQLModel, table=True):
    """Times in which nothing is asked of a patient, as during an admission."""

    __tablename__ = "enrolment_pause"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    enrolment_id: UUID = Field(foreign_key="enrolment.id")
    period: Any = Field(sa_type=TSTZRANGE, nullable=False)
    reason: str = Field(sa_type=Text)
    set_by: str | None = Field(foreign_key="clinician.id", sa_type=Text)
