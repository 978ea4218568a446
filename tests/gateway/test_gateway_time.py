"""A gateway that starts before it knows the time: what it holds, when it dates it, and how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway import trusted_time
from gateway.clock import needs_setting
from gateway.clock_book import ClockBook
from gateway.clock_troubles import ClockTroubles
from gateway.condition import Condition
from gateway.device_clock import ClockSample, DeviceClock
from gateway.errors import OutboxError, OutboxFullError
from gateway.gateway_clock import (
    ALONE_MOST,
    CONTRADICTED,
    GatewayClock,
    Known,
    Look,
    is_dated,
    undated,
)
from gateway.held_readings import HeldReadings
from gateway.intake import Intake
from gateway.outbox import Outbox
from gateway.profiles import sig_uuid
from gateway.redating import Redater, Step, redated
from gateway.timekeeper import HOLD_ONLINE, SAY_AFTER, Timekeeper
from gateway.trusted_time import SystemClock, TrustedTime
from telekol.observation import Observation, TimeConfidence, reading_id
from telekol.quantities import Quantity
from telekol.troubles import TroubleCode
from tests.gateway.conftest import DEVICE, GATEWAY, NOW, observation

WEIGHT = sig_uuid(0x2A9D)
UNSTAMPED = bytes.fromhex("008638")
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def stamped(at: datetime) -> bytes:
    year = at.year.to_bytes(2, "little")
    return b"\x02\x86\x38" + year + bytes((at.month, at.day, at.hour, at.minute, at.second))


@dataclass
class Machine:
    """A machine without a clock of its own: the truth, and what its system shows of it."""

    truth: datetime = NOW
    booted: datetime = NOW - MINUTE
    boot: str = "boot-1"
    wall_error: timedelta = -timedelta(days=40)
    evidence: str = ""

    def look(self) -> Look:
        wall = self.truth + self.wall_error
        passed = self.truth - self.booted
        return Look(wall, passed, self.boot, self.evidence, bool(self.evidence))

    def pass_(self, span: timedelta) -> None:
        self.truth += span

    def synchronise(self) -> None:
        self.wall_error, self.evidence = timedelta(), "a time service keeps the clock"

    def lose_power(self, off: timedelta) -> None:
        """The system begins with the time at which it was last shut down, or worse."""
        self.truth += off
        self.booted = self.truth
        self.boot = f"boot-{self.truth.isoformat()}"
        self.wall_error, self.evidence = -timedelta(days=40), ""


@dataclass
class House:
    """The gateway's parts on one outbox file; `start` is a start of its process."""

    path: Path
    machine: Machine = field(default_factory=Machine)
    online: bool = False
    condition: Condition = field(default_factory=Condition)

    def start(self) -> None:
        self.outbox = Outbox.open(self.path, datetime.now(UTC))
        self.held = HeldReadings(self.outbox.file)
        known = self.held.last_known()
        self.time = TrustedTime(self.machine.look, known)
        troubles = ClockTroubles(self.condition, self.time.earliest)
        self.book = ClockBook(self.outbox, self.time, UTC, troubles.judged)
        self.intake = Intake(GATEWAY, self.outbox, UTC, lambda: None, self.held, self.time)
        self.keeper = Timekeeper(
            self.time,
            self.held,
            self.intake,
            self.book,
            lambda: self.online,
            troubles,
            Redater(self.outbox, self.book, is_first=known is None or known.boot != self.time.boot),
        )
        redater = self.keeper._redater
        assert redater is not None
        self.time.on_step = redater.stepped
        self.keeper.once()

    def stop(self) -> None:
        self.outbox.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def read(self, payload: bytes, clock: DeviceClock | None = None) -> int:
        """Let a device indicate."""
        clock = self.book.clock(DEVICE.address) if clock is None else clock
        return self.intake.take(WEIGHT, payload, DEVICE, clock, self.time.now())

    def connect(self, shown: datetime) -> None:
        """Compare the device's clock."""
        clock = self.book.clock(DEVICE.address)
        clock = clock.compared(ClockSample(shown, self.time.now()))
        self.book.keep(DEVICE.address, clock, self.time.now())

    @property
    def sent(self) -> tuple[Observation, ...]:
        return self.outbox.read(1, self.outbox.last_seq, NOW)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "outbox.db")
    house.start()
    yield house
    house.stop()


