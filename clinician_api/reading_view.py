"""What is shown of one reading: what it is, whether it holds, what was said of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from clinician_api.desk_store import Said, Told
from clinician_api.language import Language
from clinician_api.patient_view import Reading, notes_of
from clinician_api.words import Words
from telekol.quantities import FACTS, Quantity
from telekol.tables import Finding

REASONS: Final = ("technique", "device", "person", "typed", "other")
"""Why readings turn out not to hold, by the name in the form; 'other' wants words."""


@dataclass(frozen=True, slots=True)
class EventView:
    """One thing that somebody said."""

    what: str
    by: str
    when: str
    reason: str
    note: str


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One finding that a reading is part of."""

    severity: str
    severity_word: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ReadingPage:
    """One reading.

    Parameters
    ----------
    seen_event, attribution_event
        The newest that was said of whether it holds, and of whose it is; 0 for nothing.
    """

    reading_id: UUID
    measured_at: str
    name: str
    value: str
    unit: str
    when: str
    received: str
    device: str
    notes: str
    valid: bool
    seen_event: int
    attribution_event: int
    history: Sequence[EventView]
    findings: Sequence[FindingLine]


def invalid_readings(said: Iterable[Said]) -> dict[UUID, Said]:
    """Give the readings that do not hold, with what was said of them last; oldest first in."""
    newest = {one.reading_id: one for one in said}
    return {key: one for key, one in newest.items() if one.kind == "invalidated"}


def reading_page(  # one argument per question that the page asked the database
    pair: Reading,
    said: Sequence[Said],
    told: Sequence[Told],
    findings: Sequence[Finding],
    say: Words,
    now: datetime,
) -> ReadingPage:
    """Make the page of one reading."""
    one, device = pair
    facts = FACTS[Quantity(one.quantity)]
    danish = say.language is Language.DANISH
    return ReadingPage(
        reading_id=one.reading_id,
        measured_at=one.measured_at.isoformat(),
        name=facts.danish if danish else facts.english,
        value=say.number(one.value, facts.decimals),
        unit=facts.shown_unit,
        when=say.when(one.measured_at, now),
        received=say.when(one.stored_at, now),
        device=" ".join(part for part in (device.manufacturer, device.model) if part),
        notes=notes_of(one, say),
        valid=one.reading_id not in invalid_readings(said),
        seen_event=max((event.event for event in said), default=0),
        attribution_event=max((event.event for event in told), default=0),
        history=[*(_told(event, say, now) for event in told), *(_said(e, say, now) for e in said)],
        findings=[_finding(finding, say) for finding in findings],
    )


def _said(event: Said, say: Words, now: datetime) -> EventView:
    counts = "reading.still_counts" if event.counts_as_submitted else "reading.does_not_count"
    return EventView(
        what=say(f"reading.said_{event.kind}"),
        by=event.by_whom,
        when=say.when(event.at, now),
        reason=event.reason,
        note=say(counts) if event.kind == "invalidated" else "",
    )


def _told(event: Told, say: Words, now: datetime) -> EventView:
    by = say("reading.by_guard") if event.by_whom == "guard" else event.by_whom
    machine = event.kind in {"held", "unproven"}
    return EventView(
        what=say(f"reading.told_{event.kind}"),
        by=by,
        when=say.when(event.at, now),
        reason="" if machine else event.reason,
        note="",
    )


def _finding(finding: Finding, say: Words) -> FindingLine:
    insufficient = finding.result == "insufficient"
    return FindingLine(
        severity="none" if insufficient else finding.severity,
        severity_word=say("severity.none" if insufficient else f"severity.{finding.severity}"),
        sentence=finding.reason_da if say.language is Language.DANISH else finding.reason_en,
    )
