"""Rule sets from files: what is shipped can be used, and what is wrong is named by its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.families import REGISTRY
from alerts.rulesets import loading
from alerts.rulesets.loading import RuleSetError, load, parsed
from alerts.rulesets.model import RuleSet, overlaid
from tests.support.rule_sets import rule, rule_set

GOOD = """\
name = "ours"
version = 3
title_da = "Vores"
title_en = "Ours"

# a comment
[[rules]]
id = "spo2-low"
family = "absolute-limits"
quantity = "spo2"
[rules.parameters]
red_low = 88

[[rules]]
id = "weight-up"
family = "change-over-days"
quantity = "body_weight"
need = { least_count = 2 }
parameters = { direction = "high", yellow = 2, within_days = 3 }
"""


def _refused(text: str) -> str:
    with pytest.raises(RuleSetError) as caught:
        parsed(text, "ours.toml")
    return str(caught.value)


def test_the_shipped_sets_are_the_two_that_the_documents_name() -> None:
    assert loading.shipped_names() == ["every-family", "kol-standard"]
    assert loading.STANDARD == "kol-standard"


@pytest.mark.parametrize("name", loading.shipped_names())
def test_a_shipped_set_can_be_used_and_is_called_as_its_file(name: str) -> None:
    assert load(name).name == name


def test_every_family_shows_every_family_there_is() -> None:
    assert {rule.family for rule in load("every-family").rules} == set(REGISTRY)


def test_every_rule_of_the_shipped_sets_stands_under_a_comment() -> None:
    for name in loading.shipped_names():
        text = loading.shipped_text(name)
        assert "TEMPLATE. No number here was approved" in text
        lines = text.splitlines()
        first_of_family: set[str] = set()
        for at, line in enumerate(lines):
            if line != "[[rules]]":
                continue
            family = lines[at + 2].split('"')[1]
            if name == "kol-standard" and "lastingly-high" in lines[at + 1]:
                continue  # the comment stands above the pair of pressures
            if family not in first_of_family:
                assert lines[at - 1].startswith("#"), (name, lines[at + 1])
            first_of_family.add(family)


def test_a_file_is_taken_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text("\ufeff" + GOOD, encoding="utf-8")
    found = load(str(file))
    assert (found.name, found.version) == ("ours", 3)
    assert [one.id for one in found.rules] == ["spo2-low", "weight-up"]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('family = "absolute-limits"', 'family = "absolut"', 9, "family: expected one of"),
        ("red_low = 88", "red_lov = 88", 12, "red_lov: Extra inputs are not permitted"),
        ("red_low = 88", 'red_low = "88 %"', 12, "red_low: Input should be a valid number"),
        ("red_low = 88", "red_low = nan", 12, "red_low: Input should be a finite number"),
        ("red_low = 88", "red_low = 91\nyellow_low = 90", 11, "red_low must not lie above"),
        ("red_low = 88", "", 11, "expected at least one of red_low"),
        ('quantity = "spo2"', 'quantity = "sp02"', 10, "quantity: Input should be"),
        ('quantity = "spo2"', "", 7, "quantity is missing"),
        ('quantity = "spo2"', 'quantity = "battery"', 7, "says nothing of a patient"),
        ('id = "weight-up"', 'id = "spo2-low"', 1, "an id of its own, found 'spo2-low' twice"),
        ("least_count = 2", "least_count = 0", 18, "least_count: Input should be greater"),
        ("least_count = 2", "least_count = 33", 14, "most_readings must be at least"),
        ("within_days = 3", "within_days = 0", 19, "within_days: Input should be greater"),
        ("version = 3", "version = 0", 2, "version: Input should be greater"),
        ("version = 3", "", 1, "version: Field required"),
        ('title_da = "Vores"', 'titel = "Vores"', 3, "titel: Extra inputs"),
    ],
)
def test_what_is_wrong_in_a_rule_is_named_by_file_line_and_field(
    old: str, new: str, line: int, says: str
) -> None:
    assert old in GOOD
    said = _refused(GOOD.replace(old, new))
    assert says in said
    assert f"ours.toml, line {line}: " in said


def test_a_rule_is_named_by_its_id() -> None:
    assert "rule 'weight-up', parameters.yellow" in _refused(GOOD.replace("= 2, w", "= -2, w"))


def test_what_is_no_toml_is_named_by_its_line() -> None:
    assert "line 11" in _refused(GOOD.replace("[rules.parameters]", "[rules.parameters"))


def test_of_many_errors_the_first_are_shown_and_the_rest_counted() -> None:
    many = GOOD + "".join(f'\n[[rules]]\nid = "r{at}"\nfamily = "x"\n' for at in range(20))
    said = _refused(many)
    assert said.count("ours.toml, line") == loading.MOST_SHOWN
    assert "more in ours.toml" in said


def test_rules_in_one_inline_array_are_read_too() -> None:
    head, _, _ = GOOD.partition("# a comment")
    inline = '{id="a", family="absolute-limits", quantity="spo2", parameters={red_low=88}}'
    assert len(parsed(f"{head}rules = [{inline}]", "ours.toml").rules) == 1
    assert "line 6" in _refused(f"{head}rules = [{inline.replace('88', '-1e999')}]")


def test_a_name_that_is_neither_shipped_nor_a_file_lists_what_is_shipped() -> None:
    with pytest.raises(RuleSetError, match=r"every-family, kol-standard.*or a file; found 'kol'"):
        load("kol")


def test_a_folder_or_a_file_in_another_encoding_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(RuleSetError, match="cannot be read"):
        load(str(tmp_path))
    (tmp_path / "latin.toml").write_bytes("# læge".encode("latin-1"))
    with pytest.raises(RuleSetError, match="expected UTF-8"):
        load(str(tmp_path / "latin.toml"))


def test_a_fingerprint_changes_with_every_number_and_not_with_a_title() -> None:
    whole = parsed(GOOD, "ours.toml")
    assert parsed(GOOD.replace("Vores", "Vort"), "ours.toml").fingerprint == whole.fingerprint
    assert parsed(GOOD.replace("88", "88.0"), "ours.toml").fingerprint == whole.fingerprint
    changed = [("88", "87"), ("version = 3", "version = 4"), ("least_count = 2", "least_count = 3")]
    for old, new in changed:
        assert parsed(GOOD.replace(old, new), "ours.toml").fingerprint != whole.fingerprint


def test_a_set_survives_being_stored_as_json() -> None:
    for name in loading.shipped_names():
        whole = load(name)
        assert RuleSet.model_validate_json(whole.model_dump_json()) == whole


# ---- A patient's own numbers ---------------------------------------------------------------------


def test_a_patients_own_limit_takes_the_place_of_the_programmes() -> None:
    rules = rule_set(rule("absolute-limits", red_low=88, yellow_low=90))
    own = overlaid(rules, {"absolute-limits": {"red_low": 84, "yellow_low": None}})
    assert own.rules[0].parameters.model_dump() == {
        "red_low": 84,
        "yellow_low": None,
        "yellow_high": None,
        "red_high": None,
    }
    assert own.fingerprint != rules.fingerprint
    assert overlaid(rules, {}) == rules


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ({"other": {"red_low": 84}}, "expected a rule of tested, found 'other'"),
        ({"absolute-limits": {"red": 84}}, "found 'red'"),
        ({"absolute-limits": {"red_low": 95}}, "red_low must not lie above yellow_low"),
        ({"absolute-limits": {"red_low": float("nan")}}, "finite"),
    ],
)
def test_an_own_number_that_cannot_be_is_refused(
    own: dict[str, dict[str, float | None]], says: str
) -> None:
    rules = rule_set(rule("absolute-limits", red_low=88, yellow_low=90))
    with pytest.raises(ValueError, match=says):
        overlaid(rules, own)
