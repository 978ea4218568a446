"""The chart: well-formed, within its frame, and honest about gaps."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinician_api.axes import day_ticks, gap_limit, value_axis
from clinician_api.charts import NARROW, WIDE, Chart, LimitSpan, Point, draw, runs
from clinician_api.words import COPENHAGEN
from telekol.severity import Severity

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=30)
SVG = "{http://www.w3.org/2000/svg}"

values = st.floats(allow_nan=False, allow_infinity=False)
moments = st.integers(-5 * 86400, 40 * 86400).map(lambda s: START + timedelta(seconds=s))
points = st.builds(Point, moments, values, st.sampled_from([None, *Severity]))
limits = st.builds(
    LimitSpan,
    st.just(START),
    st.just(END),
    st.none() | values,
    st.none() | values,
    st.none() | values,
    st.none() | values,
)


def chart(given_points, given_limits=(), title="Iltmætning", label="93 %"):
    return Chart(
        key="chart-spo2",
        title=title,
        description="en <beskrivelse> & mere",
        start=START,
        end=END,
        points=given_points,
        limits=given_limits,
        least_span=10.0,
        number=lambda value: f"{value:.0f}",
        date=lambda moment: f"{moment:%d}",
        point_label=lambda _point: label,
    )


def parse(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own output


def coordinates(svg: str) -> list[tuple[float, float]]:
    """Every place that something is drawn at."""
    found = []
    for element in parse(svg).iter():
        a = element.attrib
        if "transform" in a:
            moved = re.fullmatch(r"translate\((\S+) (\S+)\)", a["transform"])
            assert moved is not None
            found.append((float(moved[1]), float(moved[2])))
        if "points" in a:
            pairs = (pair.split(",") for pair in a["points"].split())
            found += [(float(x), float(y)) for x, y in pairs]
        if element.tag.endswith("line") and "x1" in a:
            found += [(float(a["x1"]), float(a["y1"])), (float(a["x2"]), float(a["y2"]))]
        if element.tag.endswith("rect"):
            x, y, width, height = (float(a[name]) for name in ("x", "y", "width", "height"))
            assert width >= 0
            assert height >= 0
            found += [(x, y), (x + width, y + height)]
        if element.tag.endswith("text"):
            found.append((float(a["x"]), float(a["y"])))
    return found


@given(st.lists(points, min_size=1, max_size=30), st.lists(limits, max_size=2))
def test_any_finite_values_are_drawn_inside_the_frame(some_points, some_limits):
    for size in (WIDE, NARROW):
        for x, y in coordinates(draw(chart(some_points, some_limits), size)):
            assert 0 <= x <= size.width
            assert 0 <= y <= size.height


@given(values, st.integers(1, 5))
def test_one_value_again_and_again(value, count):
    same = [Point(START + timedelta(days=n), value, None) for n in range(count)]
    places = coordinates(draw(chart(same)))
    assert places


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="finite"):
        draw(chart([Point(START, 90.0, None), Point(START, value, None)]))
    with pytest.raises(ValueError, match="finite"):
        draw(chart([Point(START, 90.0, None)], [LimitSpan(START, END, red_low=value)]))


def test_no_point_or_no_time_is_refused():
    with pytest.raises(ValueError, match="at least one point"):
        draw(chart([]))
    empty = chart([Point(START, 90.0, None)])
    with pytest.raises(ValueError, match="end after start"):
        draw(Chart(**{**{name: getattr(empty, name) for name in empty.__slots__}, "end": START}))


def test_what_the_caller_wrote_is_escaped():
    svg = draw(chart([Point(START, 90.0, None)], title="<script>&", label='"<b>'))
    titles = [element.text for element in parse(svg).iter() if element.tag.endswith("title")]
    assert titles == ["<script>&", '"<b>']


def test_it_is_named_and_described_for_those_who_hear_it():
    root = parse(draw(chart([Point(START, 90.0, None)])))
    assert root.attrib["role"] == "img"
    named = root.attrib["aria-labelledby"].split()
    assert [root.findtext(f"*[@id='{name}']") for name in named] == [
        "Iltmætning",
        "en <beskrivelse> & mere",
    ]


def test_severity_is_a_shape_of_its_own():
    every = [Point(START, 90.0, severity) for severity in Severity]
    paths = {
        element.attrib["class"]: element.attrib["d"]
        for element in parse(draw(chart(every))).iter()
        if "mark" in element.attrib.get("class", "")
    }
    assert len(set(paths.values())) == len(Severity)


def test_the_worst_is_drawn_last():
    svg = draw(chart([Point(START, 84.0, Severity.RED), Point(START, 84.0, Severity.GREEN)]))
    assert svg.index("mark green") < svg.index("mark red")


def test_a_limit_of_zero_is_a_limit():
    svg = draw(chart([Point(START, 1.0, None)], [LimitSpan(START, END, red_low=0.0)]))
    assert 'class="limit red"' in svg


def test_points_are_not_joined_over_a_gap():
    days = [0, 1, 2, 3, 4, 11, 12, 13]
    found = runs([Point(START + timedelta(days=day), 92.0, None) for day in days])
    assert [len(run) for run in found] == [5, 3]


def test_a_weekly_rhythm_has_no_gaps_and_a_missed_month_is_one():
    weekly = [START + timedelta(weeks=n) for n in range(5)]
    later = [START + timedelta(weeks=9 + n) for n in range(3)]
    found = runs([Point(at, 92.0, None) for at in weekly + later])
    assert [len(run) for run in found] == [5, 3]


def test_two_readings_a_minute_apart_do_not_set_the_rhythm():
    twice = [START + timedelta(days=n, minutes=m) for n in range(0, 28, 7) for m in (0, 1)]
    assert gap_limit(twice) >= timedelta(days=7)


def test_ticks_stand_at_danish_midnight_across_the_change_of_clock():
    start = datetime(2026, 3, 26, 12, tzinfo=UTC)
    ticks = day_ticks(start, start + timedelta(days=7), COPENHAGEN)
    assert [tick.astimezone(UTC).hour for tick in ticks] == [23, 23, 23, 22, 22, 22, 22]


@pytest.mark.parametrize(("days", "count"), [(7, 7), (30, 4), (90, 6)])
def test_ticks_are_few_and_on_mondays_when_days_apart(days, count):
    ticks = day_ticks(END - timedelta(days=days), END, COPENHAGEN)
    assert len(ticks) in {count, count + 1}
    if days > 7:
        assert {tick.weekday() for tick in ticks} == {0}


@given(st.lists(values, min_size=1))
def test_an_axis_holds_its_values_and_few_ticks(some):
    axis = value_axis(some, 1.0)
    assert all(0 <= axis.part(value) <= 1 for value in some)
    assert len(axis.ticks()) <= 7


def test_axis_ticks_are_round():
    assert value_axis([84, 95], 10).ticks() == [85, 90, 95]
