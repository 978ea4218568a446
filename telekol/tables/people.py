"""Patients, and their civil registration numbers, sealed.

Rows as objects; the migrations are the truth.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary, Text
from sqlmodel import Field, SQLModel

from telekol.tables.columns import TIME


class Patient(SQLModel, table=True):
    """A person who is monitored."""

    __tablename__ = "patient"

    id: UUID = Field(primary_key=True)
    name: str = Field(sa_type=Text)
    team_id: str = Field(foreign_key="team.id", sa_type=Text)
    registered_at: datetime = Field(sa_type=TIME)


class CivilRegistration(SQLModel, table=True):
    """The civil registration number of each patient."""

    __tablename__ = "civil_registration"

    patient_id: UUID = Field(primary_key=True, foreign_key="patient.id")
    key_id: str = Field(sa_type=Text)
    sealed: bytes = Field(sa_type=LargeBinary)
    find_key_id: str = Field(sa_type=Text)
    find_hash: bytes = Field(sa_type=LargeBinary)
    sealed_at: datetime = Field(sa_type=TIME)
