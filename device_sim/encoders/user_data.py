"""The User Control Point (0x2A9F): who may have whose measurements, Bluetooth UDS v1.1.

Owns the users of one device with their codes, and the bytes that register, consent and list.
Must not know what the users measure.

Invariant: a code is never told; a wrong one is refused like an unknown user.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

MAX_USERS: Final = 8
"""How many users a Beurer BF720 keeps."""
CODE_MAX: Final = 9999


class UserOp(IntEnum):
    """What is asked of the control point, and with what it answers."""

    REGISTER = 0x01
    CONSENT = 0x02
    DELETE = 0x03
    LIST = 0x04
    RESPONSE = 0x20


class UserOutcome(IntEnum):
    """How it went."""

    SUCCESS = 0x01
    OP_NOT_SUPPORTED = 0x02
    INVALID_PARAMETER = 0x03
    FAILED = 0x04
    NOT_AUTHORISED = 0x05


class UserBook:
    """The users of one device: index -> code."""

    def __init__(self) -> None:
        self._codes: dict[int, int] = {}
        self.consented: int | None = None

    @property
    def indices(self) -> tuple[int, ...]:
        """The users there are."""
        return tuple(self._codes)

    def wipe(self) -> None:
        """Forget everybody, as when the battery is out."""
        self._codes.clear()
        self.consented = None

    def answer(self, request: bytes) -> bytes:
        """Carry out what a host wrote and write the response."""
        op = request[0] if request else 0
        carried_out = {
            UserOp.REGISTER: self._register,
            UserOp.CONSENT: self._consent,
            UserOp.DELETE: self._delete,
            UserOp.LIST: self._list,
        }
        if op not in carried_out:
            return _response(op, UserOutcome.OP_NOT_SUPPORTED)
        outcome, parameter = carried_out[UserOp(op)](request[1:])
        return _response(op, outcome, parameter)

    def _register(self, parameter: bytes) -> tuple[UserOutcome, bytes]:
        if len(parameter) != 2 or int.from_bytes(parameter, "little") > CODE_MAX:
            return UserOutcome.INVALID_PARAMETER, b""
        free = [index for index in range(1, MAX_USERS + 1) if index not in self._codes]
        if not free:
            return UserOutcome.FAILED, b""
        self._codes[free[0]] = int.from_bytes(parameter, "little")
        return UserOutcome.SUCCESS, bytes([free[0]])

    def _consent(self, parameter: bytes) -> tuple[UserOutcome, bytes]:
        if len(parameter) != 3:
            return UserOutcome.INVALID_PARAMETER, b""
        index, code = struct.unpack("<BH", parameter)
        if self._codes.get(index) != code:
            return UserOutcome.NOT_AUTHORISED, b""
        self.consented = index
        return UserOutcome.SUCCESS, b""

    def _delete(self, parameter: bytes) -> tuple[UserOutcome, bytes]:
        if parameter:
            return UserOutcome.INVALID_PARAMETER, b""
        if self.consented is None:
            return UserOutcome.NOT_AUTHORISED, b""
        del self._codes[self.consented]
        self.consented = None
        return UserOutcome.SUCCESS, b""

    def _list(self, _parameter: bytes) -> tuple[UserOutcome, bytes]:
        return UserOutcome.SUCCESS, bytes([len(self._codes)])


def registered_user(index: int) -> bytes:
    """Write one entry of Registered User (0x2B37): the only segment, no name, the index."""
    only_segment, no_name = 0x03, 0x00
    return bytes([only_segment, no_name, index])


def _response(op: int, outcome: UserOutcome, parameter: bytes = b"") -> bytes:
    return bytes([UserOp.RESPONSE, op, outcome]) + parameter
