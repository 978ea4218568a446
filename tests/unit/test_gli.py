"""Spirometry reference values: the printed anchors, two packages as oracle, and slow arithmetic."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.scores import gli
from alerts.scores.checks import ScoreError
from alerts.scores.gli import Measure, People, Reference, Sex

ORACLE = Path(__file__).resolve().parents[1] / "support/gli_oracle.csv"

# Man of 65 years, 175 cm: measured, then predicted, percent, z, LLN as printed in clinical.md, 3.3.
ANCHORS = [
    (Reference.GLI_2012, Measure.FEV1, "3.28275", "36.55", "-3.7432", "2.4247"),
    (Reference.GLI_2012, Measure.FVC, "4.27825", "65.45", "-2.3050", "3.2199"),
    (Reference.GLI_2012, Measure.FEV1_FVC, "0.76914", "55.72", "-3.8341", "0.6420"),
    (Reference.GLI_GLOBAL, Measure.FEV1, "3.09766", "38.74", "-3.6146", "2.2813"),
    (Reference.GLI_GLOBAL, Measure.FVC, "4.02230", "69.61", "-1.9887", "3.0091"),
    (Reference.GLI_GLOBAL, Measure.FEV1_FVC, "0.77548", "55.27", "-3.5716", "0.6490"),
]

# clinical.md, 3.3, printed there from the publications: a0 a1 a2 p0 p1 q0 q1.
PRINTED = {
    (Reference.GLI_GLOBAL, Measure.FEV1, Sex.MALE): (
        "-11.399108 2.462664 -0.011394 -2.256278 0.080729 1.22703 0"
    ),
    (Reference.GLI_GLOBAL, Measure.FVC, Sex.MALE): (
        "-12.629131 2.727421 0.009174 -2.195595 0.068466 0.9346 0"
    ),
    (Reference.GLI_GLOBAL, Measure.FEV1_FVC, Sex.MALE): (
        "1.022608 -0.218592 -0.027586 -2.882025 0.068889 3.8243 -0.3328"
    ),
    (Reference.GLI_GLOBAL, Measure.FEV1, Sex.FEMALE): (
        "-10.901689 2.385928 -0.076386 -2.364047 0.129402 1.21388 0"
    ),
    (Reference.GLI_GLOBAL, Measure.FVC, Sex.FEMALE): (
        "-12.055901 2.621579 -0.035975 -2.310148 0.120428 0.899 0"
    ),
    (Reference.GLI_GLOBAL, Measure.FEV1_FVC, Sex.FEMALE): (
        "0.9189568 -0.1840671 -0.0461306 -3.171582 0.144358 6.649 -0.992"
    ),
    (Reference.GLI_2012, Measure.FEV1, Sex.MALE): (
        "-10.342 2.2196 0.0574 -2.3268 0.0798 0.8866 0.085"
    ),
    (Reference.GLI_2012, Measure.FVC, Sex.MALE): "-11.2281 2.4135 0.0865 -2.2963 0.0718 0.9481 0",
    (Reference.GLI_2012, Measure.FEV1, Sex.FEMALE): "-9.6987 2.1211 -0.027 -2.3765 0.0972 1.154 0",
    (Reference.GLI_2012, Measure.FVC, Sex.FEMALE): "-10.403 2.2633 0.0234 -2.3549 0.1017 0.8236 0",
}


def _oracle() -> list[dict[str, str]]:
    lines = ORACLE.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(lines[1:]))


def _tables(reference: Reference, kind: str) -> list[dict[str, str]]:
    file = Path(gli.__file__).parent / "tables" / f"{reference.replace('-', '_')}_{kind}.csv"
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()[1:]))


@pytest.mark.parametrize(("reference", "measure", "predicted", "percent", "z", "lln"), ANCHORS)
def test_a_man_of_65_years_and_175_cm_has_the_printed_values(
    reference: Reference, measure: Measure, predicted: str, percent: str, z: str, lln: str
) -> None:
    found = gli.compare(
        reference, sex=Sex.MALE, age_years=65, height_cm=175, fev1_l=1.20, fvc_l=2.80
    )[measure]
    assert f"{found.predicted:.5f}" == predicted
    assert f"{found.percent:.2f}" == percent
    assert f"{found.z:.4f}" == z
    assert f"{found.lln:.4f}" == lln


@pytest.mark.parametrize("reference", Reference)
def test_two_packages_find_the_same_for_400_people(reference: Reference) -> None:
    rows = [row for row in _oracle() if row["reference"] == reference]
    assert len(rows) == 400
    for row in rows:
        _holds_against_the_packages(reference, row)


def _holds_against_the_packages(reference: Reference, row: dict[str, str]) -> None:
    people = People(
        np.array([row["sex"] == "male"]),
        np.array([float(row["age"])]),
        np.array([float(row["height"])]),
    )
    normal = gli.norm(reference, Measure(row["measure"]), people)
    value = np.array([float(row["value"])])
    assert normal.predicted[0] == pytest.approx(float(row["predicted"]), rel=1e-12), row
    assert normal.z(value)[0] == pytest.approx(float(row["z"]), rel=1e-10, abs=1e-10), row
    assert normal.lower_limit()[0] == pytest.approx(float(row["lln"]), rel=1e-12), row
    # pyspiro rounds percent to two decimals.
    assert normal.percent(value)[0] == pytest.approx(float(row["percent"]), abs=0.00501), row
    if row["spiref_predicted"]:
        assert normal.predicted[0] == pytest.approx(float(row["spiref_predicted"]), rel=1e-9), row
        if row["measure"] != "fev1_fvc":  # spiref knows no L spline, which only the ratio has
            assert normal.lower_limit()[0] == pytest.approx(float(row["spiref_lln"]), rel=1e-9), row


@pytest.mark.parametrize("key", PRINTED, ids="-".join)
def test_the_coefficients_are_the_printed_ones(key: tuple[Reference, Measure, Sex]) -> None:
    reference, measure, sex = key
    (row,) = [
        row
        for row in _tables(reference, "coefficients")
        if (row["measure"], row["sex"]) == (measure, sex)
    ]
    names = ("a0", "a1", "a2", "p0", "p1", "q0", "q1")
    assert [float(row[name]) for name in names] == [float(c) for c in PRINTED[key].split()]


@pytest.mark.parametrize("reference", Reference)
def test_the_splines_cover_3_to_95_years_in_quarters(reference: Reference) -> None:
    ages = [float(row["age"]) for row in _tables(reference, "splines")]
    assert ages == [3 + quarter / 4 for quarter in range(369)]


def _slow(
    reference: Reference, measure: Measure, sex: Sex, age: float, height: float
) -> tuple[float, float, float]:
    """L, M and S, by the formula in the paper, one patient at a time."""
    (c,) = [
        {name: float(value) for name, value in row.items() if name not in ("measure", "sex")}
        for row in _tables(reference, "coefficients")
        if (row["measure"], row["sex"]) == (measure, sex)
    ]
    rows = _tables(reference, "splines")
    below = max(row for row in range(len(rows)) if float(rows[row]["age"]) <= age)
    above = min(below + 1, len(rows) - 1)
    part = (age - float(rows[below]["age"])) / 0.25

    def spline(letter: str) -> float:
        name = f"{measure}_{sex}_{letter}"
        low, high = float(rows[below][name]), float(rows[above][name])
        return low + part * (high - low)

    years = math.log(age)
    skewness = c["q0"] + c["q1"] * years + spline("l")
    median = math.exp(c["a0"] + c["a1"] * math.log(height) + c["a2"] * years + spline("m"))
    return skewness, median, math.exp(c["p0"] + c["p1"] * years + spline("s"))


@settings(deadline=None)
@given(
    st.sampled_from(Reference),
    st.sampled_from(Measure),
    st.lists(
        st.tuples(
            st.sampled_from(Sex),
            st.floats(3, 95, exclude_max=True),
            st.floats(80, 230),
            st.floats(0.05, 9),
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_many_at_once_get_what_each_gets_by_hand(
    reference: Reference, measure: Measure, people: list[tuple[Sex, float, float, float]]
) -> None:
    normal = gli.norm(
        reference,
        measure,
        People(
            np.array([sex is Sex.MALE for sex, *_ in people]),
            np.array([age for _, age, _, _ in people]),
            np.array([height for _, _, height, _ in people]),
        ),
    )
    z = normal.z(np.array([value for *_, value in people]))
    for row, (sex, age, height, value) in enumerate(people):
        skewness, median, spread = _slow(reference, measure, sex, age, height)
        assert normal.predicted[row] == pytest.approx(median, rel=1e-9)
        by_hand = ((value / median) ** skewness - 1) / (skewness * spread)
        assert z[row] == pytest.approx(by_hand, rel=1e-6, abs=1e-9)


@settings(deadline=None)
@given(
    st.sampled_from(Reference),
    st.sampled_from(Measure),
    st.sampled_from(Sex),
    st.floats(3, 95),
    st.floats(80, 230),
)
def test_who_blows_the_lower_limit_has_the_z_of_the_fifth_percentile(
    reference: Reference, measure: Measure, sex: Sex, age: float, height: float
) -> None:
    people = People(np.array([sex is Sex.MALE]), np.array([age]), np.array([height]))
    normal = gli.norm(reference, measure, people)
    assert normal.z(normal.lower_limit())[0] == pytest.approx(-1.645, abs=1e-9)
    assert normal.z(normal.predicted)[0] == pytest.approx(0, abs=1e-9)
    assert normal.percent(normal.predicted)[0] == pytest.approx(100)


@pytest.mark.parametrize(
    ("age", "height", "said"),
    [
        (2.99, 100, "3 to 95 years"),
        (95.01, 170, "3 to 95 years"),
        (65, 1.75, "80 to 230 cm"),
        (65, 231, "80 to 230 cm"),
        (math.nan, 170, "3 to 95 years"),
    ],
)
def test_out_of_range_is_an_error_that_says_the_range(age: float, height: float, said: str) -> None:
    with pytest.raises(ScoreError, match=said):
        gli.compare(
            Reference.GLI_2012, sex=Sex.FEMALE, age_years=age, height_cm=height, fev1_l=1, fvc_l=2
        )


def test_in_a_sweep_who_is_out_of_range_has_no_value_and_the_others_have() -> None:
    people = People(
        np.array([True, True, False, True]),
        np.array([65, 96, math.nan, 65]),
        np.array([175, 175, 170, 1.75]),
    )
    predicted = gli.norm(Reference.GLI_2012, Measure.FEV1, people).predicted
    assert np.isfinite(predicted).tolist() == [True, False, False, False]


def test_both_ends_of_the_ages_have_values() -> None:
    for age in (3, 95):
        found = gli.compare(
            Reference.GLI_GLOBAL, sex=Sex.FEMALE, age_years=age, height_cm=100, fev1_l=1, fvc_l=1
        )
        assert math.isfinite(found[Measure.FVC].z)


def test_an_fev1_above_the_fvc_is_refused() -> None:
    with pytest.raises(ScoreError, match="FEV6"):
        gli.compare(
            Reference.GLI_2012, sex=Sex.MALE, age_years=65, height_cm=175, fev1_l=3, fvc_l=2.9
        )


def test_fev6_is_never_fvc() -> None:
    assert [str(measure) for measure in Measure] == ["fev1", "fvc", "fev1_fvc"]
