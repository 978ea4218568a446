"""The grade of a spirometry session, by ATS/ERS 2019."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement

import pytest

from alerts.scores import session
from alerts.scores.session import Blow, Use

GOOD = Blow(fev1_l=1.2, fvc_l=2.8, back_extrapolated_l=0.05, ended_properly=True)


def _blows(*millilitres: int) -> list[Blow]:
    return [replace(GOOD, fev1_l=ml / 1000, fvc_l=(ml + 1000) / 1000) for ml in millilitres]


@pytest.mark.parametrize(
    ("millilitres", "grade"),
    [
        ((1200, 1100, 1050), "A"),
        ((3150, 3000, 1000), "A"),  # 0.15000000000000036 L apart in binary
        ((1200, 1050), "B"),
        ((1200, 1049), "C"),
        ((1200, 1000, 990), "C"),
        ((1200, 999, 990), "D"),
        ((1200, 950), "D"),
        ((1200, 949, 900), "E"),
        ((1200,), "E"),
        ((), "F"),
    ],
)
def test_blows_that_repeat_make_the_grade(millilitres: tuple[int, ...], grade: str) -> None:
    found = session.grade(_blows(*millilitres), 65)
    assert (found.fev1_grade, found.fvc_grade) == (grade, grade)


@pytest.mark.parametrize(
    ("millilitres", "grade"),
    [((900, 800, 700), "A"), ((900, 750), "C"), ((900, 700), "D"), ((900, 699), "E")],
)
def test_a_child_is_held_to_less(millilitres: tuple[int, ...], grade: str) -> None:
    assert session.grade(_blows(*millilitres), 6).fev1_grade == grade


def test_a_child_with_large_lungs_is_held_to_a_part_of_them() -> None:
    # 10 % of 1.5 L is 0.150 L; an adult of the same blows would have the same, no child of 1.0 L.
    assert session.grade(_blows(1500, 1350), 6).fev1_grade == "B"


def test_every_order_of_blows_makes_the_same_grade() -> None:
    for millilitres in combinations_with_replacement((1000, 1100, 1160, 1300), 3):
        forth = session.grade(_blows(*millilitres), 65)
        assert forth == session.grade(_blows(*reversed(millilitres)), 65)


@pytest.mark.parametrize(
    ("fault", "fev1", "fvc"),
    [
        ({}, Use.ACCEPTABLE, Use.ACCEPTABLE),
        ({"back_extrapolated_l": 0.141}, Use.NEITHER, Use.NEITHER),  # 5 % of 2.8 L is 0.140
        ({"back_extrapolated_l": 0.139}, Use.ACCEPTABLE, Use.ACCEPTABLE),
        ({"fvc_l": 1.5, "back_extrapolated_l": 0.1}, Use.ACCEPTABLE, Use.ACCEPTABLE),
        ({"zero_faulty": True}, Use.NEITHER, Use.NEITHER),
        ({"glottis_closed_first_second": True}, Use.NEITHER, Use.NEITHER),
        ({"cough_first_second": True}, Use.NEITHER, Use.ACCEPTABLE),
        ({"glottis_closed_later": True}, Use.ACCEPTABLE, Use.USABLE),
        ({"ended_properly": False}, Use.ACCEPTABLE, Use.USABLE),
        ({"obstructed": True}, Use.USABLE, Use.USABLE),
        ({"leak": True}, Use.USABLE, Use.USABLE),
        ({"inspired_over_l": 0.141}, Use.USABLE, Use.USABLE),
        ({"inspired_over_l": 0.139}, Use.ACCEPTABLE, Use.ACCEPTABLE),
    ],
)
def test_a_fault_costs_what_the_table_says(fault: dict[str, float], fev1: Use, fvc: Use) -> None:
    blow = replace(GOOD, **fault)  # type: ignore[arg-type] # a table of many kinds
    assert (session.use_for_fev1(blow), session.use_for_fvc(blow)) == (fev1, fvc)


def test_who_coughs_at_first_has_a_graded_fvc_and_no_fev1() -> None:
    coughed = [replace(blow, cough_first_second=True) for blow in _blows(1200, 1150, 1100)]
    found = session.grade(coughed, 65)
    assert (found.fev1_grade, found.fev1_l) == ("F", None)
    assert (found.fvc_grade, found.fvc_l) == ("A", 2.2)


def test_a_session_of_usable_blows_alone_is_u_and_reports_the_largest() -> None:
    leaked = [replace(blow, leak=True) for blow in _blows(1200, 1150)]
    found = session.grade(leaked, 65)
    assert (found.fev1_grade, found.fev1_l) == ("U", 1.2)


def test_the_largest_values_may_be_of_different_blows() -> None:
    first = replace(GOOD, fev1_l=1.3, fvc_l=2.6)
    second = replace(GOOD, fev1_l=1.2, fvc_l=2.8)
    found = session.grade([first, second], 65)
    assert (found.fev1_l, found.fvc_l) == (1.3, 2.8)
