"""A test of the tests: the oracle of the acceptance tests sees what it is there to see."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.oracle import Row, complaints, wanted

AT = datetime.fromisoformat("2026-01-15T09:00:00+00:00")
SHOWN = datetime.fromisoformat("2026-01-15T10:00:00")
ADDRESSES = {"PLX-1": "C0:00:00:00:00:01"}


def line(event: str, **more: Any) -> str:
    expected = {"readings": "all", "margin": 0, "time_tolerance_s": 2.0} | more
    told = {
        "event": event,
        "serial": "PLX-1",
        "quantity": "spo2",
        "number": 1,
        "value": 93.0,
        "unit": "%",
        "device_time": SHOWN.isoformat(),
        "at": AT.isoformat(),
    }
    return json.dumps(told | ({} if event == "indicated" else {"expected": expected}))


def told(**more: Any) -> list[str]:
    return [line("taken", **more), line("indicated"), '{"event": "indi']


ROW = Row(
    "C0:00:00:00:00:01",
    "PLX-1",
    "gateway-0001",
    "spo2",
    93.0,
    AT,
    AT,
    SHOWN,
    "clock-checked",
    frozenset(),
    True,
)
LATE = timedelta(hours=1)


def test_what_is_right_is_no_complaint() -> None:
    assert complaints(wanted(told()), [ROW], ADDRESSES) == []
    unmarked = replace(ROW, quality=frozenset({"weak-signal"}))
    assert complaints(wanted(told(readings="all-marked")), [unmarked], ADDRESSES) == []
    assert complaints(wanted(told(readings="none-while-on")), [], ADDRESSES) == []
    assert complaints(wanted([line("taken")]), [], ADDRESSES) == []  # never on the air
    nameless = replace(ROW, serial="")
    assert complaints(wanted(told()), [nameless], ADDRESSES) == []


@pytest.mark.parametrize(
    ("expected", "rows", "says"),
    [
        ({}, [], "expected one reading, found 0"),
        ({}, [ROW, ROW], "expected one reading, found 2"),
        ({}, [replace(ROW, value=92.0)], "expected 93 within 0"),
        ({}, [replace(ROW, measured_at=AT + LATE)], "within 2.0 s"),
        ({}, [replace(ROW, is_attributed=False)], "somebody's"),
        ({}, [ROW, replace(ROW, device_time=SHOWN + LATE)], "nobody measured"),
        ({"readings": "all-marked"}, [ROW], "mark of a poor signal"),
        ({"readings": "none-while-on"}, [ROW], "expected no reading"),
        ({"readings": "all-unattributed"}, [ROW], "nobody's"),
        ({"readings": "any-while-on"}, [ROW, ROW], "expected one at most"),
        ({"time_tolerance_s": None}, [replace(ROW, measured_at=AT + LATE)], "called checked"),
        (
            {"time_tolerance_s": None},
            [replace(ROW, measured_at=AT.replace(year=1970), confidence="arrival")],
            "within None s",
        ),
    ],
)
def test_what_is_wrong_is_said(expected: dict[str, Any], rows: list[Row], says: str) -> None:
    found = complaints(wanted(told(**expected)), rows, ADDRESSES)
    assert found
    assert any(says in text for text in found), found


def test_a_later_word_of_what_must_come_of_it_counts() -> None:
    lines = [*told(), line("expected", readings="none-while-on")]
    assert complaints(wanted(lines), [], ADDRESSES) == []
