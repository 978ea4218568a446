"""The rules that the clock-driven jobs go by, out of a rule set. Pure.

Owns what happens when a set says nothing about silence: the templates hold. Leaving a rule out must
not make silence green.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from alerts.adherence.judging import TELL_AFTER
from alerts.families.silence import ADHERENCE, TECHNICAL, Adherence, Technical
from alerts.rulesets.model import RuleSet, RuleSpec
from alerts.technical.policy import Policy

Source = Mapping[str, Any]
"""Which rule of which set, as a finding's evidence names it."""


@dataclass(frozen=True, slots=True)
class AdherenceRule:
    """How soon after a deadline a silence is told."""

    tell_after: timedelta = TELL_AFTER
    source: Source = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TechnicalRule:
    """When each trouble is told; a code that is not there has the template's policy."""

    policies: Mapping[str, Policy] = field(default_factory=dict)
    source: Source = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobRules:
    """Both rules of one set."""

    adherence: AdherenceRule = AdherenceRule()
    technical: TechnicalRule = TechnicalRule()


def of(rule_set: RuleSet, *, approved: bool) -> JobRules:
    """Take the jobs' rules out of a set; of several of one family the first holds."""
    found = {rule.family: rule for rule in reversed(rule_set.rules)}
    silence, trouble = found.get(ADHERENCE.name), found.get(TECHNICAL.name)
    asked = silence.parameters if silence else Adherence()
    home = trouble.parameters if trouble else Technical()
    assert isinstance(asked, Adherence)  # noqa: S101 - a rule has its family's parameters
    assert isinstance(home, Technical)  # noqa: S101 - as above
    return JobRules(
        AdherenceRule(asked.tell_after, _source(rule_set, silence, approved=approved)),
        TechnicalRule(home.policies(), _source(rule_set, trouble, approved=approved)),
    )


def _source(rule_set: RuleSet, rule: RuleSpec | None, *, approved: bool) -> Source:
    return {
        "name": rule_set.name,
        "version": rule_set.version,
        "fingerprint": rule_set.fingerprint,
        "rule": rule.id if rule else None,
        "approved": approved,
    }
