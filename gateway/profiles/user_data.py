"""User Data Service 1.1: who stands on a shared device, and that person's consent.

Owns the User Control Point (0x2A9F) and the few user data a scale asks for: change increment
(0x2A99), user index (0x2A9A), date of birth (0x2A85), sex (0x2A8C), height (0x2A8E). Must not know
patients: a user is a number on a device.

Invariants
----------
1. ``bytes(X.from_bytes(raw)) == raw``; unknown op codes, response values and parameters survive.
2. A consent code is a number of at most four digits. It is a secret of the home: never logged.

Op codes, response values and the range of consent codes were compared with the sources of
STMicroelectronics, Dialog and Philips, which agree; "list all users" and "delete users" (4, 5)
are in two of them and new in UDS 1.1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum
from typing import Final, Self

from gateway.errors import ProfileError
from gateway.profiles.ieee11073 import FieldReader

MOST_CONSENT: Final = 9999
"""Highest consent code, 0x270F."""

UNKNOWN_USER: Final = 0xFF
"""User index of nobody in particular; with "delete users" it means all of them."""

_M_PER_CM: Final = Decimal("0.01")


class OpCode(IntEnum):
    """What is asked of a device, or that this is its answer."""

    REGISTER_NEW_USER = 0x01
    CONSENT = 0x02
    DELETE_USER_DATA = 0x03
    LIST_ALL_USERS = 0x04
    DELETE_USERS = 0x05
    RESPONSE = 0x20


class Outcome(IntEnum):
    """How a request went."""

    SUCCESS = 0x01
    OP_CODE_NOT_SUPPORTED = 0x02
    INVALID_PARAMETER = 0x03
    OPERATION_FAILED = 0x04
    USER_NOT_AUTHORISED = 0x05


_PARAMETER_BYTES: Final[dict[int, int]] = {
    OpCode.REGISTER_NEW_USER: 2,
    OpCode.CONSENT: 3,
    OpCode.DELETE_USER_DATA: 0,
    OpCode.LIST_ALL_USERS: 0,
    OpCode.DELETE_USERS: 1,
}


@dataclass(frozen=True, slots=True, repr=False)
class UserControl:
    """One request to a device. Its parameter may be a consent code, so it has no speaking repr.

    Examples
    --------
    >>> bytes(UserControl.consent(user=1, code=4711)).hex()
    '02016712'
    """

    opcode: int
    parameter: bytes = b""

    @classmethod
    def register(cls, code: int) -> Self:
        """Ask for a new user who is known by `code`."""
        return cls(OpCode.REGISTER_NEW_USER, _consent_code(code))

    @classmethod
    def consent(cls, user: int, code: int) -> Self:
        """Be `user` in this connection."""
        return cls(OpCode.CONSENT, bytes((user,)) + _consent_code(code))

    @classmethod
    def delete_user_data(cls) -> Self:
        """Ask to forget the user who has consented."""
        return cls(OpCode.DELETE_USER_DATA)

    @classmethod
    def list_all_users(cls) -> Self:
        """Ask which users there are."""
        return cls(OpCode.LIST_ALL_USERS)

    @classmethod
    def delete_users(cls, user: int = UNKNOWN_USER) -> Self:
        """Ask to forget `user`, or all."""
        return cls(OpCode.DELETE_USERS, bytes((user,)))

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode a request.

        Raises
        ------
        ProfileError
            If it is an answer, cut short or too long.
        """
        reader = FieldReader(payload, "user control")
        opcode = reader.unsigned(1, "op code")
        if opcode == OpCode.RESPONSE:
            raise ProfileError("user control: expected a request, found a response (0x20)")
        size = _PARAMETER_BYTES.get(opcode)
        request = cls(opcode, reader.rest() if size is None else reader.take(size, "parameter"))
        reader.finish()
        return request

    def __bytes__(self) -> bytes:
        return bytes((self.opcode,)) + self.parameter

    def __repr__(self) -> str:
        return f"UserControl(opcode={self.opcode:#04x})"


