"""The radio of one simulated home: devices on a virtual link, the gateway's adapter over TCP.

Owns one Bumble link, a controller per device and the gateway's controller, which is offered
on TCP as a plain HCI transport. Must not know what the devices measure.

Invariants:

1. At most one host drives the gateway's controller. A newer TCP connection replaces an older
   one, whose process is dead or half gone.
2. When the host goes away (closed, or killed -9) or resets the controller, every link it held
   ends at the devices too, as after a supervision timeout, so that they advertise again.
   Bumble's own controller ignores Reset and connection cancelling; `HomeController` does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from typing import Final, Protocol

from bumble import hci, ll
from bumble.controller import Connection, Controller
from bumble.core import InvalidArgumentError, InvalidPacketError
from bumble.device import Device, DeviceConfiguration
from bumble.host import Host
from bumble.link import LocalLink
from bumble.pairing import PairingConfig
from bumble.transport.common import AsyncPipeSink, PacketParser

from device_sim.errors import SimulatorError

_LOG = logging.getLogger(__name__)

# A central that meets no answer to its connection request for six intervals gives up with
# error 0x3E (Core v5.4, Vol 6 Part B 4.5.2): 6 x 50 ms.
ESTABLISH_S: Final = 0.3


class HomeController(Controller):
    """A Bumble controller that honours Reset and LE Create Connection Cancel.

    It also lacks extended advertising, as the cheap adapters of real kits do, and carries
    whole ATT packets instead of 27-byte fragments.
    """

    le_features = Controller.le_features & ~hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
    le_acl_data_packet_length = 251

    def drop_everything(self) -> None:
        """Go back to the state after power on; peers see their links end."""
        self.le_scan_enable = False
        self.pending_le_connection = None
        self.le_legacy_advertiser.stop()
        for connection in list(self.le_connections.values()):
            # A peer without a controller on this link has nothing to be told.
            with contextlib.suppress(InvalidArgumentError):
                connection.send_ll_control_pdu(
                    ll.TerminateInd(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
                )
        self.le_connections.clear()

    def on_hci_reset_command(
        self, _command: hci.HCI_Reset_Command
    ) -> hci.HCI_StatusReturnParameters:
        """Reset for real: links, scanning and advertising end."""
        self.drop_everything()
        return super().on_hci_reset_command(_command)

    def on_hci_le_create_connection_cancel_command(
        self, _command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        """Forget the pending connection and report it as cancelled."""
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        asyncio.get_running_loop().call_soon(self._report_cancelled, pending.peer_address)
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def create_le_connection(self, peer_address: hci.Address) -> None:
        """Connect, and notice when the other side did not hear it."""
        super().create_le_connection(peer_address)
        if connection := self.le_connections.get(peer_address):
            asyncio.get_running_loop().call_later(ESTABLISH_S, self._check_established, connection)

    def on_ll_control_pdu(self, sender_address: hci.Address, packet: ll.ControlPdu) -> None:
        """Take a link message from a peer."""
        # Both sides may hang up at once; the second message finds nothing and that is fine.
        if isinstance(packet, ll.TerminateInd) and sender_address not in self.le_connections:
            return
        super().on_ll_control_pdu(sender_address, packet)

    def _report_cancelled(self, peer: hci.Address) -> None:
        self.send_hci_packet(
            hci.HCI_LE_Connection_Complete_Event(
                status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                connection_handle=0,
                role=hci.Role.CENTRAL,
                peer_address_type=peer.address_type,
                peer_address=peer,
                connection_interval=0,
                peripheral_latency=0,
                supervision_timeout=0,
                central_clock_accuracy=0,
            )
        )

    def _check_established(self, connection: Connection) -> None:
        if self.le_connections.get(connection.peer_address) is not connection:
            return
        peer = self.link.find_le_controller(connection.peer_address) if self.link else None
        if peer is None or connection.self_address not in peer.le_connections:
            self.on_le_disconnected(
                connection, hci.HCI_ErrorCode.CONNECTION_FAILED_TO_BE_ESTABLISHED_ERROR
            )


class _HostSink:
    """Writes the controller's packets to one TCP connection, and nothing once it is closing."""

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport

    def on_packet(self, packet: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(packet)


class _HostConnection(asyncio.Protocol):
    """One host (one gateway process) that speaks HCI to the gateway's controller."""

    def __init__(self, radio: VirtualRadio) -> None:
        self._radio = radio
        self._parser = PacketParser()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the controller."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server gives
        self.transport = transport
        self._parser.set_packet_sink(self._radio.controller)
        self._radio.host_arrived(self, _HostSink(transport))

    def data_received(self, data: bytes) -> None:
        """Pass HCI packets on, from the current host only."""
        if not self._radio.is_current(self):
            return
        try:
            self._parser.feed_data(data)
        except InvalidPacketError as error:
            _LOG.warning("A host sent what is not HCI (%s); its connection is closed.", error)
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio gives it
        """Give the controller back."""
        self._radio.host_left(self)


class Air(Protocol):
    """Where devices can be put on the air: a virtual radio or a real adapter."""

    async def add_device(self, name: str, address: hci.Address) -> Device:
        """Put a device on the air and return its Bumble host stack, powered on."""


class HomeRadio(Air, Protocol):
    """The air of a whole home."""

    @property
    def moniker(self) -> str:
        """How the controller is opened: the gateway's, or the real one."""

    @property
    def has_host(self) -> bool:
        """Whether a gateway is there now."""

    async def start(self, port: int = 0, /) -> None:
        """Open it; a virtual one offers the gateway's controller on `port` (0: any)."""

    def drop_host(self) -> None:
        """Cut the gateway off, where that can be done."""

    async def close(self) -> None:
        """Switch everything off."""


class VirtualRadio:
    """One home's air: a link, its devices, and the gateway's controller on TCP.

    Parameters
    ----------
    name
        Shown in logs; also decides the gateway controller's public address.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._link = LocalLink()  # type: ignore[no-untyped-call]  # bumble leaves it untyped
        self.controller = HomeController(
            f"{name}/gateway", link=self._link, public_address=_public_address(name)
        )
        self._devices: list[tuple[Device, HomeController]] = []
        self._server: asyncio.Server | None = None
        self._host: _HostConnection | None = None
        self._port: int | None = None

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """Offer the gateway's controller on TCP; port 0 picks a free one."""
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: _HostConnection(self), host, port
            )
        except (OSError, OverflowError) as error:
            raise SimulatorError(
                f"Expected to listen on {host}:{port} for home {self.name}; the system said: "
                f"{error}. Choose another port, or 0 for any free one."
            ) from error
        self._port = self._server.sockets[0].getsockname()[1]

    @property
    def moniker(self) -> str:
        """What a gateway opens, for example ``tcp-client:127.0.0.1:9001``."""
        if self._port is None:
            raise SimulatorError(f"The radio of {self.name} has no port yet; call start() first.")
        return f"tcp-client:127.0.0.1:{self._port}"

    @property
    def has_host(self) -> bool:
        """Whether a gateway process holds the controller now."""
        return self._host is not None

    async def add_device(self, name: str, address: hci.Address) -> Device:
        """Put a device on the air and return its Bumble host stack, powered on."""
        controller = HomeController(f"{self.name}/{name}", link=self._link)
        config = DeviceConfiguration(
            name=name,
            address=address,
            gatt_service_enabled=False,
            classic_smp_enabled=False,
            identity_address_type=PairingConfig.AddressType.RANDOM,
        )
        device = Device(config=config, host=Host(controller, AsyncPipeSink(controller)))
        await device.power_on()
        self._devices.append((device, controller))
        return device

    def drop_host(self) -> None:
        """Cut the gateway's HCI transport, as when its adapter is pulled out."""
        if self._host:
            self._host.transport.abort()

    async def close(self) -> None:
        """Stop listening and power everything off."""
        if self._server:
            self._server.close()
            if self._host:
                self._host.transport.abort()
            await self._server.wait_closed()
            self._server = None
        self.controller.drop_everything()
        for device, controller in self._devices:
            controller.drop_everything()
            await device.power_off()

    def is_current(self, connection: _HostConnection) -> bool:
        """Say whether `connection` is the one that drives the controller."""
        return self._host is connection

    def host_arrived(self, connection: _HostConnection, sink: _HostSink) -> None:
        """Give the controller to a new host; an older one loses it."""
        if self._host:
            _LOG.info("Home %s: a new gateway connection replaces the old one.", self.name)
            self._host.transport.abort()
        self.controller.drop_everything()
        self._host = connection
        self.controller.host = sink

    def host_left(self, connection: _HostConnection) -> None:
        """Return the controller to its power-on state when its host is gone."""
        if self._host is connection:
            self._host = None
            self.controller.host = None
            self.controller.drop_everything()


def static_address(serial: str) -> hci.Address:
    """Derive a device's static random address from its serial number.

    The two highest bits are set, as Core v5.4 Vol 6 Part B 1.3.2.1 asks of a static address.
    """
    digest = hashlib.sha256(serial.encode()).digest()
    return hci.Address(
        digest[:5] + bytes([digest[5] | 0xC0]), address_type=hci.Address.RANDOM_DEVICE_ADDRESS
    )


def _public_address(name: str) -> hci.Address:
    digest = hashlib.sha256(name.encode()).digest()
    return hci.Address(digest[:6], address_type=hci.Address.PUBLIC_DEVICE_ADDRESS)
