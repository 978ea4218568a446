"""Questionnaires and their answers.

Rows as objects; the migrations are the truth.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from telekol.tables.columns import ENTRY, TIME


class Questionnaire(SQLModel, table=True):
    """A questionnaire as it was asked."""

    __tablename__ = "questionnaire"

    id: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(primary_key=True)
    title_da: str = Field(sa_type=Text)
    title_en: str = Field(sa_type=Text)
    definition: Any = Field(sa_type=JSONB, nullable=False)
    published_at: datetime = Field(sa_type=TIME)


class QuestionnaireAnswer(SQLModel, table=True):
    """One filled-in questionnaire."""

    __tablename__ = "questionnaire_answer"

    id: UUID = Field(primary_key=True)
    patient_id: UUID = Field(foreign_key="patient.id")
    questionnaire_id: str = Field(sa_type=Text)
    questionnaire_version: int
    answered_at: datetime = Field(sa_type=TIME)
    received_at: datetime = Field(sa_type=TIME)
    stored_at: datetime = Field(sa_type=TIME)
    due_at: datetime | None = Field(sa_type=TIME)
    timing: str = Field(sa_type=Text)
    entered: str = Field(sa_type=ENTRY)
    answers: Any = Field(sa_type=JSONB, nullable=False)


class AnswerQueue(SQLModel, table=True):
    """A filled-in questionnaire that waits to be judged."""

    __tablename__ = "answer_queue"

    id: int = Field(primary_key=True, sa_type=BigInteger)
    answer_id: UUID = Field(foreign_key="questionnaire_answer.id")
    patient_id: UUID = Field(foreign_key="patient.id")
    enqueued_at: datetime = Field(sa_type=TIME)
