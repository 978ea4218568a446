"""Whether the database shows what a simulator's emission log asks for. Pure.

Owns the comparison of measurements with rows, by every measure the log states: how many readings,
their values, units, times, marks and whose they are. The ids that gateways make play no part, so
a mistake in them cannot hide a loss or a double.

Invariants
----------
1. Every row is the reading of one measurement at most; a row that is nobody's is a complaint.
2. A measurement that was never on the air is asked of nobody.
3. Complaints name device, quantity and what was expected, and are sorted by nothing else.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from device_sim.faults import Readings
from telekol.quantities import FACTS, Quantity

MARKS_OF_A_POOR_SIGNAL: Final = frozenset(
    {"poor-signal", "weak-signal", "low-perfusion", "marginal-perfusion"}
)
WHEN_CHECKED: Final = timedelta(minutes=5)
"""What docs/devices.md promises of a time that is called `clock-checked`."""
ON_ARRIVAL: Final = timedelta(minutes=10)
"""Longer than any wait here: a reading dated by its arrival is this late at most."""
_COMES_ALONG: Final = frozenset({"battery", "perfusion_index", "fev1_fvc"})
"""What comes beside what was measured; the log has nothing of it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One quantity of one measurement, and what a right server makes of it."""

    serial: str
    quantity: str
    number: int
    value: float
    unit: str
    device_time: datetime | None
    taken_at: datetime
    readings: Readings
    margin: float
    tolerance_s: float | None
    was_on_air: bool = False

    def __str__(self) -> str:
        return f"{self.serial} {self.quantity} number {self.number}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table of observations, with its device."""

    address: str
    serial: str
    gateway: str
    quantity: str
    value: float
    measured_at: datetime
    received_at: datetime
    device_time: datetime | None
    confidence: str
    quality: frozenset[str]
    is_attributed: bool

    def __str__(self) -> str:
        return (
            f"{self.serial or self.address} {self.quantity} {self.value:g} "
            f"at {self.measured_at:%H:%M:%S} ({self.confidence})"
        )


ROWS: Final = """
    select d.address, d.serial, b.gateway_id, o.quantity, o.value, o.measured_at, o.received_at,
        o.device_time, o.time_confidence, coalesce(o.quality, '{}'), o.patient_id is not null
    from observation o
    join device d on d.id = o.device_id
    join outbox b on b.id = o.outbox_id
    where not o.quantity::text = any(%s)
    order by o.measured_at, o.seq
"""


def rows(connection: Any) -> list[Row]:
    """Read what the server has, but for what comes along."""
    found = connection.execute(ROWS, [sorted(_COMES_ALONG)])
    return [Row(*(*row[:9], frozenset(row[9]), row[10])) for row in found]


def wanted(lines: Iterable[str]) -> list[Wanted]:
    """Read an emission log; a half-written last line is passed over."""
    known: dict[tuple[str, str, int], Wanted] = {}
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        key = (event["serial"], event["quantity"], event["number"])
        if event["event"] == "taken":
            known[key] = _taken(event)
        elif event["event"] == "expected":
            known[key] = replace(known[key], **_expected(event["expected"]))
        else:
            known[key] = replace(known[key], was_on_air=True)
    return list(known.values())


def _taken(event: Mapping[str, Any]) -> Wanted:
    shown = event["device_time"]
    return Wanted(
        event["serial"],
        event["quantity"],
        event["number"],
        event["value"],
        event["unit"],
        None if shown is None else datetime.fromisoformat(shown),
        datetime.fromisoformat(event["at"]),
        **_expected(event["expected"]),
    )


def _expected(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "readings": Readings(told["readings"]),
        "margin": told["margin"],
        "tolerance_s": told["time_tolerance_s"],
    }


