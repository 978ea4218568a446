"""Oximeters that stream: one reading for a finger, kept, whatever becomes of the link."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.conversations import Conversation, Home, conversation, stream
from gateway.errors import OutboxError
from gateway.intake import Intake
from gateway.keeping.outbox import Outbox
from gateway.profiles import berry, nonin
from gateway.profiles.berry import BciFrame, Finger, Probe
from gateway.profiles.nonin import Nonin3230, Status3230
from gateway.profiles.pulse_oximeter_stream import Continuous
from gateway.streams.frames import StxFrames, SyncFrames
from gateway.streams.listener import StreamKind, StreamListener
from gateway.timing.device_clock import DeviceClock
from tests.gateway.conftest import GATEWAY, NOW
from tests.gateway.fake_device import FakeDevice, Support
from tests.gateway.test_conversations import CPH

PLX = 0x2A5F


class Timer:
    """The clock of the rule, moved by the test."""

    def __init__(self) -> None:
        self.now_s = 1000.0


@pytest.fixture
def timer(monkeypatch: pytest.MonkeyPatch) -> Timer:
    timer = Timer()
    monkeypatch.setattr(stream, "_now_s", lambda: timer.now_s)
    monkeypatch.setattr(stream, "_LOOK_EVERY_S", 0.005)
    monkeypatch.setattr(conversation, "IDLE_S", 0.02)
    return timer


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox.open(tmp_path / "outbox.db", NOW)
    yield outbox
    outbox.close()


@pytest.fixture
def home(outbox: Outbox) -> Home:
    return Home(Intake(GATEWAY, outbox, CPH, lambda: None), CPH, lambda: NOW)


class Oximeter(FakeDevice):
    """Streams what the test says, a moment a second of the test's clock."""

    def __init__(self, timer: Timer, uuid: int | str, service: int | str) -> None:
        super().__init__()
        self.timer = timer
        self.uuid = uuid
        self.add(uuid, service, properties=("notify",))

    def stream(self, seconds: int, payload: bytes) -> None:
        for _ in range(seconds):
            self.timer.now_s += 1
            self.send(self.uuid, payload)


def plx(timer: Timer) -> Oximeter:
    return Oximeter(timer, PLX, 0x1822)


def plx_moment(spo2: int | None, pulse: int = 80) -> bytes:
    missing = b"\xff\x07"
    return b"\x00" + (
        missing * 2 if spo2 is None else spo2.to_bytes(2, "little") + pulse.to_bytes(2, "little")
    )


async def begin(device: FakeDevice, home: Home) -> tuple[Conversation, asyncio.Task[None]]:
    device.over = asyncio.Event()
    device.listened = asyncio.Event()
    for item in device.characteristics:
        item.listener = None
    client: Any = device
    talk = Conversation(
        client,
        home,
        known_clock=DeviceClock(),
        keep_clock=lambda _clock: None,
        hung_up=device.over,
    )
    task = asyncio.create_task(talk.run())
    async with asyncio.timeout(20):
        await device.listened.wait()
    return talk, task


