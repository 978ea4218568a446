"""`telekol evaluate` and `telekol rules` as they are met: the installed command, in a process."""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.rulesets import loading

HEAD = "series,quantity,measured_at,value"
START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def _telekol(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = Path(sys.executable).with_name("telekol")
    clean = {name: value for name, value in os.environ.items() if "TELEKOL" not in name}
    return subprocess.run(
        [command, *arguments],
        input=given,
        env={**clean, "COLUMNS": "100"},
        capture_output=True,
        timeout=120,
        check=False,
    )


def _findings(*arguments: str, given: bytes = b"") -> list[dict[str, Any]]:
    done = _telekol("evaluate", *arguments, given=given)
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def _refused(*arguments: str) -> str:
    done = _telekol(*arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    assert b"Traceback" not in done.stderr
    return " ".join(done.stderr.decode().split())


def _lines(quantity: str, values: Sequence[float], series: str = "a") -> list[str]:
    return [
        f"{series},{quantity},{(START + timedelta(days=day)).isoformat()},{value}"
        for day, value in enumerate(values)
    ]


def _file(folder: Path, *lines: str) -> str:
    file = folder / "readings.csv"
    file.write_text("\n".join([HEAD, *lines, ""]), encoding="utf-8")
    return str(file)


SPO2 = [92, 93, 92, 91, 92, 92, 93, 91, 92, 92, 92, 93, 91, 92, 92, 85]


def test_a_file_gives_one_object_for_each_rule_of_the_last_reading(tmp_path: Path) -> None:
    found = _findings(_file(tmp_path, *_lines("spo2", SPO2), *_lines("fev1", [1.2, 1.25])))
    standard = [rule for rule in loading.load().rules if rule.quantity in ("spo2", "fev1")]
    assert [(one["quantity"], one["rule"]) for one in found] == [
        (rule.quantity, rule.id) for rule in standard
    ]
    low = next(one for one in found if one["rule"] == "spo2-below-usual")
    assert (
        low.items()
        >= {
            "series": "a",
            "quantity": "spo2",
            "measured_at": "2026-01-20T08:00:00+00:00",
            "value": 85,
            "severity": "red",
            "score": 2,
            "reason": "SpO2 85 %, under the red limit 87 %; usual level 92 % "
            "(median of 14 readings, proposed, not yet approved)",
            "reason_da": "Iltmætning 85 %, under den røde grænse 87 %; plejer at ligge på 92 % "
            "(median af 14 målinger, foreslået, endnu ikke godkendt)",
            "approved": False,
            "notice": "The rule set is a template that no physician has approved",
        }.items()
    )
    assert low["reference"]["value"] == 92
    assert low["reference"]["approved"] is False


def test_every_reading_is_told_when_asked_for_and_in_the_order_of_time(tmp_path: Path) -> None:
    lines = _lines("spo2", SPO2)
    random.Random(1).shuffle(lines)
    found = _findings(_file(tmp_path, *lines), "--every")
    times = [one["measured_at"] for one in found if one["rule"] == "spo2-floor"]
    assert times == sorted(times)
    assert len(times) == len(SPO2)
    assert {one["severity"] for one in found} == {"green", "red", "insufficient"}


def test_the_numbers_are_those_of_a_reader_who_computes_them_from_the_file(tmp_path: Path) -> None:
    values = [72.3, 72.9, 71.8, 72.0, 73.1, 72.4, 72.2, 73.3, 72.7, 73.0, 73.9, 74.6]
    found = _findings(_file(tmp_path, *_lines("body_weight", values)), "--rules", "every-family")
    evidence = {one["family"]: one["evidence"] for one in found}
    median = statistics.median(values[:-1])
    mad = statistics.median(abs(value - median) for value in values[:-1])
    assert evidence["own-baseline"] == pytest.approx(
        {"median": median, "mad": mad, "z": (74.6 - median) / (mad * 1.482602218505602), "n": 11},
        rel=1e-12,
    )
    pairs = [(i, j) for j in range(12) for i in range(j)]
    slopes = [(values[j] - values[i]) / (j - i) for i, j in pairs]
    signs = [(values[j] > values[i]) - (values[j] < values[i]) for i, j in pairs]
    trend = evidence["trend"]
    assert trend["slope_per_day"] == pytest.approx(statistics.median(slopes), rel=1e-12)
    assert trend["s"] == sum(signs)
    assert trend["z"] == pytest.approx((sum(signs) - 1) / (12 * 11 * 29 / 18) ** 0.5, rel=1e-12)
    assert trend["p"] == pytest.approx(2 * statistics.NormalDist().cdf(-trend["z"]), rel=1e-9)
    assert (trend["n"], trend["span_days"]) == (12, 11)


def test_one_reading_alone_is_insufficient_for_all_that_need_more(tmp_path: Path) -> None:
    found = _findings(_file(tmp_path, *_lines("spo2", [92])), "--rules", "every-family")
    severities = {one["family"]: one["severity"] for one in found}
    assert severities.pop("absolute-limits") == "green"
    assert set(severities.values()) == {"insufficient"}
    assert all(one["score"] is None for one in found if one["severity"] == "insufficient")


def test_two_readings_of_the_last_instant_are_both_told(tmp_path: Path) -> None:
    last = _lines("spo2", [92, 92])[-1]
    found = _findings(_file(tmp_path, *_lines("spo2", [92, 92]), last[: -len("92")] + "79"))
    assert [one["severity"] for one in found if one["rule"] == "spo2-floor"] == ["red", "green"]


def test_reasons_are_danish_when_asked_for(tmp_path: Path) -> None:
    file = _file(tmp_path, *_lines("spo2", SPO2))
    for one in _findings(file, "--language", "da"):
        assert one["reason"] == one["reason_da"]
        assert one["notice"] == "Regelsættet er en skabelon, som ingen læge har godkendt"
        assert one["reason_en"] != one["reason_da"]


def test_times_are_told_as_the_file_writes_them() -> None:
    given = f"{HEAD}\na,spo2,2026-01-05T08:00+01:00,92\n".encode()
    assert {one["measured_at"] for one in _findings("-", given=given)} == {"2026-01-05T08:00+01:00"}


def test_a_header_alone_gives_an_empty_array(tmp_path: Path) -> None:
    done = _telekol("evaluate", _file(tmp_path))
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    assert b"holds no readings" in done.stderr


def test_standard_output_holds_json_alone_and_notes_go_beside_it(tmp_path: Path) -> None:
    line = _lines("spo2", [92])[0]
    done = _telekol("evaluate", _file(tmp_path, line, line))
    assert json.loads(done.stdout)
    assert b"1 rows say what another row says" in done.stderr


def test_rules_may_be_a_file(tmp_path: Path) -> None:
    rules = tmp_path / "ours.toml"
    rules.write_text(
        'name = "ours"\nversion = 1\ntitle_da = "a"\ntitle_en = "a"\n[[rules]]\nid = "low"\n'
        'family = "absolute-limits"\nquantity = "spo2"\nparameters = { red_low = 88 }\n'
    )
    found = _findings(_file(tmp_path, *_lines("spo2", [*SPO2[:-1], 86])), "--rules", str(rules))
    assert [one["reason"] for one in found] == [
        "SpO2 86 %, under the red limit 88 %; usual level 92 % (median of 15 readings)"
    ]
    assert found[0]["rule_set"] == "ours"
    rules.write_text(rules.read_text().replace("red_low", "redlow"))
    said = _refused("evaluate", _file(tmp_path), "--rules", str(rules))
    assert "ours.toml, line 9: rule 'low', parameters.redlow: Extra inputs" in said


def test_a_bad_row_is_named_by_line_and_field_with_status_2(tmp_path: Path) -> None:
    file = _file(tmp_path, "a,spo2,2026-01-05T08:00:00Z,92", "a,spo2,2026-01-06T08:00:00,92")
    assert "readings.csv, line 3, measured_at: expected a time with an offset" in _refused(
        "evaluate", file
    )


def test_a_file_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    assert "nowhere.csv cannot be read: No such file" in _refused(
        "evaluate", str(tmp_path / "nowhere.csv")
    )
    assert "cannot be read" in _refused("evaluate", str(tmp_path))
    assert "expected a shipped rule set" in _refused(
        "evaluate", _file(tmp_path), "--rules", "kol-standart"
    )


def test_a_reader_who_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    file = _file(tmp_path, *_lines("spo2", SPO2 * 200))
    command = Path(sys.executable).with_name("telekol")
    done = subprocess.run(
        ["/bin/sh", "-c", f"'{command}' evaluate '{file}' --every | head -n 2"],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.startswith(b'[\n{"series":"a"')
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


def test_a_year_of_many_readings_is_whole_whatever_the_blocks(tmp_path: Path) -> None:
    values = [92 + day % 3 for day in range(300)]
    lines = [line for name in range(70) for line in _lines("spo2", values, f"s{name:02}")]
    found = _findings(_file(tmp_path, *lines), "--every")
    assert len([one for one in found if one["rule"] == "spo2-floor"]) == 21_000
    names = [one["series"] for one in found]
    assert names == sorted(names)


# ---- telekol rules -------------------------------------------------------------------------------


def test_the_shipped_rule_sets_are_listed() -> None:
    done = _telekol("rules", "list")
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    assert [line.split()[0] for line in lines] == ["every-family", "kol-standard"]
    assert all("unapproved template" in line for line in lines)
    told = json.loads(_telekol("rules", "list", "--json").stdout)
    assert [one["name"] for one in told] == ["every-family", "kol-standard"]


@pytest.mark.parametrize("name", ["kol-standard", "every-family"])
def test_a_rule_set_is_shown_as_it_was_written_and_can_be_used_again(
    tmp_path: Path, name: str
) -> None:
    shown = _telekol("rules", "show", name).stdout
    assert shown.decode() == loading.shipped_text(name)
    (tmp_path / "copy.toml").write_bytes(shown)
    told = json.loads(_telekol("rules", "show", str(tmp_path / "copy.toml"), "--json").stdout)
    assert told["fingerprint"] == loading.load(name).fingerprint
    assert all("evaluated_from_readings" in rule for rule in told["rules"])


def test_the_families_are_listed_with_what_they_take() -> None:
    told = json.loads(_telekol("rules", "families", "--json").stdout)
    assert {"own-baseline", "trend", "ewma", "cusum"} <= {one["family"] for one in told}


def test_a_rule_set_that_cannot_be_used_is_not_shown() -> None:
    assert "expected a shipped rule set" in _refused("rules", "show", "nothing")
