"""Record Access Control Point, 0x2A52: asking a device for what it has stored.

Owns the byte layout of commands and answers. Must not know which records a device keeps, nor
what is asked when: a pulse oximeter (PLXS 1.0.1) knows all records only, a Generic Health Sensor
(GHSS 1.0) filters by record number or time.

Invariants
----------
1. ``bytes(RecordAccess.from_bytes(raw)) == raw``; unknown op codes, operators and response codes
   survive, with their operand as it came.
2. A message whose op code and operator fix the operand's length has that length, or is refused.

The numbers were compared with three independent implementations of the GATT Specification
Supplement (Nordic's SDK, Stanford Spezi, Realtek's GHSS server), which agree.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from gateway.errors import ProfileError
from gateway.profiles.ieee11073 import FieldReader


class OpCode(IntEnum):
    """What is asked, or that this is an answer."""

    REPORT_RECORDS = 0x01
    DELETE_RECORDS = 0x02
    ABORT = 0x03
    REPORT_NUMBER = 0x04
    NUMBER_RESPONSE = 0x05
    RESPONSE = 0x06
    COMBINED_REPORT = 0x07
    COMBINED_RESPONSE = 0x08


class Operator(IntEnum):
    """Which records are meant."""

    NONE = 0x00
    ALL = 0x01
    LESS_OR_EQUAL = 0x02
    GREATER_OR_EQUAL = 0x03
    RANGE = 0x04
    FIRST = 0x05
    LAST = 0x06


class Filter(IntEnum):
    """What an operand compares with: the first byte of an operand."""

    RECORD_NUMBER = 0x01
    TIME = 0x02


class Outcome(IntEnum):
    """How a request went."""

    SUCCESS = 0x01
    OP_CODE_NOT_SUPPORTED = 0x02
    INVALID_OPERATOR = 0x03
    OPERATOR_NOT_SUPPORTED = 0x04
    INVALID_OPERAND = 0x05
    NO_RECORDS_FOUND = 0x06
    ABORT_UNSUCCESSFUL = 0x07
    PROCEDURE_NOT_COMPLETED = 0x08
    OPERAND_NOT_SUPPORTED = 0x09
    SERVER_BUSY = 0x0A


_COUNTS: Final = (OpCode.NUMBER_RESPONSE, OpCode.COMBINED_RESPONSE)
_COUNT_BYTES: Final = (2, 4)
"""A count has two bytes in the services of 2012 and 2014; the Generic Health Sensor numbers its
records with four. Both are read, since which one GHSS 1.0 counts with was not seen."""
_REQUESTS: Final = (
    OpCode.REPORT_RECORDS,
    OpCode.DELETE_RECORDS,
    OpCode.REPORT_NUMBER,
    OpCode.COMBINED_REPORT,
)
_WITHOUT_OPERAND: Final = (Operator.ALL, Operator.FIRST, Operator.LAST)
_WITH_ONE_VALUE: Final = (Operator.LESS_OR_EQUAL, Operator.GREATER_OR_EQUAL)


@dataclass(frozen=True, slots=True)
class RecordAccess:
    """One command to a device, or its answer.

    Parameters
    ----------
    opcode, operator
        Numbers as sent; compare them with `OpCode` and `Operator`.
    operand
        The bytes after them.

    Examples
    --------
    >>> bytes(RecordAccess.request(OpCode.REPORT_RECORDS)).hex()
    '0101'
    >>> RecordAccess.from_bytes(bytes.fromhex("05000300")).number_of_records
    3
    """

    opcode: int
    operator: int = Operator.NONE
    operand: bytes = b""

    @classmethod
    def request(cls, opcode: OpCode, operator: Operator = Operator.ALL) -> Self:
        """Ask for all records, or the first or the last."""
        if operator not in _WITHOUT_OPERAND:
            raise ValueError(f"{operator!r} compares with a value; use `compared` or `between`")
        return cls(opcode, operator)

    @classmethod
    def compared(cls, opcode: OpCode, operator: Operator, by: Filter, value: bytes) -> Self:
        """Ask for the records up to, or from, a record number or a time, as the device writes it.

        Parameters
        ----------
        value
            Little-endian, in the width that the service gives it.
        """
        if operator not in _WITH_ONE_VALUE or not value:
            raise ValueError(
                f"expected up to or from, and a value; found {operator!r} and {value.hex()!r}"
            )
        return cls(opcode, operator, bytes((by,)) + value)

    @classmethod
    def between(cls, opcode: OpCode, by: Filter, least: bytes, most: bytes) -> Self:
        """Ask for the records from `least` to `most`, both included."""
        if not least or len(least) != len(most):
            raise ValueError(
                f"expected two values of one width, found {least.hex()!r} and {most.hex()!r}"
            )
        return cls(opcode, Operator.RANGE, bytes((by,)) + least + most)

    @classmethod
    def abort(cls) -> Self:
        """Ask the device to stop what it was asked for."""
        return cls(OpCode.ABORT)

    @classmethod
    def counted(cls, number: int) -> Self:
        """Answer how many records there are."""
        return cls(OpCode.NUMBER_RESPONSE, Operator.NONE, struct.pack("<H", number))

    @classmethod
    def answered(cls, request: int, outcome: int) -> Self:
        """Answer how a request went."""
        return cls(OpCode.RESPONSE, Operator.NONE, bytes((request, outcome)))

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """Decode a command or an answer.

        Raises
        ------
        ProfileError
            If it is cut short, or its operand is not as long as it must be.
        """
        reader = FieldReader(payload, "record access")
        message = cls(reader.unsigned(1, "op code"), reader.unsigned(1, "operator"), reader.rest())
        expected = message._operand_sizes()
        if expected is not None and len(message.operand) not in expected:
            sizes = " or ".join(str(size) for size in expected)
            raise ProfileError(
                f"record access: expected {sizes} bytes of operand with op code "
                f"{message.opcode:#04x} and operator {message.operator:#04x}, found "
                f"{len(message.operand)}; it is cut short or of another layout"
            )
        return message

    @property
    def number_of_records(self) -> int | None:
        """How many records the device counted; None if this is no count."""
        return int.from_bytes(self.operand, "little") if self.opcode in _COUNTS else None

    @property
    def request_opcode(self) -> int | None:
        """The op code that this answers; None if this is no response."""
        return self.operand[0] if self.opcode == OpCode.RESPONSE else None

    @property
    def outcome(self) -> int | None:
        """How the request went, by `Outcome`; None if this is no response."""
        return self.operand[1] if self.opcode == OpCode.RESPONSE else None

    def __bytes__(self) -> bytes:
        return bytes((self.opcode, self.operator)) + self.operand

    def _operand_sizes(self) -> tuple[int, ...] | None:
        """Give the lengths that the operand may have; None if any."""
        if self.opcode in _COUNTS:
            return _COUNT_BYTES
        if self.opcode == OpCode.RESPONSE:
            return (2,)
        if self.opcode == OpCode.ABORT or (
            self.opcode in _REQUESTS and self.operator in _WITHOUT_OPERAND
        ):
            return (0,)
        return self._filter_sizes() if self.opcode in _REQUESTS else None

    def _filter_sizes(self) -> tuple[int, ...] | None:
        """Give the lengths of a filter and its values, which the service decides on."""
        if self.operator in _WITH_ONE_VALUE:
            return tuple(range(2, 20))
        return tuple(range(3, 20, 2)) if self.operator == Operator.RANGE else None
