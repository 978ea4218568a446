"""Civil registration numbers, sealed under keys that are not in the database. No I/O but `read`.

Owns the number as a value, the ring of keys, sealing and finding. A number is never shown by
``repr``, logged or part of a message. Must not be imported by gateway/.

Invariants
----------
1. What is sealed for one patient opens for no other: the patient's id is authenticated with it.
2. The key that seals and the key that finds are different keys, each with an id of its own.
3. Every key of the ring opens and finds; the first of each kind seals and hashes what is new.

What else changes with it: docs/decisions/0021, migrations/versions/0011.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from telekol.errors import TelekolError

_NUMBER: Final = re.compile(r"([0-9]{6})-?([0-9]{4})")
_NONCE_BYTES: Final = 12
"""What AES-GCM is defined for without hashing (NIST SP 800-38D, 8.2). Random ones are safe for
2**32 seals with one key: a thousand for each person in Denmark."""
_KEY_BYTES: Final = 32


class KeyRingError(TelekolError):
    """A file of keys is not as it must be, or a sealed number does not open."""


@dataclass(frozen=True, slots=True)
class CivilRegistrationNumber:
    """Ten digits.

    No date and no checksum is demanded: since 2007 valid numbers fail modulus 11, and replacement
    numbers have days above 31.
    """

    digits: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ddmmyyxxxx with or without the hyphen.

        Raises
        ------
        ValueError
            Without repeating what was found.
        """
        found = _NUMBER.fullmatch(text.strip())
        if found is None:
            raise ValueError("expected ten digits, as ddmmyy-xxxx")
        return cls(found[1] + found[2])


@dataclass(frozen=True, slots=True)
class Sealed:
    """A row of ``civil_registration`` without the patient."""

    key_id: str
    sealed: bytes = field(repr=False)
    find_key_id: str
    find_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by id, of each kind the newest first.

    Parameters
    ----------
    seal, find
        32 bytes each.
    """

    seal: Mapping[str, bytes] = field(repr=False)
    find: Mapping[str, bytes] = field(repr=False)

    @property
    def seal_id(self) -> str:
        """Id of the key that seals what is new."""
        return next(iter(self.seal))

    @property
    def find_id(self) -> str:
        """Id of the key that hashes what is new."""
        return next(iter(self.find))

    def close(self, patient_id: UUID, number: CivilRegistrationNumber) -> Sealed:
        """Seal a number as `patient_id`'s."""
        nonce = os.urandom(_NONCE_BYTES)
        box = AESGCM(self.seal[self.seal_id])
        sealed = nonce + box.encrypt(
            nonce, number.digits.encode(), _bound(patient_id, self.seal_id)
        )
        return Sealed(self.seal_id, sealed, self.find_id, self._hash(self.find_id, number))

    def open(self, patient_id: UUID, row: Sealed) -> CivilRegistrationNumber:
        """Open what was sealed for `patient_id`.

        Raises
        ------
        KeyRingError
            If the key is not in the ring, or it was sealed for another or changed since.
        """
        key = self.seal.get(row.key_id)
        if key is None:
            raise KeyRingError(
                f"expected key {row.key_id!r} in the file of keys, found {', '.join(self.seal)}; "
                "a key may be taken out only when `telekol keys rotate` says that no row has it"
            )
        nonce, sealed = row.sealed[:_NONCE_BYTES], row.sealed[_NONCE_BYTES:]
        try:
            digits = AESGCM(key).decrypt(nonce, sealed, _bound(patient_id, row.key_id))
        except InvalidTag:
            raise KeyRingError(
                f"the number of patient {patient_id} does not open with key {row.key_id!r}: it was "
                "changed, moved from another row, or the key is not the one of that id"
            ) from None
        return CivilRegistrationNumber(digits.decode())

    def hashes(self, number: CivilRegistrationNumber) -> list[bytes]:
        """Give every hash that a row of `number` can have, while keys are being rotated."""
        return [self._hash(key_id, number) for key_id in self.find]

    def _hash(self, key_id: str, number: CivilRegistrationNumber) -> bytes:
        return hmac.digest(self.find[key_id], number.digits.encode(), "sha256")


def read(file: Path) -> KeyRing:
    """Read a ring of keys from a TOML file that nobody else may read.

    Raises
    ------
    KeyRingError
        Naming what is wrong with it; no message repeats a key.
    """
    try:
        others = file.stat().st_mode & 0o077
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KeyRingError(
            f"expected a file of keys at {file}, found {type(error).__name__}; "
            "make one with `telekol keys make`"
        ) from None
    if others:
        raise KeyRingError(f"{file} can be read by others; run: chmod 600 {file}")
    ring = KeyRing(_keys(document, "seal"), _keys(document, "find"))
    if len({*ring.seal.values(), *ring.find.values()}) != len(ring.seal) + len(ring.find):
        raise KeyRingError(f"expected keys that are all different in {file}, found one twice")
    return ring


def new_file(year: int) -> str:
    """Write a new ring of one key of each kind, as text of a TOML file."""
    entries = "\n".join(
        f'[[{kind}]]\nid = "{kind}-{year}"\n'
        f'key = "{base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()}"\n'
        for kind in ("seal", "find")
    )
    return (
        "# Keys of the civil registration numbers. Whoever has this file and the database has\n"
        "# them all; whoever loses it has lost them all. To rotate, put a new entry above the old\n"
        "# one of its kind and run `telekol keys rotate`.\n\n" + entries
    )


def _keys(document: Mapping[str, Any], kind: str) -> dict[str, bytes]:
    entries = document.get(kind)
    if not isinstance(entries, list) or not entries:
        raise KeyRingError(f"expected at least one [[{kind}]] in the file of keys, found none")
    keys = dict(_key(kind, entry) for entry in entries)
    if len(keys) != len(entries):
        raise KeyRingError(f"expected an id of its own for each [[{kind}]], found one twice")
    return keys


def _key(kind: str, entry: Any) -> tuple[str, bytes]:
    try:
        key_id, key = str(entry["id"]), base64.b64decode(entry["key"], validate=True)
    except (KeyError, TypeError, binascii.Error, ValueError):
        raise KeyRingError(f"expected id and key (base64) in each [[{kind}]]") from None
    if not key_id or len(key) != _KEY_BYTES:
        raise KeyRingError(f"expected {_KEY_BYTES} bytes as key {key_id!r}, found {len(key)}")
    return key_id, key


def _bound(patient_id: UUID, key_id: str) -> bytes:
    return patient_id.bytes + key_id.encode()
