"""The frame of a Vitalograph lung monitor: 56 characters between STX and ETX, and an XOR.

Owns the byte layout, as OpenTele's Vitalograph driver reads it: ``F``, ``TD``, the serial number
(10), then of three digits each FEV1, FEV6, FEV1/FEV6, FEF25-75 (all in hundredths), the personal
best, FEV1 in % of it and three zone limits, then the time (12), the flag for a bad test and the
version (3). Must not know how the bytes travel.

FEV6 is not FVC, and the ratio is FEV1/FEV6.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import reduce
from operator import xor
from typing import Final

from device_sim.errors import NotEncodableError

STX: Final = 0x02
ETX: Final = 0x03
ACK: Final = 0x06
NAK: Final = 0x15
PAYLOAD_CHARACTERS: Final = 56


@dataclass(frozen=True, slots=True)
class Blow:
    """What the monitor keeps of one test, in L, L/s and %."""

    fev1: Decimal
    fev6: Decimal
    fef25_75: Decimal = Decimal("0.62")
    personal_best: Decimal = Decimal("1.30")
    is_bad: bool = False


def frame(serial: str, blow: Blow, device_time: datetime) -> bytes:
    """Write one frame.

    Raises
    ------
    NotEncodableError
        When a value is not a whole number of hundredths from 0 to 9.99.
    """
    best_pct = int(blow.fev1 * 100 / blow.personal_best)
    payload = "".join(
        [
            "F",
            "TD",
            f"{serial:<10.10}",
            _hundredths(blow.fev1),
            _hundredths(blow.fev6),
            _hundredths((blow.fev1 / blow.fev6).quantize(Decimal("0.01"))),
            _hundredths(blow.fef25_75),
            _hundredths(blow.personal_best),
            f"{best_pct:03d}",
            "080060050",
            f"{device_time:%y%m%d%H%M%S}",
            "1" if blow.is_bad else "0",
            "120",
        ]
    )
    body = bytes([STX]) + payload.encode("ascii") + bytes([ETX])
    return body + bytes([reduce(xor, body)])


def _hundredths(value: Decimal) -> str:
    hundredths = value * 100
    if hundredths != hundredths.to_integral_value() or not 0 <= hundredths <= 999:
        raise NotEncodableError(f"Expected 0-9.99 in steps of 0.01, found {value}.")
    return f"{int(hundredths):03d}"