async def finish(task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(20):
        await task


async def test_one_finger_is_one_reading_and_the_device_is_left_when_it_is_out(
    home: Home, outbox: Outbox, timer: Timer
) -> None:
    device = plx(timer)
    talk, task = await begin(device, home)
    device.stream(9, plx_moment(91))
    assert outbox.depth() == 0
    device.stream(20, plx_moment(91))
    assert outbox.depth() == 2
    device.stream(5, plx_moment(None))
    await finish(task)
    assert talk.new_readings == 2
    spo2, pulse = outbox.read(1, 2, NOW)
    assert (spo2.value, pulse.value, spo2.quality) == (91, 80, ())


async def test_a_second_finger_is_a_second_reading(
    home: Home, outbox: Outbox, timer: Timer
) -> None:
    device = plx(timer)
    _, task = await begin(device, home)
    device.stream(12, plx_moment(91))
    device.stream(4, plx_moment(None))
    device.stream(12, plx_moment(88))
    assert outbox.depth() == 4
    device.hang_up()
    await finish(task)


async def test_a_finger_that_stays_in_is_no_second_reading_over_connections(
    home: Home, outbox: Outbox, timer: Timer
) -> None:
    device = plx(timer)
    for _ in range(5):
        _, task = await begin(device, home)
        device.stream(45, plx_moment(91))
        await finish(task)
        timer.now_s += 60
    assert outbox.depth() == 2
    timer.now_s += 200
    _, task = await begin(device, home)
    device.stream(11, plx_moment(91))
    assert outbox.depth() == 4
    device.hang_up()
    await finish(task)


async def test_a_stream_without_a_finger_is_left_for_the_others(home: Home, timer: Timer) -> None:
    device = plx(timer)
    talk, task = await begin(device, home)
    device.stream(25, plx_moment(None))
    await finish(task)
    assert talk.new_readings == 0


async def test_a_link_lost_at_any_second_gives_at_most_one_reading(
    home: Home, outbox: Outbox, timer: Timer
) -> None:
    device = plx(timer)
    for lost_after in (3, 5, 9, 2, 14):
        _, task = await begin(device, home)
        device.stream(lost_after, plx_moment(91))
        device.hang_up()
        await finish(task)
        timer.now_s += 5
    assert outbox.depth() == 2


async def test_garbage_in_a_stream_is_passed_over_and_said_once(
    home: Home, outbox: Outbox, timer: Timer, caplog: pytest.LogCaptureFixture
) -> None:
    device = plx(timer)
    _, task = await begin(device, home)
    for _ in range(12):
        device.stream(1, plx_moment(91))
        device.send(PLX, b"\x00\x01")
    device.hang_up()
    await finish(task)
    assert outbox.depth() == 2
    assert caplog.text.count("streams what cannot be read") == 1


async def test_a_reading_the_disk_did_not_take_is_kept_in_the_next_connection(
    home: Home, outbox: Outbox, timer: Timer, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = plx(timer)

    def full(_observations: object) -> None:
        raise OutboxError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "put", full)
        _, task = await begin(device, home)
        device.stream(11, plx_moment(91))
        with pytest.raises(OutboxError):
            await finish(task)
    assert outbox.depth() == 0
    _, task = await begin(device, home)
    device.stream(2, plx_moment(93))
    assert [item.value for item in outbox.read(1, 2, NOW)] == [91, 80]
    device.hang_up()
    await finish(task)
    assert outbox.depth() == 2


async def test_an_unsettled_reading_says_so(home: Home, outbox: Outbox, timer: Timer) -> None:
    device = plx(timer)
    _, task = await begin(device, home)
    for second in range(60):
        device.stream(1, plx_moment(85 + second % 2 * 6))
    device.hang_up()
    await finish(task)
    assert [item.quality for item in outbox.read(1, 2, NOW)] == [("unsettled",)] * 2


def nonin_moment(*, status: Status3230, spo2: int = 90) -> bytes:
    return bytes(
        Nonin3230(
            status=status,
            battery_decivolts=28,
            amplitude_steps=250,
            counter=1,
            spo2=spo2,
            pulse=77,
        )
    )


async def test_a_nonin_is_read_at_its_first_smart_point(
    home: Home, outbox: Outbox, timer: Timer
) -> None:
    device = Oximeter(timer, nonin.OXIMETRY_MEASUREMENT, nonin.OXIMETRY_SERVICE)
    _, task = await begin(device, home)
    on = Status3230.ON_FINGER
    device.stream(15, nonin_moment(status=on))
    assert outbox.depth() == 0
    device.stream(3, nonin_moment(status=on | Status3230.SMART_POINT, spo2=89))
    device.stream(5, nonin_moment(status=Status3230(0)))
    await finish(task)
    found = outbox.read(1, 3, NOW)
    assert [item.value for item in found] == [89, 77, 2.5]
    assert found[0].quality == ("smart-point",)


async def test_a_low_battery_that_the_device_tells_of_is_told_to_support(
    outbox: Outbox, timer: Timer
) -> None:
    health = Support()
    intake = Intake(GATEWAY, outbox, CPH, lambda: None)
    home = Home(intake, CPH, lambda: NOW, condition=health.condition)
    device = Oximeter(timer, nonin.OXIMETRY_MEASUREMENT, nonin.OXIMETRY_SERVICE)
    _, task = await begin(device, home)
    status = Status3230.ON_FINGER | Status3230.SMART_POINT | Status3230.LOW_BATTERY
    device.stream(1, nonin_moment(status=status))
    device.hang_up()
    await finish(task)
    assert health.troubles == {"device-battery-low": "the device says so"}


def bci(*, on: bool = True, spo2: int = 94, beat: bool = False) -> bytes:
    return bytes(
        BciFrame(
            strength=5,
            probe=Probe(0),
            beat=beat,
            wave=40,
            bar=3,
            finger=Finger(0) if on else Finger.FINGER_OFF,
            pulse=140,
            spo2=spo2 if on else 127,
        )
    )


async def test_a_berry_streams_a_hundred_frames_a_second_and_gives_one_reading(
    home: Home, outbox: Outbox, timer: Timer
) -> None:
    device = Oximeter(timer, berry.UART_NOTIFY, berry.UART_SERVICE)
    _, task = await begin(device, home)
    frames = b"".join(bci(beat=number % 70 == 0) for number in range(100 * 15))
    stream_of = frames[3:]  # we come in the middle of a frame
    for at in range(0, len(stream_of), 20):
        timer.now_s += 0.04
        device.send(berry.UART_NOTIFY, stream_of[at : at + 20])
    assert [item.value for item in outbox.read(1, 9, NOW)] == [94, 140]
    device.stream(5, bci(on=False))
    await finish(task)


async def test_only_one_of_two_streams_of_a_device_is_read(home: Home, timer: Timer) -> None:
    device = plx(timer)
    device.add(nonin.OXIMETRY_MEASUREMENT, nonin.OXIMETRY_SERVICE, properties=("notify",))
    _, task = await begin(device, home)
    device.hang_up()
    await finish(task)
    assert sum(step.startswith("listen") for step in device.order) == 1


# -- frames and listeners ---------------------------------------------------------------------


@given(
    st.lists(st.binary(min_size=5, max_size=5), max_size=8),
    st.lists(st.integers(1, 9), min_size=1),
    st.binary(max_size=6),
)
def test_however_a_stream_is_cut_the_same_frames_come_out(
    bodies: list[bytes], cuts: list[int], noise: bytes
) -> None:
    wanted = [bytes((body[0] | 0x80, *(byte & 0x7F for byte in body[1:]))) for body in bodies]
    whole = bytes(byte & 0x7F for byte in noise) + b"".join(wanted)
    frames, found, at, number = SyncFrames(5), list[bytes](), 0, 0
    while at < len(whole):
        size = cuts[number % len(cuts)]
        found += frames.fed(whole[at : at + size])
        at, number = at + size, number + 1
    assert found == wanted


@given(st.binary(max_size=200), st.integers(1, 7))
def test_any_bytes_give_frames_of_the_right_size_and_hold_no_more_than_one(
    stream_of: bytes, size: int
) -> None:
    for frames in (SyncFrames(size), StxFrames(size)):
        assert all(len(frame) == size for frame in frames.fed(stream_of))
        assert len(frames._pending) < size


@given(st.lists(st.tuples(st.binary(max_size=30), st.floats(0, 5)), max_size=40))
def test_no_bytes_stop_a_listener(chunks: list[tuple[bytes, float]]) -> None:
    for kind in (
        StreamKind(Continuous),
        StreamKind(Nonin3230, vouches=True, tells_finger=True),
        StreamKind(BciFrame, frame_bytes=5, tells_finger=True),
        StreamKind(nonin.NoninClassic, frame_bytes=4, vouches=True, tells_finger=True),
    ):
        listener, at_s = StreamListener(kind, kind.rule(), "a device"), 0.0
        for chunk, step_s in chunks:
            at_s += step_s
            for measurement, _, _ in listener.fed(chunk, NOW, at_s):
                assert measurement.refusal is None
                assert all(isinstance(item.value, Decimal) for item in measurement.readings)
