"""The attribution guard in the writer's transaction. Touches PostgreSQL.

Owns which readings are asked about and where their history comes from; `ingest.guard` decides.
A batch without a weight of a known patient costs no query.
"""

from __future__ import annotations

import logging
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import inf
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import Connection

from ingest import guard
from ingest.columns import Integers, Uuids
from ingest.guard import Verdict, Weight
from ingest.reading import DeviceIdentity, Reading, slot_of
from telekol import queries

log = logging.getLogger(__name__)

_SQL: Final = queries.load("ingest", "guard.sql")

GUARD: Final = "guard"
"""Who made the events of this module, beside the people who make the others."""

_Known = tuple[int, float]
"""When a weight was measured, microseconds since 2000 UTC, and its kilograms."""


class Weighing(NamedTuple):
    """A new weight of a kit that somebody had.

    Parameters
    ----------
    scale
        Number of its device.
    """

    patient: UUID
    reading: Reading
    scale: int

    @property
    def weight(self) -> Weight:
        """What the guard needs of it."""
        reading = self.reading
        return Weight(reading.measured_us, reading.value, self.scale, slot_of(reading))


@dataclass(frozen=True, slots=True)
class Weighed:
    """New weights of one message, of a kit that one patient had.

    Parameters
    ----------
    scales
        Numbers of devices, theirs among them.
    """

    patient: UUID
    readings: Sequence[Reading]
    scales: Mapping[DeviceIdentity, int]

    def __iter__(self) -> Iterator[Weighing]:
        for reading in self.readings:
            yield Weighing(self.patient, reading, self.scales[reading.device])


_ByPatient = Mapping[int, Sequence[Weighing]]
"""By the patient's id as a number, which hashes faster; in the order of their times."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """What the guard said of a batch.

    Parameters
    ----------
    noted
        What is kept with a reason: weights with what was said of them.
    held
        Ids of those that get no patient.
    """

    noted: tuple[tuple[Weighing, Verdict], ...] = ()
    held: frozenset[bytes] = frozenset()

    def parts(
        self, parts: Iterable[tuple[UUID | None, Sequence[Reading]]]
    ) -> list[tuple[UUID | None, Sequence[Reading]]]:
        """Part readings further, so that those held are nobody's."""
        return [
            (None if is_held else patient, list(some))
            for patient, readings in parts
            for is_held, some in groupby(readings, self._is_held)
        ]

    def _is_held(self, reading: Reading) -> bool:
        return reading.reading_id in self.held


def examine(connection: Connection[Any], weighed: Sequence[Weighed]) -> Guarded:
    """Judge new weights.

    Those of one patient are judged in the order of their times, each with what was accepted
    before it, so that a backlog is judged as it would have been day by day. Patients whose weights
    are all close to the one before cost one row each; the others their whole history.
    """
    doubtful = _doubtful(connection, weighed)
    if not doubtful:
        return Guarded()
    noted: list[tuple[Weighing, Verdict]] = []
    histories = _histories(connection, doubtful)
    for patient, items in doubtful.items():
        noted += _judged(items, histories[patient])
    noted.sort(key=lambda pair: _time(pair[0]))
    held = frozenset(item.reading.reading_id for item, verdict in noted if verdict.is_held)
    return Guarded(tuple(noted), held)


def note(connection: Connection[Any], guarded: Guarded) -> None:
    """Keep why readings were held or accepted without proof."""
    for item, verdict in guarded.noted:
        if verdict.is_held:
            log.warning("a reading is held as unattributed: %s", verdict.code)
        connection.execute(
            _SQL["note"],
            {
                "reading": UUID(bytes=item.reading.reading_id),
                "measured_us": item.reading.measured_us,
                "kind": "held" if verdict.is_held else "unproven",
                "to": None if verdict.is_held else item.patient,
                "candidate": item.patient,
                "code": verdict.code,
                "reason": verdict.reason,
                "by": GUARD,
            },
        )


