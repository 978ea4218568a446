"""``telekol gateway bonds``: the keys of paired devices, on the command line.

Owns the commands. Must not know where bonds live or how a backup is encrypted.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import typer

from gateway.device_notes import CONSENT, DeviceNotes
from gateway.errors import GatewayError
from gateway.keeping.place import stopped_gateway
from gateway.radio.pairing import LONGEST_WINDOW_S, PairingWindow
from gateway.settings import GatewaySettings
from telekol.settings import load

PASSPHRASE: Final = "TELEKOL_GATEWAY_BONDS_PASSPHRASE"  # noqa: S105 - its name, not its value

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Keys of paired devices: pair new ones, carry them to a replacement gateway.",
)

_FILE = typer.Argument(help="The encrypted backup.", show_default=False)


@app.command()
def pair(
    minutes: int = typer.Option(10, min=1, max=int(LONGEST_WINDOW_S // 60), help="For how long."),
) -> None:
    """Let devices that are not in TELEKOL_GATEWAY_DEVICES be paired, for some minutes.

    Put the device into pairing mode, and let no other device near the gateway ask meanwhile.
    """
    until = datetime.now(UTC) + timedelta(minutes=minutes)
    _window().open_until(until)
    typer.echo(f"devices may be paired until {until:%H:%M} UTC; 'bonds close' ends it at once")


@app.command()
def close() -> None:
    """Close the pairing window."""
    _window().close()
    typer.echo("only the home's own devices may be paired")


@app.command()
def backup(file: Path = _FILE) -> None:
    """Write the keys of all paired devices to an encrypted file.

    With them go the codes by which scales with several users know this gateway.
    Over BlueZ this needs root. The passphrase is asked for, or taken from
    TELEKOL_GATEWAY_BONDS_PASSPHRASE.
    """
    from gateway.bonds import file as sealed_file  # noqa: PLC0415 - cryptography takes time
    from gateway.bonds import places  # noqa: PLC0415 - the same

    settings = load(GatewaySettings)
    over_bluez = settings.is_platform_radio
    bonds = places.from_bluez() if over_bluez else places.from_hci(settings.bonds)
    bonds = replace(bonds, consents=DeviceNotes(settings.device_notes).about(CONSENT))
    sealed = sealed_file.seal(bonds, _passphrase(confirm=True))
    _write_new(file, sealed)
    typer.echo(f"{len(bonds.devices)} devices backed up: {', '.join(sorted(bonds.devices))}")
    _say_consents(bonds.consents)


@app.command()
def restore(
    file: Path = _FILE,
    *,
    other_adapter: bool = typer.Option(
        False, "--other-adapter", help="BlueZ: copy the keys to an adapter with another address."
    ),
) -> None:
    """Take over the devices of another gateway from its backup.

    Stop the gateway first (and bluetoothd, over BlueZ, as root), and never let the old gateway
    run again with the same devices: both would be the same one to them.
    """
    from gateway.bonds import file as sealed_file  # noqa: PLC0415 - cryptography takes time
    from gateway.bonds import places  # noqa: PLC0415 - the same

    settings = load(GatewaySettings)
    bonds = sealed_file.unseal(_read(file), _passphrase(confirm=False))
    with stopped_gateway(settings.gateway_outbox):
        if settings.is_platform_radio:
            places.into_bluez(bonds, other_adapter=other_adapter)
        else:
            places.into_hci(settings.bonds, bonds)
        taken = _take_over(bonds.consents, DeviceNotes(settings.device_notes))
    typer.echo(f"{len(bonds.devices)} devices restored: {', '.join(sorted(bonds.devices))}")
    _say_consents(taken)


def _take_over(consents: Mapping[str, str], notes: DeviceNotes) -> list[str]:
    """Note the codes that are not known here; one that this gateway has of its own stays."""
    taken = [address for address in sorted(consents) if notes.read(address, CONSENT) is None]
    for address in taken:
        notes.write(address, CONSENT, consents[address])
    return taken


def _say_consents(addresses: Collection[str]) -> None:
    if addresses:
        typer.echo(f"with the consent of {len(addresses)}: {', '.join(sorted(addresses))}")


def _write_new(file: Path, sealed: bytes) -> None:
    draft = file.with_name(file.name + ".part")
    try:
        if file.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(file))
        # Whole or not at all, also on a stick that is pulled out. No link: sticks have FAT.
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as sink:
            sink.write(sealed)
            sink.flush()
            os.fsync(sink.fileno())
        draft.rename(file)
    except OSError as error:
        raise GatewayError(
            f"Expected to write a new file {file}, found that it is not possible ({error}). An "
            "older backup is not written over; name another file."
        ) from error


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise GatewayError(
            f"Expected a backup in {file}, found that it cannot be read ({error})."
        ) from error


def _window() -> PairingWindow:
    return PairingWindow(load(GatewaySettings).pairing_window, lambda: datetime.now(UTC))


def _passphrase(*, confirm: bool) -> str:
    given = os.environ.get(PASSPHRASE)
    if given is not None:
        return given
    return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm))
