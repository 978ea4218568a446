"""Readings, whose they are, whether they hold, and what could not be stored.

Rows as objects; the migrations are the truth.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, Double, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE
from sqlmodel import Field, SQLModel

from telekol.tables.columns import ENTRY, QUANTITY, TIME, TIME_CONFIDENCE


class StoredObservation(SQLModel, table=True):
    """One reading is one row; observation_identity holds it to that."""

    __tablename__ = "observation"

    measured_at: datetime = Field(sa_type=TIME)
    received_at: datetime = Field(sa_type=TIME)
    stored_at: datetime = Field(sa_type=TIME)
    device_time: datetime | None = Field(sa_type=DateTime)
    seq: int = Field(sa_type=BigInteger)
    value: float = Field(sa_type=Double)
    reading_id: UUID = Field(primary_key=True)
    patient_id: UUID | None
    device_id: int
    outbox_id: int
    quantity: str = Field(sa_type=QUANTITY)
    time_confidence: str = Field(sa_type=TIME_CONFIDENCE)
    entered: str = Field(sa_type=ENTRY)
    quality: list[str] | None = Field(sa_type=ARRAY(Text))
    user_index: int | None = Field(sa_type=SmallInteger)


class ObservationIdentity(SQLModel, table=True):
    """Which readings are stored: one row for each, whatever time it was corrected to."""

    __tablename__ = "observation_identity"

    stamp: datetime = Field(primary_key=True, sa_type=DateTime)
    id_head: int = Field(primary_key=True, sa_type=BigInteger)
    value: float = Field(sa_type=Double)


class Outbox(SQLModel, table=True):
    """One life of the file in which a gateway keeps its readings."""

    __tablename__ = "outbox"

    id: int = Field(primary_key=True)
    gateway_id: str = Field(foreign_key="gateway.id", sa_type=Text)
    boot: UUID
    settled: Any = Field(sa_type=INT8MULTIRANGE, nullable=False)
    updated_at: datetime = Field(sa_type=TIME)


class AttributionEvent(SQLModel, table=True):
    """Why a reading is whose it is, where kit and period alone do not say."""

    __tablename__ = "attribution_event"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    reading_id: UUID
    measured_at: datetime = Field(sa_type=TIME)
    kind: str = Field(sa_type=Text)
    from_patient: UUID | None = Field(foreign_key="patient.id")
    to_patient: UUID | None = Field(foreign_key="patient.id")
    candidate: UUID | None = Field(foreign_key="patient.id")
    code: str | None = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    by_whom: str = Field(sa_type=Text)
    undoes: int | None = Field(foreign_key="attribution_event.id", sa_type=BigInteger)
    at: datetime = Field(sa_type=TIME)


class ValidityEvent(SQLModel, table=True):
    """Who said that a reading does not hold, or that it does after all."""

    __tablename__ = "validity_event"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    reading_id: UUID
    measured_at: datetime = Field(sa_type=TIME)
    patient_id: UUID = Field(foreign_key="patient.id")
    kind: str = Field(sa_type=Text)
    counts_as_submitted: bool
    reason: str = Field(sa_type=Text)
    by_whom: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=TIME)


class WithdrawnReading(SQLModel, table=True):
    """Readings that were once this patient's and do not count now."""

    __tablename__ = "withdrawn_reading"

    patient_id: UUID = Field(primary_key=True, foreign_key="patient.id")
    reading_id: UUID = Field(primary_key=True)
    why: str = Field(sa_type=Text)


class SequenceGap(SQLModel, table=True):
    """Since when numbers are missing, as ingest noticed once a minute."""

    __tablename__ = "sequence_gap"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    gateway_id: str = Field(sa_type=Text)
    boot: UUID
    first: int = Field(sa_type=BigInteger)
    last: int = Field(sa_type=BigInteger)
    noticed_at: datetime = Field(sa_type=TIME)
    closed_at: datetime | None = Field(sa_type=TIME)


class GapExplanation(SQLModel, table=True):
    """What a person found out about numbers that will not come, as a card that was lost."""

    __tablename__ = "gap_explanation"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    gateway_id: str = Field(sa_type=Text)
    boot: UUID
    first: int = Field(sa_type=BigInteger)
    last: int = Field(sa_type=BigInteger)
    reason: str = Field(sa_type=Text)
    by_whom: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=TIME)


class Quarantine(SQLModel, table=True):
    """What came and could not be stored, with the reason: nothing is thrown away."""

    __tablename__ = "quarantine"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    quarantined_at: datetime = Field(sa_type=TIME)
    topic: str = Field(sa_type=Text)
    payload: bytes = Field(sa_type=LargeBinary)
    code: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    gateway_id: str | None = Field(sa_type=Text)
    boot: UUID | None
    seq: int | None = Field(sa_type=BigInteger)
    fingerprint: bytes = Field(sa_type=LargeBinary)
    state: str = Field(sa_type=Text)
    tries: int
    tried_at: datetime | None = Field(sa_type=TIME)
    resolved_at: datetime | None = Field(sa_type=TIME)
    resolved_by: str | None = Field(sa_type=Text)
    outcome: str | None = Field(sa_type=Text)


class QuarantineEvent(SQLModel, table=True):
    """Every replay and dismissal of an entry, in order."""

    __tablename__ = "quarantine_event"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    quarantine_id: int = Field(foreign_key="quarantine.id", sa_type=BigInteger)
    at: datetime = Field(sa_type=TIME)
    kind: str = Field(sa_type=Text)
    by_whom: str = Field(sa_type=Text)
    detail: str = Field(sa_type=Text)
