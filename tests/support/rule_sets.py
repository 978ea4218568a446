"""Rule sets for tests, made of few words."""

from __future__ import annotations

from typing import Any

from alerts.rulesets.model import RuleSet


def rule(family: str, quantity: str = "spo2", /, **more: Any) -> dict[str, Any]:
    """Give one rule; what is no field of a rule is a parameter."""
    fields = {"id", "most_readings", "need", "persist", "confirm", "hysteresis", "hold_off_days"}
    own = {name: more.pop(name) for name in fields & more.keys()}
    return {"id": family, "family": family, "quantity": quantity, "parameters": more} | own


def rule_set(*rules: dict[str, Any]) -> RuleSet:
    """Give a set of them."""
    return RuleSet.model_validate(
        {"name": "tested", "version": 1, "title_da": "Prøve", "title_en": "Trial", "rules": rules}
    )
