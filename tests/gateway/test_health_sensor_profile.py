"""Generic Health Sensor: a golden bundle, spirometry by code, segments, truncations, any bytes."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ProfileError
from gateway.profiles.generic_health_sensor import (
    HealthObservation,
    Presence,
    Status,
    StoredObservation,
)
from gateway.profiles.health_segments import LONGEST_BODY, Segment, SegmentAssembler, segments
from gateway.profiles.health_values import Compound, Text
from gateway.profiles.ieee11073 import Float
from gateway.profiles.mdc import Code, Unit
from gateway.profiles.quality import RULES, Ruling
from telekol.quantities import Quantity

# The bundle of STMicroelectronics' Generic Health Sensor example (STM32WBA, 2024), as its source
# comments it: SpO2 98 %, pulse 98 per minute, spot modality, 20 November 2021 in UTC.
BUNDLE = bytes.fromhex(
    "ff2f00 4200 22729d2b2900000600 01 3c4c0200 02"
    "010c00 0100 b84b0200 2002 62000000"
    "010c00 0100 1a480200 a00a 62000000".replace(" ", "")
)
STAMP = bytes.fromhex("22729d2b2900000600")
FIELDS = {
    Presence.CODE: struct.pack("<I", Code.FEV1),
    Presence.TIMESTAMP: STAMP,
    Presence.DURATION: bytes.fromhex("3d0000ff"),
    Presence.STATUS: b"\x22\x00",
    Presence.OBSERVATION_ID: b"\x07\0\0\0",
    Presence.PERSON: b"\x01",
    Presence.SUPPLEMENT: b"\x01\x3c\x4c\x02\x00",
    Presence.DERIVED_FROM: b"\x02\x05\0\0\0\x06\0\0\0",
    Presence.MEMBER_OF: b"\x01\x09\0\0\0",
    Presence.ATTRIBUTES: b"\x01\x27\x09\x01\x00\x02\x00\x19ab",
}
LITRES = struct.pack("<H", Unit.LITRE) + bytes(Float.of(Decimal("1.52")))


def observation(kind: int, flags: int, fields: bytes, value: bytes) -> bytes:
    body = struct.pack("<H", flags) + fields + value
    return struct.pack("<BH", kind, len(body)) + body


def numeric(code: int, unit: int, value: str, status: int | None = None) -> bytes:
    flags = Presence.CODE | (0 if status is None else Presence.STATUS)
    fields = struct.pack("<I", code) + (b"" if status is None else struct.pack("<H", status))
    number = struct.pack("<H", unit) + bytes(Float.of(Decimal(value)))
    return observation(1, flags, fields, number)


def bundle(*members: bytes, flags: int = 0, fields: bytes = b"") -> bytes:
    return observation(0xFF, flags, fields, bytes((len(members),)) + b"".join(members))


def values(raw: bytes) -> dict[str, str]:
    found = HealthObservation.from_bytes(raw)
    return {str(one.quantity): str(one.value) for one in found.readings}


def flag_combinations() -> Iterator[bytes]:
    for bits in range(1 << len(FIELDS)):
        fields = b"".join(field for flag, field in FIELDS.items() if flag & bits)
        yield observation(1, bits, fields, LITRES)


VALUES = {
    1: LITRES,
    2: b"\x01\x02\x03\x00",
    3: b"\x02\x00ok",
    4: bytes(14) + b"\x01\x02" + struct.pack("<I", 3) + b"abcdef",
    5: b"\x02" + bytes(8),
    6: b"\x01\x01\x01\x01",
    7: b"\x01" + struct.pack("<IB", Code.SYSTOLIC, 1) + LITRES,
    8: b"\x01\x27\x09\x01\x00\x02\x00\x19ab",
    9: b"of a later version",
    0xFF: b"\x01" + numeric(Code.FEV1, Unit.LITRE, "1.52"),
}


def test_the_golden_bundle() -> None:
    found = HealthObservation.from_bytes(BUNDLE)
    assert bytes(found) == BUNDLE
    assert values(BUNDLE) == {"spo2": "98", "pulse_rate": "98"}
    assert found.device_time == datetime(2021, 11, 20, 11, 50, 10)  # noqa: DTZ001
    assert (found.quality, found.refusal) == ((), None)
    assert found.supplement == (150588,)
    assert [single.timestamp for single in found.singles] == [found.timestamp] * 2
    assert all(single.supplement == (150588,) for single in found.singles)


def test_every_truncation_and_every_addition_of_the_bundle_is_refused() -> None:
    for size in range(len(BUNDLE)):
        with pytest.raises(ProfileError, match=r"expected .* found"):
            HealthObservation.from_bytes(BUNDLE[:size])
    with pytest.raises(ProfileError, match="no flag announces"):
        HealthObservation.from_bytes(BUNDLE + b"\x00")


def test_every_flag_combination_is_written_back_as_it_came() -> None:
    for payload in flag_combinations():
        assert bytes(HealthObservation.from_bytes(payload)) == payload


def test_every_truncation_of_the_fields_is_refused_also_with_a_fitting_length() -> None:
    for payload in itertools.islice(flag_combinations(), 0, None, 31):
        body = payload[3:]
        for size in range(len(body)):
            with pytest.raises(ProfileError, match=r"expected .* found"):
                HealthObservation.from_bytes(struct.pack("<BH", payload[0], size) + body[:size])
            with pytest.raises(ProfileError, match=r"expected .* found"):
                HealthObservation.from_bytes(payload[: size + 3])


def test_a_reserved_flag_hides_the_value_and_survives() -> None:
    for flag in (1 << bit for bit in range(10, 16)):
        payload = observation(1, Presence.CODE | flag, FIELDS[Presence.CODE], b"\xaa\xbb" + LITRES)
        found = HealthObservation.from_bytes(payload)
        assert (bytes(found), found.readings) == (payload, ())


@pytest.mark.parametrize("kind", VALUES)
def test_every_class_is_written_back_as_it_came(kind: int) -> None:
    payload = observation(kind, Presence.CODE, FIELDS[Presence.CODE], VALUES[kind])
    assert bytes(HealthObservation.from_bytes(payload)) == payload


@pytest.mark.parametrize("kind", [1, 2, 3, 7, 8, 0xFF])
def test_every_truncated_value_is_refused(kind: int) -> None:
    for size in range(len(VALUES[kind])):
        payload = observation(kind, Presence.CODE, FIELDS[Presence.CODE], VALUES[kind][:size])
        with pytest.raises(ProfileError, match=r"expected .* found"):
            HealthObservation.from_bytes(payload)


@given(
    st.one_of(
        st.binary(max_size=60),
        st.binary(max_size=60).map(
            lambda body: struct.pack("<BH", body[0] % 10 if body else 0, len(body)) + body
        ),
    )
)
def test_any_bytes_are_decoded_or_refused_with_the_one_error(payload: bytes) -> None:
    try:
        found = HealthObservation.from_bytes(payload)
    except ProfileError:
        return
    assert bytes(found) == payload
    assert all(reading.value.is_finite() for reading in found.readings)
    assert found.device_time is None or found.device_time.tzinfo is None
    assert len(found.quality) <= 32
    assert isinstance(found.refusal, str | None)


@given(st.lists(st.tuples(st.sampled_from(BUNDLE and range(len(BUNDLE))), st.integers(0, 255))))
def test_a_bundle_with_any_bytes_changed_is_decoded_or_refused(
    changes: list[tuple[int, int]],
) -> None:
    damaged = bytearray(BUNDLE)
    for place, byte in changes:
        damaged[place] = byte
    try:
        found = HealthObservation.from_bytes(bytes(damaged))
    except ProfileError:
        return
    assert bytes(found) == bytes(damaged)


# ------------------------------------------------------------------------------- spirometry


@pytest.mark.parametrize(
    ("code", "unit", "sent", "expected"),
    [
        (Code.FEV1, Unit.LITRE, "1.52", {"fev1": "1.52"}),
        (Code.FEV1, Unit.MILLILITRE, "1520", {"fev1": "1.520"}),
        (Code.FVC, Unit.LITRE, "2.61", {"fvc": "2.61"}),
        (Code.FEV6, Unit.CENTILITRE, "248", {"fev6": "2.48"}),
        (Code.PEF, Unit.LITRE_PER_MINUTE, "312", {"pef": "312"}),
        (Code.PEF, Unit.LITRE_PER_SECOND, "5.2", {"pef": "312.0"}),
        (Code.PEF, Unit.MILLILITRE_PER_SECOND, "5200", {"pef": "312.00"}),
        (Code.FEV1_FVC, Unit.DIMENSIONLESS, "0.58", {"fev1_fvc": "0.58"}),
        (Code.FEV1_FVC, Unit.PERCENT, "58", {"fev1_fvc": "0.58"}),
        (Code.SPO2, Unit.PERCENT, "91", {"spo2": "91"}),
        (Code.PULSE_RATE_CUFF, Unit.BEATS_PER_MINUTE, "88", {"pulse_rate": "88"}),
        (Code.BODY_MASS, Unit.KILOGRAM, "72.35", {"body_weight": "72.35"}),
        (Code.BODY_MASS, Unit.POUND, "100", {"body_weight": "45.35923700"}),
        (Code.MEAN_PRESSURE, Unit.KILOPASCAL, "12.0", {"mean_bp": "90.01"}),
        (Code.EAR_TEMPERATURE, Unit.FAHRENHEIT, "100.4", {"body_temperature": "38.00"}),
    ],
)
def test_a_code_and_its_unit_make_a_reading(
    code: int, unit: int, sent: str, expected: dict[str, str]
) -> None:
    assert values(numeric(code, unit, sent)) == expected


@pytest.mark.parametrize(
    ("code", "unit"),
    [
        (Code.FEV1, Unit.LITRE_PER_SECOND),
        (Code.PEF, Unit.LITRE),
        (Code.SPO2, Unit.DIMENSIONLESS),
        (Code.PERFUSION, Unit.DIMENSIONLESS),
        (152585, Unit.LITRE_PER_MINUTE),  # the personal best of the PEF
        (33707018, Unit.LITRE),  # the predicted FEV1
        (188936, Unit.DIMENSIONLESS),  # FEV1/FEV6
        (189020, Unit.LITRE),  # the back-extrapolated volume
    ],
)
def test_another_unit_or_code_is_no_reading(code: int, unit: int) -> None:
    assert values(numeric(code, unit, "1.5")) == {}


def test_fev6_is_never_fvc_nor_its_ratio_that_of_fvc() -> None:
    blow = bundle(
        numeric(Code.FEV1, Unit.LITRE, "1.52"),
        numeric(Code.FEV6, Unit.LITRE, "2.48"),
        numeric(188936, Unit.DIMENSIONLESS, "0.61"),
    )
    assert values(blow) == {"fev1": "1.52", "fev6": "2.48"}


def test_a_value_that_is_no_number_is_no_reading() -> None:
    payload = observation(
        1, Presence.CODE, FIELDS[Presence.CODE], struct.pack("<HI", Unit.LITRE, 0x007F_FFFF)
    )
    assert values(payload) == {}


def test_an_observation_without_a_code_is_no_reading() -> None:
    assert values(observation(1, 0, b"", LITRES)) == {}


def test_a_compound_gives_each_of_its_numbers() -> None:
    parts = b"".join(
        struct.pack("<IB", code, 1) + struct.pack("<H", Unit.MMHG) + bytes(Float.of(Decimal(value)))
        for code, value in ((Code.SYSTOLIC, 128), (Code.DIASTOLIC, 76))
    )
    others = (
        struct.pack("<IB", 1, 4)
        + VALUES[4]
        + struct.pack("<IB", 1, 5)
        + VALUES[5]
        + struct.pack("<IB", 1, 6)
        + VALUES[6]
        + struct.pack("<IB", 1, 3)
        + VALUES[3]
    )
    payload = observation(7, 0, b"", b"\x06" + others + parts)
    assert values(payload) == {"systolic_bp": "128", "diastolic_bp": "76"}
    found = HealthObservation.from_bytes(payload)
    assert bytes(found) == payload
    assert isinstance(found.value, Compound)
    assert isinstance(found.value.components[3].value, Text)
    assert found.value.components[3].value.text == "ok"


@pytest.mark.parametrize("kind", [0, 7, 8, 9, 255])
def test_a_component_that_ends_nobody_knows_where_is_refused(kind: int) -> None:
    with pytest.raises(ProfileError, match="expected a component of class 1 to 6"):
        HealthObservation.from_bytes(
            observation(7, 0, b"", b"\x01" + struct.pack("<IB", 1, kind) + LITRES)
        )


def test_a_bundle_inside_a_bundle_is_refused() -> None:
    with pytest.raises(ProfileError, match="bundle inside a bundle"):
        HealthObservation.from_bytes(bundle(bundle()))


# ----------------------------------------------------------------------------------- status


@pytest.mark.parametrize("status", list(Status))
def test_every_status_flag_is_carried_and_judged_by_the_table(status: Status) -> None:
    found = HealthObservation.from_bytes(numeric(Code.FEV1, Unit.LITRE, "1.52", status))
    (name,) = found.quality
    assert name == str(status.name).lower().replace("_", "-")
    assert (found.refusal is None) == (RULES[name].ruling is not Ruling.REFUSED)


def test_every_status_survives() -> None:
    for status in range(0, 0x10000, 7):
        payload = numeric(Code.FEV1, Unit.LITRE, "1.52", status)
        assert bytes(HealthObservation.from_bytes(payload)) == payload


def test_one_bad_value_of_a_bundle_does_not_spoil_the_others() -> None:
    found = HealthObservation.from_bytes(
        bundle(
            numeric(Code.SPO2, Unit.PERCENT, "91", Status.INVALID_MEASUREMENT),
            numeric(Code.PULSE_RATE_OXIMETER, Unit.BEATS_PER_MINUTE, "88", Status.EARLY_ESTIMATE),
        )
    )
    assert [one.quantity for one in found.readings] == [Quantity.PULSE_RATE]
    assert (found.quality, found.refusal) == (("early-estimate",), None)
    assert found.singles[0].refusal is not None


def test_what_the_head_refuses_is_refused_for_all() -> None:
    found = HealthObservation.from_bytes(
        bundle(
            numeric(Code.FEV1, Unit.LITRE, "1.52", Status.EARLY_ESTIMATE),
            numeric(Code.FVC, Unit.LITRE, "2.61"),
            flags=Presence.STATUS,
            fields=struct.pack("<H", Status.TESTING),
        )
    )
    assert found.readings == ()
    assert found.quality == ("testing", "early-estimate")
    assert (found.refusal or "").startswith("testing: ")


def test_a_stamp_of_an_earlier_timeline_says_so() -> None:
    stamp = bytes((STAMP[0] & ~0x20,)) + STAMP[1:]
    payload = observation(
        1, Presence.CODE | Presence.TIMESTAMP, FIELDS[Presence.CODE] + stamp, LITRES
    )
    found = HealthObservation.from_bytes(payload)
    assert found.quality == ("earlier-timeline",)
    assert found.device_time is not None


def test_a_tick_counter_gives_no_device_time() -> None:
    payload = observation(
        1, Presence.CODE | Presence.TIMESTAMP, FIELDS[Presence.CODE] + b"\x01" + bytes(8), LITRES
    )
    assert HealthObservation.from_bytes(payload).device_time is None


def test_a_stored_observation_has_the_number_of_its_record() -> None:
    payload = b"\x2a\0\0\0" + BUNDLE
    stored = StoredObservation.from_bytes(payload)
    assert stored.record_number == 42
    assert bytes(stored) == payload
    for size in range(len(payload)):
        with pytest.raises(ProfileError, match=r"expected .* found"):
            StoredObservation.from_bytes(payload[:size])


# --------------------------------------------------------------------------------- segments


def put_together(pieces: list[Segment]) -> tuple[list[bytes], SegmentAssembler]:
    assembler, bodies = SegmentAssembler(), []
    for piece in pieces:
        assembler, body = assembler.fed(Segment.from_bytes(bytes(piece)))
        bodies += [] if body is None else [body]
    return bodies, assembler


def test_a_body_in_one_segment() -> None:
    (single,) = segments(BUNDLE, 100)
    assert bytes(single)[0] == 0x03
    assert put_together([single])[0] == [BUNDLE]


@given(st.integers(1, 60), st.integers(0, 200), st.integers(1, 4))
def test_bodies_come_out_however_they_are_cut(room: int, counter: int, bodies: int) -> None:
    stream: list[Segment] = []
    for _ in range(bodies):
        stream += segments(BUNDLE, room, counter + len(stream))
    found, assembler = put_together(stream)
    assert found == [BUNDLE] * bodies
    assert (assembler.pending, assembler.given_up) == (None, 0)


@given(st.integers(1, 20), st.data())
def test_a_lost_segment_costs_one_body_and_joins_nothing(room: int, data: st.DataObject) -> None:
    stream = [*segments(BUNDLE, room), *segments(BUNDLE, room, 50)]
    del stream[data.draw(st.integers(0, len(stream) - 1))]
    found, assembler = put_together(stream)
    assert found == [BUNDLE]
    assert assembler.given_up <= 1


def test_a_segment_header_survives_and_an_empty_segment_is_refused() -> None:
    for header in range(256):
        assert bytes(Segment.from_bytes(bytes((header, 1, 2)))) == bytes((header, 1, 2))
    with pytest.raises(ProfileError, match=r"expected 1 bytes of header .* found 0"):
        Segment.from_bytes(b"")


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=30))
def test_any_segments_are_taken_without_an_error(pieces: list[bytes]) -> None:
    bodies, _assembler = put_together([Segment.from_bytes(piece) for piece in pieces])
    assert all(len(body) < sum(map(len, pieces)) for body in bodies)


def test_what_waits_never_grows_beyond_the_longest_body() -> None:
    piece = bytes(500)
    assembler, _none = SegmentAssembler().fed(Segment.of(0, piece, is_first=True, is_last=False))
    for counter in range(1, 300):
        assembler, body = assembler.fed(Segment.of(counter, piece, is_first=False, is_last=False))
        assert body is None
        assert len(assembler.pending or b"") <= LONGEST_BODY
    assert assembler.given_up == 1
