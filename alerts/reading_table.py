"""Readings from a table of text: CSV with a header, as `telekol evaluate` takes it.

Owns the columns, what is refused and how it is named. It opens no file; pure.

Rules
-----
1. The header names `series`, `quantity`, `measured_at` and `value`, each once, in any order. Other
   columns are not looked at.
2. A bad row makes the whole table unusable: what was judged without it would look complete. All
   bad rows are counted, the first are named by line and field.
3. A time has an offset; a value is a finite number that a living person can have, in the
   quantity's own unit (`telekol.plausibility`).
4. Rows may stand in any order. Readings of the same instant are ordered by value, so that the
   order of the rows changes nothing. A row that says what another row says, in all four columns,
   is the same reading told twice and counts once.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.readings import NUMBER_OF, Readings
from telekol.errors import TelekolError
from telekol.plausibility import bounds, implausible
from telekol.quantities import Quantity

COLUMNS: Final = ("series", "quantity", "measured_at", "value")

MOST_SHOWN: Final = 5
"""Bad rows named one by one."""

MOST_QUOTED: Final = 60
"""Signs of a bad field that are shown."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KNOWN: Final = {str(quantity): NUMBER_OF[quantity] for quantity in Quantity}
_RANGES: Final = [
    (limits.lowest, limits.highest) for limits in (bounds(quantity) for quantity in Quantity)
]


class TableError(TelekolError):
    """A table of readings cannot be used."""


@dataclass(frozen=True, slots=True)
class ReadingTable:
    """A table that was read.

    Parameters
    ----------
    readings
        Sorted.
    measured_at
        The time of each reading as the table writes it, by row of `readings`.
    repeated
        How many rows said what another had said.
    """

    readings: Readings
    measured_at: Sequence[str]
    repeated: int


@dataclass(slots=True)
class _Columns:
    series: list[int] = field(default_factory=list)
    quantity: list[int] = field(default_factory=list)
    measured_us: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    measured_at: list[str] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)


class _BadFieldError(Exception):
    def __init__(self, column: str, said: str) -> None:
        super().__init__(said)
        self.column = column


def parsed(content: bytes, source: str) -> ReadingTable:
    """Read a table.

    Parameters
    ----------
    content
        CSV in UTF-8, with or without a byte order mark, lines ended in any way.
    source
        What it is called in messages.

    Raises
    ------
    TableError
        Names line and field of what is wrong.
    """
    text = _decoded(content, source)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = next(_rows(reader, source), None)
    if header is None:
        raise TableError(f"{source} is empty; expected a header line: {','.join(COLUMNS)}")
    places = _places(header, f"{source}, line {reader.line_num}")
    columns, bad = _read(reader, places, len(header), source)
    if bad:
        raise TableError(_complaint(bad))
    return _table(columns)


