"""Outcomes as findings: documents of plain values with the sentence a nurse would say.

Owns the shape of what `telekol evaluate` prints and the engine stores. It knows no formula and no
file; pure.

Invariants
----------
1. A finding says which rule set judged it, at which version, and whether a physician approved it;
   where a proposed level was used, the sentence says so and `reference.approved` is false.
2. A number that is not there is null, never NaN.
3. The order is that of the readings, and within one reading that of the rule set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerts.context import Context
from alerts.families.base import About
from alerts.program import ALONE, RuleOutcome
from alerts.readings import QUANTITIES, Readings
from alerts.reasons import Reason
from alerts.reference import Level
from alerts.rules import judging
from alerts.rulesets.model import Persist, RuleSet

SEVERITIES: Final = {
    judging.INSUFFICIENT: "insufficient",
    judging.GREEN: "green",
    judging.YELLOW: "yellow",
    judging.RED: "red",
}

NOTICE: Final = Reason(
    "Regelsættet er en skabelon, som ingen læge har godkendt",
    "The rule set is a template that no physician has approved",
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class UsedReference(msgspec.Struct, frozen=True, gc=False):
    """The reference value that a reading was held against."""

    value: float
    spread: float | None
    n: int
    dated_at: str
    approved: bool


class Told(msgspec.Struct, frozen=True, gc=False):
    """One finding.

    Parameters
    ----------
    rule, family, family_version
        The rule's id within its set; what it is an instance of.
    severity
        One of `SEVERITIES`.
    score
        What was held against the limits, positive towards harm; None when data was insufficient.
    reason
        One of the two sentences after it, in the language asked for.
    reference
        None where the rule uses none, or none was there.
    approved
        Whether a physician approved the rule set in the system; if not, `notice` says so.
    """

    series: str
    quantity: str
    measured_at: str
    value: float
    rule: str
    family: str
    family_version: int
    severity: str
    score: float | None
    evidence: dict[str, Any]
    reason: str
    reason_da: str
    reason_en: str
    reference: UsedReference | None
    rule_set: str
    rule_set_version: int
    rule_set_fingerprint: str
    approved: bool
    notice: str | None


def tell(
    rule_set: RuleSet,
    outcomes: Sequence[RuleOutcome],
    readings: Readings,
    context: Context | None = None,
    *,
    danish: bool = False,
    measured_at: Sequence[str] | None = None,
) -> list[Told]:
    """Put outcomes into words, ordered by reading and then by rule.

    Parameters
    ----------
    danish
        Which language `reason` is in; both stand beside it.
    measured_at
        How the time of each reading is written, by row of `readings`; ISO 8601 in UTC without it.
    """
    source = source_of(rule_set, approved=bool(context and context.approved), danish=danish)
    told = [
        one
        for outcome in outcomes
        for one in _of_rule(outcome, readings, source, danish, measured_at)
    ]
    if not told:
        return []
    # Stable, and outcomes stand in the order of the rules.
    order = np.argsort(np.concatenate([outcome.rows for outcome in outcomes]), kind="stable")
    return [told[at] for at in order.tolist()]


Source = tuple[str, int, str, bool, str | None]
"""The last fields of `Told`, the same for every finding of a rule set."""


def source_of(rule_set: RuleSet, *, approved: bool, danish: bool = False) -> Source:
    """Say which rule set it is, with a notice if nobody approved it."""
    notice = None if approved else (NOTICE.danish if danish else NOTICE.english)
    return rule_set.name, rule_set.version, rule_set.fingerprint, approved, notice


def sentences(outcome: RuleOutcome, readings: Readings) -> Iterator[Reason]:
    """Give the sentence of each row of an outcome, in order."""
    kind, quantity = outcome.rule.kind, outcome.rule.quantity
    assert kind.words is not None  # noqa: S101 - who judges readings has words for it
    assert quantity is not None  # noqa: S101 - and a quantity
    assert outcome.rule.needed is not None  # noqa: S101 - and a need
    about = About(quantity, outcome.rule.needed, outcome.rule.parameters)
    alone = outcome.beside.get(ALONE, outcome.judgement.severity)
    columns = [_column(outcome, name).tolist() for name in kind.spoken]
    values = readings.values[outcome.rows].tolist()
    lasting = outcome.judgement.severity.tolist()
    # The same numbers make the same sentence: an oximeter has few, and a year has many readings.
    known: dict[Any, Reason] = {}
    for key in zip(lasting, alone.tolist(), values, *columns, strict=True):
        reason = known.get(key)
        if reason is None:
            reason = kind.words(about, *key[1:])
            if key[0] != key[1] and outcome.rule.persist is not None:
                reason = _not_lasting(reason, key[0], outcome.rule.persist)
            known[key] = reason
        yield reason


def _not_lasting(reason: Reason, severity: int, persist: Persist) -> Reason:
    """Say why a reading is graded lower than by itself."""
    as_danish = "gul" if severity == judging.YELLOW else "grøn"
    return Reason(
        f"{reason.danish}; regnes som {as_danish}, indtil {persist.least} af {persist.of} "
        "målinger viser det",
        f"{reason.english}; counts as {SEVERITIES[severity]} until {persist.least} of "
        f"{persist.of} readings show it",
    )


def _column(outcome: RuleOutcome, name: str) -> NDArray[Any]:
    evidence = outcome.judgement.evidence
    return evidence[name] if name in evidence else outcome.beside[name]


def _of_rule(
    outcome: RuleOutcome,
    readings: Readings,
    source: Source,
    danish: bool,
    measured_at: Sequence[str] | None,
) -> Iterator[Told]:
    rows, judgement, rule = outcome.rows, outcome.judgement, outcome.rule
    names = list(judgement.evidence)
    evidence = zip(*(_plain(column) for column in judgement.evidence.values()), strict=True)
    kind = rule.kind
    for row, number, us, value, severity, score, shown, reason, used in zip(
        rows.tolist(),
        readings.series[rows].tolist(),
        readings.measured_us[rows].tolist(),
        readings.values[rows].tolist(),
        judgement.severity.tolist(),
        _plain(judgement.score),
        evidence,
        sentences(outcome, readings),
        _references(outcome.level, len(rows)),
        strict=True,
    ):
        yield Told(
            readings.names[number],
            str(QUANTITIES[readings.quantity[row]]),
            measured_at[row] if measured_at else iso(us),
            value,
            rule.id,
            kind.name,
            kind.version,
            SEVERITIES[severity],
            score,
            dict(zip(names, shown, strict=True)),
            reason.danish if danish else reason.english,
            reason.danish,
            reason.english,
            used,
            *source,
        )


def _plain(column: NDArray[Any]) -> list[Any]:
    """Give a column as plain values, None for what is not a number."""
    if column.dtype.kind != "f":
        return list(column.tolist())
    missing = ~np.isfinite(column)
    if not missing.any():
        return list(column.tolist())
    plain = column.astype(object)
    plain[missing] = None
    return list(plain.tolist())


def _references(level: Level | None, rows: int) -> Iterator[UsedReference | None]:
    if level is None:
        yield from (None for _ in range(rows))
        return
    known: dict[Any, UsedReference] = {}
    for key in zip(
        _plain(level.value),
        _plain(level.spread),
        level.n.tolist(),
        level.dated_us.tolist(),
        level.approved.tolist(),
        strict=True,
    ):
        if key[0] is None:
            yield None
            continue
        if key not in known:
            value, spread, n, us, approved = key
            known[key] = UsedReference(value, spread, n, iso(us), approved)
        yield known[key]


def iso(us: int) -> str:
    """Write microseconds since 1970 as ISO 8601 in UTC."""
    return (_EPOCH + timedelta(microseconds=us)).isoformat()
