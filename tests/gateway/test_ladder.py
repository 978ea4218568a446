"""The recovery ladder: what is done about a radio that fails."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.listening.ladder import (
    BLIND_AFTER_S,
    CALM_S,
    CLIMB,
    LONGEST_WAIT_S,
    MOST_RESTARTS,
    Fault,
    Ladder,
    Proof,
    Rung,
)

DEADLY = [Fault.ABSENT, Fault.REFUSED, Fault.HUNG]
GAPS = st.floats(0.01, 90.0)
"""Seconds between two faults of a dead adapter: every operation on it ends within its limit."""


def rungs_of(fault: Fault, ladder: Ladder | None = None, times: int = 20) -> list[Rung]:
    ladder = ladder or Ladder()
    climbed = []
    for number in range(times):
        ladder = ladder.met(fault, float(number))
        climbed.append(ladder.rung)
    return climbed


@pytest.mark.parametrize(
    ("fault", "climbed"),
    [
        (Fault.ABSENT, "RETRY*2 REOPEN*3 RESTART BLIND"),
        (Fault.REFUSED, "RETRY*2 POWER_CYCLE*2 REOPEN*3 RESTART BLIND"),
        (Fault.HUNG, "RETRY*2 POWER_CYCLE*2 REOPEN*3 RESTART BLIND"),
        (Fault.STUCK, "RETRY*2 FORGET POWER_CYCLE*2 REOPEN*3"),
    ],
)
def test_each_fault_climbs_its_rungs_in_order_and_stays_on_the_last(
    fault: Fault, climbed: str
) -> None:
    expected = []
    for word in climbed.split():
        name, _, times = word.partition("*")
        expected += [Rung[name]] * int(times or 1)
    found = rungs_of(fault)
    assert found[: len(expected)] == expected
    assert set(found[len(expected) :]) == {expected[-1]}


def test_every_fault_has_a_path_that_only_goes_up() -> None:
    assert set(CLIMB) == set(Fault)
    for path in CLIMB.values():
        assert all(low < high for low, high in pairwise(path))


def test_without_a_supervisor_the_process_never_ends() -> None:
    assert Rung.RESTART not in rungs_of(Fault.HUNG, Ladder(may_restart=False))


def test_restarts_are_counted_across_processes_and_bounded() -> None:
    ladder = Ladder()
    restarts = 0
    for _process in range(10):
        for number in range(30):
            ladder = ladder.met(Fault.HUNG, float(number))
            if ladder.rung is Rung.RESTART:
                restarts += 1
                ladder = Ladder.after_restart(ladder.restarts, 60.0, 0.0)
                break
    assert restarts == MOST_RESTARTS
    assert ladder.rung is Rung.BLIND


@given(gaps=st.lists(st.tuples(GAPS, st.sampled_from(DEADLY)), min_size=1, max_size=400))
def test_a_dead_adapter_is_reported_blind_in_time(gaps: list[tuple[float, Fault]]) -> None:
    now_s = 0.0
    ladder = Ladder().met(Fault.HUNG, now_s)
    for gap_s, fault in gaps:
        now_s += gap_s
        ladder = ladder.met(fault, now_s)
        if ladder.rung is Rung.RESTART:
            ladder = Ladder.after_restart(ladder.restarts, now_s - ladder.since_s, now_s)
        assert ladder.is_blind or now_s < BLIND_AFTER_S
        assert 0 <= ladder.wait_s <= LONGEST_WAIT_S


@given(faults=st.lists(st.sampled_from(list(Fault)), max_size=30))
def test_faults_never_lead_down(faults: list[Fault]) -> None:
    ladder = Ladder()
    for number, fault in enumerate(faults):
        higher = ladder.met(fault, float(number))
        assert higher.rung >= ladder.rung
        ladder = higher


@given(
    start=st.lists(st.sampled_from(DEADLY), max_size=20),
    silence=st.lists(st.floats(0.0, 86400.0), max_size=50),
)
def test_an_idle_home_whose_adapter_answers_never_climbs(
    start: list[Fault], silence: list[float]
) -> None:
    ladder = Ladder()
    for number, fault in enumerate(start):
        ladder = ladder.met(fault, float(number))
    now_s = float(len(start))
    for gap_s in silence:
        now_s += gap_s
        later = ladder.saw(Proof.ANSWERED, now_s)
        assert later.rung <= ladder.rung
        ladder = later
    if now_s - len(start) > CALM_S[Fault.HUNG]:
        assert not ladder.is_troubled
        assert not ladder.is_blind


@given(faults=st.lists(st.sampled_from(list(Fault)), min_size=1, max_size=30))
def test_a_connection_brings_it_down_whatever_it_was(faults: list[Fault]) -> None:
    ladder = Ladder(may_restart=False)
    for number, fault in enumerate(faults):
        ladder = ladder.met(fault, float(number))
    assert ladder.saw(Proof.CONNECTED, 30.0) == Ladder(may_restart=False)


@pytest.mark.parametrize("fault", DEADLY)
def test_a_device_that_is_heard_shows_that_the_radio_works(fault: Fault) -> None:
    assert Ladder().met(fault, 1.0).saw(Proof.HEARD, 2.0) == Ladder()


def test_a_stuck_device_is_heard_all_the_time_and_stays_stuck() -> None:
    ladder = Ladder().met(Fault.STUCK, 1.0)
    assert ladder.saw(Proof.HEARD, 2.0) is ladder
    assert ladder.saw(Proof.ANSWERED, 3600.0) is ladder


@given(gaps=st.lists(st.floats(0, 7200), max_size=100))
def test_one_stuck_device_never_makes_the_gateway_blind_or_restart(gaps: list[float]) -> None:
    ladder, now_s = Ladder(), 0.0
    for gap_s in gaps:
        now_s += gap_s
        ladder = ladder.met(Fault.STUCK, now_s)
        assert ladder.rung <= Rung.REOPEN
        assert not ladder.is_blind


def test_a_controller_that_answers_between_two_hangs_still_climbs() -> None:
    ladder = Ladder()
    for number in range(9):
        ladder = ladder.met(Fault.HUNG, 60.0 * number).saw(Proof.ANSWERED, 60.0 * number + 30)
    assert ladder.rung is Rung.BLIND


def test_blind_it_tries_again_at_least_every_five_minutes() -> None:
    ladder = Ladder()
    for number in range(40):
        ladder = ladder.met(Fault.ABSENT, float(number))
    assert ladder.wait_s == LONGEST_WAIT_S


def test_a_trouble_that_a_restart_mended_is_over() -> None:
    ladder = Ladder.after_restart(1, 100.0, 5.0)
    assert ladder.is_troubled
    assert ladder.rung is Rung.GROUND
    assert ladder.saw(Proof.HEARD, 6.0) == Ladder()