def _doubtful(connection: Connection[Any], weighed: Sequence[Weighed]) -> _ByPatient:
    """Give the weights of patients one of whose is not close to the one before, oldest first."""
    if not weighed:
        return {}
    asked: dict[int, list[Weighed]] = defaultdict(list)
    for some in weighed:
        asked[some.patient.int].append(some)
    spans = {
        patient: _span(reading for some in came for reading in some.readings)
        for patient, came in asked.items()
    }
    known = _nearest(connection, {came[0].patient: spans[key] for key, came in asked.items()})
    doubtful = {}
    for patient, came in asked.items():
        if _are_alike(came, spans[patient][0], known[patient]):
            continue
        items = sorted((item for some in came for item in some), key=_time)
        if not _are_close(items, known[patient]):
            doubtful[patient] = items
    return doubtful


def _span(readings: Iterable[Reading]) -> tuple[int, int]:
    times_us = [reading.measured_us for reading in readings]
    return min(times_us), max(times_us)


def _nearest(
    connection: Connection[Any], spans: Mapping[UUID, tuple[int, int]]
) -> dict[int, list[_Known]]:
    known: dict[int, list[_Known]] = defaultdict(list)
    found = connection.execute(_SQL["nearest"], _asked(spans), binary=True).fetchall()
    for patient, measured_us, kg in found:
        known[patient.int].append((measured_us, kg))
    return known


def _are_alike(came: Iterable[Weighed], first_us: int, known: Iterable[_Known]) -> bool:
    """Say whether all weights, known and new, lie within one step of each other.

    Then each is close to the one before it, whichever that is: `guard.is_close` says yes to any
    two of them. So a backlog of a steady patient is not walked weight by weight.
    """
    if not any(measured_us <= first_us for measured_us, _ in known):
        return False
    readings = [reading for some in came for reading in some.readings]
    if any(slot_of(reading) is not None for reading in readings):
        return False
    kilograms = [reading.value for reading in readings] + [kg for _, kg in known]
    return guard.is_close(max(kilograms), None, min(kilograms), 0.0)


def _are_close(items: Iterable[Weighing], known: list[_Known]) -> bool:
    """Say whether each weight is close to the one before it."""
    known.sort()
    return all(_is_close(item, known) for item in items)


def _is_close(item: Weighing, known: list[_Known]) -> bool:
    """Say whether a weight is close to the one before it, and if so count it among the known.

    Of several at one moment the lightest is the nearest, as `guard.neighbours` ranks them.

    Parameters
    ----------
    known
        In the order of their times, and of their weights at one time.
    """
    reading = item.reading
    place = bisect_right(known, (reading.measured_us, inf))
    if place == 0:
        return False
    before_us, _ = known[place - 1]
    _, kg = known[bisect_left(known, (before_us, -inf))]
    days = (reading.measured_us - before_us) / guard.US_PER_DAY
    if not guard.is_close(reading.value, slot_of(reading), kg, days):
        return False
    insort(known, (reading.measured_us, reading.value))
    return True


def _judged(items: Iterable[Weighing], history: list[Weight]) -> Iterator[tuple[Weighing, Verdict]]:
    """Judge one patient's weights by what is known of all; give what is noted."""
    known = sorted((weight.measured_us, weight.kg) for weight in history)
    for item in items:
        if _is_close(item, known):
            history.append(item.weight)
            continue
        verdict = guard.judge(item.weight, history)
        if not verdict.is_held:
            history.append(item.weight)
            insort(known, (item.reading.measured_us, item.reading.value))
        if verdict.code is not None:
            yield item, verdict


def _time(item: Weighing) -> int:
    return item.reading.measured_us


def _asked(spans: Mapping[UUID, tuple[int, int]]) -> dict[str, Any]:
    return {
        "patients": Uuids(spans),
        "firsts_us": Integers([first_us for first_us, _ in spans.values()]),
        "lasts_us": Integers([last_us for _, last_us in spans.values()]),
    }


def _histories(connection: Connection[Any], asked: _ByPatient) -> dict[int, list[Weight]]:
    histories: dict[int, list[Weight]] = defaultdict(list)
    spans = {items[0].patient: (_time(items[0]), _time(items[-1])) for items in asked.values()}
    rows = connection.execute(_SQL["history"], _asked(spans))
    for patient, measured_us, kg, scale, slot, confirmed in rows:
        histories[patient.int].append(Weight(measured_us, kg, scale, slot, confirmed))
    return histories
