"""Gaps as arithmetic: what is missing, and how old each missing number is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ingest.gaps import Gap, follow, missing

START = datetime(2026, 3, 14, 8, tzinfo=UTC)

_sets = st.sets(st.integers(1, 40))


def _runs(numbers: set[int]) -> list[tuple[int, int]]:
    return [(number, number) for number in numbers]


def _flat(runs: list[tuple[int, int]]) -> list[int]:
    return [number for first, last in runs for number in range(first, last + 1)]


@given(_sets, st.integers(0, 50))
def test_what_is_missing_is_what_is_not_there(settled: set[int], given_out: int) -> None:
    top = max([*settled, given_out], default=0)
    expected = [number for number in range(1, top + 1) if number not in settled]
    assert _flat(missing(_runs(settled), given_out)) == expected


@given(st.lists(_sets, min_size=1, max_size=6))
def test_every_number_keeps_the_time_at_which_it_was_first_missed(looks: list[set[int]]) -> None:
    known: list[Gap] = []
    since: dict[int, datetime] = {}
    for step, settled in enumerate(looks):
        now = START + timedelta(minutes=step)
        runs = missing(_runs(settled), 45)
        known = follow(known, runs, now)
        since = {number: since.get(number, now) for number in _flat(runs)}
        told = {n: gap.noticed_at for gap in known for n in range(gap.first, gap.last + 1)}
        assert told == since
        assert sum(gap.last - gap.first + 1 for gap in known) == len(since)


def test_a_gap_that_splits_keeps_its_age() -> None:
    later = START + timedelta(hours=1)
    assert follow([Gap(5, 9, START)], [(5, 6), (8, 11)], later) == [
        Gap(5, 6, START),
        Gap(8, 9, START),
        Gap(10, 11, later),
    ]
