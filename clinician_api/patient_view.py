"""What a patient's page shows, made from rows. Pure: rows, words and `now` in, values out.

Owns the picture and the sentences of each quantity. It asks no database.

Invariants
----------
1. Every quantity of the usual kit has a section, also without readings: a missing one is
   seen. Any other has one as soon as it was measured once or has limits.
2. A reading is coloured by what the rules said of it at the time, never judged again here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from clinician_api.charts import NARROW, WIDE, Chart, LimitSpan, Point, draw
from clinician_api.evidence_view import EvidenceView, FoundBy, UsedReading, evidence_view
from clinician_api.language import Language
from clinician_api.words import Words
from telekol.quantities import FACTS, Quantity, QuantityFacts
from telekol.severity import Severity
from telekol.tables import Finding, MeasuringDevice, PatientLimit, StoredObservation

Reading = tuple[StoredObservation, MeasuringDevice]
Judgement = tuple[str | None, datetime, str]
"""Quantity, time of the reading, severity; what was judged together has no quantity."""
Judged = dict[tuple[str | None, datetime], Severity]

LEAST_SPAN: Final[dict[Quantity, float]] = {
    # About three times what a calm week varies by, so that noise is drawn as noise.
    Quantity.SPO2: 10.0,
    Quantity.PULSE_RATE: 30.0,
    Quantity.BODY_WEIGHT: 4.0,
    Quantity.SYSTOLIC_BP: 40.0,
    Quantity.DIASTOLIC_BP: 30.0,
    Quantity.MEAN_BP: 30.0,
    Quantity.BODY_TEMPERATURE: 2.0,
    # Between sessions FEV1 differs by some 0.1 L without any change of the lungs.
    Quantity.FEV1: 0.5,
    Quantity.FVC: 0.6,
    Quantity.FEV6: 0.6,
    Quantity.FEV1_FVC: 0.2,
    Quantity.PEF: 60.0,
    Quantity.PERFUSION_INDEX: 5.0,
    Quantity.BATTERY: 40.0,
}

USUAL_KIT: Final = (Quantity.SPO2, Quantity.PULSE_RATE, Quantity.BODY_WEIGHT)
"""What every home measures. Eleven more empty sections would hide the three that matter."""

_ENTERED: Final = {"typed": "patient.typed", "typed-by-nurse": "patient.typed_by_nurse"}
_TIMES: Final = {
    "arrival": "patient.arrival",
    "stated": "patient.stated",
    "clock-carried": "patient.carried",
    "clock-unchecked": "patient.unchecked",
    "gateway-clock-bounded": "patient.bounded",
    "gateway-clock-unknown": "patient.unknown_time",
}


@dataclass(frozen=True, slots=True)
class PatientData:
    """All that the database was asked for one page, in the period."""

    readings: Sequence[Reading]
    latest: Sequence[StoredObservation]
    judgements: Iterable[Judgement]
    limits: Sequence[PatientLimit]
    invalid: Mapping[UUID, str] = field(default_factory=dict)
    """Readings that do not hold, with why in words."""


@dataclass(frozen=True, slots=True)
class ReadingView:
    """One line of the table behind a chart."""

    reading_id: UUID
    measured_at: str
    when: str
    value: str
    severity: str
    severity_word: str
    device: str
    notes: str
    invalid: bool


@dataclass(frozen=True, slots=True)
class QuantityView:
    """One quantity: the newest value in large, the picture, the table."""

    key: str
    name: str
    unit: str
    latest: str | None
    latest_ago: str
    latest_when: str
    latest_severity: str
    latest_word: str
    limits: str
    svg: str | None
    table: Sequence[ReadingView]
    invalid: int


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding in words."""

    id: UUID
    severity: str
    severity_word: str
    quantity: str
    when: str
    reason: str
    late: bool
    insufficient: bool
    channel: str
    channel_word: str
    evidence: EvidenceView


