"""The radio loop and its conversations, over a virtual radio and with devices of our own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

import pytest
from bleak.exc import BleakError

from device_sim.emission import EmissionLog
from device_sim.peripherals.pulse_oximeter import PulseOximeter
from device_sim.peripherals.scale import Scale
from device_sim.virtual_radio import VirtualRadio
from gateway import reader, turns
from gateway.clock_book import ClockBook
from gateway.errors import OutboxCorruptError, OutboxError
from gateway.intake import Intake
from gateway.outbox import Kept, Outbox
from gateway.radio import Radio, RadioUnavailableError, open_radio
from gateway.reader import Reader
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


def reader_of(open_it: Callable[[], Any], outbox: Any) -> Reader:
    intake = Intake(GATEWAY, outbox, CPH, lambda: None)
    clocks = ClockBook(getattr(outbox, "inner", outbox))
    return Reader(open_it, intake, clocks, CPH, lambda: datetime.now(UTC))


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
    monkeypatch.setattr(turns, "FIRST_WAIT_S", 0.1)
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
    async def hang_up(link: Any) -> None:
        await oximeter._hang_up(link, 0x13)

    monkeypatch.setattr(oximeter, "_serve", hang_up)
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


@pytest.mark.parametrize("error", [BleakError("the adapter is gone"), AssertionError()])
async def test_a_radio_that_fails_in_use_is_opened_again(
    monkeypatch: pytest.MonkeyPatch,
    outbox: Outbox,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    opened = 0

    class Broken:
        def scanner(self, *_: object) -> Any:
            raise error

        def client(self, *_: object) -> Any:
            raise NotImplementedError

        async def wait_lost(self) -> None:
            await asyncio.Event().wait()

        async def close(self) -> None:
            await asyncio.Event().wait()  # a radio that hangs is left behind

    async def open_it() -> Radio:
        nonlocal opened
        opened += 1
        return Broken()

    monkeypatch.setattr(reader, "HANG_UP_WITHIN_S", 0.05)
    async with Running(reader_of(open_it, outbox)) as running:
        await running.until(lambda: opened >= 3)
    tracebacks = [record for record in caplog.records if record.exc_info]
    assert len(tracebacks) == isinstance(error, AssertionError)


async def test_a_system_without_bluetooth_is_said_once_and_nobody_claims_to_listen(
    outbox: Outbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    class NoBlueZ:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        async def start(self) -> None:
            nonlocal tries
            tries += 1
            raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("bleak.get_platform_scanner_backend_type", lambda: (NoBlueZ, None))
    monkeypatch.setattr(reader, "delay_s", lambda *_args, **_more: 0.01)
    with caplog.at_level("INFO"):
        async with Running(reader_of(lambda: open_radio("platform"), outbox)) as running:
            await running.until(lambda: tries >= 5)
            monkeypatch.setattr(reader, "COMPLAIN_EVERY_S", 0.0)
            before = len(caplog.records)
            tries = 0
            await running.until(lambda: tries >= 3)
    assert before == 1
    assert len(caplog.records) > before
    assert caplog.records[0].levelname == "WARNING"
    assert "the service bluetooth (BlueZ) runs" in caplog.text
    assert "listening" not in caplog.text
