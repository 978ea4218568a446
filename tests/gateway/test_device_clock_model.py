"""A device's clock as it is in life, against what the confidence of its times promises.

The model knows the true time of everything. The device drifts, loses its battery, is set by hand,
follows summer time or not, ignores settings or not, and is connected now and then, when its memory
comes late and all of it again. The oracle is the promise of `TimeConfidence`: a checked time is
right within 300 s and 100 ppm of how long it lay; an uncertain one may be wrong.

What no gateway can know is left out: a device is connected once when it is set up, and its clock
is changed at most once between two connections; a setting that it ignored unseen counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.capture import Circumstances, capture
from gateway.profiles.weight_scale import WeightMeasurement
from gateway.timing.clock import IMPLAUSIBLE, correct, local_time, needs_setting
from gateway.timing.device_clock import FRESH, GRACE, ClockSample, DeviceClock
from telekol.observation import TimeConfidence
from tests.gateway.conftest import DEVICE, GATEWAY

CPH = ZoneInfo("Europe/Copenhagen")
AUTUMN = datetime(2026, 10, 24, 20, tzinfo=UTC)
SPRING = datetime(2026, 3, 28, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
QUIET = FRESH + timedelta(minutes=1)
"""A change of the clock and the next connection are further apart in the model than the span in
which a reading counts as fresh: nobody changes a battery between measuring and sending."""


@dataclass
class Model:
    """A device with a clock that has an error, and a memory of what it measured."""

    now: datetime
    ppm: float
    follows_summer_time: bool
    ignores_setting: bool
    error: timedelta = timedelta()
    clock: DeviceClock = field(default_factory=DeviceClock)
    was_changed: bool = False
    memory: list[tuple[datetime, datetime]] = field(default_factory=list)
    ids: dict[tuple[datetime, datetime], UUID] = field(default_factory=dict)

    @property
    def shown(self) -> datetime:
        """What the display shows: whole seconds."""
        return (self.now.replace(tzinfo=None) + self.error).replace(microsecond=0)

    def wait(self, span: timedelta) -> None:
        before = local_time(self.now, CPH) - self.now.replace(tzinfo=None)
        self.now += span
        after = local_time(self.now, CPH) - self.now.replace(tzinfo=None)
        self.error += span * (self.ppm / 1e6)
        if self.follows_summer_time and after != before and not self.was_changed:
            self.error += after - before
            self.was_changed = True

    def jump(self, to: datetime) -> None:
        if self.was_changed:
            return
        self.was_changed = True
        self.error = to - self.now.replace(tzinfo=None)
        self.wait(QUIET)

    def measure(self) -> None:
        self.memory.append((self.now, self.shown))

    def connect(self, *, delivers: bool, reads_back: bool = True) -> None:
        shown = self.shown
        self.clock = self.clock.compared(ClockSample(shown, self.now))
        if needs_setting(shown, self.now, CPH):
            local = local_time(self.now, CPH).replace(microsecond=0)
            self.clock = self.clock.was_set(ClockSample(local, self.now))
            if not self.ignores_setting:
                self.error = local - self.now.replace(tzinfo=None)
            if reads_back:
                self.clock = self.clock.compared(ClockSample(self.shown, self.now))
        # A setting that was ignored while the link was lost looks like one that was taken, and a
        # later change like its trace: together they are two changes that nobody saw.
        self.was_changed = self.ignores_setting and not reads_back
        self.now += timedelta(seconds=5)
        for reading in self.memory if delivers else ():
            self.judge(*reading)

    def judge(self, truth: datetime, stamp: datetime) -> None:
        """The oracle."""
        timing = correct(stamp, self.clock, CPH, self.now)
        error = abs(timing.measured_at - truth)
        lain = self.now - truth
        if timing.confidence is TimeConfidence.CLOCK_CHECKED:
            # Comparisons 300 s apart count as one clock; 10 s for what displays cut off and what
            # links take on the way.
            promised = timedelta(seconds=310) + lain * 1e-4
            assert error <= promised, (truth, stamp, timing, self.clock)
        assert timing.measured_at <= self.now
        self.same_id(truth, stamp, is_stamped=IMPLAUSIBLE not in timing.quality)

    def same_id(self, truth: datetime, stamp: datetime, *, is_stamped: bool) -> None:
        payload = bytes(WeightMeasurement.from_bytes(_weighing(stamp)))
        around = Circumstances(
            gateway=GATEWAY,
            device=DEVICE,
            clock=self.clock,
            zone=CPH,
            received_at=self.now,
            counter=1,
        )
        (item,) = capture(WeightMeasurement.from_bytes(payload), around).observations
        if is_stamped:
            assert self.ids.setdefault((truth, stamp), item.id) == item.id
        assert item.device_time == stamp


def _weighing(stamp: datetime) -> bytes:
    time = stamp.year.to_bytes(2, "little") + bytes(
        (stamp.month, stamp.day, stamp.hour, stamp.minute, stamp.second)
    )
    return b"\x02\x86\x38" + time


_BATTERY = st.sampled_from(
    [datetime(1970, 1, 1), datetime(2000, 1, 1), datetime(2010, 1, 1), datetime(2015, 1, 1, 12)]  # noqa: DTZ001
)
_EVENTS = st.one_of(
    st.tuples(st.just("wait"), st.integers(60, 40 * 3600)),
    st.tuples(st.just("measure"), st.just(0)),
    st.tuples(st.just("battery"), _BATTERY),
    st.tuples(st.just("hand"), st.integers(-90 * 60, 90 * 60)),
    st.tuples(st.just("connect"), st.booleans()),
    st.tuples(st.just("lost after setting"), st.booleans()),
)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([AUTUMN, SPRING]),
    st.floats(-100, 100),
    st.booleans(),
    st.booleans(),
    st.lists(_EVENTS, min_size=4, max_size=30),
)
def test_a_checked_time_is_as_right_as_it_promises(
    start: datetime,
    ppm: float,
    follows: bool,
    ignores: bool,
    events: list[tuple[str, object]],
) -> None:
    # A setting that is ignored unseen is a change of which nothing is left; with another before the
    # next comparison the two cannot be told from one (decision 0011).
    assume(not (ignores and any(kind == "lost after setting" for kind, _ in events)))
    device = Model(start, ppm, follows, ignores)
    device.error = local_time(start, CPH) - start.replace(tzinfo=None)
    device.connect(delivers=True)
    device.wait(QUIET)
    for kind, what in events:
        if kind == "wait":
            assert isinstance(what, int)
            device.wait(timedelta(seconds=what))
        elif kind == "measure":
            device.measure()
            device.wait(timedelta(seconds=20))
        elif kind == "battery":
            assert isinstance(what, datetime)
            device.jump(what)
        elif kind == "hand":
            assert isinstance(what, int)
            device.jump(device.shown + timedelta(seconds=what))
        else:
            device.connect(delivers=bool(what), reads_back=kind == "connect")
            device.wait(QUIET)


def _regular(device: Model, days: int) -> list[TimeConfidence]:
    """Measure and connect once a day; gives what is said of each reading when it comes."""
    said = []
    for _ in range(days):
        device.measure()
        device.wait(timedelta(seconds=20))
        device.connect(delivers=True)
        truth, stamp = device.memory[-1]
        timing = correct(stamp, device.clock, CPH, device.now)
        said.append(timing.confidence)
        assert abs(timing.measured_at - truth) <= timedelta(minutes=3)
        device.wait(timedelta(hours=24))
    return said


def test_a_device_in_daily_use_is_checked_every_day_through_both_changes_of_summer_time() -> None:
    for start in (AUTUMN - 3 * 24 * HOUR, SPRING - 3 * 24 * HOUR):
        for follows in (False, True):
            device = Model(start, 20, follows, ignores_setting=False)
            device.error = local_time(start, CPH) - start.replace(tzinfo=None)
            said = _regular(device, 8)
            # A clock that goes back by itself shows one hour twice. The reading of that day may
            # be of either, and says so.
            is_twice = follows and start < AUTUMN and start > SPRING
            assert said.count(TimeConfidence.CLOCK_CARRIED) == is_twice
            assert said.count(TimeConfidence.CLOCK_CHECKED) == 8 - is_twice


def test_a_never_set_clock_that_cannot_be_set_is_right_and_not_certain() -> None:
    for shown in (datetime(1970, 1, 1), datetime(2000, 1, 1), datetime(2010, 1, 1)):  # noqa: DTZ001
        device = Model(AUTUMN, -50, follows_summer_time=False, ignores_setting=True)
        device.error = shown - AUTUMN.replace(tzinfo=None)
        # It can have shown the same time after an earlier start.
        assert set(_regular(device, 6)) == {TimeConfidence.CLOCK_CARRIED}


def test_a_reading_between_two_connections_that_found_the_clock_changed_is_not_certain() -> None:
    device = Model(AUTUMN, 0, follows_summer_time=False, ignores_setting=True)
    device.connect(delivers=True)
    device.wait(6 * HOUR)
    device.measure()
    device.wait(6 * HOUR)
    device.jump(device.shown - HOUR)
    device.connect(delivers=True)
    truth, stamp = device.memory[0]
    timing = correct(stamp, device.clock, CPH, device.now)
    assert timing.confidence is TimeConfidence.CLOCK_CARRIED
    assert abs(timing.measured_at - truth) <= HOUR + GRACE


def test_a_stamp_from_before_the_last_comparison_belongs_to_the_clock_before() -> None:
    device = Model(AUTUMN, 0, follows_summer_time=False, ignores_setting=True)
    device.connect(delivers=True)
    device.wait(6 * HOUR)
    device.measure()
    device.wait(6 * HOUR)
    device.connect(delivers=False)
    device.wait(24 * HOUR)
    device.jump(device.shown - HOUR)
    device.connect(delivers=True)
    truth, stamp = device.memory[0]
    timing = correct(stamp, device.clock, CPH, device.now)
    assert abs(timing.measured_at - truth) <= GRACE
    assert timing.confidence is TimeConfidence.CLOCK_CHECKED
