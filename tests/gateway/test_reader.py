"""The radio loop and its conversations, over a virtual radio and with devices of our own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

import pytest
from bleak.exc import BleakError

from device_sim.emission import EmissionLog
from device_sim.peripherals.link import Link
from device_sim.peripherals.pulse_oximeter import PulseOximeter
from device_sim.peripherals.scale import Scale
from device_sim.virtual_radio import VirtualRadio
from gateway.errors import OutboxCorruptError, OutboxError
from gateway.intake import Intake
from gateway.keeping.outbox import Kept, Outbox
from gateway.listening import keeper as radio_keeper
from gateway.listening import ladder, recovery, turns
from gateway.listening.reader import Reader
from gateway.listening.turns import Cause, Waits
from gateway.radio import Radio, RadioUnavailableError, open_radio
from gateway.timing.clock_book import ClockBook
from telekol.health import RadioState
from telekol.observation import Observation
from tests.gateway.conftest import GATEWAY, NOW

CPH = ZoneInfo("Europe/Copenhagen")


class FailingOutbox:
    """An outbox whose disk fails a number of times."""

    def __init__(self, inner: Outbox, failures: int, error: type[OutboxError]) -> None:
        self.inner = inner
        self.failures = failures
        self.error = error

    def put(self, observations: Sequence[Observation]) -> Kept:
        if self.failures:
            self.failures -= 1
            raise self.error("the disk is full")
        return self.inner.put(observations)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox.open(tmp_path / "outbox.db", NOW)
    yield outbox
    outbox.close()


@pytest.fixture
async def air() -> AsyncIterator[VirtualRadio]:
    radio = VirtualRadio("home-1")
    await radio.start()
    yield radio
    await radio.close()


@pytest.fixture
async def oximeter(air: VirtualRadio) -> AsyncIterator[PulseOximeter]:
    device = PulseOximeter("PLX-1", EmissionLog())
    await device.start(air)
    yield device
    await device.close()


def reader_of(
    open_it: Callable[[], Any],
    outbox: Any,
    report: recovery.Report | None = None,
    beat: Callable[[], None] = lambda: None,
    record: recovery.RestartRecord | None = None,
) -> Reader:
    intake = Intake(GATEWAY, outbox, CPH, lambda: None)
    clocks = ClockBook(getattr(outbox, "inner", outbox))
    keeper = recovery.Recovery(report, record)
    return Reader(open_it, intake, clocks, CPH, lambda: datetime.now(UTC), keeper, beat)


class Running:
    """A reader that runs beside the test."""

    def __init__(self, made: Reader) -> None:
        self.task = asyncio.create_task(made.run())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.wait({self.task}, timeout=5)
        assert self.task.done()

    async def until(self, condition: Callable[[], object], within_s: float = 15) -> None:
        end_s = time.monotonic() + within_s
        while not condition():
            if self.task.done():
                self.task.result()
            assert time.monotonic() < end_s, "it did not happen in time"
            await asyncio.sleep(0.02)


async def measure(device: PulseOximeter, spo2: int = 92) -> None:
    await device.take_measurement({"spo2": Decimal(spo2), "pulse_rate": Decimal(72)})


async def test_a_device_keeps_what_the_disk_could_not_take(
    air: VirtualRadio,
    oximeter: PulseOximeter,
    outbox: Outbox,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(turns.WAITS, Cause.DISK, Waits(0.1, 1.0))
    failing = FailingOutbox(outbox, 4, OutboxError)
    async with Running(reader_of(lambda: open_radio(air.moniker), failing)) as running:
        await measure(oximeter)
        await running.until(lambda: failing.failures < 4)
        assert oximeter.pending_count == 1
        await running.until(lambda: oximeter.pending_count == 0)
    assert failing.failures == 0
    assert outbox.depth() == 2
    said = [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]
    assert len(said) == 4
    assert not any(record.exc_info for record in said)
    assert all("the disk is full; trying again in" in record.message for record in said)


async def test_a_damaged_outbox_ends_the_loop_and_the_device_keeps_the_reading(
    air: VirtualRadio, oximeter: PulseOximeter, outbox: Outbox
) -> None:
    failing = FailingOutbox(outbox, 99, OutboxCorruptError)
    async with Running(reader_of(lambda: open_radio(air.moniker), failing)) as running:
        await measure(oximeter)
        with pytest.raises(OutboxCorruptError):
            await running.until(lambda: False)
    assert oximeter.pending_count == 1


async def test_a_device_that_hangs_up_at_once_does_not_starve_another(
    air: VirtualRadio,
    oximeter: PulseOximeter,
    outbox: Outbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def hang_up(link: Link) -> None:
        await link.hang_up()

    monkeypatch.setattr(oximeter, "converse", hang_up)
    scale = Scale("WSS-1", EmissionLog())
    await scale.start(air)
    await measure(oximeter)
    async with Running(reader_of(lambda: open_radio(air.moniker), outbox)) as running:
        for number in range(3):
            await scale.take_measurement({"body_weight": Decimal(70 + number)})
            await running.until(lambda: scale.pending_count == 0)
    assert outbox.depth() == 3
    await scale.close()


async def test_a_radio_that_is_not_there_yet_is_waited_for(
    air: VirtualRadio,
    oximeter: PulseOximeter,
    outbox: Outbox,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tries = 0

    async def open_it() -> Radio:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise RadioUnavailableError("no such controller")
        return await open_radio(air.moniker)

    await measure(oximeter)
    async with Running(reader_of(open_it, outbox)) as running:
        await running.until(lambda: outbox.depth() == 2)
    assert "the radio cannot be used: no such controller" in caplog.text


class Fake:
    """A radio of which a test decides what works."""

    connect_within_s = 20.0

    def __init__(self, scan: Callable[[], None] = lambda: None) -> None:
        self.scan = scan
        self.answers = True
        self.probes = 0
        self.cycles = 0
        self.closes = 0

    def scanner(self, *_: object) -> Any:
        self.scan()
        return self

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def client(self, *_: object) -> Any:
        raise NotImplementedError

    async def wait_lost(self) -> None:
        await asyncio.Event().wait()

    async def probe(self) -> None:
        self.probes += 1
        if not self.answers:
            raise RadioUnavailableError("it does not answer")

    async def forget(self, _address: str) -> None:
        raise NotImplementedError

    async def power_cycle(self) -> None:
        self.cycles += 1

    async def close(self) -> None:
        self.closes += 1
        await asyncio.Event().wait()  # a radio that hangs is left behind


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the ladder's waits short; their order stays."""
    short = dict.fromkeys(ladder.Rung, 0.01)
    monkeypatch.setattr(ladder, "_FIRST_WAIT_S", short)
    monkeypatch.setattr(ladder, "LONGEST_WAIT_S", 0.05)
    monkeypatch.setattr(radio_keeper, "HANG_UP_WITHIN_S", 0.05)
    monkeypatch.setattr(radio_keeper, "PROBE_EVERY_S", 0.02)


