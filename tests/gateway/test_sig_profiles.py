"""Decoders of SIG services: goldens, round trips, truncations, flag combinations, any bytes.

Goldens without another source are written down from the GATT Specification Supplement.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ProfileError
from gateway.profiles.blood_pressure import BloodPressure, Status
from gateway.profiles.body_composition import BodyComposition, Presence
from gateway.profiles.ieee11073 import Float, FloatSpecial
from gateway.profiles.measurement import Measurement
from gateway.profiles.pulse_oximeter_stream import Continuous
from gateway.profiles.thermometer import Site, Temperature
from telekol.quantities import Quantity

STAMP = datetime(2025, 3, 14, 8, 30, 5)  # noqa: DTZ001 - a device's own time
STAMP_BYTES = bytes.fromhex("e907030e081e05")


def _joined(flags: int, width: int, head: bytes, fields: dict[int, bytes], known: int) -> bytes:
    """A payload with every field that `flags` announces; reserved ones announce one byte."""
    tail = b"".join(field for bit, field in fields.items() if flags & bit)
    return flags.to_bytes(width, "little") + head + tail + b"\xaa" * bool(flags & ~known)


def streams() -> Iterator[bytes]:
    fields = {1: b"\x5c\0\x61\0", 2: b"\x5a\0\x5f\0", 4: b"\xe0\xff", 8: b"\xff\xff\x81"}
    fields[16] = b"\x78\xe0"
    for flags in range(256):
        yield _joined(flags, 1, bytes.fromhex("5b006000"), fields, 0x1F)


def compositions() -> Iterator[bytes]:
    fields = {2: STAMP_BYTES, 4: b"\x07"} | {1 << bit: bytes([bit, 0x10]) for bit in range(3, 12)}
    for flags in itertools.chain(range(0x2000), (1 << 13, 1 << 14, 1 << 15, 0xFFFF)):
        yield _joined(flags, 2, b"\xfa\x00", fields, 0x1FFF)


def pressures() -> Iterator[bytes]:
    fields = {2: STAMP_BYTES, 4: b"\x48\0", 8: b"\x01", 16: b"\xff\xff"}
    for flags in range(256):
        yield _joined(flags, 1, bytes.fromhex("7d0050005f00"), fields, 0x1F)


def temperatures() -> Iterator[bytes]:
    for flags in range(256):
        fields = {2: STAMP_BYTES, 4: b"\x06"}
        yield _joined(flags, 1, bytes.fromhex("6e0100ff"), fields, 0x07)


KINDS: dict[type[Measurement], tuple[list[bytes], int, int]] = {
    Continuous: (list(streams()), 1, 0x1F),
    BodyComposition: (list(compositions()), 2, 0x1FFF),
    BloodPressure: (list(pressures()), 1, 0x1F),
    Temperature: (list(temperatures()), 1, 0x07),
}


def values(measurement: Measurement) -> dict[str, str]:
    return {str(one.quantity): str(one.value) for one in measurement.readings}


# ------------------------------------------------------------------------------------ FLOAT


@pytest.mark.parametrize(
    ("raw", "value"),
    [("6e0100ff", "36.6"), ("780000fe", "1.20"), ("fbffffff", "-0.5"), ("00000000", "0")],
)
def test_float_goldens(raw: str, value: str) -> None:
    assert str(Float.from_bytes(bytes.fromhex(raw)).value) == value
    assert bytes(Float.of(Decimal(value))) == bytes.fromhex(raw)


@pytest.mark.parametrize("special", list(FloatSpecial))
def test_a_float_special_is_no_value_and_survives(special: FloatSpecial) -> None:
    raw = int(special).to_bytes(4, "little")
    number = Float.from_bytes(raw)
    assert (number.special, number.value, bytes(number)) == (special, None, raw)


@given(st.integers(0, 0xFFFF_FFFF))
def test_every_float_that_is_a_number_is_written_back_digit_by_digit(raw: int) -> None:
    number = Float(raw)
    value = number.value
    if value is not None and abs(value.scaleb(-value.as_tuple().exponent)) < 0x7F_FFFE:  # type: ignore[operator]
        assert Float.of(value) == number


@pytest.mark.parametrize("value", ["8388606", "1E+128", "1E-129", "NaN", "Infinity"])
def test_what_does_not_fit_a_float_is_said(value: str) -> None:
    with pytest.raises(ValueError, match="FLOAT holds"):
        Float.of(Decimal(value))


# --------------------------------------------------------------------------- every profile


@pytest.mark.parametrize("kind", KINDS)
def test_every_flag_combination_is_written_back_as_it_came(kind: type[Measurement]) -> None:
    for payload in KINDS[kind][0]:
        assert bytes(kind.from_bytes(payload)) == payload


@pytest.mark.parametrize("kind", KINDS)
def test_every_truncation_is_refused(kind: type[Measurement]) -> None:
    payloads, width, known = KINDS[kind]
    for payload in payloads[:: max(1, len(payloads) // 256)]:
        has_extra = bool(int.from_bytes(payload[:width], "little") & ~known)
        for size in range(len(payload) - has_extra):
            with pytest.raises(ProfileError, match=r"expected \d+ bytes .* found \d+"):
                kind.from_bytes(payload[:size])


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_that_no_flag_announces_are_refused(kind: type[Measurement]) -> None:
    payloads, width, known = KINDS[kind]
    for payload in payloads[:: max(1, len(payloads) // 64)]:
        if not int.from_bytes(payload[:width], "little") & ~known:
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


# ---------------------------------------------------------------------- oximeter, continuous


def test_continuous_golden() -> None:
    moment = Continuous.from_bytes(bytes.fromhex("005b006000"))
    assert values(moment) == {"spo2": "91", "pulse_rate": "96"}
    assert (moment.device_time, moment.quality, moment.refusal) == (None, (), None)


def test_fast_and_slow_averages_never_stand_in_for_a_missing_one() -> None:
    moment = Continuous.from_bytes(bytes.fromhex("03 ff07ff07 5c006100 5a005f00"))
    assert moment.readings == ()
    assert moment.fast is not None
    assert moment.fast.spo2_pct.value == 92


def test_a_continuous_measurement_carries_its_flags_and_perfusion() -> None:
    moment = Continuous.from_bytes(bytes.fromhex("1c 5b006000 4000 300000 78e0"))
    assert moment.quality == ("early-estimate", "poor-signal", "low-perfusion")
    assert moment.refusal is None
    assert values(moment)["perfusion_index"] == "1.20"
    off = Continuous.from_bytes(bytes.fromhex("08 5b006000 000800"))
    assert (off.refusal or "").startswith("sensor-not-on-user: ")


# ------------------------------------------------------------------------- body composition


def test_body_composition_golden() -> None:
    measured = BodyComposition.from_bytes(
        bytes.fromhex("0604 fa00") + STAMP_BYTES + bytes.fromhex("01 8638")
    )
    assert values(measured) == {"body_weight": "72.350"}
    assert (measured.device_time, measured.fat_pct, measured.user) == (STAMP, Decimal("25.0"), 1)


def test_pounds_become_kilograms_exactly() -> None:
    measured = BodyComposition.from_bytes(bytes.fromhex("0104 fa00 3e3f"))
    assert measured.weight_kg == Decimal("161.90") * Decimal("0.45359237")


def test_a_composition_without_weight_or_with_a_failed_one_has_no_reading() -> None:
    assert BodyComposition.from_bytes(bytes.fromhex("0000 fa00")).readings == ()
    assert BodyComposition.from_bytes(bytes.fromhex("0004 fa00 ffff")).readings == ()
    assert BodyComposition.from_bytes(bytes.fromhex("0000 ffff")).readings == ()


def test_a_weight_without_fat_is_marked_and_kept() -> None:
    measured = BodyComposition.from_bytes(bytes.fromhex("0004 ffff 8638"))
    assert values(measured) == {"body_weight": "72.350"}
    assert measured.quality == ("body-composition-unsuccessful",)
    assert measured.refusal is None


def test_the_weight_is_found_among_all_fields() -> None:
    measured = BodyComposition.from_bytes(list(compositions())[0x1FFE])
    assert measured.word(Presence.WEIGHT) == 0x100A
    assert measured.word(Presence.HEIGHT) == 0x100B


@pytest.mark.parametrize(
    "raw",
    [
        # An unfinished weighing: as long as a time stamp and a weight would be. Recorded with a
        # real scale, in the tests of ble_monitor.
        "0204b207010112101a0000a852",
        "0226b2070103131a15e601604a",
    ],
)
def test_a_xiaomi_scale_is_not_taken_for_a_standard_one(raw: str) -> None:
    with pytest.raises(ProfileError, match="another layout"):
        BodyComposition.from_bytes(bytes.fromhex(raw))


# --------------------------------------------------------------------------- blood pressure


def test_blood_pressure_golden() -> None:
    measured = BloodPressure.from_bytes(
        bytes.fromhex("06 7d00 5000 5f00") + STAMP_BYTES + bytes.fromhex("4800")
    )
    assert values(measured) == {
        "systolic_bp": "125",
        "diastolic_bp": "80",
        "mean_bp": "95",
        "pulse_rate": "72",
    }
    assert {one.unit for one in measured.readings} == {"mm[Hg]", "/min"}
    assert measured.device_time == STAMP


def test_kilopascals_become_mmhg_rounded_to_hundredths() -> None:
    # 16.0, 10.7 and 12.5 kPa, one decimal each.
    measured = BloodPressure.from_bytes(bytes.fromhex("01 a0f0 6bf0 7df0"))
    assert values(measured) == {
        "systolic_bp": "120.01",
        "diastolic_bp": "80.26",
        "mean_bp": "93.76",
    }


def test_a_pressure_that_is_no_number_is_no_reading() -> None:
    measured = BloodPressure.from_bytes(bytes.fromhex("05 ff07 ff07 ff07 ff07"))
    assert measured.readings == ()


@pytest.mark.parametrize("status", sorted(Status))
def test_every_flag_of_a_cuff_is_carried_and_marks(status: Status) -> None:
    raw = bytes.fromhex("10 7d00 5000 5f00") + int(status).to_bytes(2, "little")
    measured = BloodPressure.from_bytes(raw)
    assert measured.quality == (str(status.name).lower().replace("_", "-"),)
    assert measured.refusal is None
    assert len(measured.readings) == 3


def test_the_reserved_pulse_range_names_nothing() -> None:
    assert BloodPressure.from_bytes(bytes.fromhex("10 7d00 5000 5f00 1900")).quality == (
        "body-movement",
    )


# ------------------------------------------------------------------------------ thermometer


def test_thermometer_golden() -> None:
    measured = Temperature.from_bytes(bytes.fromhex("06 6e0100ff") + STAMP_BYTES + b"\x06")
    assert values(measured) == {"body_temperature": "36.6"}
    assert (measured.device_time, measured.site) == (STAMP, Site.MOUTH)


@pytest.mark.parametrize(
    ("raw", "celsius"),
    [("d20300ff", "36.56"), ("da0300ff", "37.00"), ("400100ff", "0.00"), ("ffff7f7f", None)],
)
def test_fahrenheit_becomes_celsius_rounded_to_hundredths(raw: str, celsius: str | None) -> None:
    found = Temperature.from_bytes(b"\x01" + bytes.fromhex(raw)).celsius
    assert found is not None
    assert found.is_finite()
    if celsius is not None:
        assert str(found) == celsius


@pytest.mark.parametrize("special", list(FloatSpecial))
@pytest.mark.parametrize("flags", [0, 1])
def test_a_temperature_that_is_no_number_is_no_reading(special: FloatSpecial, flags: int) -> None:
    raw = bytes([flags]) + int(special).to_bytes(4, "little")
    assert Temperature.from_bytes(raw).readings == ()


def test_an_unknown_site_survives_and_has_no_name() -> None:
    measured = Temperature.from_bytes(bytes.fromhex("04 6e0100ff 63"))
    assert (measured.site, measured.site_number) == (None, 99)
    assert {one.quantity for one in measured.readings} == {Quantity.BODY_TEMPERATURE}
