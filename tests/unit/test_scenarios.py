"""Stories: what a file may hold, how a mistake is said, and what a story unfolds into."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from device_sim import faults
from device_sim.cohort import COLUMNS
from device_sim.commands import app
from device_sim.errors import ScenarioError
from device_sim.fleet import emitting
from device_sim.pace import Pace, fit, midnight
from device_sim.physiology.habits import Cadence
from device_sim.physiology.profile import TYPES
from device_sim.scenario import files
from device_sim.scenario.faults import ON_THE_WIRE, OnTheWire
from device_sim.scenario.model import ILLNESSES, Scenario
from device_sim.scenario.stage import check
from device_sim.scenario.timeline import Happening, What, unfold
from telekol.observation import TimeConfidence

MONDAY = date(2026, 1, 5)
HEAD = """\
title_da = "Prøve"
title_en = "A test"
text_da = "Prøve."
text_en = "A test."
days = 10
"""
HOME = """
[[homes]]
[[homes.patients]]
type = "steady"
"""


def _story(more: str = "", home: str = HOME, head: str = HEAD) -> Scenario:
    return files.parse(head + home + more)


def _told(story: Scenario, first_day: date = MONDAY) -> list[Happening]:
    return unfold(story, story.start or first_day)


def _measured(told: list[Happening], device: str) -> list[Happening]:
    return [each for each in told if each.what is What.MEASURED and each.device == device]


# ------------------------------------------------------------------------------- the gallery


def test_the_gallery_is_large_enough() -> None:
    assert len(files.names()) >= 12


@pytest.mark.parametrize("name", files.names())
def test_every_story_of_the_gallery_unfolds_and_can_be_played(name: str) -> None:
    story = files.load(name)
    assert all(len(text) > 60 for text in (story.text_da, story.text_en))
    told = _told(story)
    assert told == sorted(told, key=lambda each: each.at)
    assert any(each.what is What.MEASURED for each in told)
    assert all(each.at.utcoffset() == timedelta() for each in told)
    end = midnight(story.start or MONDAY) + timedelta(days=story.days, hours=2)
    assert all(each.at < end for each in told if each.what is What.MEASURED)
    check(story, has_broker=True)  # with radio homes
    emitting.check(told)  # and with a fleet
    assert emitting.readings([each for each in told if each.home == told[0].home])
    assert _told(story) == told


def test_stories_come_to_what_they_say() -> None:
    def usual(name: str, device: str, quantity: str) -> list[Decimal]:
        return [each.values[quantity] for each in _measured(_told(files.load(name)), device)]

    weights = usual("fluid", "scale", "body_weight")
    assert max(weights) - weights[0] >= 3
    lost = usual("cachexia", "scale", "body_weight")
    assert median(lost[:5]) - median(lost[-5:]) >= Decimal("1.5")
    assert max(usual("low-but-usual", "oximeter", "spo2")) <= 90
    oxygen = usual("too-much-oxygen", "oximeter", "spo2")
    assert max(oxygen) >= 95
    assert max(oxygen[:8]) <= 93
    assert min(usual("grandchild", "scale", "body_weight")) == Decimal("22.4")
    twice = _measured(_told(files.load("two-in-a-home")), "scale")
    assert {each.patient for each in twice} == {1, 2}
    away = [each.at.day for each in _measured(_told(files.load("holiday")), "oximeter")]
    assert not set(away) & set(range(12, 19))


def test_the_night_the_clock_goes_back_is_lived_twice() -> None:
    told = _measured(_told(files.load("october-night")), "oximeter")
    night = [each.at for each in told if each.at.date() == date(2025, 10, 26)][:2]
    assert night == [
        datetime(2025, 10, 26, 0, 30, tzinfo=UTC),
        datetime(2025, 10, 26, 1, 30, tzinfo=UTC),
    ]


def test_the_table_of_faults_is_whole() -> None:
    assert set(ON_THE_WIRE) == set(faults.FAULTS)


# ------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("more", "line", "said"),
    [
        ('[[homes.patients.events]]\nkind = "cough"\nwhen = "day 2"', 11, "exacerbation"),
        ('[[homes.patients.events]]\nkind = "fluid"\nwhen = "tuesday"', 12, '"day 3 08:30"'),
        ('[[homes.patients.events]]\nkind = "fluid"\nwhen = "day 0"', 12, '"day 3"'),
        ('[[homes.faults]]\nname = "gremlins"\ndevice = "scale"\nfrom = "day 2"', 11, "clock-1970"),
        (
            '[[homes.faults]]\nname = "silent"\ndevice = "cuff"\nfrom = "day 2"',
            7,
            "oximeter, scale",
        ),
        ('[[homes.outages]]\nof = "internet"\nfrom = "day 5"\nto = "day 4"', 10, "after `from`"),
        ('[[homes.outages]]\nof = "water"\nfrom = "day 5"\nto = "day 6"', 11, "'power'"),
        ('[[homes.patients.events]]\nkind = "holiday"\nwhen = "day 5"', 10, "until"),
        ('[[homes.patients.events]]\nkind = "fluid"\nwhen = "day 11"', 1, "raise `days`"),
        ("[[homes]]\n[[homes.patients]]\nlevels = { spo3 = 90 }", 12, "spo2_pct"),
        ("[[homes]]\ncolour = 3\n[[homes.patients]]", 11, "a field that exists"),
        ('[[homes]]\ndevices = ["toaster"]\n[[homes.patients]]', 11, "thermometer"),
        ('[[homes.patients.events]]\nkind = "measure"\nwhen = "day 2"', 10, "device"),
        (
            (
                '[[homes.patients.events]]\nkind = "measure"\nwhen = "day 2"\ndevice = "scale"\n'
                "values = { spo2 = 90 }"
            ),
            10,
            "body_weight",
        ),
    ],
)
def test_a_mistake_is_said_with_its_line(more: str, line: int, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        _story(more)
    assert f"line {line}:" in str(caught.value)
    assert said in str(caught.value)


def test_what_is_no_toml_or_no_file_is_said() -> None:
    with pytest.raises(ScenarioError, match=r"not TOML.*line 2"):
        files.parse("days = 3\nhomes = = 4\n")
    with pytest.raises(ScenarioError, match="sudden-fall"):
        files.load("no-such-story")


@given(st.text(max_size=200))
def test_any_text_is_a_story_or_one_kind_of_error(text: str) -> None:
    try:
        files.parse(text)
    except ScenarioError:
        return
    pytest.fail("a random text should not be a story")


def test_radio_homes_refuse_what_they_cannot_play() -> None:
    with pytest.raises(ScenarioError, match="--broker"):
        check(files.load("internet-away"), has_broker=False)
    off = '[[homes.faults]]\nname = "finger-off"\ndevice = "scale"\nfrom = "day 2"'
    with pytest.raises(ScenarioError, match="a fault that a scale can have"):
        check(_story(off), has_broker=True)


def test_a_make_measures_like_its_kind() -> None:
    home = '\n[[homes]]\ndevices = ["nonin-3230", "and-cuff", "vitalograph"]\n[[homes.patients]]\n'
    told = _told(_story(home=home))
    assert set(_measured(told, "nonin-3230")[0].values) == {"spo2", "pulse_rate"}
    assert set(_measured(told, "and-cuff")[0].values) == {"systolic_bp", "diastolic_bp"}
    assert "fev1" in _measured(told, "vitalograph")[0].values
    assert len(emitting.readings(told)) == 70


def test_a_fleet_refuses_what_lies_in_bytes() -> None:
    cut = '[[homes.faults]]\nname = "truncated"\ndevice = "scale"\nfrom = "day 2"'
    with pytest.raises(ScenarioError, match="telekol sim run"):
        emitting.check(_told(_story(cut)))


# ------------------------------------------------------------------------------- the pace

_NOW = datetime(2026, 3, 14, 11, tzinfo=UTC)


@given(days=st.integers(1, 400), speed=st.floats(0.5, 1e6), hours=st.floats(0, 24))
def test_no_story_overtakes_the_clock(days: int, speed: float, hours: float) -> None:
    pace = fit(_NOW, days, speed)
    at = pace.start + timedelta(days=days - 1, hours=hours)
    assert pace.real(at) >= at
    assert pace.real(at) >= _NOW
    if pace.caught_up is not None:
        assert abs(pace.real(pace.caught_up) - pace.caught_up) < timedelta(seconds=1)


def test_the_last_day_is_today_and_the_future_is_refused() -> None:
    assert fit(_NOW, 10, 3600).first_day == date(2026, 3, 5)
    with pytest.raises(ScenarioError, match="future"):
        fit(_NOW, 10, 3600, date(2026, 3, 15))
    with pytest.raises(ScenarioError, match="above 0"):
        fit(_NOW, 10, 0)
    slow = Pace(midnight(MONDAY), _NOW, 1)
    assert slow.caught_up is None
    assert slow.real(slow.start + timedelta(hours=1)) == _NOW + timedelta(hours=1)


# --------------------------------------------------------------------- faults on the wire


def _fault(name: str, device: str = "oximeter", more: str = "", to: str = 'to = "day 6"') -> str:
    return f'[[homes.faults]]\nname = "{name}"\ndevice = "{device}"\nfrom = "day 4"\n{to}\n{more}\n'


def _readings(more: str) -> list[emitting.Reading]:
    return emitting.readings(_told(_story(more)))


PLAIN = _readings("")


def test_without_faults_a_reading_is_there_at_once_and_rightly_dated() -> None:
    assert len(PLAIN) == 30
    for each in PLAIN:
        made = each.observation("gateway-0001")
        assert made.measured_at == each.at
        assert made.received_at - made.measured_at == emitting.READ_AFTER
        assert made.device_time is not None


@pytest.mark.parametrize("name", [n for n, e in ON_THE_WIRE.items() if e is OnTheWire.OTHER_CLOCK])
def test_a_wrong_clock_moves_the_device_time_alone(name: str) -> None:
    found = _readings(_fault(name))
    assert [each.at for each in found] == [each.at for each in PLAIN]
    wrong = [
        each
        for each, plain in zip(found, PLAIN, strict=True)
        if each.device_time != plain.device_time
    ]
    if name != "clock-drift":
        assert len(wrong) == 4  # two days of saturation and pulse
    for each in wrong:
        made = each.observation("gateway-0001")
        assert made.measured_at == each.at
        assert made.time_confidence is TimeConfidence.CLOCK_CHECKED


def test_other_faults_come_to_what_the_table_says() -> None:
    assert len(_readings(_fault("finger-off"))) == len(PLAIN) - 4
    marked = [each for each in _readings(_fault("weak-signal")) if each.quality]
    assert len(marked) == 4
    held = [
        each
        for each in _readings(_fault("silent"))
        if each.received_at - each.at > timedelta(minutes=1)
    ]
    assert len(held) == 4
    assert {each.received_at for each in held} == {
        midnight(MONDAY + timedelta(days=5)) + emitting.READ_AFTER
    }
    never = [
        each.at.day for each in _readings(_fault("silent", to="")) if each.device == "oximeter"
    ]
    assert max(never) == 7
    no_clock = [each for each in _readings(_fault("clock-never-set")) if each.device_time is None]
    assert {each.observation("g-1").time_confidence for each in no_clock} == {
        TimeConfidence.ARRIVAL
    }
    batteries = [each for each in _readings(_fault("battery-low")) if each.quantity == "battery"]
    assert [each.value for each in batteries] == [4, 4]
    somebody = _readings(_fault("wrong-person", "scale", "parameters = { weight_kg = 31.5 }"))
    assert (
        sorted(each.value for each in somebody if each.device == "scale")[:2]
        == [Decimal("31.5")] * 2
    )


def test_a_repeated_memory_has_the_old_ids() -> None:
    found = [each.observation("gateway-0001") for each in _readings(_fault("repeats-memory"))]
    assert len(found) > len(PLAIN)
    assert {each.id for each in found} == {each.observation("gateway-0001").id for each in PLAIN}


def test_outages_hold_readings_back() -> None:
    cut = '[[homes.outages]]\nof = "{}"\nfrom = "day 3"\nto = "day 5"\n'
    restored = midnight(MONDAY + timedelta(days=4)) + emitting.READ_AFTER
    for what in ("internet", "power"):
        held = [each for each in _readings(cut.format(what)) if each.sendable_at == restored]
        assert len(held) == 6
        assert all((each.received_at == restored) == (what == "power") for each in held)


# ------------------------------------------------------------------------- the command line


def test_a_mistake_within_a_home_is_not_said_of_the_home_as_well() -> None:
    with pytest.raises(ScenarioError) as caught:
        _story(head=HEAD, home='[[homes]]\n[[homes.patients]]\ntype = "stedy"\n')
    (only,) = str(caught.value).splitlines()
    assert "found 'stedy'" in only


def test_no_homes_is_said_in_words() -> None:
    with pytest.raises(ScenarioError, match="homes: expected at least one, found none"):
        files.parse("homes = []\n" + HEAD)


def test_show_checks_a_fault_against_the_table_of_faults(tmp_path: Path) -> None:
    file = tmp_path / "story.toml"
    fault = '[[homes.faults]]\nname = "clock-jump"\ndevice = "scale"\nfrom = "day 2"\n'
    file.write_text(HEAD + HOME + fault + "parameters = { secs = 3 }\n", encoding="utf-8")
    found = CliRunner().invoke(app, ["show", str(file)]).exception
    assert isinstance(found, ScenarioError)
    assert "clock-jump: seconds; found secs" in str(found)


def test_the_command_line_lists_tells_and_checks(tmp_path: Path) -> None:
    runner = CliRunner()
    listed = runner.invoke(app, ["list"])
    assert all(name in listed.output for name in files.names())
    shown = runner.invoke(app, ["show", "sudden-fall", "--timeline"])
    assert "spo2 82, pulse_rate 118 (told)" in shown.output
    helped = runner.invoke(app, ["--help"], env={"COLUMNS": "100"})
    for word in ("--homes", "cohort", "fleet", "run", "list", "show", "device_sim/control.py"):
        assert word in helped.output
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(HEAD, encoding="utf-8")
    assert isinstance(runner.invoke(app, ["show", str(wrong)]).exception, ScenarioError)
    made = runner.invoke(app, ["cohort", "--patients", "1", "--days", "5", "--out", str(tmp_path)])
    assert made.exit_code == 0, made.output
    assert json.loads((tmp_path / "about.json").read_text())["seed"] == 1
    again = runner.invoke(app, ["cohort", "--patients", "1", "--days", "5", "--out", str(tmp_path)])
    assert "Replaces the cohort" in again.output
    assert runner.invoke(app, ["cohort", "--kit", "toaster", "--out", str(tmp_path)]).exception


# ------------------------------------------------------------------------------- the page

_PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")


def test_the_pages_story_is_a_story() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", _PAGE, re.DOTALL)
    assert len(_told(files.parse(example))) > 20


def test_the_page_names_every_column_type_and_kind() -> None:
    for file, columns in COLUMNS.items():
        (row,) = re.findall(rf"^\| `{file}` \|.*$", _PAGE, re.MULTILINE)
        if file == "patients.csv":
            continue
        known = [name for name in columns if name not in {"series", "quantity", "measured_at"}]
        missing = [name for name in known if name not in row and name not in {"value", "date"}]
        assert missing == [], file
    for name in (*TYPES, "random", *ILLNESSES, "holiday", "hospital", "measure", *Cadence):
        assert name in _PAGE, name
