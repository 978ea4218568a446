"""The gateway's settings, each described once.

Must not know what is done with them. What else changes with it: docs/settings.md is made from
the descriptions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from gateway.delivery import DeliveryPolicy
from telekol.settings import BrokerSettings
from telekol.topics import GatewayId


def _zone_name(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError(
            f"expected a time zone of the IANA database like Europe/Copenhagen, found {name!r}"
        ) from None
    return name


_CONTROLLERS: Final = {
    "usb": True,
    "pyusb": True,
    "hci-socket": False,
    "tcp-client": True,
    "tcp-server": True,
    "ws-client": True,
    "ws-server": True,
    "udp": True,
    "serial": True,
    "unix": True,
    "unix-client": True,
    "unix-server": True,
    "pty": False,
    "file": True,
    "vhci": False,
    "android-emulator": False,
    "android-netsim": False,
}
"""What Bumble opens, and whether it must be told which one."""


def _radio(moniker: str) -> str:
    kind, _, which = moniker.partition(":")
    if moniker == "platform" or (kind in _CONTROLLERS and (which or not _CONTROLLERS[kind])):
        return moniker
    raise ValueError(
        "expected platform, or an HCI controller like usb:0, hci-socket:0 or "
        f"tcp-client:HOST:PORT, found {moniker!r}"
    )


def _clock_source(source: str) -> str:
    kind, _, path = source.partition(":")
    if source in {"auto", "kernel", "system"} or (kind == "file" and path):
        return source
    raise ValueError(f"expected auto, kernel, system or file:PATH, found {source!r}")


def _no_folder(path: Path) -> Path:
    if path.expanduser().is_dir():
        raise ValueError(
            f"expected a file, found that {str(path)!r} is a folder; add a file's name"
        )
    return path


class GatewaySettings(BrokerSettings):
    """What a home gateway needs to know."""

    gateway_id: GatewayId = Field(
        description="This gateway's id, like gw-aarhus-017; with TLS its certificate's common name."
    )
    gateway_outbox: Annotated[Path, AfterValidator(_no_folder)] = Field(
        description="File that keeps readings until the server has them; its folder must be ours."
    )
    gateway_outbox_limit_mb: int = Field(
        default=1024,
        ge=1,
        le=1024 * 1024,
        description="Most megabytes that file may fill: 1024 hold a million readings, a year at "
        "2800 a day. What is given up then is said in operating.",
    )
    gateway_radio: Annotated[str, AfterValidator(_radio)] = Field(
        default="platform",
        min_length=1,
        description="The radio: platform for the system's Bluetooth, or an HCI controller like "
        "usb:0, hci-socket:0 or tcp-client:HOST:PORT.",
    )
    gateway_device_timezone: Annotated[str, AfterValidator(_zone_name)] = Field(
        default="Europe/Copenhagen",
        description="Time zone that devices show on their displays; their clocks are set to it.",
    )
    gateway_clock: Annotated[str, AfterValidator(_clock_source)] = Field(
        default="auto",
        description="When the gateway's own clock is believed: auto (a time service keeps it, or "
        "the machine has a clock that runs while it is off), kernel (a time service keeps it), "
        "system (always), or file:PATH (once that file is there).",
    )
    gateway_resend_first_s: float = Field(
        default=10.0,
        gt=0,
        le=3600,
        description="Seconds to wait for a receipt before readings are sent again; doubles with "
        "each time.",
    )
    gateway_resend_most_s: float = Field(
        default=300.0,
        gt=0,
        le=86400,
        description="Most seconds to wait for a receipt before readings are sent again.",
    )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone devices show."""
        return ZoneInfo(self.gateway_device_timezone)

    @property
    def bonds(self) -> Path:
        """Where the keys of paired devices are kept, for an HCI controller: beside the outbox."""
        return self.gateway_outbox.with_name(self.gateway_outbox.name + ".bonds")

    @property
    def policy(self) -> DeliveryPolicy:
        """How readings are sent and sent again."""
        return DeliveryPolicy(
            resend_first_s=self.gateway_resend_first_s, resend_most_s=self.gateway_resend_most_s
        )

    def model_post_init(self, _context: Any, /) -> None:
        """Make the outbox's place independent of where the process was started."""
        object.__setattr__(self, "gateway_outbox", self.gateway_outbox.expanduser().absolute())
