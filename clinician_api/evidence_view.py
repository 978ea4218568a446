"""Why a finding was found: rule, limits in force, numbers and readings, in words. Pure.

Owns how the evidence that is stored with a finding reads. It computes nothing: every number here
was stored when the finding was made, and a key without words is shown by its name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from clinician_api.language import Language
from clinician_api.texts import TEXTS
from clinician_api.words import Words
from telekol.quantities import FACTS, Quantity, QuantityFacts
from telekol.tables import Finding

_LIMITS: Final = ("red_low", "yellow_low", "yellow_high", "red_high")
_IN_UNIT: Final = frozenset(
    {"value", "limit", "difference", "median", "mad", "change", "slope_per_day"}
)
_SAID_ELSEWHERE: Final = frozenset(
    {"approved", "passed", "cause", "reference_approved", "reference_state", "id", *_LIMITS}
)
"""Keys that the sentence, the limits or the notice beside the numbers say already."""


@dataclass(frozen=True, slots=True)
class FoundBy:
    """Which rule set a finding was made with.

    Parameters
    ----------
    approved
        Whether a physician had approved it then; None where no rule set was used.
    """

    name: str | None
    version: int | None
    approved: bool | None


UsedReading = tuple[str, datetime, float]
"""Quantity, time and value of a reading that a finding names."""


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """What stands behind a finding.

    Parameters
    ----------
    again
        Why it was judged again; None for the first time.
    unapproved
        Whether to say that the numbers are a template's.
    readings
        Time and value, newest first.
    gone
        A word on the readings that cannot be shown any more; None if all can.
    """

    rule: str
    rule_set: str | None
    unapproved: bool
    again: str | None
    limits: str
    usual: str | None
    usual_unapproved: bool
    numbers: Sequence[tuple[str, str]]
    readings: Sequence[tuple[str, str]]
    count: int
    gone: str | None


def evidence_view(
    finding: Finding,
    found_by: FoundBy,
    used: Mapping[UUID, UsedReading],
    say: Words,
    now: datetime,
) -> EvidenceView:
    """Write the evidence of one finding."""
    facts = FACTS[Quantity(finding.quantity)] if finding.quantity else None
    evidence = {**(finding.evidence or {})}
    reference = evidence.pop("reference", None)
    usual = reference if isinstance(reference, dict) else None
    if reference is not None and usual is None:
        evidence["reference"] = reference
    known = [used[one] for one in reversed(finding.reading_ids) if one in used]
    missing = len(finding.reading_ids) - len(known)
    rule = finding.rule_id or finding.rule
    approved = evidence.get("approved", found_by.approved)
    return EvidenceView(
        rule=say("evidence.rule_version", rule=rule, version=finding.rule_version),
        rule_set=say("rules.version", name=found_by.name, version=found_by.version)
        if found_by.name
        else None,
        unapproved=approved is False,
        again=_again(finding.cause or evidence.get("cause"), say),
        limits=_limits({**(finding.limits or {}), **(finding.evidence or {})}, facts, say),
        usual=_usual(usual, facts, say),
        usual_unapproved=usual is not None and not usual.get("approved"),
        numbers=list(_numbers(evidence, facts, say)),
        readings=[
            (say.when(at, now), _amount(value, FACTS[Quantity(quantity)], say))
            for quantity, at, value in known
        ],
        count=len(finding.reading_ids),
        gone=say("evidence.readings_gone", count=missing) if missing and known else None,
    )


def _again(cause: str | None, say: Words) -> str | None:
    if not cause:
        return None
    key = f"evidence.again_{cause.partition('/')[0]}"
    return say(key) if key in TEXTS else say("evidence.again_other", cause=cause)


def _limits(stored: Mapping[str, Any], facts: QuantityFacts | None, say: Words) -> str:
    """Write absolute limits; evidence has them where the rule's own are relative."""
    written = [
        say(f"limit.{name}", value=_amount(float(stored[name]), facts, say))
        for name in _LIMITS
        if _is_number(stored.get(name))
    ]
    return ", ".join(written)


def _usual(usual: Mapping[str, Any] | None, facts: QuantityFacts | None, say: Words) -> str | None:
    if not usual or not _is_number(usual.get("value")):
        return None
    amount = _amount(float(usual["value"]), facts, say)
    if usual.get("n"):
        return say("evidence.usual_value", value=amount, count=usual["n"])
    return amount


def _numbers(
    evidence: Mapping[str, Any], facts: QuantityFacts | None, say: Words
) -> Sequence[tuple[str, str]]:
    found = []
    for name, value in evidence.items():
        if name in _SAID_ELSEWHERE or not _is_number(value):
            continue
        key = f"number.{name}"
        label = say(key) if key in TEXTS else name
        text = _amount(float(value), facts, say) if name in _IN_UNIT else _plain(float(value), say)
        found.append((label, text))
    return found


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)


def _amount(value: float, facts: QuantityFacts | None, say: Words) -> str:
    if facts is None:
        return _plain(value, say)
    text = say.number(round(value, facts.decimals + 2), facts.decimals)
    return f"{text} {facts.shown_unit}".rstrip()


def _plain(value: float, say: Words) -> str:
    """Write a number without a unit; what is computed is told to three digits."""
    text = f"{value:.3g}" if value and abs(value) < 1000 else f"{value:.0f}"
    return text.replace(".", ",") if say.language is Language.DANISH else text
