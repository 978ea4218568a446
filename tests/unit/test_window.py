"""The window's layout, which every rule relies on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.window import Reading, build

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)


def _series(ages_days: list[int]) -> list[Reading]:
    return [
        Reading(UUID(int=i + 1), NOW - timedelta(days=age), 80.0 + i)
        for i, age in enumerate(sorted(ages_days, reverse=True))
    ]


def test_the_reading_under_test_is_the_last_column_and_its_age_is_zero() -> None:
    window = build([_series([9, 2, 0]), _series([0])], width=4)
    assert window.values[:, -1].tolist() == [82.0, 80.0]
    assert window.ages_days[0].tolist()[1:] == [9.0, 2.0, 0.0]
    assert np.isnan(window.values[1, :3]).all()


@given(
    st.lists(st.lists(st.integers(0, 900), min_size=1, max_size=9, unique=True), min_size=1),
    st.integers(1, 6),
)
def test_rows_are_right_aligned_and_agree_with_a_loop(ages: list[list[int]], width: int) -> None:
    series = [_series(row) for row in ages]
    window = build(series, width)
    for row, readings in enumerate(series):
        kept = readings[-width:]
        padding = width - len(kept)
        expected = [np.nan] * padding + [r.value for r in kept]
        np.testing.assert_array_equal(window.values[row], np.array(expected, dtype=np.float32))
        expected_ages = [np.nan] * padding + [
            (kept[-1].measured_at - r.measured_at).days for r in kept
        ]
        np.testing.assert_array_equal(window.ages_days[row], np.array(expected_ages, np.float32))


def test_an_empty_series_is_refused() -> None:
    with pytest.raises(ValueError, match="reading under test"):
        build([_series([0]), []])
