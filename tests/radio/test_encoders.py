"""The simulator's encoders against bytes written down from the specifications."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from device_sim.encoders import pulse_oximetry, weight_scale
from device_sim.encoders.ieee11073 import (
    SpecialSfloat,
    current_time,
    date_time,
    read_current_time,
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
