"""The attribution guard: what it holds, what it must never hold, against a slow reference."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import guard, guard_store
from ingest.guard import Weight
from ingest.guard_store import Weighed, Weighing
from ingest.reading import WORDS, Reading, reading

DAY_US = 86_400_000_000
PATIENT = UUID(int=1)


def _daily(*kilograms: float, slot: int | None = None) -> list[Weight]:
    return [Weight(day * DAY_US, kg, 1, slot) for day, kg in enumerate(kilograms)]


def _verdict(kg: float, history: list[Weight], day: float, slot: int | None = None) -> str | None:
    return guard.judge(Weight(int(day * DAY_US), kg, 1, slot), history).code


def test_a_child_on_the_scale_of_a_grown_up_is_held_however_long_ago() -> None:
    history = _daily(100.2, 100.0, 99.8)
    for day in (2.1, 30, 400):
        assert _verdict(15.0, history, day) == guard.WEIGHT_JUMP


@pytest.mark.parametrize("gain", [3.0, 4.0, 5.0])
def test_fluid_that_came_in_days_passes(gain: float) -> None:
    assert _verdict(70 + gain, _daily(70, 70, 70, 70, 70), 6) is None


def test_fluid_that_goes_on_coming_passes_though_the_median_lags() -> None:
    history = _daily(70, 70, 70, 70, 70)
    for step in range(1, 6):
        day = 4 + 3 * step
        kg = 70 + 4.0 * step
        assert _verdict(kg, history, day) is None
        history.append(Weight(day * DAY_US, kg, 1))


def test_a_spouse_ten_kilograms_lighter_is_held() -> None:
    assert _verdict(65.0, _daily(75, 75.2, 74.9), 3) == guard.WEIGHT_JUMP


def test_ten_kilograms_of_fluid_lost_in_two_weeks_of_hospital_pass() -> None:
    assert _verdict(80.0, _daily(90, 90, 90), 17) is None
    assert _verdict(80.0, _daily(90, 90, 90), 4) == guard.WEIGHT_JUMP


def test_another_slot_is_held_though_the_weight_fits() -> None:
    history = _daily(70, 70, 70, slot=1)
    assert _verdict(70.0, history, 4, slot=2) == guard.OTHER_SLOT
    assert _verdict(70.0, history, 4, slot=1) is None
    assert _verdict(70.0, history, 4) is None


def test_a_slot_is_usual_only_after_three_weights_and_on_its_own_scale() -> None:
    assert _verdict(70.0, _daily(70, 70, slot=1), 4, slot=2) is None
    other_scale = Weight(4 * DAY_US, 70.0, 2, 9)
    assert guard.judge(other_scale, _daily(70, 70, 70, slot=1)).code is None


def test_the_first_weight_is_accepted_and_said_to_be_unproven() -> None:
    verdict = guard.judge(Weight(0, 15.0, 1), [])
    assert (verdict.code, verdict.is_held) == (guard.NO_HISTORY, False)


def test_what_a_person_confirmed_is_learned() -> None:
    history = [*_daily(70, 70, 70, 70, 70, slot=1), Weight(6 * DAY_US, 82.0, 1, 3, confirmed=True)]
    assert _verdict(82.5, history, 7, slot=3) is None
    assert _verdict(70.0, history, 7, slot=1) is None
    assert _verdict(82.5, history, 7, slot=4) == guard.OTHER_SLOT
    assert _verdict(95.0, history, 7, slot=3) == guard.WEIGHT_JUMP


def test_a_backlog_older_than_everything_is_compared_with_what_came_after() -> None:
    history = [Weight(100 * DAY_US, 70.0, 1), Weight(101 * DAY_US, 70.5, 1)]
    assert _verdict(71.0, history, 99) is None
    assert _verdict(40.0, history, 99) == guard.WEIGHT_JUMP


_weights = st.builds(
    Weight,
    measured_us=st.integers(0, 400).map(lambda quarters: quarters * DAY_US // 4),
    kg=st.integers(400, 24_000).map(lambda steps: steps * 0.005),
    scale=st.integers(1, 2),
    slot=st.one_of(st.none(), st.integers(1, 3)),
    confirmed=st.booleans(),
)


def _slow(weight: Weight, history: list[Weight]) -> str | None:
    """The rule as one would write it on paper: no helper of the module."""
    if not history:
        return "no-history"
    slots = [h.slot for h in history if h.scale == weight.scale and h.slot is not None]
    if weight.slot is not None and len(slots) >= 3:
        usual = [s for s in set(slots) if slots.count(s) / len(slots) >= 0.8]
        own = {h.slot for h in history if h.confirmed and h.scale == weight.scale} | set(usual)
        if usual and weight.slot not in own:
            return "other-slot"
    earlier = [h for h in history if h.measured_us <= weight.measured_us] or history
    near = sorted(earlier, key=lambda h: (abs(h.measured_us - weight.measured_us), h.kg, h.scale))
    days = abs(near[0].measured_us - weight.measured_us) / DAY_US
    references = [median([h.kg for h in near[:5]]), near[0].kg]
    references += [h.kg for h in history if h.confirmed]
    for kg in references:
        allowed = max(5.0, 0.07 * kg) + (0.5 * (days - 3) if days > 3 else 0)
        if round(abs(weight.kg - kg), 3) <= round(min(allowed, max(15.0, 0.2 * kg)), 3):
            return None
    return "weight-jump"


@given(_weights, st.lists(_weights, max_size=12), st.randoms())
def test_agrees_with_the_slow_rule_in_any_order(
    weight: Weight, history: list[Weight], chance: random.Random
) -> None:
    expected = _slow(weight, history)
    chance.shuffle(history)
    assert guard.judge(weight, history).code == expected


@given(st.floats(-5, 5), st.floats(30, 200), st.floats(0, 300))
def test_a_step_of_five_kilograms_is_never_held(step: float, kg: float, days: float) -> None:
    assert _verdict(kg + step, _daily(kg, kg, kg), 2 + days) is None


# ---------------------------------------------------------------- the short look

kilograms = st.sampled_from([69.0, 70.0, 74.9, 75.0, 75.1, 80.0, 90.0, 15.0])
weighed = st.builds(
    Weight,
    measured_us=st.integers(0, 400).map(lambda quarter: quarter * DAY_US // 4),
    kg=kilograms,
    scale=st.integers(1, 2),
    slot=st.none() | st.integers(1, 3),
    confirmed=st.booleans(),
)


def _reading_of(weight: Weight, number: int) -> Reading:
    at = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=weight.measured_us)
    words = WORDS["body_weight", "arrival", "automatic"]
    who = ("", "", "", "")
    return reading(number, UUID(int=number), weight.kg, who, (at, at, None), words, (), weight.slot)


@given(st.lists(weighed, max_size=12), st.lists(weighed, min_size=1, max_size=8))
def test_the_short_look_takes_only_what_the_rule_takes_and_the_verdicts_are_the_rule_s(
    history: list[Weight], new: list[Weight]
) -> None:
    ordered = sorted(
        (Weighing(PATIENT, _reading_of(item, place), item.scale) for place, item in enumerate(new)),
        key=lambda item: item.reading.measured_us,
    )
    expected, known = [], list(history)
    for item in ordered:
        verdict = guard.judge(item.weight, known)
        if not verdict.is_held:
            known.append(item.weight)
        if verdict.code is not None:
            expected.append((item, verdict))
    found = list(guard_store._judged(ordered, list(history)))
    assert found == expected
    before = [(item.measured_us, item.kg) for item in history]
    if guard_store._are_close(ordered, before):
        assert expected == []


@given(st.lists(weighed, max_size=12), st.lists(weighed, min_size=1, max_size=8))
def test_weights_within_one_step_of_each_other_are_accepted_whatever_else_is_known(
    history: list[Weight], new: list[Weight]
) -> None:
    readings = [_reading_of(item, place) for place, item in enumerate(new)]
    scales = {one.device: item.scale for one, item in zip(readings, new, strict=True)}
    first_us = min(item.measured_us for item in new)
    last_us = max(item.measured_us for item in new)
    # As `nearest` in guard.sql gives them: the last before the batch, and those in its time.
    before = [item for item in history if item.measured_us <= first_us]
    newest_us = max((item.measured_us for item in before), default=0)
    given = [
        (item.measured_us, item.kg)
        for item in history
        if (item in before and item.measured_us == newest_us)
        or first_us < item.measured_us <= last_us
    ]
    if not guard_store._are_alike([Weighed(PATIENT, readings, scales)], first_us, given):
        return
    known = list(history)
    for item in sorted(new, key=lambda one: one.measured_us):
        assert guard.judge(replace(item, scale=9), known) == guard.ACCEPTED
        known.append(replace(item, scale=9))
