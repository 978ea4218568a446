"""Recomputes what was stored of a patient from what was stored with it, and compares. Pure.

Everything a judgement depended on is named by it: the window (whole, or continuing that of the
reading before), the reading beside it, and what was in force. The subject is made again from that
and judged by the rule set as stored; letters, severity and every finding must come out the same.

Invariants
----------
1. Nothing is looked up as it is today: no limits in force, no newest reading, no approval.
2. What cannot be recomputed is told by name and counted, never passed over in silence.
3. A patient is replayed alone, and the work is done in blocks: memory does not grow with patients.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from alerts import reasons
from alerts.adherence import judging
from alerts.adherence import statements as adherence
from alerts.casework import confirming
from alerts.past import replay_v1
from alerts.round import findings
from alerts.round.findings import Finding
from alerts.round.planning import BESIDE, JudgementKey
from alerts.round.subjects import Basis, Subject, Taken, window_hash
from alerts.round.verdicts import FAILED, Verdict, judge
from alerts.rulesets.model import RuleSet
from alerts.technical import statements as technical
from alerts.technical import troubles
from telekol.quantities import Quantity
from telekol.severity import Channel, Severity

BLOCK: Final = 1_000
"""Judgements at a time: 1,000 windows of 32 readings are a quarter of a megabyte of values."""

LONGEST: Final = 512
"""Readings that a window can hold at most, and some: rules look back over 427 at most."""

_OF_JOBS: Final = {
    judging.NAME: (judging.VERSION, adherence.replay),
    troubles.NAME: (troubles.VERSION, technical.replay),
}
"""Rules that the clock-driven jobs judge: their version, and what judges from evidence alone."""

COMPARED: Final = (
    "channel", "rule", "rule_version", "result", "severity", "score", "quantity", "measured_at",
    "late", "reading_ids", "limits", "evidence", "reason", "rule_id", "rule_set_id", "turn",
    "cause",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJudgement:
    """A row of `judgement`."""

    quantity: Quantity
    measured_at: datetime
    reading_id: UUID
    turn: int
    judged_at: datetime
    window_hash: int
    basis_id: int
    before: JudgementKey | None
    beside: JudgementKey | None
    late: bool
    severity: Severity | None
    outcomes: str
    cause: str | None
    reading_ids: tuple[UUID, ...] | None

    @property
    def key(self) -> JudgementKey:
        """The reading and the turn."""
        return self.reading_id, self.turn


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that did not come out as it was stored."""

    patient_id: UUID
    quantity: str | None
    measured_at: datetime
    finding_id: UUID | None
    what: str
    stored: Any
    recomputed: Any


@dataclass(slots=True)
class Report:
    """What a replay found.

    Parameters
    ----------
    replayed
        How many of each kind came out or did not.
    left
        How many findings of rules that are no readings' rules, by rule: who judges them replays
        them.
    """

    replayed: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)

    def add(self, other: Report) -> None:
        """Put another report's counts and differences to this one's."""
        self.replayed += other.replayed
        self.left += other.left
        self.differences += other.differences


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """All that was stored of a patient."""

    patient_id: UUID
    judgements: Sequence[StoredJudgement]
    bases: Mapping[int, Basis]
    readings: Mapping[UUID, Taken]
    findings: Sequence[Finding]
    found_at: Mapping[UUID, datetime]


def replay(
    record: PatientRecord, rule_sets: Mapping[int, RuleSet], since: datetime | None = None
) -> Report:
    """Recompute a patient's judgements and findings.

    Parameters
    ----------
    rule_sets
        Every set that a basis names and that can be understood.
    since
        Compare only what was judged from then on; what came before is read for its windows.
    """
    return _Replay(record, rule_sets, since).run()


