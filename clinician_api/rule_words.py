"""A rule set in words: what each rule looks at, its numbers, and when it speaks. Pure.

Owns how a rule reads to the physician who approves it. The rule itself is `alerts.rulesets`';
a parameter that has no words here is shown by its name, so that no number is ever left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from alerts.rulesets.model import RuleSet, RuleSpec
from clinician_api.language import Language
from clinician_api.texts import TEXTS
from clinician_api.words import Words
from telekol.quantities import FACTS, QuantityFacts

_LIMITS: Final = ("red_low", "yellow_low", "yellow_high", "red_high")
_IN_UNIT: Final = frozenset({"floor", "yellow_per_day", "red_per_day"})
"""Parameters that are in the quantity's own unit whatever the family."""
_CHANGE: Final = "change-over-days"
_IN_SDS: Final = frozenset({"own-baseline", "spo2-pulse-composite"})
"""Families whose limits are in the patient's own standard deviations."""


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule.

    Parameters
    ----------
    about
        The quantity, or nothing where a rule judges none.
    kind
        What its family does.
    numbers
        Every parameter that is set, in words.
    when
        What it asks of the readings, and how it waits.
    """

    rule_id: str
    about: str
    kind: str
    numbers: list[str]
    when: list[str]


def rule_lines(rule_set: RuleSet, say: Words) -> list[RuleLine]:
    """Write every rule of a set, in its order."""
    return [rule_line(rule, say) for rule in rule_set.rules]


def rule_line(rule: RuleSpec, say: Words) -> RuleLine:
    """Write one rule."""
    danish = say.language is Language.DANISH
    facts = FACTS[rule.quantity] if rule.quantity else None
    about = (facts.danish if danish else facts.english) if facts else ""
    return RuleLine(
        rule_id=rule.id,
        about=about,
        kind=rule.kind.danish if danish else rule.kind.english,
        numbers=list(_numbers(rule, facts, say)),
        when=list(_when(rule, say)),
    )


def _numbers(rule: RuleSpec, facts: QuantityFacts | None, say: Words) -> Iterator[str]:
    given = rule.parameters.model_dump(mode="json")
    relative = rule.family == "relative-limits"
    for name, value in given.items():
        if value in (None, [], {}) or (name == "youngest_days" and not value):
            continue
        if name in _LIMITS and facts:
            yield _limit(name, float(value), facts, say, relative=relative)
        else:
            yield _parameter(rule, name, value, facts, say)


def _limit(name: str, value: float, facts: QuantityFacts, say: Words, *, relative: bool) -> str:
    if not relative:
        amount = f"{_short(value, say)} {facts.shown_unit}".rstrip()
        return say(f"limit.{name}", value=amount)
    amount = f"{_short(abs(value), say)} {facts.shown_unit}".rstrip()
    side = "below" if value < 0 else "above"
    return say(f"rule.{name.split('_', maxsplit=1)[0]}_{side}_usual", value=amount)


def _parameter(
    rule: RuleSpec, name: str, value: Any, facts: QuantityFacts | None, say: Words
) -> str:
    key = f"parameter.{name}"
    text = _value(value, say)
    in_unit = name in _IN_UNIT or (rule.family == _CHANGE and name in {"yellow", "red"})
    if facts and in_unit:
        text = f"{text} {facts.shown_unit}".rstrip()
    elif rule.family in _IN_SDS and name.startswith(("yellow", "red")):
        text = f"{text} SD"
    if key not in TEXTS:
        return f"{name} {text}"
    return say(key, value=text)


def _value(value: Any, say: Words) -> str:
    if isinstance(value, bool | int | float):
        return _short(float(value), say)
    key = f"parameter_value.{value}"
    return say(key) if key in TEXTS else str(value)


def _short(value: float, say: Words) -> str:
    return say.number(value, 0)


def _when(rule: RuleSpec, say: Words) -> Iterator[str]:
    if rule.persist:
        lasting = rule.persist
        days = _short(lasting.within_days, say)
        yield say("rule.persist", least=lasting.least, of=lasting.of, days=days)
    if rule.confirm != "off":
        yield say("rule.confirm", minutes=rule.confirm.within_minutes)
    if rule.hysteresis:
        yield say("rule.hysteresis", value=_short(rule.hysteresis, say))
    if rule.hold_off_days:
        yield say("rule.hold_off", days=_short(rule.hold_off_days, say))
    # Fixed limits need no history; what their family asks for is for the sentence beside.
    if rule.needed and rule.needed.least_count > 1 and rule.family != "absolute-limits":
        yield say("rule.need", count=rule.needed.least_count)
