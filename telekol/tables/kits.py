"""Kits, gateways and devices, and who had them when.

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


class Kit(SQLModel, table=True):
    """A gateway and its devices, handed out together."""

    __tablename__ = "kit"

    id: str = Field(primary_key=True, sa_type=Text)


class Gateway(SQLModel, table=True):
    """A box in a home that reads devices and sends readings."""

    __tablename__ = "gateway"

    id: str = Field(primary_key=True, sa_type=Text)
    kit_id: str = Field(foreign_key="kit.id", sa_type=Text)
    enrolled_at: datetime = Field(sa_type=TIME)


class KitAssignment(SQLModel, table=True):
    """Who had the kit when."""

    __tablename__ = "kit_assignment"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    kit_id: str = Field(foreign_key="kit.id", sa_type=Text)
    patient_id: UUID = Field(foreign_key="patient.id")
    period: Any = Field(sa_type=TSTZRANGE, nullable=False)


class MeasuringDevice(SQLModel, table=True):
    """A device that measured, as it describes itself."""

    __tablename__ = "device"

    id: int = Field(primary_key=True)
    address: str = Field(sa_type=Text)
    manufacturer: str = Field(sa_type=Text)
    model: str = Field(sa_type=Text)
    serial: str = Field(sa_type=Text)
    first_seen_at: datetime = Field(sa_type=TIME)
