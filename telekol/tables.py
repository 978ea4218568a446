"""The tables that are read as rows of objects, in SQLModel.

Owns the Python names of what migrations/ has built. The migrations are the truth: nothing is
created from here, and tests/clinician_api/test_tables.py holds every column to the migrated
database. Must not be imported by gateway/: a home has no server library.

Invariants
----------
1. These classes say what a row looks like, never what it means; constraints and triggers
   stand in the migrations alone.
2. ``finding`` and ``case_event`` are append-only in the database; treat the objects so too.

What else changes with it: the migrations.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, Double, SmallInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import ENUM, JSONB
from sqlmodel import Field, SQLModel

from telekol.observation import Entry, TimeConfidence
from telekol.quantities import Quantity

_TIME: Final = DateTime(timezone=True)


def _words(kind: type[StrEnum], name: str) -> ENUM:
    """Name an enumeration of the database; its values are our words, as plain text."""
    return ENUM(*(word.value for word in kind), name=name, create_type=False)


_QUANTITY: Final = _words(Quantity, "quantity")


class Team(SQLModel, table=True):
    """Who a case belongs to: a municipality's acute team or a hospital's lung clinic."""

    __tablename__ = "team"

    id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)


class Clinician(SQLModel, table=True):
    """A person who works with the board."""

    __tablename__ = "clinician"

    id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    team_id: str = Field(foreign_key="team.id", sa_type=Text)
    role: str = Field(sa_type=Text)


class Patient(SQLModel, table=True):
    """A person who is monitored; the id is random and the only thing that leaves in URLs."""

    __tablename__ = "patient"

    id: UUID = Field(primary_key=True)
    name: str = Field(sa_type=Text)
    team_id: str = Field(foreign_key="team.id", sa_type=Text)
    registered_at: datetime = Field(sa_type=_TIME)


class MeasuringDevice(SQLModel, table=True):
    """The device that measured, as it describes itself."""

    __tablename__ = "device"

    id: int = Field(primary_key=True)
    address: str = Field(sa_type=Text)
    manufacturer: str = Field(sa_type=Text)
    model: str = Field(sa_type=Text)
    serial: str = Field(sa_type=Text)
    first_seen_at: datetime = Field(sa_type=_TIME)


class StoredObservation(SQLModel, table=True):
    """One reading. The database has no primary key here: a reading is one row by its identity."""

    __tablename__ = "observation"

    measured_at: datetime = Field(sa_type=_TIME)
    received_at: datetime = Field(sa_type=_TIME)
    stored_at: datetime = Field(sa_type=_TIME)
    device_time: datetime | None = Field(sa_type=DateTime)
    seq: int = Field(sa_type=BigInteger)
    value: float = Field(sa_type=Double)
    reading_id: UUID = Field(primary_key=True)
    patient_id: UUID | None
    device_id: int
    outbox_id: int
    quantity: str = Field(sa_type=_QUANTITY)
    time_confidence: str = Field(sa_type=_words(TimeConfidence, "time_confidence"))
    entered: str = Field(sa_type=_words(Entry, "entry"))
    quality: list[str] | None = Field(sa_type=ARRAY(Text))
    user_index: int | None = Field(sa_type=SmallInteger)


class PatientLimit(SQLModel, table=True):
    """The limits of one quantity from ``valid_from``; None is no limit, 0 is one."""

    __tablename__ = "patient_limit"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    patient_id: UUID = Field(foreign_key="patient.id")
    quantity: str = Field(sa_type=_QUANTITY)
    red_low: float | None = Field(sa_type=Double)
    yellow_low: float | None = Field(sa_type=Double)
    yellow_high: float | None = Field(sa_type=Double)
    red_high: float | None = Field(sa_type=Double)
    valid_from: datetime = Field(sa_type=_TIME)
    set_by: str = Field(sa_type=Text)


class Finding(SQLModel, table=True):
    """What a rule said of a reading, with everything needed to say it again."""

    __tablename__ = "finding"

    id: UUID = Field(primary_key=True)
    patient_id: UUID = Field(foreign_key="patient.id")
    channel: str = Field(sa_type=Text)
    rule: str = Field(sa_type=Text)
    rule_version: int
    result: str = Field(sa_type=Text)
    severity: str = Field(sa_type=Text)
    score: float | None = Field(sa_type=Double)
    quantity: str | None = Field(sa_type=_QUANTITY)
    measured_at: datetime = Field(sa_type=_TIME)
    late: bool
    reading_ids: list[UUID] = Field(sa_type=ARRAY(Uuid))
    limits: Any = Field(sa_type=JSONB, nullable=False)
    evidence: Any = Field(sa_type=JSONB, nullable=False)
    reason_da: str = Field(sa_type=Text)
    reason_en: str = Field(sa_type=Text)
    found_at: datetime = Field(sa_type=_TIME)


class TriageCase(SQLModel, table=True):
    """A piece of work, folded from its events."""

    __tablename__ = "triage_case"

    id: UUID = Field(primary_key=True)
    patient_id: UUID = Field(foreign_key="patient.id")
    channel: str = Field(sa_type=Text)
    team_id: str = Field(foreign_key="team.id", sa_type=Text)
    state: str = Field(sa_type=Text)
    severity: str = Field(sa_type=Text)
    reason_da: str = Field(sa_type=Text)
    reason_en: str = Field(sa_type=Text)
    opened_at: datetime = Field(sa_type=_TIME)
    changed_at: datetime = Field(sa_type=_TIME)
    version: int


class CaseEvent(SQLModel, table=True):
    """One thing that happened to a case."""

    __tablename__ = "case_event"

    case_id: UUID = Field(primary_key=True, foreign_key="triage_case.id")
    version: int = Field(primary_key=True)
    at: datetime = Field(sa_type=_TIME)
    kind: str = Field(sa_type=Text)
    about: str | None = Field(sa_type=Text)
    severity: str | None = Field(sa_type=Text)
    score: float | None = Field(sa_type=Double)
    finding_id: UUID | None = Field(foreign_key="finding.id")
    clinician_id: str | None = Field(foreign_key="clinician.id", sa_type=Text)


class GatewayHealth(SQLModel, table=True):
    """The newest word of a gateway; life, connection and report order its messages."""

    __tablename__ = "gateway_health"

    gateway_id: str = Field(primary_key=True, sa_type=Text)
    life: UUID
    connection: int = Field(sa_type=BigInteger)
    report: int = Field(sa_type=BigInteger)
    online: bool
    online_changed_at: datetime = Field(sa_type=_TIME)
    heard_at: datetime = Field(sa_type=_TIME)
    message: Any = Field(sa_type=JSONB, nullable=True)


class GatewayPresence(SQLModel, table=True):
    """When a gateway came or went."""

    __tablename__ = "gateway_presence"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    gateway_id: str = Field(sa_type=Text)
    online: bool
    changed_at: datetime = Field(sa_type=_TIME)


class GatewayTrouble(SQLModel, table=True):
    """A technical trouble of a home; its words are in telekol.troubles."""

    __tablename__ = "gateway_trouble"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    gateway_id: str = Field(sa_type=Text)
    code: str = Field(sa_type=Text)
    device: str | None = Field(sa_type=Text)
    since: datetime = Field(sa_type=_TIME)
    raised_at: datetime = Field(sa_type=_TIME)
    cleared_at: datetime | None = Field(sa_type=_TIME)
    detail: str = Field(sa_type=Text)


class InstructionAcknowledgement(SQLModel, table=True):
    """What a gateway said of an instruction."""

    __tablename__ = "instruction_acknowledgement"

    gateway_id: str = Field(primary_key=True, sa_type=Text)
    instruction: UUID = Field(primary_key=True)
    state: str = Field(primary_key=True, sa_type=Text)
    at: datetime = Field(sa_type=_TIME)
    reason: str = Field(sa_type=Text)
    heard_at: datetime = Field(sa_type=_TIME)
