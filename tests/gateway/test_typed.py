"""Typed readings: commas and units, slips that are asked back, and the words for people in care."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import DocumentError
from gateway.typed import USUAL, TypedReadings, TypedTrouble, read_typed
from telekol.observation import Entry
from telekol.quantities import FACTS

NOW = datetime(2026, 3, 14, 8, 30, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Copenhagen")


def typed(readings: dict[str, Any], **fields: Any) -> TypedReadings:
    form = {"key": "key-0001", "readings": readings, **fields}
    return read_typed(json.dumps(form).encode(), NOW, ZONE)


def values(readings: dict[str, Any], **fields: Any) -> dict[str, str]:
    return {str(one.quantity): str(one.value) for one in typed(readings, **fields).readings}


def trouble(readings: dict[str, Any], **fields: Any) -> TypedTrouble:
    with pytest.raises(DocumentError) as caught:
        typed(readings, **fields)
    (one,) = caught.value.troubles
    assert isinstance(one, TypedTrouble)
    return one


@pytest.mark.parametrize(
    ("name", "given_", "value"),
    [
        ("spo2", 91, "91"),
        ("spo2", "91", "91"),
        ("spo2", "91 %", "91"),
        ("body_weight", "72,4", "72.4"),
        ("body_weight", 72.4, "72.4"),
        ("body_weight", " 72.4 kg ", "72.4"),
        ("body_temperature", "37,5 °C", "37.5"),
        ("body_temperature", "99.5F", "37.50"),
        ("fev1", "1,52", "1.52"),
        ("fev1", "1520 mL", "1.520"),
        ("pef", "5,2 L/s", "312.0"),
        ("pef", "312 l/min", "312"),
        ("fev1_fvc", "58 %", "0.58"),
        ("systolic_bp", "128 mmHg", "128"),
    ],
)
def test_a_number_is_read_as_it_is_written_in_denmark_or_elsewhere(
    name: str, given_: object, value: str
) -> None:
    assert values({name: given_}) == {name: value}


@pytest.mark.parametrize(
    "text", ["", "91.000,5", "1 000", "ni", "-4", "9e1", "1,2345", "NaN", "91 92", "12345"]
)
def test_what_is_no_number_is_asked_back_in_danish_and_english(text: str) -> None:
    told = trouble({"spo2": text})
    assert told.field == "spo2"
    assert told.danish.startswith("Iltmætning: ")
    assert told.english.startswith("SpO2: ")


@pytest.mark.parametrize(
    ("name", "given_", "danish", "english"),
    [
        ("pef", "5,2", "Er det aflæst i L/s? Det ville være 312", "read in L/s? That would be 312"),
        ("fev1", 1520, "Er det aflæst i mL? Det ville være 1,52", "That would be 1.52"),
        ("fev1_fvc", 58, "Er det aflæst i %? Det ville være 0,58", "That would be 0.58"),
        ("body_temperature", 99.5, "Fahrenheit? Det ville være 37,5", "That would be 37.5"),
        ("spo2", "0,91", "Er det aflæst i en brøk? Det ville være 91", "That would be 91"),
    ],
)
def test_a_confusion_of_units_is_asked_back_with_what_it_would_be(
    name: str, given_: object, danish: str, english: str
) -> None:
    told = trouble({name: given_})
    assert danish in told.danish
    assert english in told.english
    assert trouble({name: given_}, confirmed=False).found == told.found


def test_a_unit_of_another_quantity_is_refused() -> None:
    told = trouble({"body_weight": "72 lb"})
    assert (told.expected, told.found) == ("a unit of kg", "lb")


def test_a_rare_number_is_asked_back_and_kept_when_confirmed() -> None:
    told = trouble({"spo2": 52})
    assert told.danish.endswith("Hvis tallet er rigtigt, så bekræft det")
    assert values({"spo2": 52}, confirmed=True) == {"spo2": "52"}


@pytest.mark.parametrize(("name", "number"), [("spo2", 101), ("pulse_rate", 900), ("pef", 5.2)])
def test_an_impossible_number_is_not_kept_however_often_it_is_confirmed(
    name: str, number: float
) -> None:
    told = trouble({name: number}, confirmed=True)
    assert "bekræft" not in told.danish


def test_swapped_pressures_are_asked_back() -> None:
    told = trouble({"systolic_bp": 76, "diastolic_bp": 128})
    assert "byttet om" in told.danish
    assert told.field == "diastolic_bp"


def test_every_wrong_number_is_named_at_once() -> None:
    with pytest.raises(DocumentError) as caught:
        typed({"spo2": "x", "pulse_rate": 999, "mood": 3})
    assert [one.field for one in caught.value.troubles] == ["spo2", "mood", "pulse_rate"]


def test_the_ranges_lie_within_what_can_be_measured() -> None:
    for quantity, (lowest, highest) in USUAL.items():
        facts = FACTS[quantity]
        assert facts.is_possible(float(lowest))
        assert facts.is_possible(float(highest))
    assert set(USUAL) == {quantity for quantity, facts in FACTS.items() if facts.of_patient}


def test_a_time_without_an_offset_is_that_of_the_persons_clock() -> None:
    assert typed({"spo2": 91}, at="2026-03-14T08:30").at == datetime(
        2026, 3, 14, 8, 30, tzinfo=ZONE
    )
    assert typed({"spo2": 91}, at="2026-03-14T08:30Z").at == NOW
    assert typed({"spo2": 91}).at is None


@pytest.mark.parametrize(
    ("at", "danish"),
    [
        ("i går", "kan ikke læses"),
        ("2026-13-01T08:30", "kan ikke læses"),
        ("2027-03-14T08:30", "ligger i fremtiden"),
        ("2025-03-14T08:30", "er mere end 31 dage siden; er datoen rigtig?"),
        ("0001-01-01T00:00", "er mere end 31 dage siden; er datoen rigtig?"),
    ],
)
def test_a_time_that_cannot_be_meant_is_asked_back(at: str, danish: str) -> None:
    told = trouble({"spo2": 91}, at=at)
    assert told.field == "at"
    assert danish in told.danish


def test_a_little_ahead_is_a_clock_and_not_the_future() -> None:
    soon = (NOW + timedelta(minutes=3)).isoformat()
    assert typed({"spo2": 91}, at=soon).at == NOW + timedelta(minutes=3)


def test_who_typed_is_told() -> None:
    assert typed({"spo2": 91}).by is Entry.TYPED
    assert typed({"spo2": 91}, by="nurse").by is Entry.TYPED_BY_NURSE
    assert trouble({"spo2": 91}, by="robot").field == "by"


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"readings": {"spo2": 91}}, "key"),
        ({"key": "short", "readings": {"spo2": 91}}, "key"),
        ({"key": "key-0001"}, "readings"),
        ({"key": "key-0001", "readings": {}}, "readings"),
        ({"key": "key-0001", "readings": {"spo2": 91}, "name": "x"}, "name"),
    ],
)
def test_a_form_that_is_not_whole_is_refused(form: dict[str, Any], field: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_typed(json.dumps(form).encode(), NOW, ZONE)
    assert [one.field for one in caught.value.troubles] == [field]


@given(
    st.one_of(
        st.binary(max_size=80),
        st.text(max_size=40).map(
            lambda text: json.dumps({"key": "key-0001", "readings": {"spo2": text}}).encode()
        ),
    )
)
def test_any_bytes_are_read_or_refused_with_the_one_error(payload: bytes) -> None:
    try:
        found = read_typed(payload, NOW, ZONE)
    except DocumentError:
        return
    assert all(reading.value.is_finite() for reading in found.readings)


def test_units_and_names_stand_as_people_write_them() -> None:
    warm = trouble({"body_temperature": "44"})
    assert warm.danish.startswith("Temperatur 44 °C er usædvanlig; forventet 33-42 °C.")
    assert "Cel" not in warm.danish + warm.english
    ratio = trouble({"fev1_fvc": "0.1"})
    assert "{" not in ratio.danish + ratio.english
    swapped = trouble({"systolic_bp": 80, "diastolic_bp": 120})
    assert "større end systolisk blodtryk;" in swapped.danish
    blow = trouble({"fev1": "2,8", "fvc": "2,1"})
    assert "større end FVC;" in blow.danish


def test_a_wrong_choice_is_answered_with_what_may_be_chosen() -> None:
    one = trouble({"spo2": 91}, by="doctor")
    assert one.english == "expected 'patient' or 'nurse', found 'doctor'"


def test_a_time_that_is_well_written_is_not_asked_to_be_written_so() -> None:
    assert "skriv det" not in trouble({"spo2": 91}, at="2025-03-14T08:30").danish
    assert "skriv det som" in trouble({"spo2": 91}, at="i morges").danish