@dataclass(frozen=True, slots=True)
class UserControlResponse:
    """A device's answer to a `UserControl`.

    Parameters
    ----------
    parameter
        What a successful answer adds: the new user's index, or how many users there are.
    """

    request: int
    outcome: int
    parameter: bytes = b""

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode an answer.

        Raises
        ------
        ProfileError
            If it is no answer, or cut short.
        """
        reader = FieldReader(payload, "user control response")
        opcode = reader.unsigned(1, "op code")
        if opcode != OpCode.RESPONSE:
            raise ProfileError(f"user control response: expected op code 0x20, found {opcode:#04x}")
        answer = cls(reader.unsigned(1, "request"), reader.unsigned(1, "outcome"), reader.rest())
        if answer.is_success and answer.request == OpCode.REGISTER_NEW_USER:
            FieldReader(answer.parameter, "user control response").take(1, "user index")
        return answer

    @property
    def is_success(self) -> bool:
        """Whether the device did what it was asked."""
        return self.outcome == Outcome.SUCCESS

    @property
    def user(self) -> int | None:
        """Index of the user that was registered or deleted; None if the answer holds none."""
        has_user = self.request in (OpCode.REGISTER_NEW_USER, OpCode.DELETE_USERS)
        return self.parameter[0] if self.is_success and has_user and self.parameter else None

    def __bytes__(self) -> bytes:
        return bytes((OpCode.RESPONSE, self.request, self.outcome)) + self.parameter


@dataclass(frozen=True, slots=True)
class ChangeIncrement:
    """Database Change Increment, 0x2A99: which version of a user's data this is."""

    number: int

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode; raises ProfileError if it is not four bytes long."""
        return cls(_whole(payload, 4, "change increment"))

    def __bytes__(self) -> bytes:
        return struct.pack("<I", self.number)


@dataclass(frozen=True, slots=True)
class UserIndex:
    """User Index, 0x2A9A: who the device takes us for."""

    number: int

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode; raises ProfileError if it is not one byte long."""
        return cls(_whole(payload, 1, "user index"))

    @property
    def is_known(self) -> bool:
        """Whether somebody has consented in this connection."""
        return self.number != UNKNOWN_USER

    def __bytes__(self) -> bytes:
        return struct.pack("<B", self.number)


@dataclass(frozen=True, slots=True)
class DateOfBirth:
    """Date of Birth, 0x2A85; a part that is 0 is not known."""

    year: int
    month: int
    day: int

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode; raises ProfileError if it is not four bytes long."""
        reader = FieldReader(payload, "date of birth")
        born = cls(*struct.unpack("<HBB", reader.take(4, "date")))
        reader.finish()
        return born

    @property
    def date(self) -> date | None:
        """The date; None if it is unknown or there is no such date."""
        try:
            return date(self.year, self.month, self.day)
        except ValueError:
            return None

    def __bytes__(self) -> bytes:
        return struct.pack("<HBB", self.year, self.month, self.day)


@dataclass(frozen=True, slots=True)
class Sex:
    """Gender, 0x2A8C, which a body scale reckons with: 0 male, 1 female, 2 unspecified."""

    number: int

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode; raises ProfileError if it is not one byte long."""
        return cls(_whole(payload, 1, "sex"))

    def __bytes__(self) -> bytes:
        return struct.pack("<B", self.number)


@dataclass(frozen=True, slots=True)
class Height:
    """Height, 0x2A8E, in centimetres."""

    centimetres: int

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode; raises ProfileError if it is not two bytes long."""
        return cls(_whole(payload, 2, "height"))

    @property
    def metres(self) -> Decimal:
        """The height in metres, exactly."""
        return self.centimetres * _M_PER_CM

    def __bytes__(self) -> bytes:
        return struct.pack("<H", self.centimetres)


def _whole(payload: bytes, size: int, what: str) -> int:
    reader = FieldReader(payload, what)
    number = reader.unsigned(size, "value")
    reader.finish()
    return number


def _consent_code(code: int) -> bytes:
    if not 0 <= code <= MOST_CONSENT:
        raise ValueError("expected a consent code of 0 to 9999; choose another one")
    return struct.pack("<H", code)
