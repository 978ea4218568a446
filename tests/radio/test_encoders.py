"""The simulator's encoders against bytes written down from the specifications."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from device_sim.encoders import (
    blood_pressure,
    body_composition,
    pulse_oximetry,
    thermometer,
    weight_scale,
)
from device_sim.encoders.ieee11073 import (
    SpecialFloat,
    SpecialSfloat,
    current_time,
    date_time,
    float32,
    read_current_time,
    read_date_time,
    sfloat,
)
from device_sim.errors import NotEncodableError

TIME = datetime(2025, 3, 14, 8, 30, 5)  # noqa: DTZ001 - a device's clock has no zone


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("-0.5"), "fbff"),
        (Decimal("1.20"), "78e0"),
        (Decimal("97.5"), "cff3"),
        (Decimal(72), "4800"),
        (Decimal(0), "0000"),
        (Decimal(2045), "fd07"),
        (Decimal(-2045), "0308"),
        (Decimal("1e7"), "0170"),
        (Decimal("1e-8"), "0180"),
        (SpecialSfloat.NAN, "ff07"),
        (SpecialSfloat.NRES, "0008"),
        (SpecialSfloat.PLUS_INFINITY, "fe07"),
        (SpecialSfloat.MINUS_INFINITY, "0208"),
    ],
)
def test_sfloat(value: Decimal | SpecialSfloat, expected: str) -> None:
    assert sfloat(value).hex() == expected


@pytest.mark.parametrize("value", ["2046", "97.555", "1e8", "1e-9", "NaN", "Infinity"])
def test_sfloat_refuses_what_it_cannot_write_exactly(value: str) -> None:
    with pytest.raises(NotEncodableError, match="Expected an SFLOAT"):
        sfloat(Decimal(value))


def test_spot_check_goldens() -> None:
    assert pulse_oximetry.spot_check(Decimal("97.5"), Decimal(72)).hex() == "00cff34800"
    assert pulse_oximetry.spot_check(SpecialSfloat.NAN, Decimal(72)).hex() == "00ff074800"


def test_spot_check_with_every_field() -> None:
    payload = pulse_oximetry.spot_check(
        Decimal(91),
        Decimal(96),
        device_time=TIME,
        measurement_status=0x8000,
        sensor_status=0x010203,
        clock_not_set=True,
    )
    assert payload.hex() == "175b006000e907030e081e050080030201"


def test_pulse_oximeter_features() -> None:
    feature = pulse_oximetry.PlxFeature
    assert pulse_oximetry.features(feature.STORAGE | feature.TIMESTAMP).hex() == "0c00"


def test_weight_goldens() -> None:
    assert (
        weight_scale.weight_measurement(Decimal("72.35"), device_time=TIME).hex()
        == "028638e907030e081e05"
    )
    assert weight_scale.weight_measurement(None).hex() == "00ffff"
    assert weight_scale.weight_measurement(Decimal("72.35"), user_id=255).hex() == "048638ff"
    assert weight_scale.features().hex() == "39000000"


@pytest.mark.parametrize("weight", ["72.351", "-1", "327.675", "NaN", "Infinity"])
def test_weight_refuses_what_a_scale_cannot_send(weight: str) -> None:
    with pytest.raises(NotEncodableError, match="steps of"):
        weight_scale.weight_measurement(Decimal(weight))


def test_current_time_golden_and_back() -> None:
    assert current_time(TIME, adjust_reason=1).hex() == "e907030e081e05050001"
    assert read_current_time(current_time(TIME)) == TIME
    half = TIME.replace(microsecond=500_000)
    assert current_time(half)[8] == 128
    assert read_current_time(current_time(half)) == half


@pytest.mark.parametrize("payload", ["", "e907030e081e050500", "e9070d0e081e05050001", "00" * 10])
def test_current_time_refuses_what_no_calendar_has(payload: str) -> None:
    with pytest.raises(NotEncodableError):
        read_current_time(bytes.fromhex(payload))


def test_a_device_knows_no_zone() -> None:
    with pytest.raises(NotEncodableError, match="no zone"):
        date_time(TIME.replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("36.6"), "6e0100ff"),
        (Decimal("1.20"), "780000fe"),
        (Decimal("-0.5"), "fbffffff"),
        (SpecialFloat.NAN, "ffff7f00"),
        (SpecialFloat.NRES, "00008000"),
    ],
)
def test_float(value: Decimal | SpecialFloat, expected: str) -> None:
    assert float32(value).hex() == expected


@pytest.mark.parametrize("value", ["8388606", "1e128", "NaN"])
def test_float_refuses_what_it_cannot_write_exactly(value: str) -> None:
    with pytest.raises(NotEncodableError, match="Expected a FLOAT"):
        float32(Decimal(value))


def test_a_clock_that_was_never_set_has_no_date() -> None:
    """GSS, Date Time: 0 stands for a year, month or day that is not known."""
    assert date_time(datetime(1, 1, 1, 8, 30, 5)).hex() == "00000000081e05"  # noqa: DTZ001
    assert date_time(datetime(1970, 1, 1)).hex() == "b2070101000000"  # noqa: DTZ001
    assert read_date_time(date_time(TIME)) == TIME
    with pytest.raises(NotEncodableError, match="7 bytes"):
        read_date_time(b"\x00")


def test_continuous_goldens() -> None:
    """The second is what a Choicemmed oximeter sent (Stack Overflow 71264072)."""
    assert pulse_oximetry.continuous(Decimal(91), Decimal(96)).hex() == "005b006000"
    sent = pulse_oximetry.continuous(
        Decimal(98), Decimal(78), measurement_status=0x20, sensor_status=0
    )
    assert sent.hex() == "0c62004e002000000000"
    with_pai = pulse_oximetry.continuous(
        Decimal(91), Decimal(96), pulse_amplitude_index=Decimal("1.20")
    )
    assert with_pai.hex() == "105b00600078e0"


def test_a_spot_check_as_a_choicemmed_oximeter_sends_it() -> None:
    """Stack Overflow 71264072, with the device's own clock never set."""
    sent = pulse_oximetry.spot_check(
        Decimal(97),
        Decimal(96),
        device_time=datetime(2017, 1, 1, 1, 34, 19),  # noqa: DTZ001
        measurement_status=0x20,
        sensor_status=0,
        clock_not_set=True,
    )
    assert sent.hex() == "1761006000e1070101012213200000" + "0000"