def knew(house: House, ago: timedelta) -> None:
    """Let the gateway have known the time in an earlier boot, `ago` before its boot."""
    house.held.note_known(Known(house.machine.booted - ago, "earlier", timedelta(hours=5)))
    house.restart()


def test_a_reading_before_the_time_is_known_is_on_disk_and_not_sent(house: House) -> None:
    assert house.read(UNSTAMPED) == 1
    assert (house.held.count(), house.outbox.depth()) == (1, 0)
    house.restart()  # kill -9 looks the same to the disk: the commit came before the answer
    assert (house.held.count(), house.outbox.depth()) == (1, 0)


def test_it_is_dated_exactly_as_soon_as_the_time_is_known_in_the_same_boot(house: House) -> None:
    at = house.machine.truth
    house.read(UNSTAMPED)
    house.machine.pass_(3 * HOUR)
    house.restart()
    house.machine.synchronise()
    house.keeper.once()
    (sent,) = house.sent
    assert (sent.measured_at, sent.received_at) == (at, at)
    assert sent.time_confidence is TimeConfidence.ARRIVAL
    assert house.held.count() == 0
    house.keeper.once()
    assert house.outbox.last_seq == 1


def test_a_device_clock_compared_before_the_time_was_known_counts_once_it_is(house: House) -> None:
    shown = datetime(2026, 1, 1, 12)  # noqa: DTZ001
    house.connect(shown)
    assert house.read(stamped(shown - 5 * MINUTE)) == 1
    at = house.machine.truth - 5 * MINUTE
    house.machine.pass_(HOUR)
    house.machine.synchronise()
    house.keeper.once()
    (sent,) = house.sent
    assert abs(sent.measured_at - at) < timedelta(milliseconds=1)
    assert sent.time_confidence is TimeConfidence.CLOCK_CHECKED
    assert sent.id == reading_id(DEVICE, Quantity.BODY_WEIGHT, shown - 5 * MINUTE)
    # And the same memory, read again now that the time is known, is known.
    assert house.read(stamped(shown - 5 * MINUTE)) == 0


def test_a_memory_read_again_while_it_is_held_is_held_once(house: House) -> None:
    shown = datetime(2026, 1, 1, 12)  # noqa: DTZ001
    house.connect(shown)
    assert [house.read(stamped(shown)) for _ in range(3)] == [1, 0, 0]
    assert [house.read(UNSTAMPED) for _ in range(2)] == [1, 1]


def test_no_device_is_set_by_a_gateway_that_does_not_know_the_time(house: House) -> None:
    assert not needs_setting(None, house.time.now(), UTC)
    house.machine.synchronise()
    assert needs_setting(None, house.time.now(), UTC)


def test_an_undated_moment_cannot_be_sent(house: House) -> None:
    now = house.time.now()
    assert not is_dated(now)
    with pytest.raises(ValidationError, match="measured_at must lie between"):
        Observation.model_validate({**dict(observation(1)), "measured_at": now, "received_at": now})


def test_after_a_power_cut_the_devices_clock_says_when_it_was(house: House) -> None:
    house.machine.synchronise()
    house.keeper.once()
    offset = timedelta(minutes=3)  # the device is ahead
    house.connect((house.machine.truth + offset).replace(tzinfo=None))
    house.machine.lose_power(HOUR)
    house.restart()
    house.machine.pass_(2 * MINUTE)
    at = house.machine.truth
    shown = (at + offset).replace(tzinfo=None)
    house.connect(shown)
    house.read(stamped(shown))
    house.read(UNSTAMPED)
    house.machine.lose_power(24 * HOUR)
    house.restart()
    house.machine.pass_(MINUTE)
    house.machine.synchronise()
    house.keeper.once()
    by_stamp, by_arrival = house.sent
    assert abs(by_stamp.measured_at - at) < timedelta(seconds=1)
    assert by_stamp.time_confidence is TimeConfidence.CLOCK_CARRIED
    # What came beside it came at the same time.
    assert abs(by_arrival.measured_at - at) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("off", "said"),
    [
        (HOUR, TimeConfidence.GATEWAY_CLOCK_BOUNDED),
        (24 * HOUR, TimeConfidence.GATEWAY_CLOCK_UNKNOWN),
    ],
)
def test_after_a_power_cut_without_a_devices_clock_it_is_between_two_dates(
    house: House, off: timedelta, said: TimeConfidence
) -> None:
    knew(house, 10 * MINUTE)
    at = house.machine.truth
    house.read(UNSTAMPED)
    house.machine.lose_power(off)
    house.restart()
    house.machine.synchronise()
    house.keeper.once()
    (sent,) = house.sent
    assert sent.time_confidence is said
    error = abs(sent.measured_at - at)
    assert error <= (off + 10 * MINUTE) / 2 + timedelta(seconds=1)
    assert (error <= HOUR) or said is TimeConfidence.GATEWAY_CLOCK_UNKNOWN


