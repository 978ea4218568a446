"""The tables, in SQLModel, a module for each domain.

Owns the Python names of what migrations/ has built. The migrations are the truth: nothing is
created from here, and tests/clinician_api/test_tables.py holds every column to the migrated
database. Must not be imported by gateway/: a home has no server library.

Invariants
----------
1. These classes say what a row looks like, never what it means; constraints, triggers and a
   comment on every column stand in the migrations alone (docs/schema.md is made from them).
2. Tables that are append-only in the database are so too as objects.

What else changes with it: the migrations.
"""

from __future__ import annotations

from telekol.tables.access import AccessLog
from telekol.tables.cases import (
    CaseEvent,
    ClockJob,
    Confirmation,
    Finding,
    Judgement,
    JudgementQueue,
    TriageCase,
)
from telekol.tables.contacts import Contact, Message, MessageRead
from telekol.tables.enrolments import Enrolment, EnrolmentPause, Programme
from telekol.tables.home_health import (
    GatewayHealth,
    GatewayPresence,
    GatewayTrouble,
    Instruction,
    InstructionAcknowledgement,
)
from telekol.tables.kits import Gateway, Kit, KitAssignment, MeasuringDevice
from telekol.tables.limits import LimitTemplate, PatientLimit, ReferenceValue
from telekol.tables.organisations import Clinician, Membership, Organisation, Team
from telekol.tables.people import CivilRegistration, Patient
from telekol.tables.plans import Plan, PlanItem, PlanTime
from telekol.tables.questionnaires import AnswerQueue, Questionnaire, QuestionnaireAnswer
from telekol.tables.readings import (
    AttributionEvent,
    GapExplanation,
    ObservationIdentity,
    Outbox,
    Quarantine,
    QuarantineEvent,
    SequenceGap,
    StoredObservation,
    ValidityEvent,
    WithdrawnReading,
)
from telekol.tables.rule_sets import RuleBasis, RuleSetUse, StoredRuleSet
from telekol.tables.trends import ObservationDay, TrendQueue

__all__ = [
    "AccessLog",
    "AnswerQueue",
    "AttributionEvent",
    "CaseEvent",
    "CivilRegistration",
    "Clinician",
    "ClockJob",
    "Confirmation",
    "Contact",
    "Enrolment",
    "EnrolmentPause",
    "Finding",
    "GapExplanation",
    "Gateway",
    "GatewayHealth",
    "GatewayPresence",
    "GatewayTrouble",
    "Instruction",
    "InstructionAcknowledgement",
    "Judgement",
    "JudgementQueue",
    "Kit",
    "KitAssignment",
    "LimitTemplate",
    "MeasuringDevice",
    "Membership",
    "Message",
    "MessageRead",
    "ObservationDay",
    "ObservationIdentity",
    "Organisation",
    "Outbox",
    "Patient",
    "PatientLimit",
    "Plan",
    "PlanItem",
    "PlanTime",
    "Programme",
    "Quarantine",
    "QuarantineEvent",
    "Questionnaire",
    "QuestionnaireAnswer",
    "ReferenceValue",
    "RuleBasis",
    "RuleSetUse",
    "SequenceGap",
    "StoredObservation",
    "StoredRuleSet",
    "Team",
    "TrendQueue",
    "TriageCase",
    "ValidityEvent",
    "WithdrawnReading",
]
