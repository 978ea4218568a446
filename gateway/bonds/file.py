"""The encrypted file that carries bonds to a replacement gateway.

Owns the file's format; pure: bonds and a passphrase in, bytes out, and back. Must not know where
bonds live.

A key lets whoever has it read the device and pass for the gateway, so the file is encrypted as a
whole: scrypt makes the key from the passphrase, AES-256-GCM encrypts and vouches for every byte,
the header included. Both come with `cryptography`, which the radio needs anyway.

Layout: one line of JSON (format, version, salt, nonce, cost), a line feed, the ciphertext.
"""

from __future__ import annotations

import binascii
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum, unique
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from gateway.errors import BondFileError

FORMAT: Final = "telekol-bonds"
VERSION: Final = 1
SHORTEST_PASSPHRASE: Final = 12
"""Characters. With scrypt at this cost a guess takes 0.1 s of a core and 32 MB."""
_COST: Final = 2**15
"""scrypt's n with r=8: 32 MB, which a Raspberry Pi Zero 2 W still has beside the gateway."""
_MOST_COST: Final = 2**20
"""A file from elsewhere must not make us take more than 1 GB."""
_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12


@unique
class Place(StrEnum):
    """Whose keys they are."""

    HCI = "hci"
    BLUEZ = "bluez"


@dataclass(frozen=True, slots=True)
class Bonds:
    """What a backup carries.

    Attributes
    ----------
    place
        Whose keys they are; they fit into the same place only.
    identity
        The address that the devices know the gateway by.
    devices
        The keys by device: for HCI the entry of the key store, for BlueZ ``{"info": text}``.
    consents
        What scales with users know the gateway by, by device: a slot whose code is lost can never
        be used again. Backups made before there was such a part have none.
    """

    place: Place
    identity: str
    devices: Mapping[str, Mapping[str, Any]]
    consents: Mapping[str, str] = field(default_factory=dict)


def seal(bonds: Bonds, passphrase: str) -> bytes:
    """Make an encrypted file.

    Raises
    ------
    BondFileError
        If the passphrase is too short.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise BondFileError(
            f"Expected a passphrase of at least {SHORTEST_PASSPHRASE} characters, found "
            f"{len(passphrase)}. Whoever guesses it can pass for the gateway."
        )
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "salt": salt.hex(),
        "nonce": nonce.hex(),
        "cost": _COST,
    }
    head = json.dumps(header, sort_keys=True).encode()
    plain = json.dumps(asdict(bonds), sort_keys=True).encode()
    return head + b"\n" + AESGCM(_key(passphrase, salt, _COST)).encrypt(nonce, plain, head)


def unseal(data: bytes, passphrase: str) -> Bonds:
    """Open an encrypted file.

    Raises
    ------
    BondFileError
        If it is another file, another version, damaged, or the passphrase is another.
    """
    head, _, cipher = data.partition(b"\n")
    salt, nonce, cost = _header(head)
    try:
        plain = AESGCM(_key(passphrase, salt, cost)).decrypt(nonce, cipher, head)
        found = json.loads(plain)
        return Bonds(
            Place(found["place"]),
            str(found["identity"]),
            dict(found["devices"]),
            {str(name): str(note) for name, note in dict(found.get("consents", {})).items()},
        )
    except InvalidTag:
        raise BondFileError(
            "Expected the passphrase that the backup was made with and an undamaged file, found "
            "that they do not fit. Check the passphrase; else take another backup."
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise BondFileError(
            f"Expected bonds in the backup, found something else ({error!r}). It was made by "
            "another version; restore it with that one."
        ) from None


def _header(head: bytes) -> tuple[bytes, bytes, int]:
    try:
        found = json.loads(head)
        name, version = found["format"], found["version"]
    except (ValueError, KeyError, TypeError):
        name, version = "something else", None
    if (name, version) != (FORMAT, VERSION):
        raise BondFileError(
            f"Expected a file of format {FORMAT} version {VERSION}, found {name!r} version "
            f"{version!r}. Choose a file made by 'telekol gateway bonds backup'."
        )
    try:
        salt, nonce = bytes.fromhex(found["salt"]), bytes.fromhex(found["nonce"])
        cost = int(found["cost"])
    except (ValueError, KeyError, TypeError, binascii.Error):
        salt, nonce, cost = b"", b"", 0
    sound = len(salt) == _SALT_BYTES and len(nonce) == _NONCE_BYTES
    if not sound or not 2 <= cost <= _MOST_COST or cost & (cost - 1):
        raise BondFileError(
            "Expected salt, nonce and cost in the backup's first line, found them damaged. Take "
            "another backup."
        )
    return salt, nonce, cost


def _key(passphrase: str, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=_KEY_BYTES, n=cost, r=8, p=1).derive(passphrase.encode())
