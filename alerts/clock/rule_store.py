"""Which rules the clock-driven jobs go by for whom: those of the set in use. Touches PostgreSQL.

Owns the fallback: no set in use, or one that this release cannot understand, leaves the templates.
Alerting fails open: a set that is broken must not make silence green.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from alerts.clock import rules as job_rules
from alerts.clock.rules import TEMPLATE, JobRules
from alerts.in_use import rule_store
from alerts.in_use.rule_store import RuleSets, SetInForce
from alerts.rulesets.loading import RuleSetError

log = logging.getLogger(__name__)


class RuleBook:
    """Looks up which rules hold; sets are read from the database once, since they never change."""

    def __init__(self) -> None:
        self._sets = RuleSets()
        self._made: dict[SetInForce, JobRules] = {}

    def of(
        self, connection: Connection[Any], patients: Sequence[UUID], now: datetime
    ) -> Mapping[UUID, JobRules]:
        """Give the rules that hold for each patient at a moment."""
        found = rule_store.in_force(connection, list(patients), [now] * len(patients))
        return {
            patient: self._rules(connection, found[place]) if place in found else TEMPLATE
            for place, patient in enumerate(patients)
        }

    def longest_wait(self, connection: Connection[Any]) -> timedelta:
        """Give the longest time that any set in use waits before it tells a silence."""
        ids = rule_store.used(connection)
        known = (self._rules(connection, SetInForce(one, approved=False)) for one in ids)
        return max(one.adherence.tell_after for one in (*known, TEMPLATE))

    def _rules(self, connection: Connection[Any], one: SetInForce) -> JobRules:
        if one not in self._made:
            self._made[one] = self._read(connection, one)
        return self._made[one]

    def _read(self, connection: Connection[Any], one: SetInForce) -> JobRules:
        try:
            rule_set = self._sets.by_id(connection, [one.rule_set_id])[one.rule_set_id]
        except RuleSetError as error:
            log.warning("silence is judged by the template: %s", error)
            return TEMPLATE
        return job_rules.of(rule_set, one.rule_set_id, approved=one.approved)
