"""The clinical scores against slow, obvious references and the printed tables."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.scores import bode, cat, exacerbation, gold, mmrc, news2, severity, sit_to_stand
from alerts.scores.checks import MISSING, ScoreError, half_up
from alerts.scores.exacerbation import Acute
from alerts.scores.news2 import Consciousness, Vitals
from alerts.scores.sit_to_stand import Method, SitToStand

NAN = math.nan


# --------------------------------------------------------------------------- NEWS2, by the chart

# Points by the printed chart (clinical.md, 3.1): lowest and highest value of each cell, both in it.
CHART: dict[str, list[tuple[float, float, int]]] = {
    "respiration_rate": [(0, 8, 3), (9, 11, 1), (12, 20, 0), (21, 24, 2), (25, 100, 3)],
    "spo2": [(1, 91, 3), (92, 93, 2), (94, 95, 1), (96, 100, 0)],
    "systolic": [(20, 90, 3), (91, 100, 2), (101, 110, 1), (111, 219, 0), (220, 300, 3)],
    "pulse": [(1, 40, 3), (41, 50, 1), (51, 90, 0), (91, 110, 1), (111, 130, 2), (131, 350, 3)],
    "temperature": [
        (20, 35.0, 3),
        (35.1, 36.0, 1),
        (36.1, 38.0, 0),
        (38.1, 39.0, 1),
        (39.1, 47, 2),
    ],
}
SCALE_2_ON_AIR: list[tuple[float, float, int]] = [
    (1, 83, 3),
    (84, 85, 2),
    (86, 87, 1),
    (88, 100, 0),
]
SCALE_2_ON_OXYGEN: list[tuple[float, float, int]] = [
    (1, 83, 3),
    (84, 85, 2),
    (86, 87, 1),
    (88, 92, 0),
    (93, 94, 1),
    (95, 96, 2),
]
SCALE_2_ON_OXYGEN += [(97, 100, 3)]

NORMAL: dict[str, Any] = {
    "respiration_rate": 16.0,
    "spo2": 97.0,
    "oxygen": False,
    "systolic": 120.0,
    "pulse": 70.0,
    "consciousness": Consciousness.ALERT,
    "temperature": 37.0,
}


def _cell(part: str, value: float, *, oxygen: bool, scale: int) -> int:
    """Points of one part, by walking over the printed chart."""
    cells = CHART[part]
    if part == "spo2" and scale == 2:
        cells = SCALE_2_ON_OXYGEN if oxygen else SCALE_2_ON_AIR
    (points,) = [points for low, high, points in cells if low <= value <= high]
    return points


EDGES = [(part, edge) for part, cells in CHART.items() for cell in cells for edge in cell[:2]]


@pytest.mark.parametrize(("part", "edge"), EDGES)
def test_every_edge_of_the_chart_is_in_its_own_cell(part: str, edge: float) -> None:
    found = news2.score(**NORMAL | {part: edge})
    assert found.points[part] == _cell(part, edge, oxygen=False, scale=1)


@pytest.mark.parametrize("oxygen", [True, False])
@pytest.mark.parametrize("spo2", range(80, 101))
def test_every_saturation_has_its_points_on_scale_2(spo2: int, oxygen: bool) -> None:
    found = news2.score(**NORMAL | {"spo2": spo2, "oxygen": oxygen, "spo2_scale": 2})
    assert found.points["spo2"] == _cell("spo2", spo2, oxygen=oxygen, scale=2)
    assert found.points["oxygen"] == (2 if oxygen else 0)


@pytest.mark.parametrize("spo2", range(80, 101))
def test_oxygen_changes_no_saturation_points_on_scale_1(spo2: int) -> None:
    both = [news2.score(**NORMAL | {"spo2": spo2, "oxygen": o}) for o in (True, False)]
    assert both[0].points["spo2"] == both[1].points["spo2"]


def test_a_temperature_between_two_cells_is_rounded_first() -> None:
    points = [
        news2.score(**NORMAL | {"temperature": t}).points["temperature"]
        for t in (35.04, 35.05, 36.04, 36.05, 38.04, 38.05, 39.04, 39.05)
    ]
    assert points == [3, 1, 1, 0, 0, 1, 1, 2]


def test_a_saturation_between_two_cells_is_rounded_first() -> None:
    points = [news2.score(**NORMAL | {"spo2": s}).points["spo2"] for s in (91.4, 91.5, 95.49, 95.5)]
    assert points == [3, 2, 1, 0]


@pytest.mark.parametrize("part", news2.PARTS)
def test_a_set_that_lacks_a_part_is_never_scored(part: str) -> None:
    with pytest.raises(ScoreError, match=f"missing: {part}"):
        news2.score(**NORMAL | {part: None})


def test_what_a_home_measures_is_never_news2() -> None:
    with pytest.raises(ScoreError, match="respiration_rate, oxygen, consciousness"):
        news2.score(**NORMAL | {"respiration_rate": None, "oxygen": None, "consciousness": None})


@pytest.mark.parametrize("letter", "cvpu")
def test_who_is_not_alert_has_three_points_and_at_least_low_to_medium_risk(letter: str) -> None:
    found = news2.score(**NORMAL | {"consciousness": Consciousness(letter)})
    assert (found.score, found.band) == (3, "low-medium")


@pytest.mark.parametrize(
    ("change", "score", "band"),
    [
        ({}, 0, "low"),
        ({"pulse": 115, "respiration_rate": 22}, 4, "low"),
        ({"pulse": 131, "temperature": 38.5}, 4, "low-medium"),
        ({"pulse": 131, "respiration_rate": 22}, 5, "medium"),
        ({"pulse": 131, "systolic": 90}, 6, "medium"),
        ({"pulse": 131, "systolic": 90, "temperature": 38.5}, 7, "high"),
        (
            {
                "pulse": 131,
                "systolic": 90,
                "temperature": 35,
                "spo2": 91,
                "respiration_rate": 8,
                "oxygen": True,
                "consciousness": Consciousness.UNRESPONSIVE,
            },
            news2.HIGHEST,
            "high",
        ),
    ],
)
def test_a_score_has_its_band(change: dict[str, Any], score: int, band: str) -> None:
    found = news2.score(**NORMAL | change)
    assert (found.score, found.band) == (score, band)


@pytest.mark.parametrize(
    ("part", "value"), [("spo2", 0.93), ("temperature", 98.6), ("pulse", 0), ("spo2", 127)]
)
def test_a_value_in_another_unit_is_refused_and_named(part: str, value: float) -> None:
    with pytest.raises(ScoreError, match=r"expected .* found"):
        news2.score(**NORMAL | {part: value})


def test_a_third_scale_does_not_exist() -> None:
    with pytest.raises(ScoreError, match="scale 1 or 2"):
        news2.score(**NORMAL, spo2_scale=3)


def _maybe(values: st.SearchStrategy[int]) -> st.SearchStrategy[float]:
    return st.one_of(st.just(NAN), values.map(float))


_people = st.tuples(
    _maybe(st.integers(5, 30)),
    _maybe(st.integers(80, 100)),
    _maybe(st.integers(0, 1)),
    _maybe(st.integers(85, 225)),
    _maybe(st.integers(35, 135)),
    _maybe(st.integers(0, 1)),
    _maybe(st.integers(345, 395)).map(lambda tenths: tenths / 10),
    st.booleans(),
)


@settings(deadline=None)
@given(st.lists(_people, min_size=1, max_size=6))
def test_many_at_once_get_what_the_chart_gives_each(people: list[tuple[float, ...]]) -> None:
    columns = [np.array(column, float) for column in zip(*people, strict=True)]
    found = news2.scores(Vitals(*columns[:7]), columns[7].astype(bool))
    for row, (*values, scale_2) in enumerate(people):
        given_values = dict(zip(news2.PARTS, values, strict=True))
        if any(math.isnan(value) for value in values):
            assert math.isnan(found.score[row])
            assert found.band[row] == MISSING
            continue
        oxygen = given_values["oxygen"] == 1
        points = {
            part: _cell(part, given_values[part], oxygen=oxygen, scale=2 if scale_2 else 1)
            for part in CHART
        }
        points |= {"oxygen": 2 * oxygen, "consciousness": 3 * int(given_values["consciousness"])}
        assert {part: found.points[part][row] for part in points} == points
        assert found.score[row] == sum(points.values())


# ------------------------------------------------------------------------------------------- CAT


def _cat(*values: int | None) -> cat.Cat:
    return cat.score(cat.of_list(values))


def test_eight_items_of_five_make_forty() -> None:
    assert _cat(*[5] * 8).score == cat.HIGHEST
    assert _cat(*[0] * 8).score == 0


@pytest.mark.parametrize(
    ("values", "band"),
    [
        ((5, 4, 0, 0, 0, 0, 0, 0), "low"),
        ((5, 5, 0, 0, 0, 0, 0, 0), "medium"),
        ((5, 5, 5, 5, 0, 0, 0, 0), "medium"),
        ((5, 5, 5, 5, 1, 0, 0, 0), "high"),
        ((5, 5, 5, 5, 5, 5, 0, 0), "high"),
        ((5, 5, 5, 5, 5, 5, 1, 0), "very-high"),
    ],
)
def test_a_cat_has_its_band(values: tuple[int, ...], band: str) -> None:
    assert _cat(*values).band == band


def test_two_items_that_were_skipped_take_the_mean_of_the_others_and_are_named() -> None:
    found = _cat(3, 3, 3, None, 3, 4, None, 3)
    assert found.score == 25  # 19 of six, 25.33 of eight
    assert found.missing == ("hills_and_stairs", "sleep")


def test_three_items_that_were_skipped_make_no_score() -> None:
    with pytest.raises(ScoreError, match="missing: cough, phlegm, chest"):
        _cat(None, None, None, 3, 3, 3, 3, 3)


@pytest.mark.parametrize("value", [-1, 6])
def test_a_cat_item_out_of_0_to_5_is_named(value: int) -> None:
    with pytest.raises(ScoreError, match="CAT item sleep of 0 to 5"):
        cat.score({"sleep": value})


def test_an_item_nobody_knows_is_named() -> None:
    with pytest.raises(ScoreError, match="found mood"):
        cat.score({"mood": 3})


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [(21, 19, "worse"), (20, 19, "unchanged"), (18, 19, "unchanged"), (17, 19, "better")],
)
def test_a_change_of_two_is_one_that_patients_notice(now: int, before: int, said: str) -> None:
    assert cat.change(now, before) == said


@settings(deadline=None)
@given(
    st.lists(st.lists(_maybe(st.integers(0, 5)), min_size=8, max_size=8), min_size=1, max_size=5)
)
def test_many_cats_are_added_up_as_each_is_by_hand(rows: list[list[float]]) -> None:
    found = cat.scores(np.array(rows))
    for row, items in enumerate(rows):
        answered = [item for item in items if not math.isnan(item)]
        if len(answered) < 6:
            assert math.isnan(found[row])
            continue
        mean = sum(answered) / len(answered)
        assert found[row] == math.floor(sum(answered) + mean * (8 - len(answered)) + 0.5 + 1e-9)


# ------------------------------------------------------------------------------- mMRC and its twin


def test_mrc_counts_from_one_and_mmrc_from_zero() -> None:
    assert [mmrc.of_mrc(grade) for grade in range(1, 6)] == [0, 1, 2, 3, 4]
    assert [mmrc.grade(grade) for grade in range(5)] == [0, 1, 2, 3, 4]


def test_a_five_is_refused_as_mmrc_because_it_is_of_the_other_scale() -> None:
    with pytest.raises(ScoreError, match="MRC scale"):
        mmrc.grade(5)


def test_a_zero_is_refused_as_mrc_because_it_is_of_the_other_scale() -> None:
    with pytest.raises(ScoreError, match="mMRC"):
        mmrc.of_mrc(0)


@pytest.mark.parametrize("value", [-1, 6, 2.5, NAN])
def test_no_other_grade_exists(value: float) -> None:
    with pytest.raises(ScoreError):
        mmrc.grade(value)


# ------------------------------------------------------------------------------------------ BODE


def _bode(bmi: float, fev1: float, grade: float, walk: float) -> int:
    """BODE by the printed table."""
    points = 1 if bmi <= 21 else 0
    points += 0 if fev1 >= 65 else 1 if fev1 >= 50 else 2 if fev1 >= 36 else 3
    points += {0: 0, 1: 0, 2: 1, 3: 2, 4: 3}[int(grade)]
    return points + (0 if walk >= 350 else 1 if walk >= 250 else 2 if walk >= 150 else 3)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.sampled_from([20.9, 21.0, 21.1]), st.floats(10, 60)),
            st.one_of(st.sampled_from([35, 36, 49, 50, 64, 65]), st.floats(5, 120)),
            st.integers(0, 4),
            st.one_of(st.sampled_from([149, 150, 249, 250, 349, 350]), st.floats(0, 700)),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_bode_is_the_printed_table(rows: list[tuple[float, ...]]) -> None:
    _, found, band = bode.scores(*(np.array(column, float) for column in zip(*rows, strict=True)))
    for row, values in enumerate(rows):
        by_hand = _bode(*values)
        assert found[row] == by_hand
        quartile = 1 if by_hand <= 2 else 2 if by_hand <= 4 else 3 if by_hand <= 6 else 4
        assert bode.BANDS[band[row]] == f"quartile-{quartile}"


def test_the_sickest_have_ten_and_the_fittest_none() -> None:
    assert bode.score(bmi=18, fev1_percent=30, mmrc=4, walk_m=100).score == bode.HIGHEST
    assert bode.score(bmi=25, fev1_percent=80, mmrc=0, walk_m=400).score == 0


def test_an_fev1_as_a_fraction_is_refused_and_not_multiplied() -> None:
    with pytest.raises(ScoreError, match=r"% of predicted, found 0\.45"):
        bode.score(bmi=25, fev1_percent=0.45, mmrc=0, walk_m=400)


def test_a_bode_without_the_walk_is_no_bode() -> None:
    _, found, band = bode.scores(*(np.array([value]) for value in (25.0, 50.0, 1.0, NAN)))
    assert math.isnan(found[0])
    assert band[0] == MISSING


# ------------------------------------------------------------------------------------------ GOLD


@pytest.mark.parametrize(
    ("percent", "grade"),
    [(80, 1), (79.9, 2), (50, 2), (49.9, 3), (30, 3), (29.9, 4)],
)
def test_gold_grades_the_fev1_of_the_obstructed(percent: float, grade: int) -> None:
    assert gold.grade(fev1_percent=percent, fev1_fvc=0.69) == grade


def test_without_obstruction_there_is_no_gold_grade() -> None:
    assert gold.grade(fev1_percent=45, fev1_fvc=0.70) == 0


@pytest.mark.parametrize(
    ("moderate", "admissions", "of_2023", "of_2026"),
    [(0, 0, "A", "A"), (1, 0, "A", "E"), (2, 0, "E", "E"), (0, 1, "E", "E"), (1, 1, "E", "E")],
)
def test_one_moderate_exacerbation_makes_group_e_since_2026(
    moderate: int, admissions: int, of_2023: str, of_2026: str
) -> None:
    known = {"moderate": moderate, "admissions": admissions, "cat": 9, "mmrc": 1}
    assert gold.group(**known, year=2023) == of_2023
    assert gold.group(**known, year=2026) == of_2026


@pytest.mark.parametrize(
    ("cat_score", "grade", "group"),
    [(9, 1, "A"), (10, 1, "B"), (9, 2, "B"), (None, 2, "B"), (10, None, "B"), (9, None, "A")],
)
def test_many_symptoms_make_group_b(cat_score: int | None, grade: int | None, group: str) -> None:
    assert gold.group(moderate=0, admissions=0, cat=cat_score, mmrc=grade, year=2026) == group


def test_without_symptoms_asked_only_exacerbations_can_decide() -> None:
    assert gold.group(moderate=0, admissions=1) == "E"
    with pytest.raises(ScoreError, match="CAT or mMRC"):
        gold.group(moderate=0, admissions=0)


def test_a_report_nobody_knows_is_refused() -> None:
    with pytest.raises(ScoreError, match="2023, 2026"):
        gold.group(moderate=0, admissions=0, cat=3, year=2024)


@pytest.mark.parametrize("year", gold.YEARS)
def test_groups_of_many_are_those_of_each(year: int) -> None:
    rows = list(product((0, 1, 2), (0, 1), (9, 10, None), (1, 2, None)))
    columns = [
        np.array([NAN if v is None else v for v in c], float) for c in zip(*rows, strict=True)
    ]
    counts, stays, cats, grades = columns
    found = gold.groups(counts, stays, cats, grades, year)
    for row, (moderate, admissions, points, grade) in enumerate(rows):
        enough = 2 if year == 2023 else 1
        if moderate >= enough or admissions >= 1:
            expected = 2
        elif points is None and grade is None:
            expected = MISSING
        else:
            expected = int((points or 0) >= 10 or (grade or 0) >= 2)
        assert found[row] == expected


def test_a_ratio_in_percent_is_refused() -> None:
    with pytest.raises(ScoreError, match=r"fraction such as 0\.55"):
        gold.grade(fev1_percent=45, fev1_fvc=55)


# ----------------------------------------------------------------- z-scores, chair, exacerbations


@pytest.mark.parametrize(
    ("z", "said"),
    [
        (0.0, "normal"),
        (-1.645, "normal"),
        (-1.6451, "mild"),
        (-2.5, "mild"),
        (-2.5001, "moderate"),
        (-4.0, "moderate"),
        (-4.0001, "severe"),
    ],
)
def test_a_z_score_has_its_severity(z: float, said: str) -> None:
    assert severity.SEVERITIES[severity.severities(np.array([z]))[0]] == said


def test_three_z_scores_make_a_pattern() -> None:
    low, fine = -2.0, 0.0
    cases = {
        (fine, fine, fine): "normal",
        (low, fine, low): "obstruction",
        (fine, fine, low): "obstruction",
        (low, low, low): "obstruction-possibly-mixed",
        (low, low, fine): "possible-restriction",
        (low, fine, fine): "low-fev1-alone",
        (low, NAN, fine): None,
    }
    columns = [np.array(column) for column in zip(*cases, strict=True)]
    assert severity.patterns(*columns) == list(cases.values())


def test_rises_with_and_without_arms_are_not_compared() -> None:
    before = SitToStand(8, Method.ARMRESTS)
    now = sit_to_stand.test(11, Method.NO_ARMS)
    assert sit_to_stand.change(now, before) is None
    assert sit_to_stand.change(now, SitToStand(8, Method.NO_ARMS)) == 3
    assert sit_to_stand.change(now, None) is None


@pytest.mark.parametrize("rises", [-1, 61, 8.5, NAN])
def test_an_impossible_count_of_rises_is_refused(rises: float) -> None:
    with pytest.raises(ScoreError):
        sit_to_stand.test(rises, Method.NO_ARMS)


MODERATE = Acute(breathlessness=5, respiration_rate=24, heart_rate=95, spo2=95, crp_mg_l=3)


def test_three_of_five_signs_make_a_moderate_exacerbation() -> None:
    assert exacerbation.rome(MODERATE) == "moderate"
    assert exacerbation.rome(Acute(breathlessness=5, spo2=91.9, crp_mg_l=10)) == "moderate"
    assert exacerbation.rome(Acute(breathlessness=5, spo2_fall=3.1, crp_mg_l=10)) == "moderate"


def test_acidosis_with_retained_carbon_dioxide_is_severe() -> None:
    assert exacerbation.rome(Acute(paco2_mmhg=45.1, ph=7.34)) == "severe"
    assert exacerbation.rome(Acute(paco2_mmhg=45, ph=7.34)) is None


def test_what_was_not_measured_is_not_normal() -> None:
    assert exacerbation.rome(Acute(breathlessness=2, respiration_rate=18)) is None
    known = Acute(breathlessness=2, respiration_rate=18, heart_rate=80)
    assert exacerbation.rome(known) == "mild"
    # Of the saturation alone it is not known whether it has fallen.
    two = Acute(breathlessness=5, respiration_rate=24, heart_rate=80, spo2=95, crp_mg_l=1)
    assert exacerbation.rome(two) is None


@pytest.mark.parametrize(
    ("majors", "minor", "said"),
    [
        ((1, 1, 1), 0, 1),
        ((1, 1, 0), 0, 2),
        ((0, 1, 0), 1, 3),
        ((0, 1, 0), 0, None),
        ((0, 0, 0), 1, None),
    ],
)
def test_anthonisens_types_count_the_major_signs(
    majors: tuple[int, ...], minor: int, said: int | None
) -> None:
    found = exacerbation.anthonisen(
        more_breathless=bool(majors[0]),
        more_sputum=bool(majors[1]),
        purulent=bool(majors[2]),
        minor_sign=bool(minor),
    )
    assert found == said


@settings(deadline=None)
@given(st.integers(-10_000, 10_000), st.sampled_from([1, 10]))
def test_halves_are_rounded_upwards_whatever_binary_makes_of_them(half: int, steps: int) -> None:
    value = (half + 0.5) / steps
    assert half_up(np.array([value]), steps)[0] == half + 1
