"""Every family gives the numbers of its slow reference, for the people the benchmark measures."""

from __future__ import annotations

import pkgutil
from typing import Any

import numpy as np
import pytest

import alerts.rules
from alerts.window import Window
from tests.support.rule_table import TABLE, Family, population
from tests.support.windows import rows_of

PATIENTS = 300

# These are no rules.
NOT_IN_THE_TABLE = {"judging", "normal"}


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


@pytest.mark.parametrize("family", TABLE.values(), ids=TABLE.keys())
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_window_of_one_reading_is_judged_and_no_error(
    family: Family, kind: type[np.floating[Any]]
) -> None:
    window = Window(np.array([[92]], dtype=kind), np.zeros((1, 1), dtype=kind))
    found = family.judge(window)
    for key, value in family.slow([(92.0, 0.0)]).items():
        assert found[key][0] == pytest.approx(value, nan_ok=True), key


@pytest.mark.parametrize("family", TABLE.values(), ids=TABLE.keys())
def test_at_float64_a_family_agrees_with_its_slow_reference_to_twelve_digits(
    family: Family,
) -> None:
    narrow = population(PATIENTS)
    # Decimals as devices send them, which float32 does not hold.
    values = np.round(narrow.values.astype(np.float64), 1)
    window = Window(values, np.round(narrow.ages_days.astype(np.float64) * 1440) / 1440)
    found = family.judge(window)
    for at, row in enumerate(rows_of(window)):
        for key, value in family.slow(row).items():
            assert found[key][at] == pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True), key