class _Replay:
    """One patient's replay."""

    def __init__(
        self, record: PatientRecord, rule_sets: Mapping[int, RuleSet], since: datetime | None
    ) -> None:
        self._record = record
        self._rule_sets = rule_sets
        self._since = since
        self._report = Report()
        self._windows: dict[tuple[Quantity, JudgementKey], _Link] = {}
        self._of_judgement: dict[tuple[Quantity, JudgementKey], list[Finding]] = defaultdict(list)
        self._hashes = {(row.quantity, row.key): row.window_hash for row in record.judgements}
        self._usual_length = 1

    def run(self) -> Report:
        alone: list[Finding] = []
        for finding in self._record.findings:
            if finding.turn is None or finding.quantity is None:
                alone.append(finding)
            else:
                key = finding.reading_ids[-1], finding.turn
                self._of_judgement[finding.quantity, key].append(finding)
        for row in self._record.judgements:
            self._link(row)
        wanted = [row for row in self._record.judgements if self._is_asked(row.judged_at)]
        for start in range(0, len(wanted), BLOCK):
            self._replay_block(wanted[start : start + BLOCK])
        for finding in alone:
            if self._is_asked(self._record.found_at[finding.id]):
                self._replay_alone(finding)
        self._tell_orphans()
        return self._report

    def _is_asked(self, moment: datetime) -> bool:
        return self._since is None or moment >= self._since

    # ------------------------------------------------------------------------- windows

    def _link(self, row: StoredJudgement) -> None:
        """Say what a window is made of; those of the readings before were linked before."""
        before: _Link | None = None
        if row.reading_ids is not None:
            for one in row.reading_ids[:-1]:
                before = _Link(one, before)
        elif row.before is not None:
            before = self._windows.get((row.quantity, row.before))
            if before is None:
                self._tell(row, "window", row.before, "no such judgement")
        self._windows[row.quantity, row.key] = _Link(row.reading_id, before)

    def _window(self, quantity: Quantity, key: JudgementKey, hashed: int) -> tuple[UUID, ...]:
        """Give the ids of a window: as many of its chain as its hash says."""
        link: _Link | None = self._windows.get((quantity, key))
        chain: list[UUID] = []
        while link is not None and len(chain) < LONGEST:
            chain.append(link.reading_id)
            link = link.before
        chain.reverse()
        # Nearly all are as long as the one before, or one longer.
        likely = (self._usual_length, self._usual_length + 1)
        for length in (*likely, *range(1, len(chain) + 1)):
            ids = chain[-length:]
            if window_hash(ids) == hashed:
                self._usual_length = len(ids)
                return tuple(ids)
        return ()

    def _subject(self, row: StoredJudgement) -> Subject | None:
        basis = self._record.bases.get(row.basis_id)
        if basis is None:
            self._tell(row, "basis", row.basis_id, "not stored")
            return None
        if basis.rule_set_id is not None and basis.rule_set_id not in self._rule_sets:
            self._tell(row, "rule set", basis.rule_set_id, "cannot be understood by this release")
            return None
        window = self._readings(row, row.quantity, row.key, row.window_hash)
        beside: tuple[Taken, ...] | None = ()
        other = BESIDE.get(row.quantity)
        if row.beside is not None and other is not None:
            partner = self._hashes.get((other, row.beside))
            if partner is None:
                self._tell(row, "beside", row.beside, "no such judgement")
                return None
            beside = self._readings(row, other, row.beside, partner)
        if window is None or beside is None:
            return None
        return Subject(
            patient_id=self._record.patient_id,
            quantity=row.quantity,
            window=window,
            basis=basis,
            beside=beside,
            beside_quantity=other if beside else None,
            late=row.late,
            turn=row.turn,
            cause=row.cause,
        )

    def _readings(
        self, row: StoredJudgement, quantity: Quantity, key: JudgementKey, hashed: int
    ) -> tuple[Taken, ...] | None:
        ids = self._window(quantity, key, hashed)
        if not ids:
            self._tell(row, "window", "hash", "no window of its chain has it")
            return None
        missing = [one for one in ids if one not in self._record.readings]
        if missing:
            self._tell(row, "readings", missing, "not stored")
            return None
        return tuple(self._record.readings[one] for one in ids)

    # ------------------------------------------------------------------------- comparing

    def _replay_block(self, rows: Sequence[StoredJudgement]) -> None:
        pairs = [(row, subject) for row in rows if (subject := self._subject(row)) is not None]
        stored = [self._of_judgement.get((row.quantity, row.key), []) for row, _ in pairs]
        green = {
            at for at, found in enumerate(stored) if any(_is_green_of_rule(one) for one in found)
        }
        verdicts = judge([subject for _, subject in pairs], self._rule_sets, green)
        for (row, _), verdict, found in zip(pairs, verdicts, stored, strict=True):
            self._report.replayed["judgements"] += 1
            self._compare(row, verdict, found)

    def _compare(self, row: StoredJudgement, verdict: Verdict, stored: Sequence[Finding]) -> None:
        if FAILED in row.outcomes:
            self._report.left["judgements in which a rule failed"] += 1
            return
        if verdict.outcomes != row.outcomes:
            self._tell(row, "outcomes", row.outcomes, verdict.outcomes)
        if verdict.severity is not row.severity:
            self._tell(row, "severity", row.severity, verdict.severity)
        again = {one.id: one for one in _recomputed(verdict, stored)}
        for finding in stored:
            self._compare_finding(row, finding, again.pop(finding.id, None))
        for one in again.values():
            if one.rule_id is not None and one.severity is not Severity.GREEN:
                self._tell(row, f"finding of {one.rule_id}", "not stored", one.severity)

    def _compare_finding(
        self, row: StoredJudgement, finding: Finding, made: Finding | None
    ) -> None:
        self._report.replayed["findings"] += 1
        if made is None:
            self._tell_of(finding, "finding", finding.severity, "is not found again")
            return
        for name in COMPARED:
            was, now = getattr(finding, name), getattr(made, name)
            if was != now:
                self._tell_of(finding, name, was, now)
        if finding.rule_id is not None and finding.basis_id != row.basis_id:
            self._tell_of(finding, "basis_id", finding.basis_id, row.basis_id)

    def _replay_alone(self, finding: Finding) -> None:
        """Recompute what belongs to no judgement."""
        made = self._of_earlier_release(finding)
        if made is None:
            self._report.left[finding.rule] += 1
            return
        self._report.replayed["findings"] += 1
        for name, now in made.items():
            was = getattr(finding, name)
            if was != now:
                self._tell_of(finding, name, was, now)

    def _of_earlier_release(self, finding: Finding) -> dict[str, Any] | None:
        """Recompute what is not of a rule set; None for what others judge."""
        if finding.rule == replay_v1.NAME and finding.result == "judged":
            return self._of_version_1(finding)
        if finding.rule == findings.NOT_JUDGED and finding.severity is not Severity.GREEN:
            return {"reason": reasons.not_judged(len(finding.reading_ids))}
        if finding.rule in _OF_JOBS and finding.rule_version == _OF_JOBS[finding.rule][0]:
            answer = _OF_JOBS[finding.rule][1](finding.evidence)
            return {name: getattr(answer, name) for name in ("severity", "score", "reason")}
        if finding.quantity is None:
            return None
        if finding.rule == confirming.NAME:
            return {"reason": confirming.replay(finding.quantity, finding.evidence)}
        if finding.rule in (findings.READINGS, replay_v1.NAME):
            return {"reason": reasons.withdrawn(finding.quantity)}
        if finding.rule == findings.LIMITS_MISSING:
            missing = finding.severity is not Severity.GREEN
            say = reasons.limits_missing if missing else reasons.judged_again
            return {"reason": say(finding.quantity)}
        return None

    def _of_version_1(self, finding: Finding) -> dict[str, Any] | None:
        known = (None, replay_v1.VERSION)
        if (finding.rule_id, finding.rule_version) != known or finding.quantity is None:
            return None
        reading = self._record.readings.get(finding.reading_ids[-1])
        if reading is None:
            return {"reading_ids": "not stored"}
        made = replay_v1.judge(
            finding.quantity,
            reading.value,
            finding.measured_at,
            finding.limits,
            late=finding.late,
        )
        return {
            "severity": made.severity,
            "score": made.score,
            "evidence": made.evidence,
            "reason": made.reason,
        }

    def _tell_orphans(self) -> None:
        """Tell of findings whose judgement is not there: nothing says how they came about."""
        known = {(row.quantity, row.key) for row in self._record.judgements}
        for key, stored in self._of_judgement.items():
            if key in known:
                continue
            for finding in stored:
                if self._is_asked(self._record.found_at[finding.id]):
                    self._tell_of(finding, "judgement", "named", "not stored")

    def _tell(self, row: StoredJudgement, what: str, stored: Any, recomputed: Any) -> None:
        self._report.differences.append(
            Difference(
                self._record.patient_id,
                row.quantity,
                row.measured_at,
                None,
                what,
                stored,
                recomputed,
            )
        )

    def _tell_of(self, finding: Finding, what: str, stored: Any, recomputed: Any) -> None:
        self._report.differences.append(
            Difference(
                self._record.patient_id,
                finding.quantity,
                finding.measured_at,
                finding.id,
                what,
                stored,
                recomputed,
            )
        )


@dataclass(frozen=True, slots=True)
class _Link:
    """A reading of a window, and those before it; windows share what they have in common."""

    reading_id: UUID
    before: _Link | None


def _is_green_of_rule(finding: Finding) -> bool:
    judged = finding.rule_id is not None and finding.result == "judged"
    return judged and finding.severity is Severity.GREEN


def _recomputed(verdict: Verdict, stored: Iterable[Finding]) -> Iterator[Finding]:
    """Give what the verdict says, and of technical findings those that were asked for."""
    yield from verdict.findings
    if verdict.green is not None:
        yield verdict.green
    subject = verdict.subject
    makers = {
        findings.LIMITS_MISSING: (findings.missing_limits, not verdict.is_watched),
        findings.REFERENCE_MISSING: (findings.missing_reference, verdict.lacks_reference),
    }
    for one in stored:
        if one.channel is not Channel.TECHNICAL:
            continue
        if one.severity is Severity.GREEN:
            yield findings.judged_again(subject, one.rule)
        elif one.rule in makers and makers[one.rule][1]:
            yield makers[one.rule][0](subject)
