"""Sweeps give the same answers wherever their blocks are worked on, and however large they are."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from alerts.context import Context, OwnNumbers
from alerts.past import sweep as sweeping
from alerts.past.blocks import blocks, cut
from alerts.past.sweep import Held, held, sweep
from alerts.past.sweep_commands import app
from alerts.past.tallies import SweepError, Swept
from alerts.readings import NUMBER_OF, US_PER_DAY, Readings
from alerts.reference import References
from alerts.rulesets import loading
from alerts.told import iso
from telekol.quantities import Quantity

PATIENTS = 23
DAYS = 60
RULES = loading.load("kol-standard")
SPO2, PULSE = NUMBER_OF[Quantity.SPO2], NUMBER_OF[Quantity.PULSE_RATE]


def _population() -> tuple[Readings, Context]:
    """People who measure most days, at their own levels; some have references of their own."""
    rng = np.random.default_rng(3)
    shape = PATIENTS, DAYS, 2
    series, day, what = np.indices(shape).reshape(3, -1)
    usual = np.stack([rng.normal(91, 3, PATIENTS), rng.normal(82, 9, PATIENTS)])[what, series]
    value = np.round(usual + rng.normal(0, np.where(what == 0, 1.6, 7)))
    at = day * US_PER_DAY + 8 * 3_600_000_000 + 1_760_000_000_000_000
    value = np.where(what == 0, np.minimum(value, 100), value)
    measured = rng.random(len(series)) < 0.85
    columns = (series, np.where(what == 0, SPO2, PULSE), at, value)
    readings = Readings.of(
        [f"patient-{number:03d}" for number in range(PATIENTS)],
        *(column[measured] for column in columns),
    )
    some = np.arange(0, PATIENTS, 4)
    references = References.of(
        some, np.full(len(some), SPO2), np.full(len(some), at.min()), 90.0 + some % 3,
        some % 8 == 0,
    )  # fmt: skip
    own = {("spo2-lastingly-below-usual", "yellow_low"): OwnNumbers.of([5, 17], [-1.0, -8.0])}
    return readings, Context(references=references, own=own)


@pytest.fixture(scope="module")
def whole() -> Swept:
    """All patients at once, without Dask."""
    readings, context = _population()
    return sweep(held(readings, context, PATIENTS), [RULES])[0]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A scheduler with two workers that are processes."""
    import warnings

    from distributed import LocalCluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            host="127.0.0.1",
        ) as running:
            yield running.scheduler_address


def test_the_population_is_worth_sweeping(whole: Swept) -> None:
    assert len(whole.patients) == PATIENTS
    assert 0 < whole.flagged_per_day < 1
    assert {"green", "yellow"} <= set(whole.readings["spo2-and-pulse"])


@pytest.mark.parametrize("patients", [1, 7, 200])
def test_blocks_of_any_size_give_the_same_answers(whole: Swept, patients: int) -> None:
    readings, context = _population()
    assert sweep(held(readings, context, patients), [RULES]) == [whole]


def test_threads_give_the_same_answers(whole: Swept) -> None:
    readings, context = _population()
    assert sweep(held(readings, context, 4), [RULES], "threads") == [whole]


@pytest.mark.timeout(300)
def test_a_cluster_by_its_address_gives_the_same_answers(whole: Swept, cluster: str) -> None:
    readings, context = _population()
    assert cluster.startswith("tcp://")
    assert sweep(held(readings, context, 4), [RULES], cluster) == [whole]


def test_two_rule_sets_are_swept_in_one_go(whole: Swept) -> None:
    readings, context = _population()
    stricter = RULES.model_copy(update={"name": "stricter", "rules": RULES.rules[:1]})
    first, second = sweep(held(readings, context, 5), [RULES, stricter])
    assert first == whole
    assert second.rule_set == "stricter"
    assert second.fingerprint != first.fingerprint


def test_the_digest_feels_one_reading_of_one_patient(whole: Swept) -> None:
    readings, context = _population()
    values = readings.values.copy()
    values[readings.last_rows()[2 * 11]] -= 1
    changed = Readings.of(
        readings.names, readings.series, readings.quantity, readings.measured_us, values
    )
    assert sweep(held(changed, context), [RULES])[0].digest != whole.digest


def test_what_lies_before_is_looked_back_on_and_not_counted(whole: Swept) -> None:
    readings, context = _population()
    since = int(readings.measured_us.min()) + 30 * US_PER_DAY
    later = sweep(held(readings, context, 5), [RULES], since_us=since)[0]
    assert (
        0
        < sum(each.days for each in later.patients.values())
        < sum(each.days for each in whole.patients.values())
    )
    # The usual level is found in the first period, which lies before: nothing is missing.
    assert "insufficient" not in later.readings["spo2-lastingly-below-usual"]


def test_a_patient_in_two_parts_is_refused() -> None:
    readings, context = _population()
    part = Held(cut(readings, context, 0, 3))
    with pytest.raises(SweepError, match="patient-000"):
        sweep([part, part], [RULES])


def test_nobody_at_the_address_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "CONNECT_S", 1)
    with pytest.raises(SweepError, match=r"expected a Dask scheduler at tcp://127\.0\.0\.1:1"):
        sweep([], [RULES], "tcp://127.0.0.1:1")


def test_without_dask_threads_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(SweepError, match=r"tele-kol\[sweep\]"):
        sweep([], [RULES], "threads")
    assert sweep([], [RULES])[0].patients == {}


def test_a_block_has_the_readings_and_the_context_of_its_patients() -> None:
    readings, context = _population()
    parts = list(blocks(readings, context, 5))
    assert [len(part.readings.names) for part in parts] == [5, 5, 5, 5, 3]
    assert sum(len(part.readings) for part in parts) == len(readings)
    second = parts[1]
    assert second.readings.names[0] == "patient-005"
    assert second.context.own["spo2-lastingly-below-usual", "yellow_low"].series.tolist() == [0]
    assert second.context.references.series.tolist() == [3]
    np.testing.assert_array_equal(
        second.readings.starts, Readings.of(
            second.readings.names, second.readings.series, second.readings.quantity,
            second.readings.measured_us, second.readings.values,
        ).starts,
    )  # fmt: skip


def test_the_command_counts_a_file_the_same_way_on_threads_and_names_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readings, _ = _population()
    table = tmp_path / "readings.csv"
    names = {SPO2: "spo2", PULSE: "pulse_rate"}
    lines = [
        f"{readings.names[series]},{names[quantity]},{iso(us)},{value}"
        for series, quantity, us, value in zip(
            readings.series.tolist(),
            readings.quantity.tolist(),
            readings.measured_us.tolist(),
            readings.values.tolist(),
            strict=True,
        )
    ]
    table.write_text("series,quantity,measured_at,value\n" + "\n".join(lines), encoding="utf-8")
    said = []
    for options in ([], ["--scheduler", "threads", "--block-patients", "3"]):
        app([str(table), *options, "--rules", "kol-standard"], standalone_mode=False)
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert "patient-0" not in said[0]
    (document,) = json.loads(said[0])
    assert document["patients"] == PATIENTS
    assert document["patient_days"] > 0
    app([str(table), "--days", "10"], standalone_mode=False)
    (last,) = json.loads(capsys.readouterr().out)
    assert 0 < last["patient_days"] <= 11 * PATIENTS