class PatientPages:
    """Makes the views of one page: one reader's language, one moment, one period."""

    def __init__(self, say: Words, now: datetime, days: int) -> None:
        self._say = say
        self._now = now
        self._days = days
        self._start = now - timedelta(days=days)

    def quantities(self, data: PatientData) -> list[QuantityView]:
        """Make one section for each quantity of the usual kit, and each that has something."""
        judged = worst_by_reading(data.judgements)
        shown = {*USUAL_KIT, *(one.quantity for one in data.latest)}
        shown |= {limit.quantity for limit in data.limits}
        # Batteries are several devices' in one kit, and say nothing of the patient: they stand
        # with the homes.
        shown -= {Quantity.BATTERY}
        return [self._quantity(one, data, judged) for one in Quantity if one in shown]

    def finding(
        self, finding: Finding, found_by: FoundBy, used: Mapping[UUID, UsedReading]
    ) -> FindingView:
        """Make one line of the recent findings."""
        insufficient = finding.result == "insufficient"
        danish = self._say.language is Language.DANISH
        return FindingView(
            id=finding.id,
            severity="none" if insufficient else finding.severity,
            severity_word=self._word(None if insufficient else Severity(finding.severity)),
            quantity=self._name(Quantity(finding.quantity)) if finding.quantity else "",
            when=self._say.when(finding.measured_at, self._now),
            reason=finding.reason_da if danish else finding.reason_en,
            late=finding.late,
            insufficient=insufficient,
            channel=finding.channel,
            channel_word=self._say(f"channel.{finding.channel}"),
            evidence=evidence_view(finding, found_by, used, self._say, self._now),
        )

    def _quantity(self, quantity: Quantity, data: PatientData, judged: Judged) -> QuantityView:
        facts = FACTS[quantity]
        readings = [pair for pair in data.readings if pair[0].quantity == quantity]
        latest = next((one for one in data.latest if one.quantity == quantity), None)
        limits = [limit for limit in data.limits if limit.quantity == quantity]
        spans = limit_spans(limits, self._start, self._now)
        severity = judged.get((quantity, latest.measured_at)) if latest else None
        return QuantityView(
            key=quantity,
            name=self._name(quantity),
            unit=facts.shown_unit,
            latest=self._say.number(latest.value, facts.decimals) if latest else None,
            latest_ago=self._say.ago(latest.measured_at, self._now) if latest else "",
            latest_when=self._say.when(latest.measured_at, self._now) if latest else "",
            latest_severity=severity or "none",
            latest_word=self._word(severity) if facts.of_patient else "",
            limits=self._limits(spans, facts) if facts.of_patient else "",
            svg=self._svg(quantity, readings, spans, judged, data.invalid) if readings else None,
            table=[self._line(pair, facts, judged, data.invalid) for pair in readings],
            invalid=sum(one.reading_id in data.invalid for one, _ in readings),
        )

    def _svg(
        self,
        quantity: Quantity,
        readings: Sequence[Reading],
        spans: Sequence[LimitSpan],
        judged: Judged,
        invalid: Mapping[UUID, str],
    ) -> str:
        say, facts = self._say, FACTS[quantity]
        values = [one.value for one, _ in readings if one.reading_id not in invalid]

        def number(value: float) -> str:
            return say.number(value, facts.decimals)

        def label(point: Point) -> str:
            when, word = say.when(point.at, self._now), self._word(point.severity)
            if point.aside:
                word = say("reading.invalid")
            return f"{when}: {number(point.value)} {facts.shown_unit} ({word})"

        chart = Chart(
            key=f"chart-{quantity}",
            title=say(
                "chart.title_day" if self._days == 1 else "chart.title",
                quantity=self._name(quantity),
                days=self._days,
            ),
            description=self._described(values, len(readings), spans, facts),
            start=self._start,
            end=self._now,
            points=[
                Point(
                    one.measured_at,
                    one.value,
                    judged.get((one.quantity, one.measured_at)),
                    "invalid" if one.reading_id in invalid else None,
                )
                for one, _ in readings
            ],
            limits=spans,
            least_span=LEAST_SPAN[quantity],
            number=number,
            date=self._tick,
            point_label=label,
        )
        # Both are sent and the style sheet shows one, so that turning a phone needs no script.
        return draw(chart, WIDE) + draw(chart, NARROW)

    def _described(
        self,
        values: Sequence[float],
        shown: int,
        spans: Sequence[LimitSpan],
        facts: QuantityFacts,
    ) -> str:
        """Say what the picture says, of the readings that count; newest first."""
        invalid = self._say("chart.invalid", count=shown - len(values))
        if not values:
            return invalid
        said = self._say(
            "chart.description",
            count=len(values),
            lowest=self._say.number(min(values), facts.decimals),
            highest=self._say.number(max(values), facts.decimals),
            unit=facts.shown_unit,
            latest=self._say.number(values[0], facts.decimals),
            limits=self._limits(spans, facts),
        )
        return f"{said} {invalid}" if shown > len(values) else said

    def _line(
        self, pair: Reading, facts: QuantityFacts, judged: Judged, invalid: Mapping[UUID, str]
    ) -> ReadingView:
        one, device = pair
        why = invalid.get(one.reading_id)
        severity = judged.get((one.quantity, one.measured_at)) if why is None else None
        notes = notes_of(one, self._say)
        return ReadingView(
            reading_id=one.reading_id,
            measured_at=one.measured_at.isoformat(),
            when=self._say.when(one.measured_at, self._now),
            value=self._say.number(one.value, facts.decimals),
            severity=severity or "none",
            severity_word=self._word(severity) if why is None else self._say("reading.invalid"),
            device=" ".join(part for part in (device.manufacturer, device.model) if part),
            notes=", ".join(note for note in (why, notes) if note),
            invalid=why is not None,
        )

    def _limits(self, spans: Sequence[LimitSpan], facts: QuantityFacts) -> str:
        """Write the limits in force now, lowest first."""
        now = spans[-1] if spans else None
        written = [
            self._say(f"limit.{name}", value=self._say.number(value, facts.decimals))
            for name in ("red_low", "yellow_low", "yellow_high", "red_high")
            if now and (value := getattr(now, name)) is not None
        ]
        return ", ".join(written) or self._say("patient.no_limits")

    def _tick(self, moment: datetime) -> str:
        if self._days == 1:
            return self._say.clock(moment)
        week = self._days <= 7
        return self._say.weekday(moment) if week else self._say.day(moment)

    def _name(self, quantity: Quantity) -> str:
        return self._say.quantity(quantity)

    def _word(self, severity: Severity | None) -> str:
        return self._say(f"severity.{severity or 'none'}")


