"""From bytes to the disk: what is kept, what is held back and why."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import OutboxError
from gateway.intake import Intake
from gateway.keeping.outbox import Outbox
from gateway.profiles import MEASUREMENTS, sig_uuid
from gateway.timing.device_clock import ClockSample, DeviceClock
from telekol.observation import Observation, TimeConfidence, reading_id
from telekol.quantities import Quantity
from tests.gateway.conftest import DEVICE, GATEWAY, NOW

PLX = sig_uuid(0x2A5E)
WEIGHT = sig_uuid(0x2A9D)
SHOWN = datetime(2025, 3, 14, 8, 30, 10)  # noqa: DTZ001
STAMP = "e907030e081e05"  # five seconds before SHOWN
CLOCK = DeviceClock().compared(ClockSample(SHOWN, NOW))


class Home:
    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.wakes = 0
        self.intake = Intake(GATEWAY, outbox, UTC, self._wake)

    def _wake(self) -> None:
        self.wakes += 1

    def take(self, uuid: str, payload: str, clock: DeviceClock = CLOCK, at: datetime = NOW) -> int:
        return self.intake.take(uuid, bytes.fromhex(payload), DEVICE, clock, at)

    @property
    def kept(self) -> tuple[Observation, ...]:
        return self.outbox.read(1, self.outbox.last_seq, NOW)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    outbox = Outbox.open(tmp_path / "outbox.db", NOW)
    yield Home(outbox)
    outbox.close()


def test_a_spot_check_becomes_two_observations(home: Home) -> None:
    assert home.take(PLX, "01cff34800" + STAMP) == 2
    spo2, pulse = home.kept
    assert (spo2.quantity, spo2.value, spo2.unit) == (Quantity.SPO2, 97.5, "%")
    assert (pulse.quantity, pulse.value) == (Quantity.PULSE_RATE, 72)
    assert spo2.device_time == SHOWN - timedelta(seconds=5)
    assert spo2.measured_at == NOW - timedelta(seconds=5)
    assert spo2.time_confidence is TimeConfidence.CLOCK_CHECKED
    assert spo2.id == reading_id(DEVICE, Quantity.SPO2, SHOWN - timedelta(seconds=5))
    assert home.wakes == 1


def test_the_id_does_not_depend_on_what_the_clock_is_worth(home: Home) -> None:
    home.take(PLX, "01cff34800" + STAMP)
    assert home.take(PLX, "01cff34800" + STAMP, DeviceClock(), NOW + timedelta(days=1)) == 0
    assert home.outbox.depth() == 2
    assert home.wakes == 1


def test_a_reading_without_a_usable_time_is_known_by_its_arrival(home: Home) -> None:
    assert home.take(PLX, "11cff34800" + STAMP) == 2
    assert home.take(PLX, "11cff34800" + STAMP) == 2
    assert len({item.id for item in home.kept}) == 4
    assert {item.time_confidence for item in home.kept} == {TimeConfidence.ARRIVAL}
    assert home.kept[0].quality == ("device-clock-not-set",)


def test_an_impossible_value_is_held_back_with_its_reason(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    assert home.take(PLX, "0078007f00") == 1  # 120 %, 127 per minute
    assert [item.quantity for item in home.kept] == [Quantity.PULSE_RATE]
    assert "spo2 of 120 % cannot have been measured; expected 1-100" in caplog.text
    assert "0078007f00" in caplog.text


def test_simulated_values_are_held_back(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    assert home.take(PLX, "02cff348000004") == 0
    assert "demonstration: simulated" in caplog.text
    assert home.outbox.depth() == 0


def test_a_finger_that_was_not_there_is_held_back(home: Home) -> None:
    assert home.take(PLX, "04cff34800000800") == 0
    assert home.outbox.depth() == 0


def test_quality_flags_go_along(home: Home) -> None:
    home.take(PLX, "06cff348000002300000")
    assert home.kept[0].quality == ("from-storage", "poor-signal", "low-perfusion")


def test_missing_values_are_nothing(home: Home) -> None:
    assert home.take(PLX, "00ff07ff07") == 0
    assert home.take(WEIGHT, "00ffff") == 0


def test_pounds_arrive_as_kilograms(home: Home) -> None:
    home.take(WEIGHT, "013e3f")
    assert home.kept[0].value == pytest.approx(73.4366, abs=1e-4)
    assert home.kept[0].unit == "kg"


def test_the_slot_of_the_scale_goes_along(home: Home) -> None:
    assert home.take(WEIGHT, "06 8638" + STAMP + "02") == 1
    assert home.take(WEIGHT, "06 8738" + STAMP[:-2] + "06" + "ff") == 1
    assert [one.user_index for one in home.kept] == [2, None]


def test_bytes_that_cannot_be_read_are_logged_and_confirmed(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    assert home.take(WEIGHT, "0286") == 0
    assert "bytes 0286" in caplog.text
    assert "expected 2 bytes of weight" in caplog.text


def test_two_values_of_one_second_are_two_readings_and_repeat_as_such(home: Home) -> None:
    # A clock that was set back shows a second twice.
    assert home.take(WEIGHT, "028638" + STAMP) == 1
    assert home.take(WEIGHT, "028738" + STAMP) == 1
    assert home.take(WEIGHT, "028738" + STAMP) == 0
    assert home.take(WEIGHT, "028638" + STAMP) == 0
    assert len({item.id for item in home.kept}) == 2


def test_endlessly_many_values_of_one_second_are_all_kept(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    counts = [
        home.take(WEIGHT, f"02{number:02x}38{STAMP}", at=NOW + timedelta(hours=number))
        for number in range(12)
    ]
    assert counts == [1] * 12
    assert len({item.id for item in home.kept}) == 12
    assert [item.quality for item in home.kept] == [()] * 8 + [("device-clock-repeats",)] * 4
    assert "the last is known by its arrival" in caplog.text


RESTARTED = "d007010100000f"  # 2000-01-01 00:00:15


def test_a_clock_that_restarts_at_each_switch_on_loses_nothing(home: Home) -> None:
    days = [(94, 70), (93, 71), (94, 70), *((92 - n, 72 + n) for n in range(7)), (70, 120)]
    for day, (spo2, pulse) in enumerate(days):
        payload = f"01{spo2:02x}00{pulse:02x}00{RESTARTED}"
        assert home.take(PLX, payload, DeviceClock(), NOW + timedelta(days=day)) == 2
    assert len({item.id for item in home.kept}) == 22
    assert {item.quality for item in home.kept} == {("device-time-implausible",)}
    assert {item.device_time for item in home.kept} == {datetime(2000, 1, 1, 0, 0, 15)}  # noqa: DTZ001
    assert home.kept[-2].value == 70
    assert home.kept[-2].measured_at == NOW + timedelta(days=10)


def test_a_clock_that_restarts_and_can_be_compared_loses_nothing_either(home: Home) -> None:
    shown = datetime(2000, 1, 1, 0, 0, 20)  # noqa: DTZ001
    payload = f"015e004600{RESTARTED}"
    clock = DeviceClock()
    for day in range(11):
        at = NOW + timedelta(days=day)
        clock = clock.compared(ClockSample(shown, at))
        assert home.take(PLX, payload, clock, at) == 2
        assert home.take(PLX, payload, clock, at + timedelta(seconds=9)) == 0
    assert len({item.id for item in home.kept}) == 22
    assert [item.measured_at for item in home.kept[::2]] == [
        NOW + timedelta(days=day, seconds=-5) for day in range(11)
    ]


def test_what_is_sent_again_within_a_minute_is_one_reading_also_without_a_usable_time(
    home: Home,
) -> None:
    def take(spo2: int, seconds: float) -> int:
        payload = f"01{spo2:02x}004800{RESTARTED}"
        return home.take(PLX, payload, DeviceClock(), NOW + timedelta(seconds=seconds))

    assert [take(92, 0), take(92, 3), take(92, 60)] == [2, 0, 0]
    assert take(92, 61) == 2  # counted from when it first came, so nothing is held off for ever
    assert [take(91, 62), take(92, 63)] == [2, 2]


def test_a_disk_that_fails_is_not_hidden_from_the_device(home: Home) -> None:
    home.outbox._db.execute("PRAGMA query_only = ON")
    with pytest.raises(OutboxError, match="nothing was changed"):
        home.take(WEIGHT, "028638" + STAMP)
    home.outbox._db.execute("PRAGMA query_only = OFF")
    assert home.take(WEIGHT, "028638" + STAMP) == 1


def _timed(tail: bytes) -> bytes:
    """A weighing with any weight's low byte and any time stamp."""
    return b"\x02" + tail[:1] + b"\x38" + tail[1:]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    uuid=st.sampled_from(sorted(MEASUREMENTS)),
    payload=st.binary(max_size=24) | st.binary(min_size=8, max_size=8).map(_timed),
)
def test_no_bytes_stop_the_intake(home: Home, uuid: str, payload: bytes) -> None:
    logging.disable(logging.CRITICAL)
    try:
        first = home.outbox.last_seq + 1
        count = home.intake.take(uuid, payload, DEVICE, CLOCK, NOW)
        # What went in can be read back for sending, whatever time the device told.
        assert len(home.outbox.read(first, first + 9, NOW)) == count
    finally:
        logging.disable(logging.NOTSET)
