"""When a trouble of a home is told and when it is over: hysteresis, and the laws of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.clock.rules import Source
from alerts.technical import statements, troubles
from alerts.technical.policy import POLICIES, UNKNOWN, Policy, policy
from alerts.technical.troubles import Key, Presence, Time
from telekol.severity import Severity
from telekol.troubles import TroubleCode

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LASTING = Policy(Severity.BLUE, 60 * MINUTE, 30 * MINUTE)


def _at(minutes: int) -> datetime:
    return START + minutes * MINUTE


def _times(*pairs: tuple[int, int | None]) -> list[Time]:
    return [Time(_at(start), None if end is None else _at(end)) for start, end in pairs]


def _stands(minute: int, *pairs: tuple[int, int | None]) -> bool:
    return troubles.standing(_times(*pairs), LASTING, _at(minute)) is not None


def test_a_gateway_that_is_gone_for_a_moment_is_told_of_to_nobody() -> None:
    assert not _stands(59, (0, None))
    assert not _stands(200, (0, 20), (40, 55), (90, 110))


def test_a_gateway_that_is_gone_for_long_is_told_and_not_taken_back_by_a_blink() -> None:
    assert _stands(60, (0, None))
    assert _stands(95, (0, 70))  # back for 25 minutes
    assert not _stands(100, (0, 70))


def test_a_gateway_that_comes_and_goes_all_night_is_one_trouble() -> None:
    flapping = [(0, 61), *((at, at + 3) for at in range(70, 600, 20))]
    for minute in range(60, 613):
        found = troubles.standing(_times(*flapping), LASTING, _at(minute))
        assert found is not None, minute
        assert found.start == _at(0)
    assert not _stands(640, *flapping)


def test_a_new_trouble_after_a_quiet_half_hour_must_last_again() -> None:
    assert not _stands(130, (0, 70), (100, None))
    assert _stands(160, (0, 70), (100, None))


@pytest.mark.parametrize("code", TroubleCode)
def test_every_code_has_a_policy_and_none_is_red(code: TroubleCode) -> None:
    assert policy(code) is POLICIES[code]
    assert POLICIES[code].severity in (Severity.BLUE, Severity.YELLOW)


def test_a_trouble_that_only_a_newer_gateway_knows_is_told_at_once() -> None:
    assert policy("flux-capacitor-empty") is UNKNOWN
    assert troubles.standing(_times((0, None)), UNKNOWN, _at(0)) is not None


def test_a_gateway_that_was_never_heard_is_silent_from_when_it_was_handed_out() -> None:
    assert troubles.silences(Presence((), None, START), _at(9)) == [Time(START)]


def test_silence_counts_also_when_the_broker_believes_that_the_gateway_is_there() -> None:
    presence = Presence((), START, START - timedelta(days=9))
    assert troubles.silences(presence, _at(59)) == []
    assert troubles.silences(presence, _at(60)) == [Time(START)]


pairs = st.lists(st.tuples(st.integers(0, 2000), st.none() | st.integers(1, 300)), max_size=12).map(
    lambda some: [(start, None if length is None else start + length) for start, length in some]
)


def _slowly(some: list[tuple[int, int | None]], now: int) -> bool:
    """Minute by minute: how long it has been there without a break, and how long gone."""
    told, there, gone = False, 0, 0
    for minute in range(now + 1):
        if any(start <= minute and (end is None or minute <= end) for start, end in some):
            # A break of a minute that no time covers ends what lasted.
            there = there + 1 if there and _touches(some, minute) else 1
            gone = 0
        else:
            there, gone = 0, gone + 1
        covered = max((end for s, end in some if end and s <= minute and end <= minute), default=0)
        if there and there - 1 >= 60:
            told = True
        elif not there and minute - covered >= 30:
            told = False
    return told


def _touches(some: list[tuple[int, int | None]], minute: int) -> bool:
    """Whether one time holds on from the minute before to this one."""
    return any(start < minute and (end is None or minute <= end) for start, end in some)


@given(pairs, st.integers(0, 2500))
def test_standing_is_that_of_a_walk_minute_by_minute(
    some: list[tuple[int, int | None]], now: int
) -> None:
    assert _stands(now, *some) == _slowly(some, now)


@given(pairs, st.integers(0, 2500))
def test_a_statement_can_be_made_again_from_its_evidence(
    some: list[tuple[int, int | None]], now: int
) -> None:
    key = Key("gw-1", TroubleCode.RADIO_BLIND)
    finding = statements.made(
        UUID(int=1), key, _times(*some), LASTING, None, _at(now), Source(), is_here=True
    )
    answer = statements.replay(finding.evidence)
    assert (answer.severity, answer.score, answer.reason) == (
        finding.severity,
        finding.score,
        finding.reason,
    )
    assert (finding.severity is Severity.BLUE) == _stands(now, *some)


def test_the_sentence_says_what_since_when_and_what_to_do() -> None:
    key = Key("gw-1", TroubleCode.DEVICE_BATTERY_LOW, "AA:BB:CC:DD:EE:FF")
    finding = statements.made(
        UUID(int=1), key, _times((0, None)), LASTING, None, _at(90), Source(), is_here=True
    )
    assert finding.reason.danish == (
        "Apparatets batteri er næsten tomt (apparat AA:BB:CC:DD:EE:FF), "
        "siden mandag 2. nov. kl. 09.00. Skift eller oplad batteriet"
    )
    assert finding.reason.english == (
        "The device's battery is nearly empty (device AA:BB:CC:DD:EE:FF), "
        "since Monday 2 Nov at 09:00. Change or charge the battery"
    )
