"""The Record Access Control Point (0x2A52): what a gateway asks for, and the answers.

Owns the byte layouts, as in the Bluetooth GATT Specification Supplement (RACP) and Nordic's
``ble_racp.h``: report 1, delete 2, abort 3, number 4, number's answer 5, response 6; all records
is operator 1. Must not know what a record is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

ALL_RECORDS: Final = 0x01
NULL_OPERATOR: Final = 0x00


class Op(IntEnum):
    """What is asked, and with which the device answers."""

    REPORT = 0x01
    DELETE = 0x02
    ABORT = 0x03
    NUMBER = 0x04
    NUMBER_IS = 0x05
    RESPONSE = 0x06
    COMBINED_REPORT = 0x07
    COMBINED_REPORT_IS = 0x08


class Outcome(IntEnum):
    """How it went."""

    SUCCESS = 0x01
    OP_NOT_SUPPORTED = 0x02
    INVALID_OPERATOR = 0x03
    OPERATOR_NOT_SUPPORTED = 0x04
    INVALID_OPERAND = 0x05
    NO_RECORDS = 0x06
    ABORT_UNSUCCESSFUL = 0x07
    NOT_COMPLETED = 0x08


@dataclass(frozen=True, slots=True)
class Request:
    """What a gateway wrote; `refused` says why it cannot be done."""

    op: int
    refused: Outcome | None = None


def read_request(payload: bytes, supported: frozenset[Op]) -> Request:
    """Read what a gateway wrote, as a device does that knows the operator "all records"."""
    op, operator = (*payload, 0, 0)[:2] if payload else (0, 0)
    if op not in supported:
        return Request(op, Outcome.OP_NOT_SUPPORTED)
    if op == Op.ABORT:
        return Request(op, None if operator == NULL_OPERATOR else Outcome.INVALID_OPERATOR)
    if operator == NULL_OPERATOR:
        return Request(op, Outcome.INVALID_OPERATOR)
    if operator != ALL_RECORDS:
        return Request(op, Outcome.OPERATOR_NOT_SUPPORTED)
    return Request(op, Outcome.INVALID_OPERAND if len(payload) > 2 else None)


def response(op: int, outcome: Outcome) -> bytes:
    """Write how a request went."""
    return bytes([Op.RESPONSE, NULL_OPERATOR, op, outcome])


def number(count: int) -> bytes:
    """Write how many records there are, as the pulse oximeter service does (16 bits)."""
    return struct.pack("<BBH", Op.NUMBER_IS, NULL_OPERATOR, count)


def number_32(op: Op, count: int) -> bytes:
    """Write how many records there are, as the Generic Health Sensor service does (32 bits)."""
    return struct.pack("<BBI", op, NULL_OPERATOR, count)
