"""The spirometry document (docs/spirometry-document.md), as a vendor's program would write it.

Owns how one session of three blows is put into words. Must not know how it is handed in.

Invariant: the largest FEV1 and the largest FVC stand in different blows, and a blow that must not
count is larger than both, so that a reader who takes one blow, or any blow, is found out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

VERSION: Final = 1
CENTILITRE: Final = Decimal("0.01")
PER_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Session:
    """What the session comes to, and who says so.

    Parameters
    ----------
    fev1_l, fvc_l
        The best of each, in L.
    pef_l_per_min
        The best, in L/min; told in L/s to 0.01, as these devices do.
    is_all_bad
        No blow can be used.
    """

    fev1_l: Decimal
    fvc_l: Decimal
    pef_l_per_min: Decimal
    is_all_bad: bool = False


def pef_l_per_s(pef_l_per_min: Decimal) -> Decimal:
    """Write a peak flow as the device has it, rounded to 0.01 L/s."""
    return (pef_l_per_min / PER_MINUTE).quantize(CENTILITRE)


def document(
    session: Session,
    device_time: datetime,
    *,
    serial: str,
    manufacturer: str,
    model: str,
) -> bytes:
    """Write one session as JSON in UTF-8."""
    return json.dumps(
        {
            "version": VERSION,
            "device": {"manufacturer": manufacturer, "model": model, "serial": serial},
            "device_time": device_time.isoformat(timespec="seconds"),
            "btps": True,
            "temperature_c": 21.5,
            "blows": _blows(session),
            "best_attempt": 2,
            "grade_fev1": "B",
            "grade_fvc": "B",
        },
        indent=2,
    ).encode()


def _blows(session: Session) -> list[dict[str, Any]]:
    fev1, fvc = session.fev1_l, session.fvc_l
    pef = pef_l_per_s(session.pef_l_per_min)
    blows = [
        _blow(1, fev1 - 4 * CENTILITRE, fvc, pef - 30 * CENTILITRE),
        _blow(2, fev1, fvc - 5 * CENTILITRE, pef),
        _blow(3, fev1 + 20 * CENTILITRE, fvc + 20 * CENTILITRE, pef + 50 * CENTILITRE),
    ]
    for blow in blows if session.is_all_bad else blows[2:]:
        blow["flags"] = ["bad-test"]
    return blows


def _blow(attempt: int, fev1_l: Decimal, fvc_l: Decimal, pef: Decimal) -> dict[str, Any]:
    return {
        "attempt": attempt,
        "fev1_l": float(fev1_l),
        "fvc_l": float(fvc_l),
        "pef": {"value": float(pef), "unit": "L/s"},
        "fet_s": 7.4,
        "bev_l": 0.05,
    }