def test_with_a_server_and_no_time_service_nothing_waits_for_ever(house: House) -> None:
    knew(house, HOUR)
    house.machine.wall_error = -30 * MINUTE
    at = house.machine.truth
    house.read(UNSTAMPED)
    house.machine.pass_(HOLD_ONLINE)
    house.keeper.once()
    assert not house.sent  # nobody can be reached, so nothing is gained by a doubtful date
    house.online = True
    house.keeper.once()
    house.machine.pass_(HOLD_ONLINE - MINUTE)
    house.keeper.once()
    assert not house.sent
    house.machine.pass_(MINUTE)
    house.keeper.once()
    (sent,) = house.sent
    assert sent.time_confidence is TimeConfidence.GATEWAY_CLOCK_UNKNOWN
    assert at - HOUR - MINUTE <= sent.measured_at <= at


def test_support_is_told_when_the_time_stays_unknown_and_when_it_is_known(house: House) -> None:
    def codes() -> list[str]:
        return [trouble.code for trouble in house.condition.troubles]

    house.keeper.once()
    assert not codes()
    house.machine.pass_(SAY_AFTER)
    house.keeper.once()
    assert codes() == [TroubleCode.GATEWAY_CLOCK_UNTRUSTED]
    assert house.condition.snapshot().clock is not None
    house.machine.synchronise()
    house.keeper.once()
    assert not codes()


def test_a_process_that_starts_while_no_service_answers_goes_on_from_the_one_before(
    house: House,
) -> None:
    house.machine.synchronise()
    house.keeper.once()
    house.machine.evidence = ""
    house.machine.wall_error = 3 * HOUR  # and somebody has set the wall clock by hand
    house.restart()
    assert abs(house.time.now() - house.machine.truth) < timedelta(milliseconds=1)
    house.machine.pass_(ALONE_MOST + HOUR)
    house.keeper.once()
    assert is_dated(house.time.now())
    assert not house.time.is_trusted


def test_a_wall_clock_that_steps_while_running_is_followed_when_a_service_set_it(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.machine.synchronise()
    house.machine.wall_error = -40 * MINUTE  # a wrong server
    house.keeper.once()
    house.machine.wall_error = timedelta()
    house.keeper.once()
    assert house.time.now() == house.machine.truth
    assert "the clock was set by +2400.0 s while running" in caplog.text


def test_a_clock_before_the_last_known_time_is_not_believed_at_once(house: House) -> None:
    knew(house, timedelta())
    house.machine.wall_error, house.machine.evidence = -timedelta(days=3), "a time service"
    house.keeper.once()
    assert not is_dated(house.time.now())
    assert "before a time that has been" in house.time.why
    house.machine.pass_(CONTRADICTED)
    house.keeper.once()
    assert is_dated(house.time.now())  # what was known was wrong; it must not block for ever


def test_a_failing_disk_leaves_the_reading_in_the_device(house: House) -> None:
    house.outbox.file.db.execute("PRAGMA query_only = ON")
    with pytest.raises(OutboxError):
        house.read(UNSTAMPED)
    house.outbox.file.db.execute("PRAGMA query_only = OFF")
    assert house.read(UNSTAMPED) == 1


def test_a_reading_that_the_outbox_does_not_take_stays_held(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.read(UNSTAMPED)
    house.machine.synchronise()
    with monkeypatch.context() as full:
        full.setattr(house.outbox, "put", _full)
        with pytest.raises(OutboxFullError):
            house.keeper.once()
    assert (house.held.count(), house.outbox.depth()) == (1, 0)
    house.keeper.once()
    assert (house.held.count(), house.outbox.depth()) == (0, 1)


def _full(_observations: object) -> object:
    raise OutboxFullError("full")


def test_what_is_held_is_salvaged_from_a_damaged_file(house: House) -> None:
    house.read(UNSTAMPED)
    house.outbox.file.db.execute("DROP TABLE life")
    house.restart()
    assert house.held.count() == 1


def test_a_held_row_that_cannot_be_read_stops_no_other(house: House) -> None:
    house.read(UNSTAMPED)
    house.outbox.file.db.execute("UPDATE held_reading SET body = '{}'")
    house.read(UNSTAMPED)
    house.machine.synchronise()
    house.keeper.once()
    assert len(house.sent) == 1


def test_a_held_row_that_cannot_be_dated_stops_no_other(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.read(UNSTAMPED)
    db = house.outbox.file.db
    db.execute("""UPDATE held_reading SET body = json_set(body, '$.clock', 'no clock')""")
    house.read(UNSTAMPED)
    house.machine.synchronise()
    house.keeper.once()
    assert len(house.sent) == 1
    assert "it cannot be dated: ValidationError" in caplog.text
    assert db.execute("SELECT count(*) FROM held_reading").fetchone() == (1,)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(-(10**7), 10**7), st.booleans()), max_size=12
    )
)
def test_dates_never_go_before_what_was_known_and_never_back_without_a_service(
    looks: list[tuple[int, int, bool]],
) -> None:
    last = Known(NOW, "earlier", timedelta())
    clock, passed, before = GatewayClock(last), timedelta(), None
    for waited_s, wall_s, is_kept in looks:
        passed += timedelta(seconds=waited_s)
        wall = NOW + timedelta(seconds=wall_s)
        clock = clock.looked(Look(wall, passed, "boot", "evidence" if is_kept else ""))
        moment = clock.moment(passed)
        assert moment == undated(passed) or moment >= NOW - timedelta(minutes=5)
        if before is not None and not is_kept:
            assert moment >= before
        before = moment