def test_blood_pressure_by_hand() -> None:
    """BLS v1.1.1, table 3.1: flags, three SFLOAT, time, pulse, user, status."""
    sent = blood_pressure.blood_pressure(
        blood_pressure.Pressures(Decimal(132), Decimal(78), Decimal(96)),
        device_time=TIME,
        pulse_rate=Decimal(72),
        user_id=1,
        status=blood_pressure.CuffStatus.IRREGULAR_PULSE,
    )
    assert sent.hex() == "1e84004e006000e907030e081e05480001" + "0400"
    in_kpa = blood_pressure.Pressures(Decimal("17.6"), Decimal("10.4"))
    assert blood_pressure.blood_pressure(in_kpa, kilopascal=True).hex() == "01b0f068f0ff07"
    assert blood_pressure.features(blood_pressure.CuffStatus.CUFF_TOO_LOOSE).hex() == "0200"


def test_temperature_by_hand() -> None:
    """HTS v1.0, table 3.1: flags, FLOAT, time, type."""
    sent = thermometer.temperature(Decimal("36.6"), device_time=TIME, site=thermometer.Site.EAR)
    assert sent.hex() == "066e0100ffe907030e081e0503"
    assert thermometer.temperature(Decimal("98.2"), fahrenheit=True).hex() == "01d60300ff"


def test_body_composition_by_hand() -> None:
    """BCS v1.0, table 3.2: flags, fat, then the fields in the order of their flags."""
    sent = body_composition.body_composition(
        Decimal("25.0"),
        device_time=TIME,
        user_id=2,
        water_kg=Decimal("40.000"),
        impedance_ohm=Decimal("520.0"),
        weight_kg=Decimal("72.35"),
    )
    assert sent.hex() == "0607fa00e907030e081e0502401f50148638"
    assert body_composition.body_composition(None).hex() == "0000ffff"
    assert body_composition.features().hex() == "033b0000"
    with pytest.raises(NotEncodableError, match="% fat"):
        body_composition.body_composition(Decimal("25.05"))
