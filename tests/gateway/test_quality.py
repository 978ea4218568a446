"""The table of flags: it knows every flag there is, and refuses what cannot be the patient's."""

from __future__ import annotations

from enum import IntFlag

import pytest

from gateway.door.spirometry_document import BlowFlag
from gateway.profiles import berry, blood_pressure, generic_health_sensor, nonin, pulse_oximeter
from gateway.profiles.measurement import flag_names
from gateway.profiles.quality import RULES, Ruling, refusal
from gateway.streams import moments
from gateway.timing import clock

FLAGS: tuple[type[IntFlag], ...] = (
    pulse_oximeter.MeasurementStatus,
    pulse_oximeter.SensorStatus,
    blood_pressure.Status,
    nonin.Status3230,
    nonin.ClassicSignal,
    nonin.ClassicState,
    berry.Probe,
    berry.Finger,
    generic_health_sensor.Status,
)
# Not flags of a byte: what is made of a flag that is missing, or of several.
MADE = {
    "finger-off",
    "not-stable",
    "weight-removed",
    "small-object",
    "body-composition-unsuccessful",
    "bad-test",
    "device-clock-not-set",
    clock.IMPLAUSIBLE,
    moments.UNSETTLED,
    "earlier-timeline",
    *BlowFlag,
    # What a session's numbers say, see `gateway.door.spirometry`.
    "contradictory-volumes",
    "failed-session",
    "short-blow",
    "single-blow",
    "low-grade",
    "not-btps",
}
NOBODYS = {
    "demonstration",
    "testing",
    "invalid-measurement",
    "measurement-unavailable",
    "finger-off",
    "sensor-not-on-user",
    "sensor-disconnected",
    "sensor-malfunctioning",
    "equipment-malfunction",
    "bad-test",
    "not-stable",
    "small-object",
    "setting",
    "slow-start",
    "early-glottic-closure",
    "zero-flow-fault",
    "contradictory-volumes",
    "failed-session",
}


def test_the_table_has_every_flag_and_no_other() -> None:
    named = {name for kind in FLAGS for flag in kind for name in flag_names(flag)}
    # The finger's flag of the 3230 is told by its absence.
    assert set(RULES) == (named - {"on-finger"}) | MADE


def test_what_cannot_be_the_patients_is_refused() -> None:
    assert {name for name in NOBODYS if RULES[name].ruling is not Ruling.REFUSED} == set()


@pytest.mark.parametrize(
    "name",
    [
        "poor-signal",
        "low-perfusion",
        "questionable-measurement",
        "early-estimate",
        "body-movement",
        "cuff-too-loose",
        "irregular-pulse",
    ],
)
def test_what_is_only_less_sure_is_marked_and_kept(name: str) -> None:
    """The sickest have the poorest signal; refused, they would fall silent."""
    assert RULES[name].ruling is Ruling.MARKED
    assert refusal((name,)) is None


def test_a_refusal_names_every_reason_and_nothing_else() -> None:
    said = refusal(("poor-signal", "testing", "finger-off")) or ""
    assert said.startswith("testing: ")
    assert "; finger-off: " in said
    assert "poor-signal" not in said


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_has_a_reason_of_one_line(name: str) -> None:
    assert 10 < len(RULES[name].reason) <= 100
    assert "|" not in RULES[name].reason