def test_this_machine_can_be_looked_at() -> None:
    first, second = SystemClock().look(), SystemClock("kernel").look()
    assert first.boot == second.boot
    assert second.since_boot >= first.since_boot
    assert 0 <= trusted_time.kernel_error_us() <= 16_000_000


def test_a_battery_backed_clock_counts_only_while_it_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trusted_time, "_RTC", tmp_path)
    monkeypatch.setattr(trusted_time, "TIMESYNCD", tmp_path / "none")
    monkeypatch.setattr(trusted_time, "kernel_error_us", lambda: 16_000_000)
    rtc = tmp_path / "rtc0"
    rtc.mkdir()
    (rtc / "hctosys").write_text("1\n")
    for shows_s, is_believed in ((datetime.now(UTC).timestamp(), True), (40.0, False)):
        (rtc / "since_epoch").write_text(f"{shows_s:.0f}\n")
        assert bool(SystemClock("auto").look().evidence) is is_believed
        assert not SystemClock("kernel").look().evidence


@pytest.mark.parametrize("source", ["kernel", "auto"])
def test_the_kernels_word_and_timesyncds_are_evidence(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "synchronized"
    monkeypatch.setattr(trusted_time, "_RTC", tmp_path)
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    monkeypatch.setattr(trusted_time, "TIMESYNCD", marker)
    monkeypatch.setattr(trusted_time, "kernel_error_us", lambda: 16_000_000)
    assert not SystemClock(source).look().evidence
    marker.touch()
    assert SystemClock(source).look().evidence
    marker.unlink()
    monkeypatch.setattr(trusted_time, "kernel_error_us", lambda: 20_000)
    assert SystemClock(source).look().is_synchronised


def test_a_device_whose_clock_restarts_again_and_again_is_told(house: House) -> None:
    house.machine.synchronise()
    house.keeper.once()
    for _ in range(4):
        house.connect(datetime(2000, 1, 1, 0, 0, 20))  # noqa: DTZ001
        house.machine.pass_(24 * HOUR)
    (trouble,) = house.condition.troubles
    assert (trouble.code, trouble.device) == (TroubleCode.DEVICE_CLOCK_WRONG, DEVICE.address)
    right = house.machine.truth.replace(tzinfo=None)
    house.connect(right)
    house.machine.pass_(2 * HOUR)
    house.connect(right + timedelta(hours=2))
    assert not house.condition.troubles


# -- a time that was believed and was wrong -----------------------------------------------------


WRONG = timedelta(days=3, hours=2)


@pytest.fixture
def believing(house: House) -> House:
    """A gateway that goes by a clock of the machine that is three days ahead."""
    house.machine.wall_error, house.machine.evidence = WRONG, "it has a clock of its own"
    house.keeper.once()
    return house


def stepped(house: House) -> None:
    """A time service comes within reach; it is believed an hour later, against what was known."""
    house.machine.synchronise()
    house.keeper.once()
    house.machine.pass_(CONTRADICTED + MINUTE)
    house.keeper.once()


def test_what_waits_is_dated_anew_when_the_time_turns_out_wrong(believing: House) -> None:
    at = believing.machine.truth
    believing.read(UNSTAMPED)
    (before,) = believing.sent
    assert before.received_at == at + WRONG
    stepped(believing)
    (after,) = believing.sent
    assert (after.received_at, after.measured_at) == (at, at)
    assert (after.id, believing.outbox.last_seq) == (before.id, 1)
    believing.restart()
    assert believing.sent == (after,)


def test_a_device_time_goes_by_the_clock_that_was_compared_then(believing: House) -> None:
    shown = datetime(2026, 1, 1, 12)  # noqa: DTZ001
    believing.connect(shown)
    at = believing.machine.truth - 5 * MINUTE
    believing.read(stamped(shown - 5 * MINUTE))
    stepped(believing)
    (sent,) = believing.sent
    assert sent.measured_at == at
    assert sent.clock_offset_s is not None
    assert sent.device_time is not None
    applied = sent.device_time.replace(tzinfo=UTC) + timedelta(seconds=sent.clock_offset_s)
    assert applied == sent.measured_at
    assert sent.id == reading_id(DEVICE, Quantity.BODY_WEIGHT, shown - 5 * MINUTE)
    # The device's clock is known against the right time now: nothing changed it, and what lies
    # in its memory is the same reading.
    passed = believing.machine.truth - at - 5 * MINUTE
    believing.connect(shown + passed)
    clock = believing.book.clock(DEVICE.address)
    assert (len(clock.eras), clock.restart_count) == (1, 0)
    assert believing.read(stamped(shown - 5 * MINUTE)) == 0


def test_what_is_on_its_way_or_from_before_is_left_alone(believing: House) -> None:
    believing.read(UNSTAMPED)
    believing.machine.pass_(MINUTE)
    believing.read(UNSTAMPED)
    believing.outbox.published(1, 1)
    sent = believing.sent
    believing.machine.synchronise()
    believing.keeper.once()
    believing.machine.pass_(CONTRADICTED + MINUTE)
    believing.time.refresh()  # whoever asks for the time first sees the step
    believing.read(UNSTAMPED)
    right = believing.sent[2]
    believing.keeper.once()
    after = believing.sent
    assert (after[0], after[2]) == (sent[0], right)
    assert after[1].received_at == sent[1].received_at - WRONG


def test_readings_of_an_earlier_boot_are_not_moved(house: House) -> None:
    house.machine.synchronise()
    house.keeper.once()
    house.read(UNSTAMPED)
    before = house.sent
    house.machine.lose_power(MINUTE)
    house.machine.wall_error, house.machine.evidence = -4 * MINUTE, "it has a clock of its own"
    house.restart()
    house.machine.pass_(MINUTE)
    house.read(UNSTAMPED)
    house.machine.wall_error = WRONG
    house.keeper.once()
    assert house.sent[0] == before[0]
    assert house.sent[1].received_at == house.machine.truth + WRONG


def test_a_small_correction_moves_nothing(house: House) -> None:
    house.machine.wall_error, house.machine.evidence = -4 * MINUTE, "it has a clock of its own"
    house.keeper.once()
    house.read(UNSTAMPED)
    before = house.sent
    house.machine.synchronise()
    house.keeper.once()
    assert house.time.now() == house.machine.truth
    assert house.sent == before


@pytest.mark.parametrize("confidence", [TimeConfidence.CLOCK_UNCHECKED, TimeConfidence.STATED])
def test_what_a_display_or_a_person_said_stays_unless_it_lies_ahead(
    confidence: TimeConfidence,
) -> None:
    step = Step(-WRONG, NOW - HOUR)
    said = NOW - 10 * HOUR
    item = observation(1).model_copy(
        update={"measured_at": said, "clock_offset_s": -3600.0, "time_confidence": confidence}
    )
    ahead = redated(item, step, frozenset())
    assert ahead is not None
    assert ahead.measured_at == ahead.received_at == NOW - WRONG
    assert ahead.time_confidence is TimeConfidence.ARRIVAL
    later = redated(item, Step(WRONG, NOW - HOUR), frozenset())
    assert later is not None
    assert (later.measured_at, later.received_at) == (said, NOW + WRONG)
    assert later.time_confidence is confidence
