"""docs/rules.md is true of the code: every family, parameter, evidence, need and example."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from alerts import program, told
from alerts.families import REGISTRY
from alerts.families.base import Family
from alerts.reading_table import parsed
from alerts.rules.charts import CUSUM_CHARTS, EWMA_CHARTS
from alerts.rulesets import loading
from telekol.quantities import Quantity
from tests.support.series import every, readings_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
OF_READINGS = [family for family in REGISTRY.values() if family.judge is not None]


def _section(family: str) -> str:
    heading = next(line for line in PAGE.splitlines() if re.match(rf"### .*`{family}`", line))
    return PAGE.split(heading)[1].split("\n#")[0]


@pytest.mark.parametrize("family", OF_READINGS, ids=lambda family: family.name)
def test_every_parameter_of_a_family_is_explained(family: Family) -> None:
    section = _section(family.name)
    for name in family.parameters.model_fields:
        assert f"`{name}`" in section or f"`{name}`" in PAGE.split("## Families")[1].split("#")[0]


def test_all_evidence_is_explained() -> None:
    readings = readings_of({("a", quantity): every(1.0, [92.0] * 9) for quantity in Quantity})
    rules = loading.load("every-family")
    for outcome in program.judge(rules, readings, readings.last_rows()):
        section = _section(outcome.rule.family)
        for name in outcome.judgement.evidence:
            assert f"`{name}`" in section, (outcome.rule.family, name)


def test_all_fields_of_a_finding_are_explained() -> None:
    table = PAGE.split("| field | |")[1].split("\n\n")[0]
    assert set(re.findall(r"`([a-z_]+)`", table)) >= set(told.Told.__struct_fields__)


def test_the_needs_are_those_of_the_families() -> None:
    table = PAGE.split("| family | least count |")[1].split("\n\n")[0]
    for line in table.splitlines()[2:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for name in re.findall(r"`([a-z0-9-]+)`", cells[0]):
            need = REGISTRY[name].need
            assert need is not None
            numbers = [need.least_count, need.longest_gap_days, need.longest_age_days]
            assert [float(cell) for cell in cells[1:4]] == numbers, name


def test_every_chart_is_named() -> None:
    for name in (*EWMA_CHARTS, *CUSUM_CHARTS):
        assert f"`{name}`" in PAGE


def test_the_example_of_a_rule_set_can_be_used() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    rules = loading.parsed(example, "docs/rules.md")
    assert set(rules.rules[0].model_fields_set) == set(type(rules.rules[0]).model_fields)


def test_the_example_of_a_file_can_be_read() -> None:
    (example,) = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
    assert np.array_equal(parsed(example.encode(), "docs/rules.md").readings.values, [92, 80])
