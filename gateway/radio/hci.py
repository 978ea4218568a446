"""One HCI controller, driven through Bumble as a Bluetooth central.

Owns the transport, the Bumble device on it, and the two things a controller can do only once
at a time: scanning and connecting. Scanner and clients share it. Must not know bleak's
classes or what devices measure.

Invariants:

1. `open` either gives a working adapter or raises `RadioUnavailableError`; nothing is left
   open behind it.
2. When the controller goes away `lost` is set, every link is reported as ended, and every
   operation in progress stops with `LinkEndedError`.
3. A connection that nobody waits for any more is closed, not leaked: the device could not
   advertise again while it is held.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

from bleak.exc import BleakError
from bumble import hci
from bumble.core import BaseBumbleError, PhysicalTransport
from bumble.device import Advertisement, Connection, Device, DeviceConfiguration
from bumble.transport import open_transport
from bumble.transport.common import Transport, TransportLostError

from gateway.radio.bond_store import BondStore, identity_of
from gateway.radio.bumble_pairing import pairing_config
from gateway.radio.commit_first import CommitFirstClient
from gateway.radio.errors import DeviceStuckError, LinkEndedError, RadioUnavailableError
from gateway.radio.host import PatientHost
from gateway.radio.pairing import PairingPolicy
from gateway.radio.tasks import stop
from gateway.radio.waiting import bleak_errors, run_until

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

# A USB controller resets in well under 1 s; one that loads firmware first takes 3-5 s.
OPEN_TIMEOUT_S: Final = 10.0
# HCI gives a controller 1 s to answer (Core v5.4, Vol 4 Part E 4.4); 5 s forgives a busy host.
ANSWER_WITHIN_S: Final = 5.0
CLOSE_TIMEOUT_S: Final = 2.0
CLOSED_GRACE_S: Final = 0.2
# After a timeout Bumble cancels the attempt and waits for the controller to report it.
CANCEL_GRACE_S: Final = 2.0
# Phones in neighbouring homes change address every 15 minutes. Bumble remembers the last
# report of each address for as long as it scans, which here is months: forget them at times.
REMEMBERED_ADVERTISERS: Final = 512

AdvertisementListener = Callable[[Advertisement], None]


class HciAdapter:
    """A powered-on controller; make one with `open`."""

    def __init__(self, moniker: str, transport: Transport, device: Device) -> None:
        self.moniker = moniker
        self.device = device
        self.policy = PairingPolicy()
        self.bonds: BondStore | None = None
        self.stale: set[str] = set()
        self.lost = asyncio.Event()
        self._transport = transport
        self._scanners: dict[AdvertisementListener, bool] = {}
        self._scan_change = asyncio.Lock()
        self._connect_turn = asyncio.Lock()
        self._connecting: asyncio.Task[Any] | None = None
        self._chores: set[asyncio.Task[None]] = set()
        device.pairing_config_factory = lambda link: pairing_config(self.policy, link)
        transport.source.terminated.add_done_callback(lambda _future: self._on_lost())
        device.on(Device.EVENT_CONNECTION, CommitFirstClient.attach)
        device.on(Device.EVENT_ADVERTISEMENT, self._on_advertisement)

    @classmethod
    async def open(
        cls, moniker: str, *, bonds: Path | None = None, policy: PairingPolicy | None = None
    ) -> HciAdapter:
        """Open the controller that `moniker` names and power it on.

        Parameters
        ----------
        moniker
            A Bumble transport: ``usb:0``, ``hci-socket:0``, ``tcp-client:HOST:PORT``.
        bonds
            JSON file for the keys of paired devices, and the address that they know us by;
            absent: forgotten when closed.
        policy
            Who may be paired; absent: nobody new.

        Raises
        ------
        RadioUnavailableError
            When there is no such controller, or it does not answer.
        """
        transport = await _open_transport(moniker)
        config = DeviceConfiguration(
            name="Tele-KOL gateway",
        )
        host = PatientHost(transport.source, transport.sink)
        device = Device(config=config, host=host)
        adapter = cls(moniker, transport, device)
        adapter.policy = policy or adapter.policy
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await adapter.until_lost(adapter._power_on(bonds))
        except (BleakError, TimeoutError, AssertionError) as error:
            await adapter.close()
            raise RadioUnavailableError(
                f"Expected a Bluetooth controller behind {moniker}; it was opened but did not "
                f"complete its reset ({type(error).__name__}: {error}). Check that no other "
                "program uses it, then unplug and replug it."
            ) from error
        except BaseException:
            await adapter.close()
            raise
        return adapter

    async def until_lost(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do `work`; stop it with `LinkEndedError` when the controller goes away.

        Bumble may say so first, by its own `TransportLostError`; that comes out the same.
        """
        with bleak_errors(self.moniker):
            return await run_until(self.lost, work, f"the controller {self.moniker} went away")

    async def start_scanning(self, listener: AdvertisementListener, *, active: bool) -> None:
        """Call `listener` for every advertisement, repeated ones too, until stopped."""
        async with self._scan_change:
            self._scanners[listener] = active
            if len(self._scanners) == 1:
                await self.until_lost(
                    self.device.start_scanning(active=active, filter_duplicates=False)
                )

    async def stop_scanning(self, listener: AdvertisementListener) -> None:
        """Stop calling `listener`; the last one switches the scan off."""
        async with self._scan_change:
            was_known = self._scanners.pop(listener, None) is not None
            if was_known and not self._scanners and not self.lost.is_set():
                await self.until_lost(self.device.stop_scanning())

    async def connect(self, peer: hci.Address, timeout_s: float) -> Connection:
        """Connect to `peer`, waiting for our turn and for it to advertise.

        Raises
        ------
        TimeoutError
            When it was not there in `timeout_s`.
        """
        attempt = asyncio.create_task(self._attempt(peer, timeout_s))
        try:
            await run_until(self.lost, _finish(attempt), "the controller went away")
        except BaseException:
            self._abandon(attempt)
            raise
        return attempt.result()

    async def probe(self) -> None:
        """Ask the controller for its address; TimeoutError when it does not answer."""
        await self._ask(hci.HCI_Read_BD_ADDR_Command())

    async def reset(self) -> None:
        """Put the controller back to its power-on state; of use only until `close`."""
        await self._ask(hci.HCI_Reset_Command())

    async def give_up_connecting(self) -> None:
        """Make the controller forget an attempt to connect; harmless when there is none."""
        await self._cancel_connecting()
        self.device.advertisement_accumulators.clear()

    async def close(self) -> None:
        """Hang up everything and release the controller."""
        if not self.lost.is_set():
            with contextlib.suppress(TimeoutError, BleakError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self.until_lost(self._power_off())
        await self._transport.close()
        # A TCP transport is closed a loop turn later; an hci-socket never says so.
        await asyncio.wait({self._transport.source.terminated}, timeout=CLOSED_GRACE_S)
        self._on_lost()
        await stop(*self._chores)
        if isinstance(self.device.host, PatientHost):
            await self.device.host.stop_waiting()

    async def _power_on(self, bonds: Path | None) -> None:
        identity = identity_of(bonds) if bonds else None
        await self.device.power_on()
        # Bumble would invent a new address each time; a bonded device knows us by this one.
        own = self.device.public_address
        if identity is None and own not in {hci.Address.ANY, hci.Address.ANY_RANDOM}:
            identity = _own_address(own)
        if identity is not None:
            await self.device.send_sync_command(
                hci.HCI_LE_Set_Random_Address_Command(random_address=identity)
            )
            self.device.static_address = self.device.random_address = identity
        if bonds is not None:
            self.bonds = BondStore(bonds, str(self.device.random_address))
            self.device.keystore = self.bonds
            await self.device.refresh_resolving_list()

    async def _power_off(self) -> None:
        if self._scanners and self.device.is_scanning:
            await self.device.stop_scanning()
        for connection in list(self.device.connections.values()):
            await connection.disconnect()
        await self.device.power_off()

    async def _attempt(self, peer: hci.Address, timeout_s: float) -> Connection:
        async with asyncio.timeout(timeout_s + CANCEL_GRACE_S), self._connect_turn:
            self._connecting = asyncio.current_task()
            try:
                return await self.device.connect(
                    peer, transport=PhysicalTransport.LE, timeout=timeout_s
                )
            except TransportLostError as error:
                raise LinkEndedError(f"{self.moniker} went away while connecting.") from error
            except BaseBumbleError as error:
                if _is_stuck(error):
                    raise DeviceStuckError(
                        f"Expected {self.moniker} to begin connecting to {peer}, found that an "
                        "earlier attempt has not ended. It is cancelled."
                    ) from error
                raise TimeoutError(
                    f"Expected {peer} to accept a connection within {timeout_s:g} s: {error!r}"
                ) from error

    def _abandon(self, attempt: asyncio.Task[Connection]) -> None:
        if self.lost.is_set() or attempt is not self._connecting:
            attempt.cancel()
            return
        attempt.add_done_callback(self._hang_up_unwanted)
        if not attempt.done():
            self.spawn(self._cancel_connecting())

    async def _cancel_connecting(self) -> None:
        # Refused when the connection was just made; then it is hung up as unwanted.
        with contextlib.suppress(BleakError, TimeoutError):
            await self.until_lost(
                self.device.send_sync_command(hci.HCI_LE_Create_Connection_Cancel_Command())
            )

    def _hang_up_unwanted(self, attempt: asyncio.Task[Connection]) -> None:
        if not attempt.cancelled() and attempt.exception() is None and not self.lost.is_set():
            self.spawn(self._hang_up(attempt.result()))

    async def _hang_up(self, connection: Connection) -> None:
        with contextlib.suppress(BleakError):
            await self.until_lost(connection.disconnect())

    async def _ask(self, command: hci.HCI_SyncCommand[Any]) -> None:
        await self.until_lost(
            self.device.host.send_sync_command(command, response_timeout=ANSWER_WITHIN_S)
        )

    def _on_lost(self) -> None:
        self.lost.set()

    def _on_advertisement(self, advertisement: Advertisement) -> None:
        if len(self.device.advertisement_accumulators) > REMEMBERED_ADVERTISERS:
            self.device.advertisement_accumulators.clear()
        for listener in list(self._scanners):
            listener(advertisement)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` beside; it ends with the adapter."""
        task = asyncio.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


def _is_stuck(error: BaseBumbleError) -> bool:
    # A controller connects to one device at a time and refuses while it does.
    disallowed = hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR
    return isinstance(error, hci.HCI_Error) and error.error_code == disallowed


async def _finish(attempt: asyncio.Task[Connection]) -> None:
    await asyncio.shield(attempt)


async def _open_transport(moniker: str) -> Transport:
    try:
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            return await open_transport(moniker)
    # Bumble's transports raise OSError, ValueError, ImportError, bare Exception, AssertionError.
    except Exception as error:
        raise RadioUnavailableError(
            f"Expected a Bluetooth controller at {moniker!r}, found none "
            f"({type(error).__name__}: {error}). Give an HCI moniker such as usb:0, hci-socket:0 "
            "or tcp-client:127.0.0.1:9001, check that the adapter is plugged in and that this "
            "user may open it."
        ) from error


def _own_address(public: hci.Address) -> hci.Address:
    """Derive our static random address from the controller's own public address."""
    digest = hashlib.sha256(bytes(public)).digest()
    return hci.Address(
        digest[:5] + bytes([digest[5] | 0xC0]), address_type=hci.Address.RANDOM_DEVICE_ADDRESS
    )
