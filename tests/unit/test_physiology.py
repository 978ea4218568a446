"""The simulated patients against the literature, with tolerances; and that they are reproducible.

Each anchor names its source in device_sim.physiology; docs/simulator.md repeats the table.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_sim import cohort
from device_sim.cohort import COLUMNS, Member, Order, member, write
from device_sim.encoders.weight_scale import weight_measurement
from device_sim.patient import KINDS, Patient, values_of
from device_sim.physiology import answers, episodes, habits, instruments, scatter
from device_sim.physiology.chance import key_of, normal_at, uniform_at
from device_sim.physiology.course import Course
from device_sim.physiology.episodes import Kind
from device_sim.physiology.habits import Cadence
from device_sim.physiology.instruments import Disturbance
from device_sim.physiology.living import LivingPatient
from device_sim.physiology.profile import STEADY, TYPES, Profile
from device_sim.physiology.scatter import SCATTER, SECONDS_PER_DAY
from telekol.quantities import FACTS, Quantity

PATIENTS = 120
DAY_S = SECONDS_PER_DAY


@cache
def _cohort() -> tuple[Member, ...]:
    order = Order(patients=PATIENTS, days=365, seed=7)
    return tuple(member(order, number) for number in range(1, PATIENTS + 1))


def _steady(days: int = 2000, **levels: float) -> Course:
    who = replace(STEADY, **levels)  # type: ignore[arg-type]  # each is a level, a number
    return Course(3, "somebody", who, date(2025, 1, 1), days, ())


def _mornings(course: Course) -> np.ndarray:
    return np.arange(course.days, dtype=np.int64) * DAY_S + 8 * 3600


def _all_episodes(kind: Kind = Kind.EXACERBATION) -> list[episodes.Episode]:
    return [each for one in _cohort() for each in one.course.episodes if each.kind is kind]


# ------------------------------------------------------------------------ stable scatter


@pytest.mark.parametrize(
    ("kind", "quantity", "sd", "tolerance"),
    [
        ("oximeter", Quantity.SPO2, 1.0, 0.12),
        ("oximeter", Quantity.PULSE_RATE, 5.0, 0.4),
        ("spirometer", Quantity.PEF, 10.0, 0.8),
        ("spirometer", Quantity.FEV1, 0.094, 0.008),
    ],
)
def test_a_stable_patient_scatters_as_published(
    kind: str, quantity: Quantity, sd: float, tolerance: float
) -> None:
    course = _steady(fev1_loss_l_per_year=0.0)
    shown = instruments.show(course, kind, _mornings(course))[quantity]
    usual = shown.value[shown.disturbance == Disturbance.NONE]
    assert usual.std() == pytest.approx(sd, abs=tolerance)


def test_fev1_between_sessions_differs_by_a_tenth_of_a_litre() -> None:
    """|difference| 0.106 L, SD 0.10, whatever the severity (PMC2662942)."""
    for fev1 in (0.6, 1.6):
        course = _steady(fev1_l=fev1, fvc_l=3.5, fev1_loss_l_per_year=0.0)
        every_month = np.arange(0, 2000, 30, dtype=np.int64) * DAY_S + 8 * 3600
        shown = instruments.show(course, "spirometer", every_month)[Quantity.FEV1]
        good = shown.value[shown.disturbance == Disturbance.NONE]
        assert np.abs(np.diff(good)).mean() == pytest.approx(0.106, abs=0.025)


@pytest.mark.parametrize("quantity", SCATTER)
def test_states_of_the_day_last_as_the_table_says(quantity: Quantity) -> None:
    states = scatter.day_states(5, "somebody", quantity, 4000)
    row = SCATTER[quantity]
    assert states.std() == pytest.approx(row.day_sd, rel=0.1)
    assert np.corrcoef(states[:-1], states[1:])[0, 1] == pytest.approx(row.day_memory, abs=0.06)


def test_the_day_has_its_rhythm() -> None:
    course = _steady(1)
    hours = np.arange(24, dtype=np.int64) * 3600
    pulse = course.level(Quantity.PULSE_RATE, hours)
    assert 13 <= int(pulse.argmax()) <= 17
    assert pulse.max() - pulse.min() == pytest.approx(
        2 * SCATTER[Quantity.PULSE_RATE].swing, rel=0.05
    )
    assert course.level(Quantity.BODY_TEMPERATURE, hours).argmin() in {4, 5, 6}


# ------------------------------------------------------------------------- exacerbations


def test_exacerbations_come_as_often_as_in_the_diaries() -> None:
    """Median 2.13 a year, IQR 1.0-3.2 (Donaldson 2015)."""
    per_year = [
        sum(each.kind is Kind.EXACERBATION for each in one.course.episodes) for one in _cohort()
    ]
    assert 1.5 <= float(np.median(per_year)) <= 2.6
    assert np.percentile(per_year, 25) <= 1.5
    assert np.percentile(per_year, 75) >= 2.5


def test_winter_has_more_of_them() -> None:
    """1,052 from November to February against 676 from May to August: 1.56 (Donaldson 2012)."""
    profile = Profile(exacerbations_per_year=3.0)
    months = [
        (date(2025, 1, 1) + timedelta(days=int(each.onset))).month
        for number in range(300)
        for each in episodes.draw(1, f"p{number}", profile, 365, 1)
        if each.kind is Kind.EXACERBATION
    ]
    cold = sum(month in {11, 12, 1, 2} for month in months)
    warm = sum(month in {5, 6, 7, 8} for month in months)
    assert cold / warm == pytest.approx(1.56, abs=0.3)


def test_symptoms_come_days_before_signs() -> None:
    """From day -5 (Al Rajeh and Hurst 2020), at most two weeks (van den Berge 2012)."""
    leads = np.array([each.signs_from - each.symptoms_from for each in _all_episodes()])
    assert 4 <= float(np.median(leads)) <= 6.5
    assert leads.min() > 0
    assert leads.max() <= 15
    peaks = np.array([each.peak - each.onset for each in _all_episodes()])
    assert 2 <= float(np.median(peaks)) <= 3.5  # Hurst 2010


def test_recovery_takes_a_week_with_a_long_tail() -> None:
    """Symptoms 7 days, IQR 4-14; 7.1 % never get all of their lungs back (Seemungal 2000)."""
    luck = np.random.default_rng(1)
    many = [episodes.exacerbation(luck, 50.0) for _ in range(3000)]
    felt = np.array([each.symptoms_end - each.onset for each in many])
    assert 5.5 <= float(np.median(felt)) <= 8.5
    assert 3 <= np.percentile(felt, 25) <= 5
    assert 11 <= np.percentile(felt, 75) <= 17
    assert np.mean([each.lasting > 0 for each in many]) == pytest.approx(0.071, abs=0.02)
    # 8.4 % of winter's and 4.6 % of summer's are admitted (Donaldson 2012).
    assert 0.045 <= np.mean([each.in_hospital is not None for each in many]) <= 0.085


def test_cat_rises_as_published() -> None:
    """From 19.4 to 24.1 (Mackay 2012)."""
    luck = np.random.default_rng(2)
    rises = []
    for number in range(150):
        told = episodes.exacerbation(luck, 20.0)
        course = Course(1, f"p{number}", STEADY, date(2025, 1, 1), 60, (told,))
        before, at_onset = np.array([5 * DAY_S]), np.array([int(21.5 * DAY_S)])
        rises.append(answers.cat_scores(course, at_onset) - answers.cat_scores(course, before))
    assert np.mean(rises) == pytest.approx(4.7, abs=1.2)


def _area(sick: np.ndarray, well: np.ndarray) -> float:
    """The area under the ROC curve, by ranks, ties counted half."""
    both = np.concatenate([sick, well])
    _, where, count = np.unique(both, return_inverse=True, return_counts=True)
    ranks = np.cumsum(count) - (count - 1) / 2
    total = ranks[where][: len(sick)].sum()
    return float((total - len(sick) * (len(sick) + 1) / 2) / (len(sick) * len(well)))


def test_detection_is_no_easier_than_in_the_studies() -> None:
    """Areas of 0.63-0.83 (clinical.md, section 4); above, the simulator would be too easy."""
    sick: list[tuple[float, float]] = []
    well: list[tuple[float, float]] = []
    for one in _cohort():
        (seen,) = [each for each in one.measured if each.kind == "oximeter"]
        state = np.array(cohort.states(one.course, seen.moments))
        stable = state == "stable"
        if stable.sum() < 30:
            continue
        spo2, pulse = (seen.shown[each].value for each in KINDS_OF_OXIMETER)
        fall = (spo2[stable].mean() - spo2) / max(spo2[stable].std(), 1)
        rise = (pulse - pulse[stable].mean()) / max(pulse[stable].std(), 3)
        composite = (fall + rise) / 2
        said = np.sum(list(answers.yes(one.course, seen.moments).values()), axis=0)
        days = seen.moments / DAY_S
        near = np.zeros(days.shape, dtype=bool)
        for each in one.course.episodes:
            if each.kind is Kind.EXACERBATION:
                near |= (each.onset <= days) & (days < each.onset + 5)
        sick += zip(composite[near], said[near], strict=True)
        well += zip(composite[stable], said[stable], strict=True)
    ill, healthy = np.array(sick), np.array(well)
    signs = _area(ill[:, 0], healthy[:, 0])
    both = _area(ill.sum(axis=1), healthy.sum(axis=1))
    assert 0.60 <= signs <= 0.80
    assert 0.68 <= both <= 0.83


KINDS_OF_OXIMETER = (Quantity.SPO2, Quantity.PULSE_RATE)


def test_some_stable_days_have_a_yes_and_most_sick_ones_do() -> None:
    stable = []
    for number in range(40):
        course = Course(3, f"p{number}", STEADY, date(2025, 1, 1), 200, ())
        said = answers.yes(course, _mornings(course))
        stable.append(np.max(list(said.values()), axis=0).mean())
    assert 0.12 <= np.mean(stable) <= 0.28
    assert max(stable) > 2 * np.median(stable)  # people differ
    luck = np.random.default_rng(4)
    sick = []
    for number in range(100):
        told = episodes.exacerbation(luck, 10.0, severity=1.0)
        ill = Course(1, f"p{number}", STEADY, date(2025, 1, 1), 20, (told,))
        told_then = answers.yes(ill, np.array([int(11.4 * DAY_S)]))
        sick.append(max(int(each[0]) for each in told_then.values()))
    assert 0.7 <= np.mean(sick) <= 1.0


# ------------------------------------------------------------------- other illness, levels


def test_fluid_shows_on_the_scale_before_it_is_felt() -> None:
    luck = np.random.default_rng(3)
    for _ in range(50):
        told = episodes.fluid(luck, 30.0)
        assert told.signs_from < told.symptoms_from < told.onset < told.peak
    course = Course(1, "p", STEADY, date(2025, 1, 1), 60, (episodes.fluid(luck, 30.0, 1.4),))
    weights = course.level(Quantity.BODY_WEIGHT, _mornings(course))
    assert 3 <= weights.max() - np.median(weights[:15]) <= 6
    assert weights[-1] == pytest.approx(np.median(weights[:15]), abs=1.5)


def test_wasting_is_a_twentieth_in_some_months() -> None:
    course = Course(1, "p", TYPES["wasting"], date(2025, 1, 1), 365, ())
    usual = course.usual(Quantity.BODY_WEIGHT, _mornings(course))
    assert usual[-1] / usual[0] == pytest.approx(0.88, abs=0.01)
    half_a_year = usual[182] / usual[0]
    assert half_a_year < 0.95


@given(
    seed=st.integers(0, 50),
    kind=st.sampled_from(sorted(KINDS)),
    moments=st.lists(st.integers(0, 364 * DAY_S), min_size=1, max_size=20),
)
def test_devices_show_only_what_they_can(seed: int, kind: str, moments: list[int]) -> None:
    course = member(Order(patients=1, days=365, seed=seed, kit=()), 1).course
    shown = instruments.show(course, kind, np.array(moments, dtype=np.int64))
    for quantity, each in shown.items():
        low, high = instruments.RANGES[quantity]
        assert ((low <= each.value) & (each.value <= high)).all()
        assert all(FACTS[quantity].is_possible(value) for value in each.value)
        steps = each.value / SCATTER[quantity].step
        assert np.abs(steps - np.round(steps)).max() < 1e-6
    if kind == "spirometer":
        assert (shown[Quantity.FEV1].value <= shown[Quantity.FVC].value).all()
    if kind == "cuff":
        assert (shown[Quantity.DIASTOLIC_BP].value < shown[Quantity.SYSTOLIC_BP].value).all()


# ------------------------------------------------------------------------------- habits


def test_people_skip_are_late_and_go_away() -> None:
    agreed = measured = late = hours = 0
    for one in _cohort():
        days = habits.agreed_days(one.course, Cadence.DAILY)
        agreed += len(days)
        measured += len(days) - len(one.sessions.skipped)
        of_day = one.sessions.agreed % DAY_S / 3600
        late += int((of_day > one.course.profile.usual_hour + 3).sum())
        hours += len(of_day)
    # 7 % of daily sets held no data (doi 10.1177/1357633X17735558); journeys and wards come on top.
    assert 0.85 <= measured / agreed <= 0.95
    assert 0.02 <= late / hours <= 0.12


def test_nobody_measures_at_home_while_away() -> None:
    for one in _cohort()[:40]:
        days = one.sessions.agreed / DAY_S
        for away in habits.absences(one.course):
            assert not ((away.first_day <= days) & (days < away.end_day)).any()


def test_illness_makes_people_skip() -> None:
    ill = well = ill_days = well_days = 0
    for one in _cohort():
        noon = np.arange(365, dtype=np.int64) * DAY_S + DAY_S // 2
        burden = one.course.symptom_burden(noon)
        away = {day for day, _ in cohort._absent(one.course).items()}
        home = np.array([day not in away for day in range(365)])
        skipped = np.isin(np.arange(365), one.sessions.skipped)
        ill += int((skipped & home & (burden > 0.5)).sum())
        ill_days += int((home & (burden > 0.5)).sum())
        well += int((skipped & home & (burden == 0)).sum())
        well_days += int((home & (burden == 0)).sum())
    assert ill / ill_days > 1.2 * well / well_days


@pytest.mark.parametrize(
    ("cadence", "per_week"), [(Cadence.TWICE_WEEKLY, 2), (Cadence.WEEKLY, 1), (Cadence.DAILY, 7)]
)
def test_cadences(cadence: Cadence, per_week: int) -> None:
    assert len(habits.agreed_days(_steady(70), cadence)) == 10 * per_week


def test_the_introduction_is_daily_then_weekly() -> None:
    days = habits.agreed_days(_steady(42), Cadence.INTRODUCTION)
    assert list(days[:14]) == list(range(14))
    assert set(np.diff(days[15:])) == {7}
    twice = habits.agreed_days(_steady(42), Cadence.INTRODUCTION_TWICE)
    assert list(twice[:14]) == list(range(14))
    assert set(np.diff(twice[15:])) == {3, 4}


# ------------------------------------------------------------------------ reproducible


def test_numbers_at_moments_are_uniform_normal_and_independent() -> None:
    moments = np.arange(40_000, dtype=np.int64)
    flat, bell = uniform_at(key_of(1), moments), normal_at(key_of(2), moments)
    assert flat.mean() == pytest.approx(0.5, abs=0.01)
    assert flat.std() == pytest.approx(12**-0.5, abs=0.01)
    assert (bell.mean(), bell.std()) == (pytest.approx(0, abs=0.02), pytest.approx(1, abs=0.02))
    assert abs(np.corrcoef(bell[:-1], bell[1:])[0, 1]) < 0.02
    assert abs(np.corrcoef(normal_at(key_of(3), moments), bell)[0, 1]) < 0.02


def _bytes(folder: Path, **changes: int) -> dict[str, bytes]:
    options = {"patients": 3, "days": 40, "seed": 7} | changes
    write(Order(**options), folder)  # type: ignore[arg-type]
    return {name: (folder / name).read_bytes() for name in COLUMNS}


def test_the_same_order_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first = _bytes(tmp_path / "a")
    assert _bytes(tmp_path / "b") == first
    assert _bytes(tmp_path / "c", seed=8)["readings.csv"] != first["readings.csv"]


def test_another_patient_changes_no_line_of_the_others(tmp_path: Path) -> None:
    three, four = _bytes(tmp_path / "a"), _bytes(tmp_path / "b", patients=4)
    for name, text in three.items():
        assert four[name].startswith(text), name
    assert len(four["readings.csv"]) > len(three["readings.csv"])


def test_a_longer_period_only_adds(tmp_path: Path) -> None:
    short = _bytes(tmp_path / "a")["readings.csv"].decode().splitlines()
    long = set(_bytes(tmp_path / "b", days=80)["readings.csv"].decode().splitlines())
    last_days = {"2025-02-08", "2025-02-09", "2025-02-10"}
    assert [
        line for line in short if line not in long and line.split(",")[2][:10] not in last_days
    ] == []


def test_readings_do_not_tell_the_truth_and_truth_fits_them(tmp_path: Path) -> None:
    written = {name: text.decode().splitlines() for name, text in _bytes(tmp_path).items()}
    assert written["readings.csv"][0] == "series,quantity,measured_at,value"
    for name, columns in COLUMNS.items():
        assert written[name][0] == ",".join(columns)
        assert {len(line.split(",")) for line in written[name]} == {len(columns)}
    seen = [tuple(line.split(",")) for line in written["readings.csv"][1:]]
    true = [tuple(line.split(",")[:4]) for line in written["truth.csv"][1:]]
    assert seen == true
    for _, quantity, at, value in seen:
        assert datetime.fromisoformat(at).utcoffset() == timedelta()
        assert FACTS[Quantity(quantity)].is_possible(float(value))


# ------------------------------------------------------------------------- the seam


def test_a_living_patient_is_measured_the_same_whenever_asked() -> None:
    course = Course.drawn(1, "p", TYPES["ordinary"], date(2025, 1, 1), 60)
    at = datetime(2025, 1, 20, 7, 31, 5, tzinfo=UTC)
    one, other = LivingPatient(course), LivingPatient(course)
    other.values("scale", at)
    assert one.values("oximeter", at) == other.values("oximeter", at)
    assert one.values("oximeter", at) != one.values("oximeter", at + timedelta(days=3))


def test_a_living_patient_can_be_told_another_level() -> None:
    patient = LivingPatient(_steady(30))
    at = datetime(2025, 1, 10, 7, tzinfo=UTC)
    before = patient.values("oximeter", at)
    patient.become({"spo2": before["spo2"] - 8})
    assert patient.values("oximeter", at)["spo2"] < before["spo2"] - 3
    assert patient.values("oximeter", at)["pulse_rate"] == before["pulse_rate"]


@pytest.mark.parametrize("who", [Patient(1), LivingPatient(_steady(30))])
def test_every_kind_of_device_can_measure_both(who: Patient | LivingPatient) -> None:
    at = datetime(2025, 1, 10, 7, tzinfo=UTC)
    for kind, quantities in KINDS.items():
        values = who.values(kind, at)
        assert tuple(values) == quantities
        assert all(
            FACTS[Quantity(name)].is_possible(float(value)) for name, value in values.items()
        )
    weight_measurement(who.values("scale", at)["body_weight"], device_time=datetime(2025, 1, 1))  # noqa: DTZ001
    derived = values_of(who, {"mean_bp", "systolic_bp", "diastolic_bp", "fev6", "fvc", "fev1"}, at)
    assert derived["diastolic_bp"] < derived["mean_bp"] < derived["systolic_bp"]
    assert derived["fev1"] <= derived["fev6"] <= derived["fvc"]
