"""Every family gives the numbers of its slow reference, for the people the benchmark measures."""

from __future__ import annotations

import pkgutil

import pytest

import alerts.rules
from tests.support.rule_table import TABLE, Family, population
from tests.support.windows import rows_of

PATIENTS = 300

# The engine's first rule has its reference in its own tests; the others are no rules.
NOT_IN_THE_TABLE = {"absolute_limits", "judging", "normal"}


@pytest.mark.parametrize("family", TABLE.values(), ids=TABLE.keys())
def test_a_family_agrees_with_its_slow_reference(family: Family) -> None:
    window = population(PATIENTS)
    found = family.judge(window)
    for at, row in enumerate(rows_of(window)):
        for key, value in family.slow(row).items():
            near = pytest.approx(value, rel=1e-4, abs=family.within, nan_ok=True)
            assert found[key][at] == near, (at, key)


def test_every_family_is_in_the_table() -> None:
    modules = {module.name for module in pkgutil.iter_modules(alerts.rules.__path__)}
    families = {"charts" if name in ("ewma", "cusum") else name for name in TABLE}
    assert families == modules - NOT_IN_THE_TABLE
