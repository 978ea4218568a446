"""Some patients out of many: readings and what is known beside them, cut to a block of series.

Owns the cutting. Pure.

Invariant: a block judged by itself gives the answers that its patients have among all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from alerts.context import Context, OwnNumbers, Symptoms
from alerts.readings import Readings
from alerts.reference import References

_Known = TypeVar("_Known", References, OwnNumbers, Symptoms)


@dataclass(frozen=True, slots=True)
class Block:
    """Readings of some patients, with what is known of them."""

    readings: Readings
    context: Context


def cut(readings: Readings, context: Context, first: int, last: int) -> Block:
    """Give the series from number `first` up to, not including, `last`; numbered from 0 again."""
    begin, end = np.searchsorted(readings.series, (first, last)).tolist()
    rows = slice(begin, end)
    return Block(
        Readings(
            names=readings.names[first:last],
            series=readings.series[rows] - np.int32(first),
            quantity=readings.quantity[rows],
            measured_us=readings.measured_us[rows],
            values=readings.values[rows],
            doubtful=readings.doubtful[rows],
            starts=readings.starts[rows] - begin,
            given=readings.given[rows],
        ),
        replace(
            context,
            references=_taken(context.references, first, last),
            own={key: _taken(own, first, last) for key, own in context.own.items()},
            enrolled_us=None if context.enrolled_us is None else context.enrolled_us[first:last],
            symptoms=None if context.symptoms is None else _taken(context.symptoms, first, last),
        ),
    )


def blocks(readings: Readings, context: Context, patients: int) -> Iterator[Block]:
    """Give all series in blocks of at most `patients`, in order."""
    for first in range(0, len(readings.names), patients):
        yield cut(readings, context, first, min(first + patients, len(readings.names)))


def _taken(known: _Known, first: int, last: int) -> _Known:
    chosen = (known.series >= first) & (known.series < last)
    columns = {one.name: getattr(known, one.name)[chosen] for one in fields(known)}
    columns["series"] = columns["series"] - np.int32(first)
    return type(known)(**columns)
