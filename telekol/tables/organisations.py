"""Organisations, care teams, and the people who work there.

Rows as objects; the migrations are the truth.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Text
from sqlalchemy.dialects.postgresql import TSTZRANGE
from sqlmodel import Field, SQLModel


class Organisation(SQLModel, table=True):
    """A party of the care."""

    __tablename__ = "organisation"

    id: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    part_of: str | None = Field(foreign_key="organisation.id", sa_type=Text)
    sor_code: str | None = Field(sa_type=Text)
    provider_number: str | None = Field(sa_type=Text)
    period: Any = Field(sa_type=TSTZRANGE, nullable=False)


class Team(SQLModel, table=True):
    """Who a case belongs to: a municipality's acute team or a hospital's lung clinic."""

    __tablename__ = "team"

    id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    organisation_id: str | None = Field(foreign_key="organisation.id", sa_type=Text)
    sor_code: str | None = Field(sa_type=Text)


class Clinician(SQLModel, table=True):
    """A person who works with the board, with the home team and role."""

    __tablename__ = "clinician"

    id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    team_id: str = Field(foreign_key="team.id", sa_type=Text)
    role: str = Field(sa_type=Text)


class Membership(SQLModel, table=True):
    """Who works in which team, as what and when."""

    __tablename__ = "membership"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    clinician_id: str = Field(foreign_key="clinician.id", sa_type=Text)
    team_id: str = Field(foreign_key="team.id", sa_type=Text)
    role: str = Field(sa_type=Text)
    period: Any = Field(sa_type=TSTZRANGE, nullable=False)
    granted_by: str | None = Field(foreign_key="clinician.id", sa_type=Text)
