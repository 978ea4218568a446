"""Where bonds live: the HCI key store, and BlueZ's folder.

Owns reading and writing both. Must not know how a backup is encrypted.

What can be carried to another gateway:

- HCI: everything. The devices know the gateway by an address of its own that lies in the key
  store, not by the controller's; the new gateway takes it over.
- BlueZ: the devices know the gateway by its adapter's address. With the same adapter (a USB stick
  moved over) everything; with another adapter the keys can be copied, but the devices see a
  stranger and do not use them, unless the new adapter is given the old address. So that is
  refused unless asked for.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from gateway.bonds.file import Bonds, Place
from gateway.errors import BondFileError
from gateway.radio import bond_store

BLUEZ_FOLDER: Final = Path("/var/lib/bluetooth")
_INFO: Final = "info"


def from_hci(path: Path) -> Bonds:
    """Read the bonds of an HCI key store.

    Raises
    ------
    BondFileError
        If there are none.
    """
    identity = bond_store.identity_of(path)
    if identity is None:
        raise BondFileError(f"Expected paired devices in {path}, found none. Pair them first.")
    return Bonds(Place.HCI, str(identity), bond_store.read(path)[str(identity)])


def into_hci(path: Path, bonds: Bonds) -> None:
    """Make an HCI key store of a backup.

    Raises
    ------
    BondFileError
        If the gateway has other bonds, which would be lost.
    """
    _must_be(bonds, Place.HCI)
    before = bond_store.read(path)
    if any(before.values()) and set(before) - {bond_store.ASIDE} != {bonds.identity}:
        raise BondFileError(
            f"Expected no bonds in {path}, or those of {bonds.identity}; found others, which would "
            f"be lost. Back them up, then move {path} away."
        )
    try:
        kept = bond_store.as_bonds({bonds.identity: dict(bonds.devices)})
    except ValueError as error:
        raise BondFileError(f"Expected keys by device in the backup, found: {error}") from error
    bond_store.write(path, kept)


def from_bluez(folder: Path = BLUEZ_FOLDER) -> Bonds:
    """Read the bonds that BlueZ has; needs root.

    Raises
    ------
    BondFileError
        If there are none, or they cannot be read.
    """
    adapter = _adapter(folder)
    try:
        devices = {
            info.parent.name: {_INFO: info.read_text(encoding="utf-8")}
            for info in sorted(adapter.glob("*:*:*:*:*:*/" + _INFO))
        }
    except OSError as error:
        raise _no_access(folder, error) from error
    bonded = {name: entry for name, entry in devices.items() if "Key]" in entry[_INFO]}
    if not bonded:
        raise BondFileError(f"Expected paired devices in {adapter}, found none. Pair them first.")
    return Bonds(Place.BLUEZ, adapter.name, bonded)


def into_bluez(bonds: Bonds, folder: Path = BLUEZ_FOLDER, *, other_adapter: bool = False) -> None:
    """Write a backup into BlueZ's folder; bluetoothd must be stopped. Needs root.

    Raises
    ------
    BondFileError
        If the adapter is another, and that was not asked for; or it cannot be written.
    """
    _must_be(bonds, Place.BLUEZ)
    adapter = _adapter(folder)
    if adapter.name != bonds.identity and not other_adapter:
        raise BondFileError(
            f"Expected the adapter {bonds.identity}, whose address the devices know; found "
            f"{adapter.name}. Move the old USB adapter over, or give this one the old address "
            f"first ('btmgmt public-addr {bonds.identity}', where the controller can). To copy "
            "the keys all the same add --other-adapter; the devices must then be paired anew."
        )
    try:
        for device, entry in bonds.devices.items():
            _write_info(adapter / _safe(device), str(entry[_INFO]))
    except OSError as error:
        raise _no_access(folder, error) from error


def _write_info(folder: Path, text: str) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    draft = folder / (_INFO + ".telekol")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / _INFO)


def _adapter(folder: Path) -> Path:
    try:
        adapters = sorted(folder.glob("*:*:*:*:*:*"))
    except OSError as error:
        raise _no_access(folder, error) from error
    if len(adapters) != 1:
        raise BondFileError(
            f"Expected one adapter in {folder}, found {len(adapters)}"
            f"{''.join(' ' + adapter.name for adapter in adapters)}. Run as root; with several "
            "adapters, move the folders of those that are not used away."
        )
    return adapters[0]


def _safe(device: str) -> str:
    """Refuse a name that would lead out of the folder."""
    parts = device.split(":")
    if len(parts) != 6 or not all(len(part) == 2 and part.isalnum() for part in parts):
        raise BondFileError(
            f"Expected addresses of devices in the backup, found {device!r}. Take another backup."
        )
    return device


def _must_be(bonds: Bonds, place: Place) -> None:
    if bonds.place is not place:
        raise BondFileError(
            f"Expected a backup of {place} bonds, since that is this gateway's radio; found one of "
            f"{bonds.place}. Set TELEKOL_GATEWAY_RADIO as it was where the backup was made."
        )


def _no_access(folder: Path, error: OSError) -> BondFileError:
    return BondFileError(
        f"Expected to read and write {folder}, found that it is not possible ({error}). Run as "
        "root, with bluetoothd stopped ('systemctl stop bluetooth')."
    )
