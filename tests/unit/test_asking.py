"""When the server asks a home to send again, and when it stops asking."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import asking
from ingest.asking import (
    ATTEMPTS,
    COMING,
    END,
    GAP_AGE,
    OPEN_MOST,
    REFUSED_WAIT,
    Ask,
    Heard,
    Life,
    Outcome,
)
from telekol.instructions import AcknowledgementState

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
BOOT = UUID(int=1)


def _heard(last_seq: int, depth: int = 0, *, online: bool = True, boot: UUID = BOOT) -> Heard:
    return Heard(boot, last_seq, depth, online, NOW)


def _life(*missing: tuple[int, int], heard: Heard | None = None, **more: object) -> Life:
    life = Life("gateway-0001", BOOT, missing, 0, NOW, heard)
    return replace(life, **more)  # type: ignore[arg-type]  # the test's own names


def _ask(run: tuple[int, int], **more: object) -> Ask:
    ask = Ask(uuid4(), BOOT, run, NOW + timedelta(days=30), 1, NOW)
    return replace(ask, **more)  # type: ignore[arg-type]  # the test's own names


def test_more_missing_than_waits_is_a_loss_at_once() -> None:
    life = _life((51, 100), heard=_heard(100, depth=0))
    assert asking.decide(life, NOW).issue == ((51, 100),)


def test_what_waits_at_the_home_is_on_its_way() -> None:
    life = _life((51, 100), heard=_heard(100, depth=50))
    assert asking.decide(life, NOW) == asking.Deeds()
    assert asking.decide(_life((51, 100), heard=_heard(100, depth=49)), NOW).issue


def test_numbers_given_after_the_health_was_told_are_no_loss() -> None:
    life = _life((101, 120), heard=_heard(100, depth=0))
    assert asking.decide(life, NOW) == asking.Deeds()


def test_a_gap_that_stays_is_asked_for_though_much_waits() -> None:
    life = _life((7, 8), heard=_heard(500, depth=400))
    assert asking.decide(life, NOW + GAP_AGE - timedelta(seconds=1)) == asking.Deeds()
    assert asking.decide(life, NOW + GAP_AGE).issue == ((7, 8),)


def test_a_home_that_is_away_is_left_alone_until_it_is_back() -> None:
    life = _life((7, 8), heard=_heard(500, depth=400, online=False))
    assert asking.decide(life, NOW + 10 * GAP_AGE) == asking.Deeds()


def test_it_is_repeated_with_back_off_until_the_home_answers() -> None:
    ask = _ask((51, 100))
    life = _life((51, 100), heard=_heard(100), asks=(ask,))
    assert asking.decide(life, NOW) == asking.Deeds()
    assert asking.decide(life, NOW + asking.FIRST_WAIT).repeat == (ask.id,)
    twelfth = replace(ask, times_sent=12)
    at = NOW + asking.LONGEST_WAIT
    assert asking.decide(replace(life, asks=(twelfth,)), at - asking.FIRST_WAIT * 2).repeat == ()
    assert asking.decide(replace(life, asks=(twelfth,)), at).repeat == (twelfth.id,)
    received = replace(ask, answer=AcknowledgementState.RECEIVED, answered_at=NOW)
    assert asking.decide(replace(life, asks=(received,)), at).repeat == ()


def test_it_ends_when_what_it_asked_for_has_come() -> None:
    ask = _ask((51, 100))
    deeds = asking.decide(_life((200, 201), heard=_heard(201), asks=(ask,)), NOW)
    assert deeds.end == ((ask.id, Outcome.SETTLED),)


def test_a_home_that_does_it_in_vain_is_asked_three_times_and_then_no_more() -> None:
    now = NOW
    asks: tuple[Ask, ...] = ()
    life = _life((51, 100), heard=_heard(100))
    for attempt, wait in enumerate(ATTEMPTS, start=1):
        assert asking.decide(replace(life, asks=asks), now + wait).issue == ((51, 100),)
        if wait:
            assert asking.decide(replace(life, asks=asks), now + wait / 2).issue == ()
        now += wait
        done = _ask((51, 100), answer=AcknowledgementState.DONE, answered_at=now)
        still = replace(life, asks=(*asks, done), heard=replace(life.heard, at=now))  # type: ignore[type-var]  # it is there
        assert asking.decide(still, now + COMING).end == ()  # no health since: it may be sending
        now += COMING
        heard = Heard(BOOT, 100, 0, True, now)
        deeds = asking.decide(replace(still, heard=heard), now)
        assert deeds.end == ((done.id, Outcome.NOT_THERE),)
        asks = (*asks, replace(done, outcome=Outcome.NOT_THERE, ended_at=now))
        assert len(asks) == attempt
    assert asking.decide(replace(life, asks=asks), now + timedelta(days=9)) == asking.Deeds()


def test_an_old_gap_that_is_gone_does_not_mute_a_new_one() -> None:
    gone = tuple(_ask((51, 60), outcome=Outcome.NOT_THERE, ended_at=NOW) for _ in ATTEMPTS)
    life = _life((51, 60), (80, 90), heard=_heard(100), asks=gone)
    assert asking.decide(life, NOW).issue == ((80, 90),)


def test_what_expired_unheard_is_asked_for_again() -> None:
    ask = _ask((51, 100), expires_at=NOW)
    life = _life((51, 100), heard=_heard(100), asks=(ask,))
    assert asking.decide(life, NOW).end == ((ask.id, Outcome.EXPIRED),)
    over = replace(ask, outcome=Outcome.EXPIRED, ended_at=NOW)
    assert asking.decide(replace(life, asks=(over,)), NOW).issue == ((51, 100),)


def test_a_refusal_is_not_the_end_of_it() -> None:
    refused = _ask((51, 100), answer=AcknowledgementState.REFUSED, answered_at=NOW)
    life = _life((51, 100), heard=_heard(100), asks=(refused,))
    assert asking.decide(life, NOW).end == ((refused.id, Outcome.REFUSED),)
    over = replace(refused, outcome=Outcome.REFUSED, ended_at=NOW)
    many = replace(life, asks=(over,) * 9)
    assert asking.decide(many, NOW + REFUSED_WAIT / 2).issue == ()
    assert asking.decide(many, NOW + REFUSED_WAIT).issue == ((51, 100),)


def test_a_life_that_is_over_is_asked_once_for_its_end() -> None:
    heard = _heard(5, boot=UUID(int=2))
    life = _life(heard=heard, through=40)
    assert asking.decide(life, NOW).issue == ((41, END),)
    asked = _ask((41, END), answer=AcknowledgementState.DONE, answered_at=NOW)
    deeds = asking.decide(replace(life, asks=(asked,)), NOW)
    assert (deeds.issue, deeds.end) == ((), ((asked.id, Outcome.SETTLED),))
    over = replace(asked, outcome=Outcome.SETTLED, ended_at=NOW)
    assert asking.decide(replace(life, asks=(over,)), NOW) == asking.Deeds()


@pytest.mark.parametrize("open_ones", [0, 3, OPEN_MOST, OPEN_MOST + 2])
def test_a_home_has_a_bounded_number_of_open_instructions(open_ones: int) -> None:
    runs = tuple((10 * n + 1, 10 * n + 2) for n in range(30))
    asks = tuple(_ask(run) for run in runs[:open_ones])
    issued = asking.decide(_life(*runs, heard=_heard(400), asks=asks), NOW).issue
    assert len(issued) == max(0, OPEN_MOST - open_ones)
    assert issued == runs[open_ones : open_ones + len(issued)]


_runs = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)), max_size=8).map(
    lambda pairs: [(first, first + more) for first, more in pairs]
)


@given(_runs, _runs)
def test_runs_are_sets_of_numbers(
    some: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    def numbers(runs: object) -> list[int]:
        return [n for first, last in runs for n in range(first, last + 1)]  # type: ignore[attr-defined]  # runs

    taken = set(numbers(others))
    left = asking.without(some, others)
    assert sorted(numbers(left)) == sorted(n for n in numbers(some) if n not in taken)
    assert asking.count(left) == len(numbers(left))


@given(st.sets(st.integers(1, 50)), st.integers(0, 50), st.integers(0, 50))
def test_only_what_is_missing_is_ever_asked_for(gone: set[int], last: int, depth: int) -> None:
    runs = tuple((n, n) for n in sorted(gone))
    issued = asking.decide(_life(*runs, heard=_heard(last, depth)), NOW).issue
    assert {n for first, end in issued for n in range(first, end + 1)} <= gone
    assert bool(issued) == (sum(n <= last for n in gone) > depth)
