"""What homes send at the edges, for every family of the table: the slow reference's answer.

Each family's own tests say what the answer means to a nurse; here is that it is the same one.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pytest
from hypothesis import given

from alerts.rules import judging
from alerts.window import Window
from tests.support.rule_table import TABLE, Family
from tests.support.windows import Row, daily, rows_of, tables, window_of

NAN, INF = math.nan, math.inf
YEARS: Final = 3 * 365.25

EDGES: Final[dict[str, Row]] = {
    "two values in turn: ties all the way": daily([92, 91] * 12),
    "one value all year": daily([92.0] * 32),
    "one value, and then another": daily([92.0] * 20 + [85.0]),
    "the first reading of a patient": [(92.0, 0.0)],
    "two readings": daily([92, 88]),
    "nothing but what is no number": daily([NAN] * 20),
    "a number after nothing but what is none": daily([NAN] * 19 + [91.0]),
    "no number after a good month": daily([92.0] * 20 + [NAN]),
    "infinite, high": daily([92, 93, 91] * 5 + [INF]),
    "infinite, low": daily([92, 93, 91] * 5 + [-INF]),
    "infinite in between": daily([92, INF, 91, 92, -INF, 93] * 4 + [90.0]),
    "years away, and back": [(92.0, YEARS + day) for day in range(20, 0, -1)] + [(85.0, 0.0)],
    "years away, and back for a fortnight": [
        *((92.0, YEARS + day) for day in range(20, 0, -1)),
        *((86.0 + day % 3, float(day)) for day in range(14, -1, -1)),
    ],
    "a gap exactly as long as is looked over": [
        *((92.0, 28.0 + day) for day in range(12, 0, -1)), (91.0, 28.0), (90.0, 0.0),
    ],
    "all at the same instant": [(90.0 + at, 0.0) for at in range(12)],
    "each measured twice at once": [
        (value, float(day)) for day in range(11, -1, -1) for value in (92.0, 90.0)
    ],
    "two at the instant of the one under test": [*daily([92.0] * 12), (88.0, 0.0), (91.0, 0.0)],
    "a clock that ran ahead for a day": [*daily([92.0] * 12)[:-1], (80.0, -2.0), (91.0, 0.0)],
    "a clock that fell back to the beginning": [
        *((92.0, float(day)) for day in range(12, 6, -1)),
        *((92.0, 9000.0 + day) for day in range(6, 0, -1)),
        (91.0, 0.0),
    ],
    "more readings than a window holds": daily([92, 93, 91, 90] * 12),
    "twenty in one hour": [(92.0 - at % 3, (20 - at) / 480) for at in range(20)] + [(88.0, 0.0)],
}  # fmt: skip


def _agrees(family: Family, window: Window) -> None:
    found = family.judge(window)
    for at, row in enumerate(rows_of(window)):
        # What stands in the last column is under test, also if it is no number.
        tested = row if row and row[-1][1] == window.ages_days[at, -1] else [*row, (NAN, 0.0)]
        for key, value in family.slow(tested).items():
            near = pytest.approx(value, rel=1e-4, abs=max(family.within, 3e-5), nan_ok=True)
            assert found[key][at] == near, (key, row)


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("family", TABLE.values(), ids=TABLE.keys())
def test_a_family_answers_as_its_slow_reference_at_the_edges(family: Family, edge: str) -> None:
    _agrees(family, window_of([EDGES[edge]]))


@pytest.mark.parametrize("family", TABLE.values(), ids=TABLE.keys())
def test_edges_judged_together_are_judged_as_alone(family: Family) -> None:
    together = family.judge(window_of(list(EDGES.values())))
    for at, row in enumerate(EDGES.values()):
        # In a window of the same width, so that sums are of as many columns.
        alone = family.judge(window_of([row]))
        for key, column in alone.items():
            np.testing.assert_array_equal(together[key][at], column[0], err_msg=f"{key} {row}")


@pytest.mark.parametrize("family", TABLE.values(), ids=TABLE.keys())
@given(rows=tables())
def test_a_family_agrees_with_its_slow_reference_on_whatever_homes_send(
    family: Family, rows: list[Row]
) -> None:
    _agrees(family, window_of(rows))


@pytest.mark.parametrize("family", TABLE.values(), ids=TABLE.keys())
def test_nobody_is_no_error(family: Family) -> None:
    nobody = family.judge(Window(np.empty((0, 8)), np.empty((0, 8))))
    assert all(len(column) == 0 for column in nobody.values())


@pytest.mark.parametrize("width", [0, 1, 7, 8, 31, 32, 64, 248, 256, 400])
def test_flags_of_a_row_are_counted_whatever_the_width(width: int) -> None:
    rng = np.random.default_rng(width)
    flags = rng.random((50, width)) < rng.random((50, 1))
    flags[:2] = [[True], [False]]
    np.testing.assert_array_equal(judging.row_counts(flags), flags.sum(axis=1))
    turned = np.asfortranarray(flags)
    np.testing.assert_array_equal(judging.row_counts(turned), flags.sum(axis=1))