class Told(recovery.NobodyTold):
    """Remembers what the server would be told."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.detail = ""
        self.troubled: dict[str, str] = {}

    def radio_is(self, state: RadioState) -> None:
        if self.states[-1:] != [state]:
            self.states.append(state)

    def radio_fails(self, detail: str, *, is_blind: bool) -> None:
        self.detail = f"{'blind' if is_blind else 'unavailable'}: {detail}"

    def radio_works(self) -> None:
        self.detail = ""

    def device_fails(self, address: str, trouble: recovery.DeviceTrouble, detail: str) -> None:
        self.troubled[address] = f"{trouble}: {detail}"

    def device_works(self, address: str) -> None:
        self.troubled.pop(address, None)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("error", [BleakError("the adapter is gone"), AssertionError()])
async def test_a_radio_that_fails_in_use_is_mended_then_opened_again_then_called_blind(
    outbox: Outbox, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail() -> None:
        raise error

    opened: list[Fake] = []

    async def open_it() -> Radio:
        opened.append(Fake(fail))
        return opened[-1]

    told = Told()
    made = reader_of(open_it, outbox, told)
    async with Running(made) as running:
        await running.until(lambda: "blind" in told.states and len(opened) >= 6)
    assert opened[0].cycles == 2
    assert told.states == ["unavailable", "blind"]
    assert told.detail.startswith("blind: tried up to blind; again in")
    tracebacks = [record for record in caplog.records if record.exc_info]
    assert len(tracebacks) == isinstance(error, AssertionError)


@pytest.mark.usefixtures("quick")
async def test_an_idle_home_is_not_a_fault(outbox: Outbox) -> None:
    radio = Fake()

    async def open_it() -> Radio:
        return radio

    told = Told()
    beats = 0

    def beat() -> None:
        nonlocal beats
        beats += 1

    async with Running(reader_of(open_it, outbox, told, beat)) as running:
        await running.until(lambda: radio.probes > 20)
    assert told.states == ["listening"]
    assert (radio.cycles, radio.closes, told.detail) == (0, 1, "")
    assert beats


@pytest.mark.usefixtures("quick")
async def test_a_hung_adapter_is_told_from_an_idle_home_and_a_mended_one_from_a_hung_one(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladder, "CALM_S", dict.fromkeys(ladder.Fault, 0.2))
    opened: list[Fake] = []

    async def open_it() -> Radio:
        radio = Fake()
        radio.answers = len(opened) >= 7
        opened.append(radio)
        return radio

    told = Told()
    async with Running(reader_of(open_it, outbox, told)) as running:
        await running.until(lambda: "blind" in told.states)
        await running.until(lambda: told.states[-1] == "listening")
    assert opened[0].cycles == 2
    assert told.detail == ""


@pytest.mark.usefixtures("quick")
async def test_a_process_that_can_be_restarted_asks_for_it_and_remembers(
    outbox: Outbox, tmp_path: Path
) -> None:
    async def open_it() -> Radio:
        raise RadioUnavailableError("no such controller")

    record = recovery.RestartRecord(tmp_path / "radio")
    for restarts in (1, 2):
        with pytest.raises(recovery.RestartWantedError, match="no such controller"):
            await reader_of(open_it, outbox, record=record).run()
        assert record.load(datetime.now(UTC))[0] == restarts
    told = Told()
    async with Running(reader_of(open_it, outbox, told, record=record)) as running:
        await running.until(lambda: "blind" in told.states)
    assert "2 restarts" in told.detail


def test_a_record_of_restarts_that_is_old_torn_or_unwritable_does_no_harm(tmp_path: Path) -> None:
    record = recovery.RestartRecord(tmp_path / "radio")
    assert record.load(NOW) == (0, 0.0)
    assert record.save(2, NOW - timedelta(hours=1))
    assert record.load(NOW) == (2, 3600.0)
    assert record.load(NOW - timedelta(days=400)) == (2, 0.0)
    assert record.load(NOW + timedelta(days=2)) == (0, 0.0)
    (tmp_path / "radio").write_text('{"restarts": 1', encoding="utf-8")
    assert record.load(NOW) == (0, 0.0)
    record.clear()
    record.clear()
    assert not recovery.RestartRecord(tmp_path / "no" / "folder").save(1, NOW)


@pytest.mark.usefixtures("quick")
async def test_a_system_without_bluetooth_is_said_once_and_nobody_claims_to_listen(
    outbox: Outbox,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/no-bus")
    tries = 0

    async def open_it() -> Radio:
        nonlocal tries
        tries += 1
        return await open_radio("platform")

    with caplog.at_level("INFO"):
        async with Running(reader_of(open_it, outbox)) as running:
            await running.until(lambda: tries >= 5)
            monkeypatch.setattr(recovery, "COMPLAIN_EVERY_S", 0.0)
            before = len(caplog.records)
            tries = 0
            await running.until(lambda: tries >= 3)
    assert before == 1
    assert len(caplog.records) > before
    assert caplog.records[0].levelname == "WARNING"
    assert "the service bluetooth (BlueZ) runs" in caplog.text
    assert "listening for devices" not in caplog.text
