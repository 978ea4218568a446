"""The rules that the clock-driven jobs go by, out of a rule set. Pure.

Owns what happens when a set says nothing about silence: the templates hold. Leaving a rule out must
not make silence green.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from alerts.adherence.judging import TELL_AFTER
from alerts.families.silence import ADHERENCE, TECHNICAL, Adherence, Technical
from alerts.rulesets.model import RuleSet, RuleSpec
from alerts.technical.policy import Policy


@dataclass(frozen=True, slots=True)
class Source:
    """Which rule of which set says so, as a finding names it; all None without a set."""

    rule_set_id: int | None = None
    rule_id: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AdherenceRule:
    """How soon after a deadline a silence is told."""

    tell_after: timedelta = TELL_AFTER
    source: Source = Source()


@dataclass(frozen=True, slots=True)
class TechnicalRule:
    """When each trouble is told; a code that is not there has the template's policy."""

    policies: Mapping[str, Policy] = field(default_factory=dict)
    source: Source = Source()


@dataclass(frozen=True, slots=True)
class JobRules:
    """Both rules of one set."""

    adherence: AdherenceRule = AdherenceRule()
    technical: TechnicalRule = TechnicalRule()


TEMPLATE: Final = JobRules()
"""What holds where no rule set says otherwise."""


def of(rule_set: RuleSet, rule_set_id: int | None = None, *, approved: bool = False) -> JobRules:
    """Take the jobs' rules out of a set; of several of one family the first holds."""
    found = {rule.family: rule for rule in reversed(rule_set.rules)}
    silence, trouble = found.get(ADHERENCE.name), found.get(TECHNICAL.name)
    asked = silence.parameters if silence else Adherence()
    home = trouble.parameters if trouble else Technical()
    assert isinstance(asked, Adherence)  # noqa: S101 - a rule has its family's parameters
    assert isinstance(home, Technical)  # noqa: S101 - as above

    def source(rule: RuleSpec | None) -> Source:
        return Source(rule_set_id, rule.id if rule else None, _named(rule_set, approved))

    return JobRules(
        AdherenceRule(asked.tell_after, source(silence)),
        TechnicalRule(home.policies(), source(trouble)),
    )


def _named(rule_set: RuleSet, approved: bool) -> Mapping[str, Any]:
    return {
        "name": rule_set.name,
        "version": rule_set.version,
        "fingerprint": rule_set.fingerprint,
        "approved": approved,
    }
