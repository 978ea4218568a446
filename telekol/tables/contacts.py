"""Messages, calls and visits.

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


class Message(SQLModel, table=True):
    """What patient and team write to each other, and notes of the team about a patient."""

    __tablename__ = "message"

    id: UUID = Field(primary_key=True)
    patient_id: UUID = Field(foreign_key="patient.id")
    thread_id: UUID = Field(foreign_key="message.id")
    in_reply_to: UUID | None = Field(foreign_key="message.id")
    kind: str = Field(sa_type=Text)
    clinician_id: str | None = Field(foreign_key="clinician.id", sa_type=Text)
    team_id: str | None = Field(foreign_key="team.id", sa_type=Text)
    body: str = Field(sa_type=Text)
    sent_at: datetime = Field(sa_type=TIME)


class MessageRead(SQLModel, table=True):
    """Who has read a message, and when first."""

    __tablename__ = "message_read"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    message_id: UUID = Field(foreign_key="message.id")
    clinician_id: str | None = Field(foreign_key="clinician.id", sa_type=Text)
    read_at: datetime = Field(sa_type=TIME)


class Contact(SQLModel, table=True):
    """Calls, visits and video meetings between a team and a patient."""

    __tablename__ = "contact"

    id: UUID = Field(primary_key=True)
    patient_id: UUID = Field(foreign_key="patient.id")
    clinician_id: str = Field(foreign_key="clinician.id", sa_type=Text)
    case_id: UUID | None = Field(foreign_key="triage_case.id")
    kind: str = Field(sa_type=Text)
    planned_at: datetime | None = Field(sa_type=TIME)
    period: Any = Field(sa_type=TSTZRANGE, nullable=True)
    outcome: str | None = Field(sa_type=Text)
    note: str | None = Field(sa_type=Text)
    registered_at: datetime = Field(sa_type=TIME)
