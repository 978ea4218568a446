"""Spirometry documents: what is read, what is refused, and which value is the session's."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.door.spirometry import SessionResult, judge
from gateway.door.spirometry_document import LIMIT_BYTES, BlowFlag, read_document, schema
from gateway.errors import DocumentError
from gateway.profiles.quality import RULES, Ruling


def blow(attempt: int = 1, **fields: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"attempt": attempt, "fev1_l": 1.52, "fvc_l": 2.61, "fet_s": 7.1}
    return {name: value for name, value in {**usual, **fields}.items() if value is not None}


def document(*blows: dict[str, Any], **fields: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "version": 1,
        "device": {"manufacturer": "Maker", "model": "M1", "serial": "S1"},
        "measured_at": "2026-03-14T08:30:05+01:00",
        "btps": True,
        "blows": list(blows) or [blow(1), blow(2)],
    }
    return {name: value for name, value in {**usual, **fields}.items() if value is not None}


def judged(*blows: dict[str, Any], **fields: Any) -> SessionResult:
    return judge(read_document(json.dumps(document(*blows, **fields)).encode()))


def values(result: SessionResult) -> dict[str, str]:
    return {str(one.reading.quantity): str(one.reading.value) for one in result.readings}


def marks(result: SessionResult) -> dict[str, tuple[str, ...]]:
    return {str(one.reading.quantity): one.quality for one in result.readings}


def troubles(content: object) -> dict[str, tuple[str, str]]:
    with pytest.raises(DocumentError) as caught:
        read_document(json.dumps(content).encode())
    return {one.field: (one.expected, one.found) for one in caught.value.troubles}


# --------------------------------------------------------------------------------- choosing


def test_the_largest_values_are_the_sessions_also_from_different_blows() -> None:
    result = judged(
        blow(1, fev1_l=1.48, fvc_l=2.71, pef={"value": 4.9, "unit": "L/s"}),
        blow(2, fev1_l=1.52, fvc_l=2.60, pef={"value": 310, "unit": "L/min"}),
        blow(3, fev1_l=1.50, fvc_l=2.65, pef={"value": 5.2, "unit": "L/s"}),
    )
    assert values(result) == {"fev1": "1.52", "fvc": "2.71", "pef": "312.0", "fev1_fvc": "0.561"}
    assert {str(one.reading.quantity): one.attempts for one in result.readings} == {
        "fev1": (2,),
        "fvc": (1,),
        "pef": (3,),
        "fev1_fvc": (2, 1),
    }
    assert result.held_back == ()


def test_what_the_device_calls_best_is_not_relied_upon() -> None:
    result = judged(blow(1, fev1_l=1.40), blow(2, fev1_l=1.52), best_attempt=1)
    assert values(result)["fev1"] == "1.52"


def test_fev6_is_never_fvc_and_makes_no_ratio() -> None:
    result = judged(blow(1, fvc_l=None, fev6_l=2.48), blow(2, fvc_l=None, fev6_l=2.40))
    assert values(result) == {"fev1": "1.52", "fev6": "2.48"}


def test_fev6_beside_fvc_stays_its_own() -> None:
    result = judged(blow(1, fev6_l=2.5), blow(2))
    assert values(result) == {"fev1": "1.52", "fvc": "2.61", "fev6": "2.5", "fev1_fvc": "0.582"}


@given(
    st.lists(
        st.tuples(
            st.decimals("0.3", "4", places=2), st.decimals("0.3", "6", places=2), st.booleans()
        ),
        min_size=1,
        max_size=8,
    )
)
def test_no_value_comes_from_a_refused_blow_and_none_is_larger(
    numbers: list[tuple[Decimal, Decimal, bool]],
) -> None:
    blows = [
        blow(
            at,
            fev1_l=float(min(fev1, fvc)),
            fvc_l=float(max(fev1, fvc)),
            flags=["bad-test"] if is_bad else [],
        )
        for at, (fev1, fvc, is_bad) in enumerate(numbers, start=1)
    ]
    result = judged(*blows)
    good = [one for one in blows if not one["flags"]]
    assert values(result).get("fev1") == (
        str(max(Decimal(str(one["fev1_l"])) for one in good)) if good else None
    )
    bad = {one["attempt"] for one in blows if one["flags"]}
    assert not any(bad & set(one.attempts) for one in result.readings)
    assert len(result.held_back) == len(bad)


# ------------------------------------------------------------------------------- refused blows


@pytest.mark.parametrize(
    ("fvc", "bev", "is_usable"),
    [
        ("1.50", "0.100", True),  # 5 % would be 0.075; 0.100 L is the greater
        ("1.50", "0.101", False),
        ("4.00", "0.200", True),  # exactly 5 %
        ("4.00", "0.201", False),
    ],
)
def test_the_back_extrapolated_volume_of_ats_ers_2019(fvc: str, bev: str, is_usable: bool) -> None:
    result = judged(blow(1, fev1_l=1.2, fvc_l=float(fvc), bev_l=float(bev)))
    assert ("fev1" in values(result)) is is_usable
    if not is_usable:
        assert result.held_back[0].startswith("blow 1: slow-start: ")


@pytest.mark.parametrize("flag", list(BlowFlag))
def test_every_flag_refuses_or_marks_as_the_table_says(flag: BlowFlag) -> None:
    result = judged(blow(1, flags=[flag]), blow(2, fev1_l=1.0, fvc_l=2.0))
    if RULES[flag].ruling is Ruling.REFUSED:
        assert values(result)["fev1"] == "1.0"
        assert result.held_back[0].startswith(f"blow 1: {flag}: ")
    else:
        assert any(flag in one.quality for one in result.readings if 1 in one.attempts)


def test_an_early_end_spoils_what_needs_the_end_alone() -> None:
    result = judged(
        blow(1, fet_s=4.2, flags=["no-plateau"], pef={"value": 5, "unit": "L/s"}), blow(2, fvc_l=2)
    )
    assert marks(result) == {
        "fev1": (),
        "fvc": ("no-plateau", "short-blow"),
        "pef": (),
        "fev1_fvc": ("no-plateau", "short-blow"),
    }


def test_a_cough_in_the_first_second_marks_what_is_read_there() -> None:
    result = judged(blow(1, flags=["early-cough"]), blow(2, fev1_l=1.0))
    assert marks(result)["fev1"] == ("early-cough",)
    assert marks(result)["fvc"] == ()


def test_a_part_greater_than_its_whole_refuses_the_blow() -> None:
    for wrong in ({"fev1_l": 2.7}, {"fev6_l": 2.7}, {"fvc_l": None, "fev6_l": 1.5}):
        assert judged(blow(1, **wrong)).held_back[0].startswith("blow 1: contradictory-volumes: ")


def test_one_usable_blow_is_kept_and_says_that_it_is_alone() -> None:
    assert marks(judged(blow(1)))["fev1"] == ("single-blow",)
    assert marks(judged(blow(1), blow(2, flags=["bad-test"])))["fev1"] == ("single-blow",)


def test_grades_of_the_session() -> None:
    poor = judged(blow(1), blow(2), grade_fev1="D", grade_fvc="A")
    assert (marks(poor)["fev1"], marks(poor)["fvc"]) == (("low-grade",), ())
    failed = judged(blow(1), blow(2), grade_fvc="F")
    assert set(values(failed)) == {"fev1"}
    assert failed.held_back[0].startswith("fvc: failed-session: ")


def test_volumes_that_are_not_at_body_temperature_say_so() -> None:
    assert marks(judged(blow(1), blow(2), btps=False))["fvc"] == ("not-btps",)


def test_an_impossible_value_is_held_back_and_its_neighbours_are_not() -> None:
    result = judged(blow(1, pef={"value": 5.2, "unit": "L/min"}), blow(2))
    assert set(values(result)) == {"fev1", "fvc", "fev1_fvc"}
    assert result.held_back == (
        "blow 1: pef of 5.2 L/min cannot have been measured; expected 20-1000 L/min; is it in L/s?",
    )


# ------------------------------------------------------------------------------------ reading


def test_numbers_keep_their_digits() -> None:
    raw = json.dumps(document()).replace("1.52", "1.520").encode()
    assert str(read_document(raw).blows[0].fev1_l) == "1.520"


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"version": 2}, "version", "Input should be 1"),
        ({"device": {"manufacturer": "M", "model": "M"}}, "device.serial", "a value"),
        ({"name": "somebody"}, "name", "no such field"),
        ({"measured_at": None}, "document", "expected one of measured_at and device_time"),
        (
            {"device_time": "2026-03-14T08:30:05"},
            "document",
            "expected one of measured_at and device_time",
        ),
        ({"measured_at": "2026-03-14T08:30:05"}, "measured_at", "Input should have timezone info"),
        ({"measured_at": 1_700_000_000}, "measured_at", "expected ISO 8601 text"),
        ({"blows": [blow(fvc_l="2.6")]}, "blows.0.fvc_l", "expected a number"),
        ({"blows": [blow(fvc_l=True)]}, "blows.0.fvc_l", "expected a number"),
        ({"blows": [blow(fvc=2.6)]}, "blows.0.fvc", "no such field"),
        ({"blows": [blow(pef=5.2)]}, "blows.0.pef", None),
        ({"blows": [blow(pef={"value": 5.2})]}, "blows.0.pef.unit", "a value"),
        ({"blows": [blow(1), blow(1)]}, "document", None),
        ({"blows": [{"attempt": 1}]}, "blows.0", None),
        ({"blows": []}, "blows", None),
        ({"blows": [blow(at) for at in range(1, 22)]}, "blows", None),
        ({"best_attempt": 7}, "document", None),
        ({"btps": "yes"}, "btps", None),
        ({"grade_fev1": "G"}, "grade_fev1", None),
    ],
)
def test_what_is_wrong_is_named_with_its_field(
    change: dict[str, Any], field: str, expected: str | None
) -> None:
    found = troubles(document(**change) if change.get("measured_at", 1) else _without_time())
    assert set(found) == {field}
    if expected is not None:
        assert found[field][0].startswith(expected)


def _without_time() -> dict[str, Any]:
    content = document()
    del content["measured_at"]
    return content


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"version": NaN}', b"[" * 100_000]
)
def test_what_is_no_document_is_refused_with_the_one_error(payload: bytes) -> None:
    with pytest.raises(DocumentError):
        read_document(payload)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_the_one_error(payload: bytes) -> None:
    with pytest.raises(DocumentError):
        read_document(payload)


def test_a_document_that_is_too_long_is_refused_unread() -> None:
    with pytest.raises(DocumentError, match=f"at most {LIMIT_BYTES} bytes"):
        read_document(b" " * (LIMIT_BYTES + 1))


def test_the_schema_names_every_field_and_allows_no_other() -> None:
    made = schema()
    assert made["additionalProperties"] is False
    assert set(made["required"]) == {"version", "device", "btps", "blows"}
    assert made["$defs"]["Blow"]["additionalProperties"] is False


# --------------------------------------------------------------------------------- the page

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "spirometry-document.md").read_text()


def test_the_example_of_the_page_gives_what_the_page_says() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    result = judge(read_document(example.encode()))
    assert values(result) == {"fev1": "1.52", "fvc": "2.71", "pef": "312.0", "fev1_fvc": "0.561"}
    assert "FEV1 1.52 L (blow 2), FVC 2.71 L (blow 1), peak flow 312 L/min" in PAGE


def test_the_page_names_every_field_and_flag_and_no_other() -> None:
    rows = re.findall(r"^\| (`.*?) \| ", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    made = schema()
    assert named == {*made["properties"], *made["$defs"]["Blow"]["properties"]}
    (flags,) = re.findall(r"^\| `flags` \| (.*) \|$", PAGE, re.MULTILINE)
    assert re.findall(r"`([a-z-]+)`", flags) == list(BlowFlag)
