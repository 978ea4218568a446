"""Decoders: golden bytes, round trips, every truncation, every flag combination, any bytes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ProfileError
from gateway.profiles.current_time import AdjustReason, CurrentTime
from gateway.profiles.ieee11073 import DateTime, Sfloat, Special
from gateway.profiles.measurement import Measurement, Reading
from gateway.profiles.pulse_oximeter import MeasurementStatus, Presence, SensorStatus, SpotCheck
from gateway.profiles.quality import RULES, Ruling
from gateway.profiles.weight_scale import WeightMeasurement
from telekol.quantities import Quantity

STAMP = datetime(2025, 3, 14, 8, 30, 5)  # noqa: DTZ001 - a device's own time
STAMP_BYTES = bytes.fromhex("e907030e081e05")
KINDS: tuple[type[Measurement], ...] = (SpotCheck, WeightMeasurement)


def spot_checks() -> Iterator[bytes]:
    """Every flags byte with the fields it announces; reserved flags announce two bytes more."""
    for flags in range(256):
        yield (
            bytes([flags])
            + bytes.fromhex("cff34800")
            + b"".join(
                (
                    STAMP_BYTES * bool(flags & 1),
                    b"\xe0\xff" * bool(flags & 2),
                    b"\xff\xff\x81" * bool(flags & 4),
                    b"\x78\xe0" * bool(flags & 8),
                    b"\xaa\xbb" * bool(flags & 0xE0),
                )
            )
        )


def weighings() -> Iterator[bytes]:
    for flags in range(256):
        yield (
            bytes([flags])
            + bytes.fromhex("8638")
            + b"".join(
                (
                    STAMP_BYTES * bool(flags & 2),
                    b"\x07" * bool(flags & 4),
                    bytes.fromhex("fa00e606") * bool(flags & 8),
                    b"\xaa" * bool(flags & 0xF0),
                )
            )
        )


def all_known() -> Iterator[tuple[type[Measurement], bytes]]:
    yield from ((SpotCheck, payload) for payload in spot_checks())
    yield from ((WeightMeasurement, payload) for payload in weighings())


@pytest.mark.parametrize(
    ("raw", "value"),
    [("fbff", "-0.5"), ("78e0", "1.20"), ("cff3", "97.5"), ("4800", "72"), ("0000", "0")],
)
def test_sfloat_goldens(raw: str, value: str) -> None:
    assert str(Sfloat.from_bytes(bytes.fromhex(raw)).value) == value
    assert bytes(Sfloat.of(Decimal(value))) == bytes.fromhex(raw)


@pytest.mark.parametrize("special", list(Special))
def test_an_sfloat_special_is_no_value_and_survives(special: Special) -> None:
    raw = int(special).to_bytes(2, "little")
    assert Sfloat.from_bytes(raw).special is special
    assert Sfloat.from_bytes(raw).value is None
    assert bytes(Sfloat.from_bytes(raw)) == raw


@given(st.integers(0, 0xFFFF))
def test_every_sfloat_that_is_a_number_is_written_back_digit_by_digit(raw: int) -> None:
    number = Sfloat(raw)
    if (
        number.value is not None
        and abs(int("".join(map(str, number.value.as_tuple().digits)))) < 2046
    ):
        assert Sfloat.of(number.value) == number


@pytest.mark.parametrize("value", ["2046", "1E+8", "1E-9", "NaN", "Infinity"])
def test_what_does_not_fit_an_sfloat_is_said(value: str) -> None:
    with pytest.raises(ValueError, match="SFLOAT holds"):
        Sfloat.of(Decimal(value))


def test_date_time_golden() -> None:
    assert DateTime.from_bytes(STAMP_BYTES).moment == STAMP
    assert bytes(DateTime.of(STAMP)) == STAMP_BYTES


@pytest.mark.parametrize(
    ("raw", "known"),
    [
        ("0000030e081e05", False),  # year unknown
        ("e907000e081e05", False),  # month unknown
        ("e9070300081e05", False),  # day unknown
        ("e907021e081e05", True),  # 30 February
        ("e9070d0e081e05", True),  # month 13
        ("e907030e181e05", True),  # hour 24
        ("e907030e083c3c", True),  # minute 60, second 60
        ("ffff030e081e05", True),  # year 65535
    ],
)
def test_an_unknown_or_impossible_date_has_no_moment_and_survives(raw: str, known: bool) -> None:
    stamp = DateTime.from_bytes(bytes.fromhex(raw))
    assert stamp.moment is None
    assert stamp.is_known is known
    assert bytes(stamp) == bytes.fromhex(raw)


def test_current_time_golden() -> None:
    raw = bytes.fromhex("e907030e081e05050001")
    current = CurrentTime.from_bytes(raw)
    assert (current.moment, current.weekday) == (STAMP, 5)
    assert current.adjust_reason is AdjustReason.MANUAL
    assert bytes(current) == raw
    assert bytes(CurrentTime.of(STAMP)) == bytes.fromhex("e907030e081e05050002")


def test_current_time_keeps_fractions_of_a_second() -> None:
    half = STAMP.replace(microsecond=500_000)
    assert CurrentTime.of(half).fractions == 128
    assert CurrentTime.of(half).moment == half


@pytest.mark.parametrize("size", [0, 1, 7, 9, 11])
def test_a_current_time_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ProfileError, match="Current Time: expected"):
        CurrentTime.from_bytes(bytes(size))


def test_spot_check_golden() -> None:
    check = SpotCheck.from_bytes(bytes.fromhex("00cff34800"))
    assert check.readings == (
        Reading(Quantity.SPO2, Decimal("97.5"), "%"),
        Reading(Quantity.PULSE_RATE, Decimal(72), "/min"),
    )
    assert (check.device_time, check.quality, check.refusal) == (None, (), None)


def test_a_spot_check_without_saturation_still_has_its_pulse() -> None:
    check = SpotCheck.from_bytes(bytes.fromhex("00ff074800"))
    assert [reading.quantity for reading in check.readings] == [Quantity.PULSE_RATE]


def test_a_spot_check_says_everything_it_was_told() -> None:
    check = SpotCheck.from_bytes(
        bytes.fromhex("0fcff34800")
        + STAMP_BYTES
        + bytes.fromhex("2002 300001 78e0".replace(" ", ""))
    )
    assert check.device_time == STAMP
    assert check.quality == ("measurement-ongoing", "from-storage", "poor-signal", "low-perfusion")
    assert check.amplitude_index == Decimal("1.20")
    assert int(check.sensor_status or 0) >> 16 == 1  # a reserved bit


def test_a_clock_that_was_never_set_gives_no_device_time() -> None:
    check = SpotCheck.from_bytes(bytes.fromhex("11cff34800") + STAMP_BYTES)
    assert check.timestamp is not None
    assert check.device_time is None
    assert check.quality == ("device-clock-not-set",)


@pytest.mark.parametrize("status", sorted(MeasurementStatus))
def test_every_measurement_flag_is_carried_and_judged_by_the_table(
    status: MeasurementStatus,
) -> None:
    check = SpotCheck.from_bytes(bytes.fromhex("02cff34800") + int(status).to_bytes(2, "little"))
    (name,) = check.quality
    assert name == str(status.name).lower().replace("_", "-")
    assert (check.refusal is None) == (RULES[name].ruling is not Ruling.REFUSED)


@pytest.mark.parametrize("status", sorted(SensorStatus))
def test_every_sensor_flag_is_carried_and_judged_by_the_table(status: SensorStatus) -> None:
    check = SpotCheck.from_bytes(bytes.fromhex("04cff34800") + int(status).to_bytes(3, "little"))
    (name,) = check.quality
    assert name == str(status.name).lower().replace("_", "-")
    assert (check.refusal is None) == (RULES[name].ruling is not Ruling.REFUSED)


def test_the_amplitude_index_is_the_perfusion() -> None:
    check = SpotCheck.from_bytes(bytes.fromhex("08cff3480078e0"))
    assert check.readings[2] == Reading(Quantity.PERFUSION_INDEX, Decimal("1.20"), "%")


def test_weight_golden() -> None:
    weighing = WeightMeasurement.from_bytes(bytes.fromhex("028638e907030e081e05"))
    assert weighing.weight_kg == Decimal("72.350")
    assert weighing.device_time == STAMP
    assert weighing.readings == (Reading(Quantity.BODY_WEIGHT, Decimal("72.350"), "kg"),)


def test_a_failed_weighing_has_no_reading() -> None:
    weighing = WeightMeasurement.from_bytes(bytes.fromhex("00ffff"))
    assert (weighing.weight_kg, weighing.readings) == (None, ())


def test_pounds_become_kilograms_exactly() -> None:
    weighing = WeightMeasurement.from_bytes(bytes.fromhex("093e3f fa00 be02".replace(" ", "")))
    assert weighing.weight_kg == Decimal("161.90") * Decimal("0.45359237")
    assert weighing.height_m == Decimal("1.783080")
    assert weighing.bmi == Decimal("25.0")


def test_a_scale_that_does_not_know_its_user_says_so() -> None:
    assert WeightMeasurement.from_bytes(bytes.fromhex("048638ff")).user is None
    assert WeightMeasurement.from_bytes(bytes.fromhex("04863803")).user == 3


def test_every_flag_combination_is_written_back_as_it_came() -> None:
    for kind, payload in all_known():
        assert bytes(kind.from_bytes(payload)) == payload


def test_every_truncation_is_refused_with_what_was_expected_and_found() -> None:
    for kind, payload in all_known():
        reserved = payload[0] & (0xE0 if kind is SpotCheck else 0xF0)
        # What a reserved flag announces is unknown, so there its own bytes may be missing.
        whole = len(payload) - (0 if not reserved else 2 if kind is SpotCheck else 1)
        for size in range(whole):
            with pytest.raises(ProfileError, match=r"expected \d+ bytes .* found \d+"):
                kind.from_bytes(payload[:size])


def test_bytes_that_no_flag_announces_are_refused() -> None:
    for kind, payload in itertools.islice(all_known(), 0, 512, 7):
        known = 0x1F if kind is SpotCheck else 0x0F
        if payload[0] & ~known:
            continue
        with pytest.raises(ProfileError, match="no flag announces"):
            kind.from_bytes(payload + b"\x00")


@pytest.mark.parametrize("kind", KINDS)
@given(payload=st.binary(max_size=40))
def test_any_bytes_are_decoded_or_refused_with_the_one_error(
    kind: type[Measurement], payload: bytes
) -> None:
    try:
        measurement = kind.from_bytes(payload)
    except ProfileError:
        return
    assert bytes(measurement) == payload
    assert all(reading.value.is_finite() for reading in measurement.readings)
    assert measurement.device_time is None or measurement.device_time.tzinfo is None
    assert len(measurement.quality) <= 32
    assert isinstance(measurement.refusal, str | None)
    assert Presence(payload[0]) == payload[0]