def notes_of(one: StoredObservation, say: Words) -> str:
    """Write what is special about a reading: who typed it, how sure its time is, its quality."""
    notes = [
        say(_ENTERED[one.entered]) if one.entered in _ENTERED else "",
        say(_TIMES[one.time_confidence]) if one.time_confidence in _TIMES else "",
        *(one.quality or ()),
    ]
    return ", ".join(note for note in notes if note)


def worst_by_reading(judgements: Iterable[Judgement]) -> Judged:
    """Give the worst that any rule said of each reading."""
    worst: Judged = {}
    for quantity, at, name in judgements:
        severity, key = Severity(name), (quantity, at)
        if key not in worst or severity.rank > worst[key].rank:
            worst[key] = severity
    return worst


def limit_spans(limits: Sequence[PatientLimit], start: datetime, end: datetime) -> list[LimitSpan]:
    """Cut one quantity's limits, oldest first, into spans between `start` and `end`."""
    spans = []
    for index, limit in enumerate(limits):
        until = limits[index + 1].valid_from if index + 1 < len(limits) else end
        since, until = max(limit.valid_from, start), min(until, end)
        if since < until:
            spans.append(
                LimitSpan(
                    since,
                    until,
                    limit.red_low,
                    limit.yellow_low,
                    limit.yellow_high,
                    limit.red_high,
                )
            )
    return spans
