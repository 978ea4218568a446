"""Device clocks: comparing, setting, and correcting what they stamped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.timing.clock import IMPLAUSIBLE, correct, local_time, needs_setting
from gateway.timing.device_clock import GRACE, ClockSample, DeviceClock
from telekol.observation import TimeConfidence

CPH = ZoneInfo("Europe/Copenhagen")
NOW = datetime(2026, 3, 14, 8, 30, tzinfo=UTC)
LOCAL = local_time(NOW, CPH)
MINUTE = timedelta(minutes=1)


def clock_showing(shown: datetime) -> DeviceClock:
    return DeviceClock().compared(ClockSample(shown, NOW))


@pytest.mark.parametrize(
    "shown",
    [
        datetime(1970, 1, 1, 5),  # noqa: DTZ001
        datetime(2000, 1, 1),  # noqa: DTZ001
        LOCAL,
        LOCAL + timedelta(hours=1),
        datetime(9999, 12, 31, 23),  # noqa: DTZ001
    ],
)
def test_any_clock_is_right_once_compared(shown: datetime) -> None:
    stamped = shown - 10 * MINUTE
    timing = correct(stamped, clock_showing(shown), CPH, NOW)
    assert timing.measured_at == NOW - 10 * MINUTE
    # A clock that counts from its own start may have started since, and shown this time before.
    counts = shown < datetime(2020, 1, 1)  # noqa: DTZ001
    said = TimeConfidence.CLOCK_CARRIED if counts else TimeConfidence.CLOCK_CHECKED
    assert timing.confidence is said
    assert timing.offset_s == pytest.approx((NOW.replace(tzinfo=None) - shown).total_seconds())


def test_a_reading_stored_before_the_clock_was_set_belongs_to_the_old_time() -> None:
    shown = datetime(1970, 1, 1, 5)  # noqa: DTZ001
    clock = clock_showing(shown).was_set(ClockSample(LOCAL, NOW))
    old = correct(shown - 20 * MINUTE, clock, CPH, NOW + MINUTE)
    new = correct(LOCAL + timedelta(seconds=30), clock, CPH, NOW + MINUTE)
    assert old.measured_at == NOW - 20 * MINUTE
    assert new.measured_at == NOW + timedelta(seconds=30)


def test_a_clock_an_hour_ahead_that_was_set_back() -> None:
    ahead = LOCAL + timedelta(hours=1)
    clock = clock_showing(ahead).was_set(ClockSample(LOCAL, NOW))
    # Stored a minute before the setting, at a time that is yet to come by the new clock.
    assert correct(ahead - MINUTE, clock, CPH, NOW + MINUTE).measured_at == NOW - MINUTE
    assert correct(LOCAL + MINUTE, clock, CPH, NOW + MINUTE).measured_at == NOW + MINUTE


def test_a_link_lost_after_setting_the_clock_does_not_lose_the_old_time() -> None:
    shown = datetime(2010, 1, 1, 5)  # noqa: DTZ001
    first = clock_showing(shown).was_set(ClockSample(LOCAL, NOW))
    later = NOW + 5 * MINUTE
    second = first.compared(ClockSample(LOCAL + 5 * MINUTE, later))
    timing = correct(shown - MINUTE, second, CPH, later)
    assert timing.measured_at == NOW - MINUTE
    assert timing.confidence is TimeConfidence.CLOCK_CARRIED


def test_a_clock_set_by_somebody_else_begins_a_new_era() -> None:
    shown = datetime(1970, 1, 1, 5)  # noqa: DTZ001
    clock = clock_showing(shown).compared(ClockSample(LOCAL + MINUTE, NOW + MINUTE))
    assert len(clock.eras) == 2
    assert correct(LOCAL, clock, CPH, NOW + MINUTE).measured_at == NOW
    assert correct(shown, clock, CPH, NOW + MINUTE).measured_at == NOW


def test_drift_stays_in_the_era_and_eras_are_bounded() -> None:
    clock = clock_showing(LOCAL)
    for day in range(1, 30):
        moment = NOW + timedelta(days=day)
        drifted = local_time(moment, CPH) + timedelta(seconds=day)
        clock = clock.compared(ClockSample(drifted, moment))
    assert len(clock.eras) == 2  # summer time began in between
    for hour in range(1, 100):
        clock = clock.was_set(ClockSample(LOCAL + timedelta(hours=hour), NOW))
    assert len(clock.eras) == 64


def test_without_a_comparison_the_time_is_local_and_says_so() -> None:
    timing = correct(LOCAL - MINUTE, DeviceClock(), CPH, NOW)
    assert timing.measured_at == NOW - MINUTE
    assert (timing.confidence, timing.offset_s) == (TimeConfidence.CLOCK_UNCHECKED, -3600.0)


def test_no_time_is_arrival() -> None:
    timing = correct(None, clock_showing(LOCAL), CPH, NOW)
    assert (timing.measured_at, timing.confidence, timing.offset_s, timing.quality) == (
        NOW,
        TimeConfidence.ARRIVAL,
        None,
        (),
    )


@pytest.mark.parametrize("clock", [DeviceClock(), clock_showing(LOCAL)])
@pytest.mark.parametrize(
    "stamped",
    [
        datetime(1, 1, 1),  # noqa: DTZ001
        datetime(1970, 1, 1),  # noqa: DTZ001
        LOCAL + timedelta(days=3),
        datetime(9999, 12, 31, 23, 59, 59),  # noqa: DTZ001
    ],
)
def test_a_time_that_cannot_be_true_is_arrival_and_flagged(
    clock: DeviceClock, stamped: datetime
) -> None:
    timing = correct(stamped, clock, CPH, NOW)
    assert (timing.measured_at, timing.confidence) == (NOW, TimeConfidence.ARRIVAL)
    assert timing.quality == (IMPLAUSIBLE,)


def test_an_old_reading_keeps_its_own_time() -> None:
    stamped = LOCAL - timedelta(days=700)
    assert correct(stamped, clock_showing(LOCAL), CPH, NOW).measured_at < NOW - timedelta(days=699)


def test_whole_seconds_do_not_put_a_reading_into_the_future() -> None:
    timing = correct(LOCAL + GRACE, clock_showing(LOCAL), CPH, NOW)
    assert timing.measured_at == NOW
    assert timing.offset_s == (NOW.replace(tzinfo=None) - LOCAL - GRACE).total_seconds()


@given(
    st.datetimes(),
    st.lists(st.tuples(st.booleans(), st.datetimes(), st.integers(0, 10**6)), max_size=8),
    st.integers(0, 10**6),
)
def test_whatever_a_clock_did_nothing_was_measured_in_the_future(
    stamped: datetime, history: list[tuple[bool, datetime, int]], later_s: int
) -> None:
    clock, moment = DeviceClock(), NOW
    for was_set, shown, passed_s in history:
        moment += timedelta(seconds=passed_s)
        sample = ClockSample(shown, moment)
        clock = clock.was_set(sample) if was_set else clock.compared(sample)
    received_at = moment + timedelta(seconds=later_s)
    timing = correct(stamped, clock, CPH, received_at)
    assert timing.measured_at <= received_at
    if timing.offset_s is not None:
        corrected = stamped.replace(tzinfo=UTC) + timedelta(seconds=timing.offset_s)
        assert abs(corrected - timing.measured_at) < timedelta(milliseconds=1)
    assert (timing.offset_s is None) == (timing.confidence is TimeConfidence.ARRIVAL)


@pytest.mark.parametrize(("off_s", "needed"), [(0, False), (-9, False), (11, True), (-3600, True)])
def test_only_a_clock_that_is_clearly_off_is_set(off_s: int, needed: bool) -> None:
    assert needs_setting(LOCAL + timedelta(seconds=off_s), NOW, CPH) is needed


def test_a_clock_without_a_date_is_set() -> None:
    assert needs_setting(None, NOW, CPH)


def test_devices_show_local_time_on_both_sides_of_summer_time() -> None:
    before = datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC)
    assert local_time(before, CPH).hour == 2
    assert local_time(before + timedelta(seconds=1), CPH).hour == 2
    assert local_time(before + timedelta(hours=1, seconds=1), CPH).hour == 3
