"""The keys of paired devices, in one JSON file beside the outbox.

Owns the file, the identity it belongs to, and the bonds that are kept aside. Must not know how
keys are made or used. It is Bumble's format, ``{identity: {device: keys}}``, with two additions
of ours.

Invariants
----------
1. The file names the address that the devices know us by. Whoever opens the file uses that
   address, whatever the controller: so bonds outlive a broken adapter, and a whole gateway.
2. A bond is replaced as a whole. Bumble's own store merges: a device that first paired the new
   way and then the old would be greeted with the old key for ever.
3. The bond that was replaced stays aside until the new one has encrypted a link.
4. The file is written whole and synchronised before it takes the old one's place.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from bumble.hci import Address
from bumble.keys import KeyStore, PairingKeys

from gateway.radio.errors import RadioUnavailableError

ASIDE: Final = "aside"
"""The part of the file with replaced bonds; no address looks like it."""

Bonds = dict[str, dict[str, dict[str, Any]]]


class BondStore(KeyStore):
    """Bumble's key store over our file.

    Parameters
    ----------
    path
        The file; it need not be there yet.
    identity
        The address that devices file our keys under.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._identity = identity

    async def get(self, name: str) -> PairingKeys | None:
        """Give the keys of a device."""
        keys = self._ours(read(self._path)).get(name)
        return None if keys is None else PairingKeys.from_dict(keys)

    async def get_all(self) -> list[tuple[str, PairingKeys]]:
        """Give every device with its keys."""
        ours = self._ours(read(self._path))
        return [(name, PairingKeys.from_dict(keys)) for name, keys in ours.items()]

    async def update(self, name: str, keys: PairingKeys) -> None:
        """Replace a device's keys; the old ones are kept aside."""
        bonds = read(self._path)
        old = self._ours(bonds).get(name)
        if old is not None:
            bonds.setdefault(ASIDE, {})[name] = old
        self._ours(bonds)[name] = keys.to_dict()
        write(self._path, bonds)

    async def delete(self, name: str) -> None:
        """Forget a device; KeyError if it is unknown."""
        bonds = read(self._path)
        del self._ours(bonds)[name]
        bonds.get(ASIDE, {}).pop(name, None)
        write(self._path, bonds)

    async def delete_all(self) -> None:
        """Forget every device."""
        write(self._path, {self._identity: {}})

    def proved(self, name: str) -> None:
        """Take in that a device's keys have encrypted a link: the old ones can go."""
        bonds = read(self._path)
        if bonds.get(ASIDE, {}).pop(name, None) is not None:
            write(self._path, bonds)

    def put_back(self, name: str) -> bool:
        """Take the bond that was kept aside again; say whether there was one."""
        bonds = read(self._path)
        old = bonds.get(ASIDE, {}).pop(name, None)
        if old is None:
            return False
        self._ours(bonds)[name] = old
        write(self._path, bonds)
        return True

    def _ours(self, bonds: Bonds) -> dict[str, dict[str, Any]]:
        return bonds.setdefault(self._identity, {})


def identity_of(path: Path) -> Address | None:
    """Give the address that the bonds in a file belong to; None without bonds.

    Raises
    ------
    RadioUnavailableError
        If the file belongs to several addresses, or cannot be read.
    """
    identities = sorted(name for name, bonds in read(path).items() if bonds and name != ASIDE)
    if len(identities) > 1:
        raise RadioUnavailableError(
            f"Expected the bonds in {path} to belong to one gateway address, found "
            f"{', '.join(identities)}. Restore a backup with 'telekol gateway bonds restore', or "
            "move the file away and pair the devices anew."
        )
    if not identities:
        return None
    return Address(identities[0], Address.RANDOM_DEVICE_ADDRESS)


def read(path: Path) -> Bonds:
    """Read a file of bonds; one that is not there is empty.

    Raises
    ------
    RadioUnavailableError
        If it cannot be read: going on without would pair every device anew.
    """
    try:
        return as_bonds(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RadioUnavailableError(
            f"Expected the keys of paired devices in {path}, found that they cannot be read "
            f"({error}). Move the file away, then restore a backup with 'telekol gateway bonds "
            "restore' or pair the devices anew."
        ) from error


def as_bonds(found: object) -> Bonds:
    """Check that something read is ``{identity: {device: keys}}``; ValueError if not."""
    if not isinstance(found, dict):
        raise ValueError("expected an object, found something else")  # noqa: TRY004 - bad data
    for bonds in found.values():
        for keys in bonds.values() if isinstance(bonds, dict) else [None]:
            if not isinstance(keys, dict):
                raise ValueError("expected objects of objects, found something else")  # noqa: TRY004
    return found


def write(path: Path, bonds: Bonds) -> None:
    """Put `bonds` in the place of a file, for this user alone, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(bonds, file, sort_keys=True, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
