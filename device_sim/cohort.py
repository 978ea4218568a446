"""Writes a cohort to files: readings and answers as they would come, and the truth beside them.

Owns the files and their columns. Touches the disk, and nothing else outside.

Invariants
----------
1. The same options give the same bytes.
2. One more patient, or one more day, changes no line of the others (the last two days apart, where
   a late measurement may still be to come).
3. Nothing in readings.csv or answers.csv tells the truth; that is in the other files alone.

What else changes with it: `COLUMNS`, which docs/simulator.md repeats.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from device_sim.errors import SimulatorError
from device_sim.physiology import answers, habits, profile
from device_sim.physiology.chance import Moments
from device_sim.physiology.course import Course
from device_sim.physiology.episodes import Episode, Kind
from device_sim.physiology.habits import Cadence, Sessions
from device_sim.physiology.instruments import KINDS, Disturbance, Shown, show
from device_sim.physiology.living import HOME_ZONE
from device_sim.physiology.profile import Profile
from device_sim.physiology.scatter import REFERENCE_HOUR, SECONDS_PER_DAY, SECONDS_PER_HOUR
from telekol.quantities import FACTS, Quantity

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "readings.csv": ("series", "quantity", "measured_at", "value"),
    "answers.csv": ("series", "question", "answered_at", "answer"),
    "truth.csv": ("series", "quantity", "measured_at", "value", "true_value", "disturbance"),
    "days.csv": (
        "series", "date", "state", "symptom_burden", "sign_burden", "absent",
        *(quantity.value for kind in KINDS.values() for quantity in kind),
    ),
    "episodes.csv": (
        "series", "kind", "symptoms_from", "onset", "signs_from", "peak", "symptoms_end", "end",
        "severity", "symptom_severity", "lasting", "fever_cel", "hospital_from", "hospital_until",
    ),
    "schedule.csv": ("series", "agreed_on", "outcome"),
    "patients.csv": ("series", *(each.name for each in fields(Profile))),
}  # fmt: skip
"""Every file with its columns. Times are ISO 8601 in UTC with offset; dates are local."""

AFTER_S: Final = {"oximeter": 0, "scale": 90, "thermometer": 180, "cuff": 420, "spirometer": 600}
"""When in a session each device is used: TeleCare Nord's order, saturation first, then the scale,
pressure after five minutes of sitting (danish-telekol.md, 1.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What cohort to make."""

    patients: int
    days: int
    seed: int
    cadence: Cadence = Cadence.DAILY
    start: date = date(2025, 1, 1)
    kit: tuple[str, ...] = tuple(KINDS)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one device showed at its moments."""

    kind: str
    moments: Moments
    shown: dict[Quantity, Shown]


@dataclass(frozen=True, slots=True)
class Member:
    """One patient of a cohort with everything that was measured."""

    course: Course
    sessions: Sessions
    measured: tuple[Measured, ...]


def member(order: Order, number: int) -> Member:
    """Let patient `number` (1 and up) live."""
    name = f"patient-{number:04d}"
    course = Course.drawn(order.seed, name, profile.draw(order.seed, name), order.start, order.days)
    sessions = habits.sessions(course, order.cadence)
    return Member(course, sessions, measure(course, sessions, order.kit))


def measure(course: Course, sessions: Sessions, kit: Sequence[str]) -> tuple[Measured, ...]:
    """Use every device of a kit in every session, and again where a value looked strange."""
    found = []
    for kind in kit:
        moments = sessions.agreed + AFTER_S[kind]
        if kind == "oximeter":
            moments = np.union1d(moments, sessions.nights)
        shown = show(course, kind, moments)
        first = KINDS[kind][0]
        extra = habits.again(course, first, moments, shown[first].value)
        if extra.size:
            moments = np.union1d(moments, extra)
            shown = show(course, kind, moments)
        found.append(Measured(kind, moments, shown))
    return tuple(found)


def write(order: Order, folder: Path) -> dict[str, int]:
    """Write the cohort's files into `folder` and give the number of lines in each.

    Raises
    ------
    SimulatorError
        If the folder cannot be written.
    """
    counts = dict.fromkeys(COLUMNS, 0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        about = json.dumps({**asdict(order), "start": order.start.isoformat()}, indent=1)
        (folder / "about.json").write_text(about + "\n", encoding="utf-8")
        files = {name: (folder / name).open("w", encoding="utf-8", newline="") for name in COLUMNS}
        try:
            writers = {name: csv.writer(file, lineterminator="\n") for name, file in files.items()}
            for name, writer in writers.items():
                writer.writerow(COLUMNS[name])
            for number in range(1, order.patients + 1):
                for name, rows in _tables(member(order, number), order).items():
                    listed = list(rows)
                    writers[name].writerows(listed)
                    counts[name] += len(listed)
        finally:
            for file in files.values():
                file.close()
    except OSError as error:
        raise SimulatorError(
            f"Expected to write a cohort into {folder}; the system said: {error.strerror}. "
            "Give a folder that you may write, with room in it."
        ) from error
    return counts


def _tables(one: Member, order: Order) -> dict[str, Iterable[Sequence[Any]]]:
    clock = _Clock(order.start)
    readings = sorted(_readings(one, clock))
    name = one.course.name
    return {
        "readings.csv": ((name, what, at, value) for at, what, value, _, _ in readings),
        "truth.csv": ((name, what, at, value, *truth) for at, what, value, *truth in readings),
        "answers.csv": _answers(one, clock),
        "days.csv": _days(one),
        "episodes.csv": (_episode(name, each, clock) for each in one.course.episodes),
        "schedule.csv": _schedule(one, order),
        "patients.csv": [(name, *asdict(one.course.profile).values())],
    }


def _readings(one: Member, clock: _Clock) -> Iterator[tuple[str, str, str, str, str]]:
    for measured in one.measured:
        times = clock.texts(measured.moments)
        for quantity, shown in measured.shown.items():
            decimals = FACTS[quantity].decimals
            values = [f"{value:.{decimals}f}" for value in shown.value.tolist()]
            trues = [f"{value:.{decimals + 2}f}" for value in shown.true.tolist()]
            labels = [Disturbance(each).label for each in shown.disturbance.tolist()]
            what = [quantity.value] * len(times)
            yield from zip(times, what, values, trues, labels, strict=True)


def _answers(one: Member, clock: _Clock) -> Iterator[tuple[str, str, str, int]]:
    # Asked after the measurements, as TeleCare Nord does.
    moments = one.sessions.agreed + AFTER_S["spirometer"] + 60
    times = clock.texts(moments)
    said = {name: each.tolist() for name, each in answers.yes(one.course, moments).items()}
    days = np.floor_divide(moments, SECONDS_PER_DAY)
    periods = np.floor_divide(days, answers.SCORE_EVERY_DAYS)
    is_first = np.diff(periods, prepend=-1) > 0
    cat, mmrc = answers.cat_scores(one.course, moments), answers.mmrc_grades(one.course, moments)
    for index, at in enumerate(times):
        for question, each in said.items():
            yield one.course.name, question, at, each[index]
        if is_first[index]:
            yield one.course.name, "cat", at, int(cat[index])
            yield one.course.name, "mmrc", at, int(mmrc[index])


def _days(one: Member) -> Iterator[tuple[Any, ...]]:
    course = one.course
    numbers = np.arange(course.days, dtype=np.int64)
    moments = numbers * SECONDS_PER_DAY + int(REFERENCE_HOUR * SECONDS_PER_HOUR)
    levels = [course.level(each, moments).tolist() for kind in KINDS.values() for each in kind]
    symptom, sign = course.symptom_burden(moments).tolist(), course.sign_burden(moments).tolist()
    absent = _absent(course)
    said = states(course, moments)
    for day in range(course.days):
        yield (
            course.name,
            (course.start + timedelta(days=day)).isoformat(),
            said[day],
            f"{symptom[day]:.3f}",
            f"{sign[day]:.3f}",
            absent.get(day, ""),
            *(f"{level[day]:.3f}" for level in levels),
        )


def states(course: Course, moments: Moments) -> list[str]:
    """Say of each moment what the exacerbations make of it.

    ``prodrome``, ``worsening`` (onset to peak), ``recovery``; else ``other`` in another episode
    that is felt or seen, else ``stable``.
    """
    days = moments / SECONDS_PER_DAY
    found = np.full(days.shape, "stable", dtype=object)
    for each in sorted(course.episodes, key=lambda each: each.kind is Kind.EXACERBATION):
        over = max(each.end, each.symptoms_end)
        if each.kind is Kind.CACHEXIA:
            continue
        if each.kind is not Kind.EXACERBATION:
            found[(min(each.symptoms_from, each.signs_from) <= days) & (days < over)] = "other"
            continue
        found[(each.symptoms_from <= days) & (days < each.onset)] = "prodrome"
        found[(each.onset <= days) & (days < each.peak)] = "worsening"
        found[(each.peak <= days) & (days < over)] = "recovery"
    return [str(state) for state in found]


def _schedule(one: Member, order: Order) -> Iterator[tuple[str, str, str]]:
    absent = _absent(one.course)
    skipped = set(one.sessions.skipped.tolist())
    for day in habits.agreed_days(one.course, order.cadence).tolist():
        outcome = "measured" if day not in skipped else absent.get(day, "skipped")
        yield one.course.name, (order.start + timedelta(days=day)).isoformat(), outcome


def _absent(course: Course) -> dict[int, str]:
    return {
        day: each.reason
        for each in habits.absences(course)
        for day in range(int(each.first_day), min(int(np.ceil(each.end_day)), course.days))
    }


def _episode(name: str, each: Episode, clock: _Clock) -> tuple[Any, ...]:
    stay = each.in_hospital
    ends = (each.symptoms_from, each.onset, each.signs_from, each.peak, each.symptoms_end, each.end)
    return (
        name,
        each.kind.value,
        *(clock.text(day) for day in ends),
        f"{each.severity:.3f}",
        f"{each.symptom_severity:.3f}",
        f"{each.lasting:.3f}",
        f"{each.fever_cel:.2f}",
        *((clock.text(stay[0]), clock.text(stay[1])) if stay else ("", "")),
    )


class _Clock:
    """Turns moments of the patient's wall clock into UTC, and remembers them."""

    def __init__(self, start: date) -> None:
        self._midnight = datetime.combine(start, time())
        self._known: dict[int, str] = {}

    def texts(self, moments: Moments) -> list[str]:
        return [self._text(moment) for moment in moments.tolist()]

    def text(self, day: float) -> str:
        return self._text(round(day * SECONDS_PER_DAY))

    def _text(self, moment: int) -> str:
        if moment not in self._known:
            self._known[moment] = utc(self._midnight, moment).isoformat()
        return self._known[moment]


def utc(midnight: datetime, moment: int) -> datetime:
    """Turn `moment` seconds on the wall clock after a naive local `midnight` into UTC.

    In the hour that is lived twice the first is meant; the hour that is left out in spring is read
    by the winter clock, one hour later.
    """
    shown = midnight + timedelta(seconds=moment)
    return shown.replace(tzinfo=HOME_ZONE).astimezone(UTC)
