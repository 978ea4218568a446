"""``telekol score``: JSON out, and status 2 with a sentence for what is missing or impossible."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alerts.score_commands import app
from telekol.errors import TelekolError

NEWS2 = (
    "news2 --respiration-rate 22 --spo2 90 --spo2-scale 2 --oxygen --systolic 118 --pulse 104 "
    "--consciousness a --temperature 38.2"
)
SPIROMETRY = "spirometry --sex male --age 65 --height 175 --fev1 1.20 --fvc 2.80"


def _run(words: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, words.split(), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _refused(words: str) -> str:
    """What is said; our own errors end the process with 2 in `telekol.cli.main`, typer's here."""
    try:
        done = CliRunner().invoke(app, words.split(), catch_exceptions=False)
    except TelekolError as error:
        return str(error)
    assert done.exit_code == 2, done.output
    # Typer draws a box around it and breaks the lines.
    return re.sub(r"[\s│]+", " ", done.output)


def test_news2_prints_score_points_and_band() -> None:
    found = _run(NEWS2)
    assert (found["score"], found["band"], found["spo2_scale"]) == (6, "medium", 2)
    assert found["points"] == {
        "respiration_rate": 2,
        "spo2": 0,
        "oxygen": 2,
        "systolic": 0,
        "pulse": 1,
        "consciousness": 0,
        "temperature": 1,
    }


def test_scale_2_holds_only_where_it_is_stated() -> None:
    assert _run(NEWS2.replace("--spo2-scale 2", ""))["points"]["spo2"] == 3


def test_news2_without_respiration_and_consciousness_names_them_and_prints_no_score() -> None:
    said = _refused("news2 --spo2 95 --air --systolic 118 --pulse 104 --temperature 37")
    assert "missing: respiration_rate, consciousness" in said


def test_spirometry_prints_the_anchor_by_name_and_by_quantity() -> None:
    found = _run(f"{SPIROMETRY} --reference gli-2012")
    assert round(found["predicted"]["fev1"], 5) == 3.28275
    assert round(found["percent"]["fvc"], 2) == 65.45
    assert round(found["z"]["fev1_fvc"], 4) == -3.8341
    assert round(found["lln"]["fev1"], 4) == 2.4247
    for quantity in ("fev1", "fvc", "fev1_fvc"):
        for name in ("measured", "predicted", "percent", "z", "lln", "severity"):
            assert found[name][quantity] == found[quantity][name]
    assert found["severity"] == {"fev1": "moderate", "fvc": "mild", "fev1_fvc": "moderate"}
    assert found["pattern"] == "obstruction-possibly-mixed"


def test_the_newer_equations_hold_unless_the_older_are_asked_for() -> None:
    assert _run(SPIROMETRY)["reference"] == "gli-global"
    assert round(_run(SPIROMETRY)["z"]["fev1"], 4) == -3.6146


def test_a_cat_is_held_against_the_one_before() -> None:
    found = _run("cat --items 3,2,4,4,3,1,2,3 --previous 19")
    assert (found["score"], found["band"]) == (22, "high")
    assert (found["change"], found["change_is"]) == (3, "worse")


def test_cat_items_may_be_named_and_two_left_out() -> None:
    named = "cat --cough 3 --phlegm 2 --chest 4 --hills-and-stairs 4 --activities 3 --energy 3"
    listed = _run("cat --items 3,2,4,4,3,-,-,3")
    assert _run(named) == listed
    assert listed["missing"] == ["leaving_home", "sleep"]
    assert listed["score"] == 25  # 19 of six


def test_mmrc_is_converted_from_mrc_by_name_only() -> None:
    assert _run("mmrc --grade 2") == _run("mmrc --mrc 3")
    assert _run("mmrc --mrc 5")["score"] == 4
    assert "MRC scale (1-5)" in _refused("mmrc --grade 5")
    assert "counted from 0 and from 1" in _refused("mmrc --grade 2 --mrc 3")


def test_bode_takes_either_scale_of_dyspnoea() -> None:
    found = _run("bode --bmi 20.5 --fev1-percent 42 --mmrc 3 --walk 240")
    assert found["score"] == 1 + 2 + 2 + 2
    assert found["band"] == "quartile-4"
    assert _run("bode --bmi 20.5 --fev1-percent 42 --mrc 4 --walk 240") == found


def test_gold_gives_a_grade_a_group_or_both() -> None:
    both = _run("gold --fev1-percent 42 --fev1-fvc 0.55 --exacerbations 1 --admissions 0 --cat 18")
    assert (both["score"], both["band"], both["group"], both["year"]) == (3, "severe", "E", 2026)
    group = _run("gold --exacerbations 1 --admissions 0 --mrc 2 --year 2023")
    assert (group["score"], group["group"]) == (None, "A")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("news2 --temperature 36,5", "write a point, not a comma"),
        ("news2 --consciousness x", "consciousness"),
        (NEWS2.replace("38.2", "98.6"), "expected Temperature of 20 to 47 °C, found 98.6"),
        (SPIROMETRY.replace("65", "2"), "of 3 to 95 years, found 2"),
        (SPIROMETRY.replace("65", "96"), "of 3 to 95 years, found 96"),
        (SPIROMETRY.replace("175", "1.75"), "height of 80 to 230 cm, found 1.75"),
        (SPIROMETRY.replace("1.20", "120"), "FEV1 of 0.1 to 10 L, found 120"),
        (SPIROMETRY.replace("2.80", "nan"), "expected a number"),
        (SPIROMETRY.replace("--fvc 2.80", ""), "--fvc"),
        (f"{SPIROMETRY} --reference ecsc", "gli-2012"),
        ("cat --items 1,2,3", "expected 8 values"),
        ("cat --items 1,2,3,4,5,0,1,9", "CAT item energy of 0 to 5, found 9"),
        ("cat --cough 3", "missing: phlegm"),
        ("mmrc", "found neither"),
        ("bode --bmi 22", "missing: --fev1-percent, --mmrc, --walk"),
        ("gold --fev1-percent 42", "missing: --fev1-fvc"),
        ("gold", "missing: --fev1-percent, --fev1-fvc, --exacerbations, --admissions"),
        ("gold --exacerbations 0 --admissions 0", "CAT or mMRC"),
        ("gold --exacerbations 0.5 --admissions 0 --cat 3", "whole number"),
        ("gold --exacerbations 0 --admissions 0 --cat 3 --year 2024", "2023, 2026"),
    ],
)
def test_what_is_missing_or_impossible_ends_with_a_sentence(words: str, said: str) -> None:
    assert said in _refused(words)


@pytest.mark.parametrize("name", ["news2", "cat", "mmrc", "bode", "gold", "spirometry"])
def test_the_example_in_each_help_is_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    shown = re.sub(r"\s+", " ", CliRunner().invoke(app, [name, "--help"]).output)
    example = re.search(rf"Example: telekol score ({name} (?:(?!, or)[^╭])*)", shown)
    assert example is not None, shown
    assert _run(example.group(1))["name"] == name


def test_every_score_stands_in_the_documents() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/scores.md").read_text(encoding="utf-8")
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        assert f"| `{name}`" in page
