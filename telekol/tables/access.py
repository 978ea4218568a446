"""Who saw or changed what about whom.

Rows as objects; the migrations are the truth.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

from telekol.tables.columns import TIME


class AccessLog(SQLModel, table=True):
    """Who looked at or changed what about whom, when and why."""

    __tablename__ = "access_log"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    at: datetime = Field(sa_type=TIME)
    system: str = Field(sa_type=Text)
    correlation: UUID
    clinician_id: str | None = Field(sa_type=Text)
    on_behalf_of: str | None = Field(sa_type=Text)
    role: str | None = Field(sa_type=Text)
    organisation_id: str | None = Field(sa_type=Text)
    patient_id: UUID | None
    activity: str = Field(sa_type=Text)
    object: str | None = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    emergency: bool
    allowed: bool
