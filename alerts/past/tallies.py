"""What a sweep brings back of a block: counts per patient and rule, and a digest of all answers.

Owns the counting and the adding up. It knows neither Dask nor where blocks come from; pure.

Invariants
----------
1. Parts are added in the order in which they were asked for, whoever was ready first.
2. The digest covers every reading, severity and score, patient by patient, so that two sweeps can
   be compared by one line, whatever their blocks were.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from alerts import program
from alerts.past.blocks import Block
from alerts.program import RuleOutcome
from alerts.readings import Readings
from alerts.rules import judging
from alerts.rulesets.model import RuleSet
from alerts.whatif import Past
from telekol.errors import TelekolError

DIGITS: Final = 9
"""Decimals of a score that the digest covers."""

_WORDS: Final = {
    judging.INSUFFICIENT: "insufficient",
    judging.GREEN: "green",
    judging.YELLOW: "yellow",
    judging.RED: "red",
}


class SweepError(TelekolError):
    """A sweep cannot be done as asked."""


@dataclass(frozen=True, slots=True)
class PatientTally:
    """One patient under one rule set; all are days on the wall."""

    days: int
    yellow: int
    red: int


@dataclass(frozen=True, slots=True)
class Swept:
    """One rule set over all parts.

    Parameters
    ----------
    patients
        By name of the series, in the order of the parts.
    readings
        By rule id: how many readings were graded how.
    digest
        SHA-256 over every reading, severity and score, patient by patient.
    """

    rule_set: str
    fingerprint: str
    patients: Mapping[str, PatientTally]
    readings: Mapping[str, Mapping[str, int]]
    digest: str
    left_out: tuple[str, ...] = field(default=())

    @property
    def flagged_per_day(self) -> float:
        """Yellow and red patient-days, of all on which something was measured; NaN without any."""
        days = sum(each.days for each in self.patients.values())
        flagged = sum(each.yellow + each.red for each in self.patients.values())
        return flagged / days if days else float("nan")


@dataclass(frozen=True, slots=True)
class Tally:
    """One block under one rule set; a digest for each patient."""

    patients: dict[str, PatientTally]
    readings: dict[str, Counter[str]]
    digests: list[bytes]


def tally(block: Block, rule_set: RuleSet, since_us: int | None) -> Tally:
    """Judge every reading of a block from `since_us` on, and count."""
    past = Past.of(block.readings, rule_set, block.context, since_us)
    days = past.in_force.days(len(past.cells.day))
    names = block.readings.names
    count = {
        colour: np.bincount(past.cells.series, weights=chosen, minlength=len(names)).astype(int)
        for colour, chosen in (
            ("days", None),
            ("yellow", days == judging.YELLOW),
            ("red", days == judging.RED),
        )
    }
    outcomes = list(past.in_force.outcomes.values())
    return Tally(
        {
            name: PatientTally(*(int(count[key][at]) for key in ("days", "yellow", "red")))
            for at, name in enumerate(names)
        },
        {each.rule.id: _graded(each) for each in outcomes},
        _digests(block.readings, outcomes),
    )


def _graded(outcome: RuleOutcome) -> Counter[str]:
    values, counts = np.unique(outcome.judgement.severity, return_counts=True)
    pairs = zip(values.tolist(), counts.tolist(), strict=True)
    return Counter({_WORDS[value]: count for value, count in pairs})


def _digests(readings: Readings, outcomes: Sequence[RuleOutcome]) -> list[bytes]:
    """Cover each patient's answers: rules, moments, values, severities and scores."""
    found = [hashlib.sha256(name.encode()) for name in readings.names]
    for outcome in outcomes:
        # Rows are in order of series, so one patient's are a slice.
        ends = np.searchsorted(readings.series[outcome.rows], np.arange(len(found) + 1)).tolist()
        # A score that was worked out on another processor may differ in its last bit.
        scores = np.round(outcome.judgement.score, DIGITS)
        scores = np.where(np.isnan(scores), np.inf, scores + 0.0)
        rows = outcome.rows
        judged = (readings.measured_us[rows], readings.values[rows], outcome.judgement.severity)
        columns = (*judged, scores)
        for digest, begin, end in zip(found, ends, ends[1:], strict=False):
            if begin < end:
                digest.update(outcome.rule.id.encode())
                for column in columns:
                    digest.update(column[begin:end].tobytes())
    return [digest.digest() for digest in found]


def added(rule_set: RuleSet, tallies: Sequence[Tally]) -> Swept:
    """Add up blocks.

    Raises
    ------
    SweepError
        If a patient is in two of them.
    """
    patients: dict[str, PatientTally] = {}
    readings: dict[str, Counter[str]] = {}
    digest = hashlib.sha256()
    for tally in tallies:
        if twice := patients.keys() & tally.patients.keys():
            raise SweepError(
                f"expected every patient in one part; found {min(twice)!r} in two. "
                "Cut the parts by patient."
            )
        patients |= tally.patients
        for rule, counts in tally.readings.items():
            readings.setdefault(rule, Counter()).update(counts)
        for one in tally.digests:
            digest.update(one)
    ordered = {rule.id: dict(readings[rule.id]) for rule in rule_set.rules if rule.id in readings}
    return Swept(
        rule_set.name,
        rule_set.fingerprint,
        patients,
        ordered,
        digest.hexdigest(),
        tuple(rule.id for rule in program.not_judged(rule_set)),
    )