def complaints(
    asked: Sequence[Wanted], found: Sequence[Row], addresses: Mapping[str, str]
) -> list[str]:
    """Compare; nothing is wrong if the list is empty.

    Parameters
    ----------
    addresses
        Serial number -> address, of every device whose rows shall be looked at. A device that
        cannot tell its serial number is known by its address alone.
    """
    serials = {address: serial for serial, address in addresses.items()}
    measured: dict[tuple[str, str], list[Wanted]] = defaultdict(list)
    stored: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for item in asked:
        if item.serial in addresses and item.was_on_air:
            measured[item.serial, item.quantity].append(item)
    for row in found:
        serial = row.serial if row.serial in addresses else serials.get(row.address)
        if serial is not None:
            stored[serial, row.quantity].append(row)
    keys = sorted({*measured, *stored})
    return [text for key in keys for text in _compared(measured[key], stored[key])]


def _compared(asked: list[Wanted], found: list[Row]) -> list[str]:
    pairs, left = _paired(asked, found)
    wrong = [text for item, own in pairs for text in _judged(item, own)]
    return wrong + [f"nobody measured {row}" for row in left]


def _paired(
    asked: list[Wanted], found: list[Row]
) -> tuple[list[tuple[Wanted, list[Row]]], list[Row]]:
    """Give each measurement its rows: by the device's time, or where it has none, in order."""
    left = list(found)
    pairs: list[tuple[Wanted, list[Row]]] = []
    for item in (each for each in asked if each.device_time is not None):
        own = [row for row in left if row.device_time == item.device_time]
        left = [row for row in left if row not in own]
        pairs.append((item, own))
    untold = _latest_first(asked)
    if len(untold) == len(left):
        in_order = sorted(left, key=lambda row: row.measured_at, reverse=True)
        return pairs + [(item, [row]) for item, row in zip(untold, in_order, strict=True)], []
    for item in untold:
        # By the latest measurement before it: a reading cannot be older than what it is of.
        own = [row for row in left if row.measured_at >= item.taken_at - timedelta(seconds=2)]
        left = [row for row in left if row not in own]
        pairs.append((item, own))
    return pairs, left


def _latest_first(asked: list[Wanted]) -> list[Wanted]:
    """Sort what has no time of its own, or is told without it, by when it was taken."""
    untold = [item for item in asked if item.device_time is None]
    return sorted(untold, key=lambda item: item.taken_at, reverse=True)


def _judged(item: Wanted, own: list[Row]) -> list[str]:
    if item.readings is Readings.NONE_WHILE_ON:
        return [f"{item}: expected no reading, found {row}" for row in own]
    if item.readings is Readings.ANY_WHILE_ON:
        return [] if len(own) <= 1 else [f"{item}: expected one at most, found {len(own)}"]
    if len(own) != 1:
        return [f"{item}: expected one reading, found {len(own)}"]
    (row,) = own
    return [f"{item}: {text}; found {row}" for text in _wrong(item, row)]


def _wrong(item: Wanted, row: Row) -> list[str]:
    said = []
    if abs(row.value - item.value) > item.margin + 1e-9:
        said.append(f"expected {item.value:g} within {item.margin:g}")
    if FACTS[Quantity(row.quantity)].unit != item.unit:
        said.append(f"expected {item.unit}")
    if item.readings is Readings.MARKED and not row.quality & MARKS_OF_A_POOR_SIGNAL:
        said.append(f"expected the mark of a poor signal, found {sorted(row.quality)}")
    if row.is_attributed is (item.readings is Readings.UNATTRIBUTED):
        said.append("expected it to be " + ("somebody's" if not row.is_attributed else "nobody's"))
    return said + _wrong_time(item, row)


def _wrong_time(item: Wanted, row: Row) -> list[str]:
    """Say what is wrong with its time; a time that is off must never be called checked."""
    off = abs(row.measured_at - item.taken_at)
    if item.tolerance_s is not None:
        allowed = timedelta(seconds=item.tolerance_s + 1)  # the log has whole seconds
        is_right = off <= allowed
    else:
        is_right = off <= ON_ARRIVAL or row.confidence != "clock-checked"
        is_right = is_right and row.measured_at.year == item.taken_at.year
    said = [] if is_right else [f"expected {item.taken_at:%H:%M:%S} within {item.tolerance_s} s"]
    if row.confidence == "clock-checked" and off > WHEN_CHECKED:
        said.append("expected a time that is off not to be called checked")
    return said