def _decoded(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TableError(
            f"{source}, line {line}: expected UTF-8, found the byte {content[error.start]:#04x}; "
            "save the file as UTF-8"
        ) from None


def _rows(reader: Iterator[list[str]], source: str) -> Iterator[list[str]]:
    """Give the rows that hold anything."""
    try:
        for row in reader:
            if row and (len(row) > 1 or row[0].strip()):
                yield row
    except csv.Error as error:
        line = getattr(reader, "line_num", "?")
        raise TableError(
            f"{source}, line {line}: expected CSV with commas, found: {error}"
        ) from None


def _places(header: list[str], place: str) -> tuple[int, ...]:
    names = [name.strip() for name in header]
    for column in COLUMNS:
        count = names.count(column)
        if count > 1:
            raise TableError(
                f"{place}, column {column}: expected once, found {count} times; leave one"
            )
        if count == 0:
            raise TableError(
                f"{place}, column {column}: expected the columns {','.join(COLUMNS)} with commas "
                f"between, found {_quoted(','.join(header))}"
            )
    return tuple(names.index(column) for column in COLUMNS)


def _read(
    reader: Iterator[list[str]], places: tuple[int, ...], width: int, source: str
) -> tuple[_Columns, list[str]]:
    columns, bad = _Columns(), []
    take = _taker(columns, places, width)
    for row in _rows(reader, source):
        try:
            take(row)
        except _BadFieldError as error:
            line = getattr(reader, "line_num", "?")
            bad.append(f"{source}, line {line}, {error.column}: {error}")
    return columns, bad


def _taker(columns: _Columns, places: tuple[int, ...], width: int) -> Callable[[list[str]], None]:
    """Make the function that takes one row in, or says what is bad in it.

    A closure, because a year of 250 patients is 270,000 rows and names looked up in an object
    for each take twice the time.
    """
    at_series, at_quantity, at_time, at_value = places
    names, times = columns.names, dict[str, int]()

    def take(row: list[str]) -> None:
        if len(row) != width:
            raise _BadFieldError("row", f"expected {width} fields, found {len(row)}")
        name, written = row[at_series].strip(), row[at_time].strip()
        quantity = _KNOWN.get(row[at_quantity].strip())
        if quantity is None:
            raise _no_quantity(row[at_quantity])
        if not name or not name.isprintable():
            raise _BadFieldError(
                "series", f"expected what the series is called, found {_quoted(name)}"
            )
        us = times.get(written)
        if us is None:
            us = times[written] = _microseconds(written)
        value = _number(row[at_value])
        lowest, highest = _RANGES[quantity]
        if not lowest <= value <= highest:
            raise _BadFieldError("value", str(implausible(list(Quantity)[quantity], value)))
        columns.series.append(names.setdefault(name, len(names)))
        columns.quantity.append(quantity)
        columns.measured_us.append(us)
        columns.value.append(value)
        columns.measured_at.append(written)

    return take


def _no_quantity(found: str) -> _BadFieldError:
    return _BadFieldError(
        "quantity", f"expected one of {', '.join(_KNOWN)}; found {_quoted(found)}"
    )


def _microseconds(written: str) -> int:
    """Microseconds since 1970 of an ISO time with an offset, exactly."""
    try:
        moment = datetime.fromisoformat(written)
        since = moment - _EPOCH if moment.tzinfo else None
    except ValueError:
        raise _BadFieldError(
            "measured_at",
            "expected an ISO 8601 time with an offset, as 2026-01-05T08:00:00+01:00; "
            f"found {_quoted(written)}",
        ) from None
    if since is None:
        raise _BadFieldError(
            "measured_at",
            f"expected a time with an offset, found {_quoted(written)} without one; "
            "write the offset, or Z for UTC",
        )
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _number(written: str) -> float:
    try:
        # float() takes "1_000" too, which no export means.
        value = math.nan if "_" in written else float(written)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _BadFieldError(
            "value", f"expected a number with a decimal point, found {_quoted(written)}"
        )
    return value


def _quoted(text: str) -> str:
    return repr(text if len(text) <= MOST_QUOTED else text[:MOST_QUOTED] + "...")


def _complaint(bad: list[str]) -> str:
    shown = "\n".join(bad[:MOST_SHOWN])
    if len(bad) <= MOST_SHOWN:
        return shown
    return f"{shown}\nand {len(bad) - MOST_SHOWN} more bad rows, {len(bad)} in all"


def _table(columns: _Columns) -> ReadingTable:
    us = np.array(columns.measured_us, dtype=np.int64)
    value = np.array(columns.value, dtype=np.float64)
    series = np.array(columns.series, dtype=np.int32)
    quantity = np.array(columns.quantity, dtype=np.int16)
    names = list(columns.names)
    # Series by name, so that the order of the rows does not show in the order of the answer.
    ranks = np.empty(len(names), dtype=np.int32)
    ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    series = ranks[series] if names else series
    order = np.lexsort((value, us, quantity, series))
    kept = order[_differs(order, series, quantity, us, value)]
    readings = Readings.of(sorted(names), series[kept], quantity[kept], us[kept], value[kept])
    written = [columns.measured_at[at] for at in kept[readings.given].tolist()]
    return ReadingTable(readings, written, len(order) - len(kept))


def _differs(
    order: NDArray[np.intp], *columns: NDArray[np.int32 | np.int16 | np.int64 | np.float64]
) -> NDArray[np.bool_]:
    """Where a sorted row differs from the one before it."""
    new = np.zeros(len(order), dtype=np.bool_)
    new[:1] = True
    for column in columns:
        new[1:] |= column[order[1:]] != column[order[:-1]]
    return new
