"""Radios that hang, refuse and come back: the reader over a real TCP line to the controller."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from bumble import hci as bumble_hci

from device_sim.emission import EmissionLog
from device_sim.peripherals.pulse_oximeter import PulseOximeter
from device_sim.virtual_radio import VirtualRadio
from gateway.intake import Intake
from gateway.keeping.outbox import Outbox
from gateway.listening import keeper as radio_keeper
from gateway.listening import ladder, turns
from gateway.listening.reader import Reader
from gateway.listening.recovery import DeviceTrouble, NobodyTold, Recovery
from gateway.listening.turns import Cause, Waits
from gateway.radio import PairingPolicy, Radio, hci, hci_radio, open_radio
from gateway.radio.bond_store import ASIDE, read
from gateway.timing.clock_book import ClockBook
from telekol.health import RadioState
from tests.support.proxy import Proxy

from .test_pairing import forget_keys, guard, refuse_pairing

CPH = ZoneInfo("Europe/Copenhagen")


class Told(NobodyTold):
    def __init__(self) -> None:
        self.states: list[RadioState] = []
        self.blind_because = ""
        self.troubled: dict[str, str] = {}

    def radio_is(self, state: RadioState) -> None:
        if self.states[-1:] != [state]:
            self.states.append(state)

    def radio_fails(self, detail: str, *, is_blind: bool) -> None:
        self.blind_because = detail if is_blind else ""

    def radio_works(self) -> None:
        self.blind_because = ""

    def device_fails(self, address: str, trouble: DeviceTrouble, detail: str) -> None:
        self.troubled[address] = f"{trouble}: {detail}"

    def device_works(self, address: str) -> None:
        self.troubled.pop(address, None)


class House:
    """A home whose gateway is a reader of this process, behind a line that can be cut."""

    def __init__(self, folder: Path) -> None:
        self.air = VirtualRadio("home-1")
        self.oximeter = PulseOximeter("PLX-1", EmissionLog())
        self.outbox = Outbox.open(folder / "outbox.db", datetime.now(UTC))
        self.bonds = folder / "outbox.db.bonds"
        self.told = Told()
        self.recovery = Recovery(self.told)
        self.policy = PairingPolicy()
        self.opened = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.air.start()
        await self.oximeter.start(self.air)
        self.proxy = Proxy(("127.0.0.1", int(self.air.moniker.rpartition(":")[2])))

    def read(self) -> None:
        intake = Intake("gw-test-001", self.outbox, CPH, lambda: None)
        reader = Reader(
            self._open,
            intake,
            ClockBook(self.outbox),
            CPH,
            lambda: datetime.now(UTC),
            self.recovery,
        )
        self._task = asyncio.create_task(reader.run())

    async def _open(self) -> Radio:
        radio = await open_radio(
            f"tcp-client:127.0.0.1:{self.proxy.port}", bonds=self.bonds, policy=self.policy
        )
        self.opened += 1
        return radio

    async def measure(self, spo2: int = 92) -> None:
        await self.oximeter.take_measurement({"spo2": Decimal(spo2), "pulse_rate": Decimal(72)})

    async def until(self, condition: Callable[[], object], within_s: float = 45) -> None:
        end_s = time.monotonic() + within_s
        while not condition():
            if self._task is not None and self._task.done():
                self._task.result()
            assert time.monotonic() < end_s, "it did not happen in time"
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=10)
        await self.oximeter.close()
        await self.air.close()
        self.proxy.close()
        self.outbox.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    await house.start()
    yield house
    await house.close()


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """Shorten the waits; what follows on what stays as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ladder, "_FIRST_WAIT_S", dict.fromkeys(ladder.Rung, 0.05))
        patch.setattr(ladder, "LONGEST_WAIT_S", 0.2)
        patch.setattr(radio_keeper, "PROBE_EVERY_S", 0.2)
        patch.setattr(radio_keeper, "HANG_UP_WITHIN_S", 0.5)
        patch.setattr(hci, "ANSWER_WITHIN_S", 0.5)
        patch.setattr(hci, "OPEN_TIMEOUT_S", 2.0)
        patch.setattr(hci, "CLOSE_TIMEOUT_S", 0.3)
        patch.setattr(hci_radio, "CONNECT_TIMEOUT_S", 3.0)
        patch.setattr(turns, "WAITS", dict.fromkeys(Cause, Waits(0.1, 0.2)))
        yield


@pytest.mark.timeout(180)
async def test_a_hung_controller_is_mended_reported_and_comes_back(house: House) -> None:
    house.read()
    await house.measure()
    await house.until(lambda: house.outbox.depth() == 2)
    house.proxy.freeze()
    await house.until(lambda: RadioState.BLIND in house.told.states)
    assert "tried up to blind" in house.told.blind_because
    await house.measure(88)
    house.proxy.mend()
    await house.until(lambda: house.outbox.depth() == 4)
    await house.until(lambda: house.told.states[-1] is not RadioState.BLIND)
    assert house.told.blind_because == ""
    assert not house.recovery.ladder.is_troubled


