"""How homes are, technically.

Rows as objects; the migrations are the truth.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from telekol.tables.columns import TIME


class GatewayHealth(SQLModel, table=True):
    """The newest word of each gateway."""

    __tablename__ = "gateway_health"

    gateway_id: str = Field(primary_key=True, sa_type=Text)
    life: UUID
    connection: int = Field(sa_type=BigInteger)
    report: int = Field(sa_type=BigInteger)
    online: bool
    online_changed_at: datetime = Field(sa_type=TIME)
    heard_at: datetime = Field(sa_type=TIME)
    message: Any = Field(sa_type=JSONB, nullable=True)


class GatewayPresence(SQLModel, table=True):
    """When a gateway came and went, by the server's clock."""

    __tablename__ = "gateway_presence"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    gateway_id: str = Field(sa_type=Text)
    online: bool
    changed_at: datetime = Field(sa_type=TIME)


class GatewayTrouble(SQLModel, table=True):
    """Technical troubles of homes, as their gateways raised and cleared them."""

    __tablename__ = "gateway_trouble"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    gateway_id: str = Field(sa_type=Text)
    code: str = Field(sa_type=Text)
    device: str | None = Field(sa_type=Text)
    since: datetime = Field(sa_type=TIME)
    raised_at: datetime = Field(sa_type=TIME)
    cleared_at: datetime | None = Field(sa_type=TIME)
    detail: str = Field(sa_type=Text)


class InstructionAcknowledgement(SQLModel, table=True):
    """What gateways said of instructions that the server sent them."""

    __tablename__ = "instruction_acknowledgement"

    gateway_id: str = Field(primary_key=True, sa_type=Text)
    instruction: UUID = Field(primary_key=True)
    state: str = Field(primary_key=True, sa_type=Text)
    at: datetime = Field(sa_type=TIME)
    reason: str = Field(sa_type=Text)
    heard_at: datetime = Field(sa_type=TIME)


class Instruction(SQLModel, table=True):
    """What the server asked of a home."""

    __tablename__ = "instruction"

    id: UUID = Field(primary_key=True)
    gateway_id: str = Field(foreign_key="gateway.id", sa_type=Text)
    kind: str = Field(sa_type=Text)
    body: Any = Field(sa_type=JSONB, nullable=False)
    issued_at: datetime = Field(sa_type=TIME)
    expires_at: datetime = Field(sa_type=TIME)
    times_sent: int
    sent_at: datetime | None = Field(sa_type=TIME)
    outcome: str | None = Field(sa_type=Text)
    ended_at: datetime | None = Field(sa_type=TIME)
