"""`telekol decode` as a process: what somebody sees who looks at bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.decode_command import _number
from gateway.profiles import PROFILES

NAMES = [
    "plx-spot-check",
    "plx-continuous",
    "weight-scale",
    "body-composition",
    "blood-pressure",
    "thermometer",
    "nonin-3230",
    "nonin-classic",
    "berry-bm1000",
    "beurer-po60",
    "xiaomi-scale-v1",
    "xiaomi-scale-v2",
    "vitalograph",
    "generic-health-sensor",
]


def _decode(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "telekol", "decode", *arguments],
        env={**os.environ, "COLUMNS": "400"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_list_names_every_profile() -> None:
    done = _decode("--list")
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, NAMES, "")
    assert [profile.name for profile in PROFILES] == NAMES


def test_a_reading_is_told_with_its_own_digits() -> None:
    done = _decode("plx-spot-check", "01cff34800e907030e081e05")
    assert done.returncode == 0
    assert json.loads(done.stdout) == {
        "readings": [
            {"quantity": "spo2", "value": 97.5, "unit": "%"},
            {"quantity": "pulse_rate", "value": 72, "unit": "/min"},
        ],
        "device_time": "2025-03-14T08:30:05",
        "quality": [],
    }
    assert '"value": 97.5,' in done.stdout


@pytest.mark.parametrize(
    "typed", [["01 CF f3 48 00 E907030e081e05"], ["01", "cff3", "4800 e907030E081E05"]]
)
def test_case_and_spaces_do_not_matter(typed: list[str]) -> None:
    done = _decode("plx-spot-check", *typed)
    assert json.loads(done.stdout)["device_time"] == "2025-03-14T08:30:05"


def test_a_refused_reading_is_absent_and_its_reason_told() -> None:
    told = json.loads(_decode("nonin-classic", "80396208").stdout)
    assert told["readings"] == []
    assert told["quality"] == ["finger-off"]
    assert told["refused"].startswith("finger-off: ")


def test_a_missing_value_is_no_reading() -> None:
    told = json.loads(_decode("weight-scale", "00ffff").stdout)
    assert told == {"readings": [], "device_time": None, "quality": []}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plx-spot-check", "00cff348"], "expected 2 bytes of pulse rate"),
        (["plx-spot-check", "0cff34800"], "expected bytes as pairs of hexadecimal digits"),
        (["plx-spot-check", "zz"], "found 'zz'"),
        (["plx-spot-check"], "expected 1 bytes of flags"),
        (["plx"], "expected a profile: plx-spot-check, "),
        ([], "found none"),
    ],
)
def test_what_cannot_be_read_is_an_error_in_words(arguments: list[str], said: str) -> None:
    done = _decode(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@given(st.decimals(-(10**9), 10**9, places=4))
def test_a_number_is_written_with_the_digits_of_the_device(value: Decimal) -> None:
    assert json.loads(json.dumps(_number(value)), parse_float=Decimal) == value