async def test_an_adapter_that_is_unplugged_and_replugged(house: House) -> None:
    house.read()
    await house.measure()
    await house.until(lambda: house.outbox.depth() == 2)
    house.proxy.cut()
    await house.until(lambda: RadioState.BLIND in house.told.states)
    await house.measure(88)
    house.proxy.mend()
    await house.until(lambda: house.outbox.depth() == 4)
    assert house.told.blind_because == ""


async def test_an_idle_home_is_probed_and_left_alone(house: House) -> None:
    house.read()
    await house.until(lambda: RadioState.LISTENING in house.told.states)
    for _ in range(5):
        house.recovery.heard_since_last_asked()
        await asyncio.sleep(0.3)
    assert house.told.states == [RadioState.LISTENING]
    assert house.opened == 1


async def test_a_controller_that_refuses_its_reset_is_asked_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = 0

    def refuse(_command: object) -> object:
        nonlocal refusals
        refusals += 1
        return bumble_hci.HCI_StatusReturnParameters(
            bumble_hci.HCI_ErrorCode.HARDWARE_FAILURE_ERROR
        )

    await house.measure()
    with monkeypatch.context() as patch:
        patch.setattr(house.air.controller, "on_hci_reset_command", refuse)
        house.read()
        await house.until(lambda: refusals >= 3)
        assert house.told.states[0] is RadioState.UNAVAILABLE
    await house.until(lambda: house.outbox.depth() == 2)


async def test_a_connection_attempt_that_hangs_is_forgotten_then_power_cycled(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = house.air.controller
    resets = 0
    inner_reset = controller.on_hci_reset_command

    def reset(command: bumble_hci.HCI_Reset_Command) -> object:
        nonlocal resets
        resets += 1
        return inner_reset(command)

    inner = controller.on_hci_le_create_connection_command

    def create(command: bumble_hci.HCI_LE_Create_Connection_Command) -> None:
        if resets >= 2:
            inner(command)
            return
        controller.send_hci_packet(
            bumble_hci.HCI_Command_Status_Event(
                status=bumble_hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR,
                num_hci_command_packets=1,
                command_opcode=command.op_code,
            )
        )

    monkeypatch.setattr(controller, "on_hci_reset_command", reset)
    monkeypatch.setattr(controller, "on_hci_le_create_connection_command", create)
    await house.measure()
    house.read()
    await house.until(lambda: house.outbox.depth() == 2)
    assert resets >= 2
    assert RadioState.BLIND not in house.told.states
    assert not house.recovery.ladder.is_troubled


@pytest.mark.timeout(180)
async def test_a_device_that_goes_away_while_it_is_connected_to_is_read_the_next_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = house.air.controller
    lost = 0
    inner = controller.create_le_connection

    def lose(peer: bumble_hci.Address) -> None:
        nonlocal lost
        inner(peer)
        lost += 1
        if lost <= 2:
            connection = controller.le_connections[peer]
            controller.on_le_disconnected(
                connection, bumble_hci.HCI_ErrorCode.CONNECTION_FAILED_TO_BE_ESTABLISHED_ERROR
            )
            house.air.drop_host()

    monkeypatch.setattr(controller, "create_le_connection", lose)
    await house.measure()
    house.read()
    await house.until(lambda: house.outbox.depth() == 2)
    assert lost >= 3


async def test_a_bond_that_the_device_lost_is_repaired_on_the_way(house: House) -> None:
    guard(house.oximeter)
    house.policy = PairingPolicy(devices=frozenset({house.oximeter.address}))
    house.read()
    await house.measure()
    await house.until(lambda: house.outbox.depth() == 2)
    await house.until(house.bonds.exists)
    await house.until(lambda: not house.oximeter.is_connected)
    await forget_keys(house.oximeter)
    before = read(house.bonds)
    await house.measure(88)
    await house.until(lambda: house.outbox.depth() == 4)
    assert house.told.troubled == {}
    assert ASIDE in read(house.bonds)
    assert ASIDE not in before


async def test_a_bond_that_cannot_be_repaired_is_reported_until_it_is(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard(house.oximeter)
    house.policy = PairingPolicy(devices=frozenset({house.oximeter.address}))
    house.read()
    await house.measure()
    await house.until(lambda: house.outbox.depth() == 2)
    await house.until(house.bonds.exists)
    await house.until(lambda: not house.oximeter.is_connected)
    device = house.oximeter._device
    assert device is not None
    allowed = device.pairing_config_factory
    await forget_keys(house.oximeter)
    refuse_pairing(house.oximeter, monkeypatch)
    await house.measure(88)
    await house.until(lambda: house.told.troubled)
    assert house.told.troubled[house.oximeter.address].startswith("bond-lost: ")
    device.pairing_config_factory = allowed
    await house.until(lambda: house.outbox.depth() == 4)
    await house.until(lambda: not house.told.troubled)
