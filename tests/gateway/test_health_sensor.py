"""Generic Health Sensors: observations in segments, live and stored, and their clock."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.conversations import Home, conversation, questions, stored_records
from gateway.device_notes import DeviceNotes
from gateway.intake import Intake
from gateway.keeping.outbox import Outbox
from gateway.profiles.elapsed_time import ElapsedTime, TimeFlags, TimeSource
from gateway.profiles.generic_health_sensor import HealthObservation, Presence
from gateway.profiles.health_segments import segments
from gateway.profiles.health_values import Numeric, ObservationClass
from gateway.profiles.ieee11073 import Float
from gateway.profiles.mdc import Code, Unit
from gateway.radio.errors import LinkEndedError
from gateway.timing.device_clock import DeviceClock
from telekol.quantities import Quantity
from tests.gateway.conftest import GATEWAY, NOW
from tests.gateway.fake_device import FakeDevice, refusing
from tests.gateway.test_conversations import CPH, LOCAL
from tests.gateway.test_memories import Receipts, converse, kept

GHS, LIVE, STORED, RACP, POINT, CLOCK = 0x1840, 0x2B8B, 0x2BDD, 0x2A52, 0x2BF4, 0x2BF2
EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001
LOCAL_COUNT = TimeFlags.CURRENT_TIMELINE


def stamp(moment: datetime, flags: TimeFlags = LOCAL_COUNT) -> ElapsedTime:
    return ElapsedTime(flags, (moment - EPOCH) // timedelta(seconds=1), TimeSource.UNKNOWN, 0)


def fev1(litres_e2: int, moment: datetime) -> bytes:
    return bytes(
        HealthObservation(
            kind=ObservationClass.NUMERIC,
            presence=Presence.CODE | Presence.TIMESTAMP | Presence.PERSON,
            code=Code.FEV1,
            timestamp=stamp(moment),
            person=3,
            value=Numeric(Unit.LITRE, Float(0xFE000000 | litres_e2)),
        )
    )


class Sensor(FakeDevice):
    """A spirometer of the standard, with a memory."""

    def __init__(self, *stored: bytes) -> None:
        super().__init__()
        self.records = dict(enumerate(stored, start=1))
        self.asked: list[bytes] = []
        self.drops_segment: int | None = None
        self.hangs_up_at_segment: int | None = None
        self.sent_segments = 0
        self.has_combined = self.has_filters = True
        self.add(LIVE, GHS)
        self.add(STORED, GHS)
        self.add(RACP, GHS, on_write=self._on_request)
        self.add(POINT, GHS, on_write=lambda _command: None)

    def deliver(self, characteristic: int, body: bytes) -> bool:
        for segment in segments(body, 12):
            self.sent_segments += 1
            if self.sent_segments == self.hangs_up_at_segment:
                self.hang_up()
            if self.sent_segments == self.drops_segment:
                continue
            if not self.send(characteristic, bytes(segment)):
                return False
        return True

    def _on_request(self, request: bytes) -> None:
        self.asked.append(request)
        opcode = request[0]
        if opcode == 4:
            answer: bytes | None = b"\x05\x00" + struct.pack("<I", len(self.records))
        elif opcode == 7 and not self.has_combined:
            answer = bytes((6, 0, 7, 2))
        else:
            answer = self._delete(request) if opcode == 2 else self._report(opcode)
        if answer is not None:
            asyncio.get_running_loop().call_soon(self.send, RACP, answer)

    def _report(self, opcode: int) -> bytes | None:
        for number, body in list(self.records.items()):
            if not self.deliver(STORED, struct.pack("<I", number) + body):
                return None
        if opcode == 7:
            return b"\x08\x00" + struct.pack("<I", len(self.records))
        return bytes((6, 0, opcode, 1))

    def _delete(self, request: bytes) -> bytes:
        most = max(self.records)
        if request[1] == 2:
            if not self.has_filters:
                return bytes((6, 0, 2, 4))
            (most,) = struct.unpack("<I", request[3:])
        self.records = {key: body for key, body in self.records.items() if key > most}
        return bytes((6, 0, 2, 1))


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox.open(tmp_path / "outbox.db", NOW)
    yield outbox
    outbox.close()


@pytest.fixture
def receipts() -> Receipts:
    return Receipts()


@pytest.fixture
def home(outbox: Outbox, receipts: Receipts) -> Home:
    intake = Intake(GATEWAY, outbox, CPH, lambda: None)
    return Home(intake, CPH, lambda: NOW, notes=DeviceNotes(), receipts=receipts)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "IDLE_S", 0.02)
    monkeypatch.setattr(questions, "QUIET_S", 0.1)
    monkeypatch.setattr(stored_records, "RECEIPT_WITHIN_S", 0.02)
    monkeypatch.setattr(stored_records, "_LOOK_EVERY_S", 0.005)


BLOWS = [fev1(120 + number, LOCAL - timedelta(minutes=9 - number)) for number in range(3)]


async def test_a_stored_blow_is_kept_and_deleted_by_its_number_after_the_receipt(
    home: Home, outbox: Outbox, receipts: Receipts
) -> None:
    sensor = Sensor(*BLOWS)
    assert (await converse(sensor, home)).new_readings == 3
    first = outbox.read(1, 1, NOW)[0]
    assert (first.quantity, first.value, first.user_index) == (Quantity.FEV1, 1.2, 3)
    assert first.measured_at == NOW - timedelta(minutes=9)
    receipts.ids = kept(outbox)
    await converse(sensor, home)
    assert sensor.asked[-1] == b"\x02\x02\x01" + struct.pack("<I", 3)
    assert sensor.records == {}
    assert outbox.depth() == 3


async def test_a_sensor_without_combined_reports_or_filters_is_read_and_erased_too(
    home: Home, outbox: Outbox, receipts: Receipts
) -> None:
    sensor = Sensor(*BLOWS)
    sensor.has_combined = sensor.has_filters = False
    assert (await converse(sensor, home)).new_readings == 3
    receipts.ids = kept(outbox)
    await converse(sensor, home)
    assert sensor.asked[-1] == b"\x02\x01"
    assert sensor.records == {}


async def test_a_live_blow_is_kept_and_confirmed(home: Home, outbox: Outbox) -> None:
    sensor = Sensor()
    confirmed: list[bool] = []

    def enable(_command: bytes) -> None:
        confirmed.append(sensor.deliver(LIVE, BLOWS[0]))

    sensor.at(POINT).on_write = enable
    await converse(sensor, home)
    assert confirmed == [True]
    assert outbox.depth() == 1


async def test_a_sensor_that_turns_nothing_on_is_read_all_the_same(home: Home) -> None:
    def refuse(_command: bytes) -> None:
        raise refusing(0x80)

    sensor = Sensor(BLOWS[0])
    sensor.at(POINT).on_write = refuse
    assert (await converse(sensor, home)).new_readings == 1


async def test_an_observation_that_lost_a_segment_keeps_the_memory(
    home: Home, outbox: Outbox, receipts: Receipts
) -> None:
    sensor = Sensor(*BLOWS)
    sensor.drops_segment = 2
    await converse(sensor, home)
    assert outbox.depth() == 2
    receipts.ids = kept(outbox)
    sensor.sent_segments = 0
    await converse(sensor, home)
    assert len(sensor.records) == 3
    sensor.drops_segment = None
    assert (await converse(sensor, home)).new_readings == 1


@pytest.mark.parametrize("at", range(1, 9))
async def test_a_link_lost_in_any_segment_loses_nothing(
    home: Home, outbox: Outbox, at: int
) -> None:
    sensor = Sensor(*BLOWS)
    sensor.hangs_up_at_segment = at
    with pytest.raises(LinkEndedError):
        await converse(sensor, home)
    sensor.hangs_up_at_segment = None
    await converse(sensor, home)
    assert outbox.depth() == 3
    assert len(sensor.records) == 3


async def test_garbage_keeps_the_memory(home: Home, outbox: Outbox, receipts: Receipts) -> None:
    sensor = Sensor(BLOWS[0], b"\x00\x02\x00\xff")
    await converse(sensor, home)
    receipts.ids = kept(outbox)
    await converse(sensor, home)
    assert len(sensor.records) == 2


# -- its clock -----------------------------------------------------------------------------------


def clock_value(moment: datetime, flags: TimeFlags, *, asks: bool = False) -> bytes:
    return bytes(stamp(moment, flags)) + bytes((asks, 0))


UTC_NOW = NOW.replace(tzinfo=None)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("flags", "shown", "is_set"),
    [
        (LOCAL_COUNT, LOCAL, False),
        (LOCAL_COUNT, UTC_NOW, True),
        (LOCAL_COUNT | TimeFlags.UTC, UTC_NOW, False),
        (LOCAL_COUNT | TimeFlags.UTC, LOCAL, True),
        (LOCAL_COUNT, LOCAL - HOUR, True),
    ],
)
async def test_its_clock_is_set_in_its_own_convention(
    home: Home, flags: TimeFlags, shown: datetime, is_set: bool
) -> None:
    sensor = Sensor()
    sensor.add(CLOCK, 0x183F, value=clock_value(shown, flags))
    talk = await converse(sensor, home)
    written = [payload for uuid, payload in sensor.written if uuid == sensor.at(CLOCK).uuid]
    right = UTC_NOW if TimeFlags.UTC in flags else LOCAL
    assert [ElapsedTime.from_bytes(item).moment for item in written] == [right] * is_set
    assert len(talk.clock.eras) == 1 + is_set


async def test_a_clock_that_asks_to_be_set_is_set(home: Home) -> None:
    sensor = Sensor()
    sensor.add(CLOCK, 0x183F, value=clock_value(LOCAL, LOCAL_COUNT, asks=True))
    await converse(sensor, home)
    assert sensor.at(CLOCK).uuid in dict(sensor.written)


@pytest.mark.parametrize(
    "value", [b"\x01", refusing(0x02), clock_value(LOCAL, TimeFlags.TICK_COUNTER)]
)
async def test_a_clock_that_cannot_be_read_or_only_counts_is_left_alone(
    home: Home, value: bytes
) -> None:
    sensor = Sensor(BLOWS[0])
    sensor.add(CLOCK, 0x183F, value=value)
    talk = await converse(sensor, home)
    assert sensor.at(CLOCK).uuid not in dict(sensor.written)
    assert (talk.clock, talk.new_readings) == (DeviceClock(), 1)
