"""The trial of a rule set as `make evidence` and `make test` do it; draws no pictures.

Owns which entrants a rule set takes part with. Pure but for the rule set's file.
"""

from __future__ import annotations

import warnings
from typing import Any, Final

from alerts.rulesets import loading
from benchmarks.evidence import fixed
from benchmarks.evidence.rulesets import entrant
from benchmarks.evidence.trial import Asked, run

TUNING_SEED: Final = 11
"""On these patients limits are chosen, and kol-standard was tuned. They are never reported on."""


def trial(asked: Asked, rules: str = loading.STANDARD) -> dict[str, Any]:
    """Try a rule set, with and without answers."""
    rule_set = loading.load(rules)
    with warnings.catch_warnings():
        # Days on which nobody measured are columns of NaN.
        warnings.filterwarnings("ignore", "All-NaN slice encountered", RuntimeWarning)
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        warnings.filterwarnings("ignore", "Degrees of freedom", RuntimeWarning)
        results = run(
            asked,
            [
                entrant(rule_set, answers=True, questions=fixed.BREATHLESS),
                entrant(rule_set, answers=False, note="readings alone"),
                entrant(rule_set, answers=True, questions="tree yellow", note="tree as it is"),
            ],
        )
    about = {"name": rule_set.name, "version": rule_set.version}
    return results | {"rule_set": about | {"fingerprint": rule_set.fingerprint}}
