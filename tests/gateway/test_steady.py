"""The rule of the stream, against a slow and obvious one."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.streams import steady
from gateway.streams.steady import Chosen, Moment, Steady

Moments = Sequence[Moment[int]]


def moment(
    at_s: float,
    spo2: int | None = 92,
    pulse: int | None = 80,
    *,
    on: bool = True,
    refused: bool = False,
    vouched: bool = False,
) -> Moment[int]:
    """A moment whose `what` is its millisecond."""
    return Moment(
        at_s,
        round(at_s * 1000),
        None if spo2 is None else Decimal(spo2),
        None if pulse is None else Decimal(pulse),
        is_on_finger=on,
        is_refused=refused,
        is_vouched=vouched,
    )


def read(moments: Moments, *, waits: bool = False, ends: bool = True) -> list[Chosen[int]]:
    rule = Steady[int](waits_for_vouched=waits)
    chosen = [item for one in moments for item in rule.fed(one)]
    return chosen + list(rule.ended() if ends else ())


# -- the slow and obvious rule ---------------------------------------------------------------


def insertions(moments: Moments) -> list[list[Moment[int]]]:
    """Cut the stream where a finger was out for long enough, or nothing was heard for long."""
    cut: list[list[Moment[int]]] = [[]]
    for index, one in enumerate(moments):
        before = moments[:index]
        offs: list[float] = []  # times of the moments without a finger just before this one
        for earlier in reversed(before):
            if earlier.is_on_finger:
                break
            offs.append(earlier.at_s)
        is_out = bool(offs) and one.at_s - min(offs) >= steady.OFF_S
        is_away = bool(before) and one.at_s - before[-1].at_s > steady.AWAY_S
        if (is_out or is_away) and any(earlier.is_on_finger for earlier in cut[-1]):
            cut.append([])
        cut[-1].append(one)
    return cut


def is_steady_at(insertion: Moments, index: int) -> bool:
    end = insertion[index]
    for start in range(index, -1, -1):
        stretch = insertion[start : index + 1]
        gaps = [b.at_s - a.at_s for a, b in pairwise(stretch)]
        if not all(one.is_usable for one in stretch) or any(gap > steady.GAP_S for gap in gaps):
            return False
        if end.at_s - insertion[start].at_s >= steady.STEADY_S:
            spo2 = [one.spo2_pct or Decimal(0) for one in stretch]
            pulse = [one.pulse_per_min or Decimal(0) for one in stretch]
            return (
                max(spo2) - min(spo2) <= steady.SPO2_SPAN_PCT
                and max(pulse) - min(pulse) <= steady.PULSE_SPAN_PER_MIN
            )
    return False


def reading_of(insertion: Moments, *, waits: bool) -> Chosen[int] | None:
    on = [one for one in insertion if one.is_on_finger]
    latest: Chosen[int] | None = None
    for index, one in enumerate(insertion):
        if is_steady_at(insertion, index):
            latest = Chosen(one.what, is_settled=True)
        time_is_up = bool(on) and one.is_on_finger and one.at_s - on[0].at_s >= steady.LONGEST_S
        if one.is_usable and one.is_vouched:
            return Chosen(one.what, is_settled=True)
        if latest is not None and (time_is_up or not waits):
            return latest
        if time_is_up and one.is_usable:
            return Chosen(one.what, is_settled=False)
    return latest


def slowly(moments: Moments, *, waits: bool) -> list[Chosen[int]]:
    found = [reading_of(one, waits=waits) for one in insertions(moments)]
    return [one for one in found if one is not None]


STEPS = st.sampled_from([0.01, 0.5, 1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 3.5, 9.0, 119.0, 121.0])


@st.composite
def streams(draw: st.DrawFn) -> list[Moment[int]]:
    """Stretches of like moments, so that steady ones come about, and odd ones between."""
    at_s, found = 0.0, list[Moment[int]]()
    for _ in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(["steady", "steady", "restless", "off", "refused", "missing"]))
        for number in range(draw(st.integers(1, 30))):
            at_s += draw(STEPS) if number == 0 else draw(st.sampled_from([0.5, 1.0, 1.0, 1.0]))
            spo2 = draw(st.integers(88, 90) if kind == "steady" else st.integers(80, 99))
            found.append(
                moment(
                    at_s,
                    None if kind == "missing" else spo2,
                    draw(st.integers(70, 80)),
                    on=kind != "off",
                    refused=kind == "refused",
                    vouched=draw(st.integers(0, 60)) == 0,
                )
            )
    return found


@given(streams(), st.booleans())
def test_the_rule_is_the_slow_and_obvious_one(stream: list[Moment[int]], waits: bool) -> None:
    assert read(stream, waits=waits) == slowly(stream, waits=waits)


@given(streams(), st.booleans(), st.sets(st.integers(0, 200)))
def test_never_more_than_one_reading_for_a_finger_whatever_becomes_of_the_link(
    stream: list[Moment[int]], waits: bool, ends: set[int]
) -> None:
    rule = Steady[int](waits_for_vouched=waits)
    chosen: list[Chosen[int]] = []
    for index, one in enumerate(stream):
        chosen += rule.fed(one)
        if index in ends:
            chosen += rule.ended()
    chosen += rule.ended()
    of_insertion = [
        {one.what for one in insertion} & {one.what for one in chosen}
        for insertion in insertions(stream)
    ]
    assert all(len(found) <= 1 for found in of_insertion)
    assert sum(map(len, of_insertion)) == len(chosen)


@given(streams(), st.booleans())
def test_only_usable_moments_are_ever_chosen(stream: list[Moment[int]], waits: bool) -> None:
    usable = {one.what for one in stream if one.is_usable}
    assert all(one.what in usable for one in read(stream, waits=waits))


# -- what the rule means, by example ---------------------------------------------------------


def seconds(first: int, last: int, spo2: int = 92) -> list[Moment[int]]:
    return [moment(float(at), spo2) for at in range(first, last + 1)]


def off(first: int, last: int) -> list[Moment[int]]:
    return [moment(float(at), None, None, on=False) for at in range(first, last + 1)]


def test_ten_steady_seconds_are_a_reading_and_nothing_after_them_is() -> None:
    assert read(seconds(0, 9)) == []
    assert read(seconds(0, 10)) == [Chosen(10_000, is_settled=True)]
    assert read(seconds(0, 170)) == [Chosen(10_000, is_settled=True)]


def test_a_value_on_its_way_is_waited_for() -> None:
    climbing = [moment(float(at), 80 + at) for at in range(12)]
    assert read(climbing + seconds(12, 19)) == []
    assert read(climbing + seconds(12, 30)) == [Chosen(20_000, is_settled=True)]


def test_a_value_that_never_rests_is_read_in_the_end_and_says_so() -> None:
    restless = [moment(float(at), 80 + at % 2 * 5) for at in range(60)]
    assert read(restless[:55]) == []
    assert read(restless) == [Chosen(55_000, is_settled=False)]


def test_a_device_that_vouches_is_waited_for() -> None:
    vouched = moment(30.0, 91, vouched=True)
    assert read([*seconds(0, 29), vouched, *seconds(31, 60)], waits=True) == [
        Chosen(30_000, is_settled=True)
    ]
    assert read(seconds(0, 60), waits=True) == [Chosen(55_000, is_settled=True)]


def test_a_finger_taken_out_early_leaves_its_steady_stretch() -> None:
    stream = seconds(0, 20) + off(21, 26)
    assert read(stream, waits=True, ends=False) == [Chosen(20_000, is_settled=True)]
    assert read(seconds(0, 20), waits=True) == [Chosen(20_000, is_settled=True)]


def test_a_finger_that_slips_is_the_same_one_and_one_put_in_anew_is_another() -> None:
    assert len(read(seconds(0, 20) + off(21, 22) + seconds(23, 60))) == 1
    assert len(read(seconds(0, 20) + off(21, 24) + seconds(25, 60))) == 2


def test_a_finger_seen_out_as_the_link_ended_is_out_when_it_is_seen_next() -> None:
    rule = Steady[int](waits_for_vouched=False)
    assert len([c for one in seconds(0, 20) for c in rule.fed(one)]) == 1
    rule.fed(moment(21.0, None, None, on=False))
    assert rule.ended() == ()
    assert len([c for one in seconds(30, 45) for c in rule.fed(one)]) == 1


@pytest.mark.parametrize(("away_s", "readings"), [(119, 1), (121, 2)])
def test_a_finger_that_stays_in_while_nobody_listens_is_one_finger(
    away_s: int, readings: int
) -> None:
    later = seconds(20 + away_s, 40 + away_s)
    assert len(read(seconds(0, 20) + later)) == readings


def test_a_hundred_frames_a_second_change_nothing() -> None:
    frames = [moment(number / 100, 92) for number in range(2001)]
    assert read(frames) == [Chosen(10_000, is_settled=True)]
