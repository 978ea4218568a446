"""A stored year of some patients under the rule set that is in force for them, ready to be asked.

Owns how own limits of patients stand in rules here, as the engine has it (`alerts.round.verdicts`),
and how a question is laid over them. Pure; `alerts.past.whatif_store` fills it.

Invariants
----------
1. What is in force is that of the end of the time, over all of it: the question is what today's
   limits, or others, would have flagged.
2. A patient's own limits take the place of the set's absolute limits of a quantity; where the set
   has none, a rule of its own holds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from alerts.context import Context, OwnNumbers
from alerts.families import limits
from alerts.readings import Readings
from alerts.reference import References
from alerts.round.verdicts import LIMIT_NAMES, OWN_LIMITS, effective, watching
from alerts.rulesets.model import RuleSet, RuleSpec
from alerts.whatif import Difference, Past
from telekol.errors import TelekolError
from telekol.quantities import Quantity

Numbers = Mapping[str, Mapping[str, float | None]]
"""By rule, by parameter: what it is to be; None takes a limit away."""


@dataclass(frozen=True, slots=True)
class PatientLimits:
    """One patient's own limits of one quantity; None is no limit."""

    place: int
    quantity: Quantity
    limits: tuple[float | None, float | None, float | None, float | None]
    """In the order of LIMIT_NAMES."""


@dataclass(frozen=True, slots=True)
class StoredYear:
    """Patients who have the same rule set, with their readings.

    Parameters
    ----------
    rule_set
        As it was published.
    stand_ins
        Rules that hold own limits where the set has none.
    """

    rule_set: RuleSet
    stand_ins: tuple[RuleSpec, ...]
    past: Past

    @classmethod
    def of(
        cls,
        rule_set: RuleSet,
        readings: Readings,
        references: References,
        own_limits: Iterable[PatientLimits],
        since_us: int,
        *,
        approved: bool,
    ) -> StoredYear:
        """Judge what was measured from `since_us` on as is in force."""
        chosen = list(own_limits)
        stand_ins = tuple(_stand_ins(rule_set, {each.quantity for each in chosen}))
        whole = _with(rule_set, stand_ins)
        context = Context(references, own_numbers(whole, chosen), approved=approved)
        return cls(rule_set, stand_ins, Past.of(readings, whole, context, since_us))

    def under(self, changed: RuleSet) -> Difference:
        """Say what another rule set would have flagged; own limits of patients stay."""
        return self.past.under(_with(changed, self.stand_ins)).difference()

    def with_own(self, numbers: Numbers, patients: Iterable[str] | None = None) -> Difference:
        """Say what other own numbers would have flagged.

        Parameters
        ----------
        patients
            For whom, by name of their series; None for all of them.

        Raises
        ------
        TelekolError
            If a rule or parameter is not there, or may not be a patient's own.
        """
        whole = _with(self.rule_set, self.stand_ins)
        names = self.past.readings.names
        chosen = range(len(names)) if patients is None else [names.index(one) for one in patients]
        context = self.past.in_force.context
        own = dict(context.own)
        for rule_id, parameters in numbers.items():
            for name, value in parameters.items():
                _check(whole, rule_id, name)
                own[rule_id, name] = _replaced(own.get((rule_id, name)), chosen, value)
        return self.past.under(whole, replace(context, own=own)).difference()


def _with(rule_set: RuleSet, stand_ins: tuple[RuleSpec, ...]) -> RuleSet:
    return rule_set.model_copy(update={"rules": (*stand_ins, *rule_set.rules)})


def _stand_ins(rule_set: RuleSet, quantities: Iterable[Quantity]) -> Iterable[RuleSpec]:
    for quantity in sorted(quantities):
        rules = watching(rule_set, quantity)
        if not any(rule.family == limits.ABSOLUTE.name for rule in rules):
            spec = effective(rule_set, quantity).rules[0]
            yield spec.model_copy(update={"id": f"{OWN_LIMITS}-{quantity.value.replace('_', '-')}"})


def own_numbers(
    rule_set: RuleSet, own_limits: Sequence[PatientLimits]
) -> dict[tuple[str, str], OwnNumbers]:
    """Put patients' own limits into the rules of a set that hold absolute limits."""
    found: dict[tuple[str, str], OwnNumbers] = {}
    for quantity in {each.quantity for each in own_limits}:
        of = [each for each in own_limits if each.quantity is quantity]
        places = [each.place for each in of]
        for rule in watching(rule_set, quantity):
            if rule.family != limits.ABSOLUTE.name:
                continue
            for at, name in enumerate(LIMIT_NAMES):
                values = [_number(each.limits[at]) for each in of]
                found[rule.id, name] = OwnNumbers.of(places, values)
    return found


def _check(rule_set: RuleSet, rule_id: str, name: str) -> None:
    rule = rule_set.rule(rule_id)
    if rule is None:
        listed = ", ".join(each.id for each in rule_set.rules)
        raise TelekolError(f"expected a rule of {rule_set.name} ({listed}); found {rule_id!r}")
    allowed = rule.kind.parameters.own_allowed
    if name not in allowed:
        raise TelekolError(
            f"{rule_id}: a patient's own may be {', '.join(allowed) or 'nothing'}; found {name!r}"
        )


def _replaced(known: OwnNumbers | None, places: Iterable[int], value: float | None) -> OwnNumbers:
    numbers: dict[int, float] = {}
    if known is not None:
        numbers = dict(zip(known.series.tolist(), known.values.tolist(), strict=True))
    numbers |= dict.fromkeys(places, _number(value))
    return OwnNumbers.of(list(numbers), list(numbers.values()))


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
