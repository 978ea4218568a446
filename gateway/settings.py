"""The gateway's settings, each described once.

Must not know what is done with them. What else changes with it: docs/settings.md is made from
the descriptions.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr

from gateway.kit import SerialSource, kit_devices, serial_sources
from gateway.link.delivery import DeliveryPolicy
from gateway.link.policy import HEALTH_INTERVAL_S, OFFLINE_AFTER_S, RECONNECT_WINDOW_S, UplinkPolicy
from gateway.listening.adverts import Adverts
from telekol.settings import BrokerSettings, TelekolSettings
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


def _kit(text: str) -> str:
    kit_devices(text)
    return text


def _serial(text: str) -> str:
    serial_sources(text)
    return text


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


_ADDRESS: Final = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")
_PASSKEY: Final = re.compile(_ADDRESS.pattern + r" *= *[0-9]{6}")


def _parts_of(text: str) -> list[str]:
    return [part.strip() for part in text.upper().split(",") if part.strip()]


def _passkeys(text: SecretStr) -> SecretStr:
    for number, part in enumerate(_parts_of(text.get_secret_value()), 1):
        if not _PASSKEY.fullmatch(part):
            raise ValueError(
                "expected an address and six digits like C0:11:22:33:44:55=123456, found "
                f"something else as entry {number}"
            )
    return text


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
    gateway_devices: Annotated[str, AfterValidator(_kit)] = Field(
        default="",
        description="This kit's devices, as ADDRESS or FAMILY@ADDRESS with commas between; they "
        "may be paired at any time. The family is needed for scales that only advertise "
        "(xiaomi-scale-v1, xiaomi-scale-v2) and for devices that advertise no service "
        "(berry-bm1000, beurer-po60).",
    )
    gateway_only_kit: bool = Field(
        default=False,
        description="Whether only devices named in TELEKOL_GATEWAY_DEVICES are connected to, so "
        "that a neighbour's are left alone.",
    )
    gateway_serial: Annotated[str, AfterValidator(_serial)] = Field(
        default="",
        description="Devices behind a serial port, with commas between: FAMILY@rfcomm:ADDRESS "
        "(or ADDRESS/CHANNEL), FAMILY@/dev/FILE or FAMILY@tcp:HOST:PORT, with the family "
        "vitalograph or nonin-classic.",
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

    gateway_local_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port of this machine where programs hand in spirometry and typed readings, "
        "with the token beside the outbox; commands need none. Not set: no port.",
    )
    gateway_local_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address of that port. Beyond 127.0.0.1 readings cross the home's network "
        "unencrypted.",
    )
    gateway_drop_folder: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        default=None,
        description="Folder whose *.json files are taken as spirometry documents. Not set: none.",
    )
    gateway_passkeys: Annotated[SecretStr, AfterValidator(_passkeys)] = Field(
        default=SecretStr(""),
        description="Passkeys printed on devices, like C0:11:22:33:44:55=123456, with commas.",
    )
    gateway_reconnect_window_s: float = Field(
        default=RECONNECT_WINDOW_S,
        ge=0,
        le=600,
        description="Over how many seconds homes spread their first try to connect, at the start "
        "and after a lost connection; a broker that restarts then meets them one by one.",
    )
    gateway_offline_after_s: int = Field(
        default=OFFLINE_AFTER_S,
        ge=0,
        le=86400,
        description="Seconds without us after which the broker says that we are offline.",
    )
    gateway_health_interval_s: float = Field(
        default=HEALTH_INTERVAL_S,
        ge=1,
        le=86400,
        description="Most seconds between two health messages; news is sent sooner.",
    )

    @property
    def is_platform_radio(self) -> bool:
        """Whether the radio is the system's own Bluetooth."""
        return self.gateway_radio == "platform"

    @property
    def devices(self) -> frozenset[str]:
        """The addresses of the home's own devices."""
        return frozenset(item.address for item in kit_devices(self.gateway_devices))

    @property
    def passkeys(self) -> dict[str, int]:
        """The passkeys printed on devices, by address."""
        pairs = (part.split("=") for part in _parts_of(self.gateway_passkeys.get_secret_value()))
        return {address.strip(): int(digits) for address, digits in pairs}

    @property
    def pairing_window(self) -> Path:
        """The file that says until when unknown devices may be paired."""
        return self._beside(".pairing")

    @property
    def restarts(self) -> Path:
        """The file that says how often the process was restarted for its radio."""
        return self._beside(".restarts")

    @property
    def notes(self) -> Path:
        """Where instructions and the count of connections are kept: beside the outbox."""
        return self.gateway_outbox.with_name(self.gateway_outbox.name + ".instructions")

    @property
    def uplink_policy(self) -> UplinkPolicy:
        """How to connect again, and when to be called offline."""
        return UplinkPolicy(self.gateway_reconnect_window_s, self.gateway_offline_after_s)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone devices show."""
        return ZoneInfo(self.gateway_device_timezone)

    @property
    def bonds(self) -> Path:
        """Where the keys of paired devices are kept, for an HCI controller: beside the outbox."""
        return self._beside(".bonds")

    def _beside(self, ending: str) -> Path:
        return self.gateway_outbox.with_name(self.gateway_outbox.name + ending)

    @property
    def device_notes(self) -> Path:
        """Where notes about single devices are kept, consent codes among them."""
        return self._beside(".devices")

    @property
    def adverts(self) -> Adverts:
        """Whose adverts are an invitation, and whose a reading."""
        return Adverts(kit_devices(self.gateway_devices), only_kit=self.gateway_only_kit)

    @property
    def serial_sources(self) -> tuple[SerialSource, ...]:
        """The serial ports to read."""
        return serial_sources(self.gateway_serial)

    @property
    def policy(self) -> DeliveryPolicy:
        """How readings are sent and sent again."""
        return DeliveryPolicy(
            resend_first_s=self.gateway_resend_first_s, resend_most_s=self.gateway_resend_most_s
        )

    def model_post_init(self, _context: Any, /) -> None:
        """Make the outbox's place independent of where the process was started."""
        object.__setattr__(self, "gateway_outbox", self.gateway_outbox.expanduser().absolute())


class EnrolmentSettings(TelekolSettings):
    """What `telekol gateway enrol` needs to know; the same variables as the gateway's."""

    gateway_id: GatewayId = Field(description="The gateway's id, which the certificate will name.")
    broker_tls_key: Path = Field(description="Where the gateway's key is, or shall be.")
