"""Decoders of vendors' own layouts: goldens with their source, round trips, truncations."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ProfileError
from gateway.profiles.berry import BciFrame
from gateway.profiles.beurer import RECORD_BYTES, Po60Assembler, Po60Record
from gateway.profiles.measurement import Measurement
from gateway.profiles.nonin import Nonin3230, NoninClassic
from gateway.profiles.quality import RULES, Ruling
from gateway.profiles.vitalograph import LungMonitorBlow
from gateway.profiles.xiaomi import XiaomiV1, XiaomiV2

# The example in an open connector's class, after the maker's description; its checksum fits.
PO60 = bytes.fromhex("e9000f0b060d14250f0b060d143a0000166060606f6e6e4b")
# A recorded frame, from the tests of OpenTele's Android client.
BLOW = bytes.fromhex(
    "0246544430303030313239343036333633333939303931343034303030303030"
    "30393530393030303031333035323831303434313830393233036a"
)
# Adverts recorded with real scales, from the tests of ble_monitor.
SCALE_V1 = bytes.fromhex("229e43e507040b101301")
SCALE_V2 = bytes.fromhex("0226b20705040f0201ac018642")
# Written down from the layout: 97 %, 72 per minute, PAI 1.20 %, 2.9 V, finger on, SmartPoint.
NONIN = bytes.fromhex("0a141d00780005610048")
# From the tests of OpenTele's Android client.
CLASSIC = bytes((0b1000_0000, 0x39, 0x62, 0b0010_0000))
BCI = bytes((0x87, 0x32, 0x05, 0x48, 0x62))

GOLDENS: dict[type[Measurement], bytes] = {
    Nonin3230: NONIN,
    NoninClassic: CLASSIC,
    BciFrame: BCI,
    Po60Record: PO60,
    XiaomiV1: SCALE_V1,
    XiaomiV2: SCALE_V2,
    LungMonitorBlow: BLOW,
}


def values(measurement: Measurement) -> dict[str, str]:
    return {str(one.quantity): str(one.value) for one in measurement.readings}


def at(*fields: int) -> datetime:
    return datetime(*fields)  # type: ignore[arg-type]  # noqa: DTZ001 - a device's own time


def flag_variants() -> Iterator[tuple[type[Measurement], bytes]]:
    """Each layout with every value of its flag bytes."""
    for flags in range(256):
        yield Nonin3230, bytes((10, flags)) + NONIN[2:]
        yield XiaomiV1, bytes((flags,)) + SCALE_V1[1:]
    for first, last in itertools.product(range(128), repeat=2):
        yield NoninClassic, bytes((0x80 | first, 0x39, 0x62, last))
    for first, third in itertools.product(range(128), repeat=2):
        yield BciFrame, bytes((0x80 | first, 0x32, third, 0x48, 0x62))
    for flags in range(0, 0x10000, 37):
        yield XiaomiV2, flags.to_bytes(2, "little") + SCALE_V2[2:]
    for high in range(128):
        yield Po60Record, checked(PO60[:14] + bytes((high,)) + PO60[15:-1])


def checked(body: bytes) -> bytes:
    return body + bytes((sum(body) & 0x7F,))


def xored(frame: bytes) -> bytes:
    result = 0
    for byte in frame:
        result ^= byte
    return frame + bytes((result,))


# ------------------------------------------------------------------------------ every layout


@pytest.mark.parametrize("kind", GOLDENS)
def test_every_truncation_and_every_addition_is_refused(kind: type[Measurement]) -> None:
    golden = GOLDENS[kind]
    assert bytes(kind.from_bytes(golden)) == golden
    for size in range(len(golden)):
        with pytest.raises(ProfileError, match=r"expected .* found"):
            kind.from_bytes(golden[:size])
    with pytest.raises(ProfileError, match=r"expected .* found"):
        kind.from_bytes(golden + b"\x00")


def test_every_flag_combination_is_written_back_and_judged_by_the_table() -> None:
    for kind, payload in flag_variants():
        measurement = kind.from_bytes(payload)
        assert bytes(measurement) == payload
        refused = any(RULES[name].ruling is Ruling.REFUSED for name in measurement.quality)
        assert (measurement.refusal is not None) == refused


@pytest.mark.parametrize("kind", GOLDENS)
@given(data=st.data())
def test_any_bytes_are_decoded_or_refused_with_the_one_error(
    kind: type[Measurement], data: st.DataObject
) -> None:
    golden = GOLDENS[kind]
    near = st.lists(st.integers(0, 255), min_size=len(golden), max_size=len(golden)).map(bytes)
    payload = data.draw(st.one_of(st.binary(max_size=70), near))
    try:
        measurement = kind.from_bytes(payload)
    except ProfileError:
        return
    assert bytes(measurement) == payload
    assert all(reading.value.is_finite() for reading in measurement.readings)
    assert measurement.device_time is None or measurement.device_time.tzinfo is None
    assert isinstance(measurement.refusal, str | None)


# ------------------------------------------------------------------------------------- Nonin


def test_nonin_3230_golden() -> None:
    second = Nonin3230.from_bytes(NONIN)
    assert values(second) == {"spo2": "97", "pulse_rate": "72", "perfusion_index": "1.20"}
    assert (second.quality, second.refusal, second.counter) == (("smart-point",), None, 5)
    assert second.battery_decivolts == 29


def test_nonin_3230_is_big_endian() -> None:
    assert values(Nonin3230.from_bytes(bytes.fromhex("0a10 1d 0000 0005 61 0141")))[
        "pulse_rate"
    ] == str(0x141)


def test_nonin_3230_without_a_finger_is_refused() -> None:
    second = Nonin3230.from_bytes(bytes.fromhex("0a00 1d 0000 0005 61 0048"))
    assert second.quality == ("finger-off",)
    assert (second.refusal or "").startswith("finger-off: ")


def test_nonin_3230_missing_marks_are_no_reading() -> None:
    second = Nonin3230.from_bytes(bytes.fromhex("0a10 1d 0000 0005 7f 01ff"))
    assert set(values(second)) == {"perfusion_index"}


def test_nonin_3230_keeps_fields_of_a_later_firmware() -> None:
    longer = bytes((12,)) + NONIN[1:] + b"\xaa\xbb"
    assert Nonin3230.from_bytes(longer).extra == b"\xaa\xbb"
    assert bytes(Nonin3230.from_bytes(longer)) == longer


@pytest.mark.parametrize(
    ("raw", "pulse"), [("80396220", "57"), ("896b6200", "235"), ("8a626200", "354")]
)
def test_nonin_classic_goldens(raw: str, pulse: str) -> None:
    frame = NoninClassic.from_bytes(bytes.fromhex(raw))
    assert values(frame) == {"spo2": "98", "pulse_rate": pulse}


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        ("80396220", ("smart-point",)),
        ("90396200", ("low-perfusion",)),
        ("88396200", ("marginal-perfusion",)),
        ("80396208", ("finger-off",)),
        ("80396201", ("low-battery",)),
        ("a0396201", ("out-of-track", "low-battery")),
        ("84396201", ("artefact", "low-battery")),
    ],
)
def test_nonin_classic_flags(raw: str, names: tuple[str, ...]) -> None:
    assert NoninClassic.from_bytes(bytes.fromhex(raw)).quality == names


def test_nonin_classic_missing_marks_are_no_reading() -> None:
    assert values(NoninClassic.from_bytes(bytes.fromhex("8b7f6200"))) == {"spo2": "98"}
    assert values(NoninClassic.from_bytes(bytes.fromhex("80397f08"))) == {"pulse_rate": "57"}


@pytest.mark.parametrize("raw", ["00396220", "80b96220", "8039e220", "803962a0"])
def test_a_frame_that_does_not_start_at_its_start_is_refused(raw: str) -> None:
    with pytest.raises(ProfileError, match="start of a frame"):
        NoninClassic.from_bytes(bytes.fromhex(raw))


# ------------------------------------------------------------------------------------- Berry


def test_berry_golden() -> None:
    frame = BciFrame.from_bytes(BCI)
    assert values(frame) == {"spo2": "98", "pulse_rate": "72"}
    assert (frame.strength, frame.wave, frame.bar, frame.beat) == (7, 50, 5, False)
    assert (frame.quality, frame.refusal, frame.device_time) == ((), None, None)


def test_a_pulse_above_127_keeps_its_eighth_bit() -> None:
    assert values(BciFrame.from_bytes(bytes((0x87, 0, 0x40, 12, 98))))["pulse_rate"] == "140"


def test_berry_missing_marks_are_no_reading() -> None:
    assert BciFrame.from_bytes(bytes((0x87, 0, 0x40, 127, 127))).readings == ()
    assert values(BciFrame.from_bytes(bytes((0x87, 0, 0, 127, 98))))["pulse_rate"] == "127"


@pytest.mark.parametrize(
    ("first", "third", "name"),
    [
        (0x90, 0, "no-signal"),
        (0xA0, 0, "sensor-disconnected"),
        (0x80, 0x10, "finger-off"),
        (0x80, 0x20, "searching"),
    ],
)
def test_berry_flags_refuse(first: int, third: int, name: str) -> None:
    frame = BciFrame.from_bytes(bytes((first, 0, third, 72, 98)))
    assert frame.quality == (name,)
    assert (frame.refusal or "").startswith(f"{name}: ")


# ------------------------------------------------------------------------------------ Beurer


def test_po60_golden() -> None:
    record = Po60Record.from_bytes(PO60)
    assert values(record) == {"spo2": "96", "pulse_rate": "110"}
    assert (record.pulse.most, record.pulse.least) == (111, 110)
    assert record.start.moment == at(2015, 11, 6, 13, 20, 37)
    assert record.device_time == at(2015, 11, 6, 13, 20, 58)


@pytest.mark.parametrize(
    ("high", "most", "least", "mean"), [(0x20, 239, 110, 110), (0x10, 111, 238, 110)]
)
def test_po60_eighth_bits_belong_to_their_own_number(
    high: int, most: int, least: int, mean: int
) -> None:
    pulse = Po60Record.from_bytes(checked(PO60[:14] + bytes((high,)) + PO60[15:-1])).pulse
    assert (pulse.most, pulse.least, pulse.mean) == (most, least, mean)


def test_a_po60_pulse_above_127_does_not_wrap() -> None:
    raw = checked(PO60[:14] + b"\x38" + PO60[15:20] + bytes((15, 10, 12)))
    assert values(Po60Record.from_bytes(raw))["pulse_rate"] == "140"


def test_a_po60_record_with_an_impossible_date_has_no_time() -> None:
    assert Po60Record.from_bytes(checked(PO60[:9] + b"\x0d" + PO60[10:-1])).device_time is None


def test_a_po60_missing_mark_is_no_reading() -> None:
    assert "spo2" not in values(Po60Record.from_bytes(checked(PO60[:19] + b"\x7f" + PO60[20:-1])))


@given(st.integers(1, RECORD_BYTES - 1), st.integers(1, 127))
def test_a_changed_byte_is_never_a_po60_reading(place: int, change: int) -> None:
    damaged = bytearray(PO60)
    damaged[place] ^= change
    with pytest.raises(ProfileError):
        Po60Record.from_bytes(bytes(damaged))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=40))
def test_records_come_out_however_the_stream_is_cut(sizes: list[int]) -> None:
    stream, assembler = PO60 * 10, Po60Assembler()
    found: list[Po60Record] = []
    for size in itertools.chain(sizes, itertools.repeat(20)):
        if not stream:
            break
        assembler, records = assembler.fed(stream[:size])
        stream = stream[size:]
        found += records
    assert found == [Po60Record.from_bytes(PO60)] * 10
    assert assembler.pending == b""


def test_the_pulse_of_a_record_comes_in_the_next_notification() -> None:
    assembler, records = Po60Assembler().fed(PO60[:20])
    assert records == ()
    assembler, records = assembler.fed(PO60[20:])
    assert values(records[0]) == {"spo2": "96", "pulse_rate": "110"}


def test_a_lost_notification_costs_one_record_and_joins_nothing() -> None:
    assembler, records = Po60Assembler().fed(PO60[:20])
    assembler, records = assembler.fed(PO60)  # the end of the first was lost
    assert records == (Po60Record.from_bytes(PO60),)
    assert assembler.pending == b""


@given(st.lists(st.binary(max_size=40), max_size=12))
def test_any_stream_is_taken_without_an_error_and_without_growing(pieces: list[bytes]) -> None:
    assembler = Po60Assembler()
    for piece in pieces:
        assembler, _records = assembler.fed(piece)
        assert len(assembler.pending) < RECORD_BYTES


# ------------------------------------------------------------------------------------ Xiaomi


def test_xiaomi_goldens() -> None:
    first, second = XiaomiV1.from_bytes(SCALE_V1), XiaomiV2.from_bytes(SCALE_V2)
    assert values(first) == {"body_weight": "86.550"}
    assert first.device_time == at(2021, 4, 11, 16, 19, 1)
    assert values(second) == {"body_weight": "85.150"}
    assert second.impedance_ohm == 428
    assert (first.refusal, second.refusal) == (None, None)


@pytest.mark.parametrize(
    ("kind", "raw", "names"),
    [
        (XiaomiV1, "a22044b20701010a1a15", ("weight-removed",)),
        (XiaomiV1, "821400e507040b101708", ("not-stable", "weight-removed")),
        (XiaomiV1, "024844e507051c110c09", ("not-stable",)),
        (XiaomiV1, "629e43e507040b101301", ("small-object",)),
        (XiaomiV2, "0204b207010112101a0000a852", ("not-stable",)),
        (XiaomiV2, "02a6b2070103131a15e601604a", ("weight-removed",)),
        (XiaomiV2, "0626b2070103131a15e601604a", ("small-object",)),
    ],
)
def test_a_weighing_that_is_not_a_person_at_rest_is_refused(
    kind: type[Measurement], raw: str, names: tuple[str, ...]
) -> None:
    advert = kind.from_bytes(bytes.fromhex(raw))
    assert advert.quality == names
    assert (advert.refusal or "").startswith(names[0])


def test_xiaomi_units() -> None:
    steps = (12345).to_bytes(2, "little")
    stamp = SCALE_V1[3:]
    assert values(XiaomiV1.from_bytes(b"\x23" + steps + stamp))["body_weight"] == "55.9959780765"
    assert values(XiaomiV1.from_bytes(b"\x32" + steps + stamp))["body_weight"] == "61.725"
    assert values(XiaomiV2.from_bytes(b"\x03\x20" + stamp + b"\0\0" + steps)) == {
        "body_weight": "55.9959780765"
    }


# -------------------------------------------------------------------------------- Vitalograph


def test_vitalograph_golden() -> None:
    blow = LungMonitorBlow.from_bytes(BLOW)
    assert values(blow) == {"fev1": "3.63", "fev6": "3.99"}
    assert (blow.serial, blow.fev1_fev6, blow.fef_25_75, blow.software) == (
        "0000129406",
        91,
        404,
        923,
    )
    assert blow.device_time == at(2013, 5, 28, 10, 44, 18)
    assert (blow.quality, blow.refusal) == ((), None)


def test_fev6_never_passes_for_fvc() -> None:
    names = set(values(LungMonitorBlow.from_bytes(BLOW)))
    assert not names & {"fvc", "fev1_fvc"}


def test_a_bad_blow_is_refused() -> None:
    blow = LungMonitorBlow.from_bytes(xored(BLOW[:-6] + b"1" + BLOW[-5:-1]))
    assert (blow.quality, (blow.refusal or "")[:9]) == (("bad-test",), "bad-test:")


def test_a_wrong_checksum_is_refused() -> None:
    with pytest.raises(ProfileError, match="checksum 0x6a, found 0x6b"):
        LungMonitorBlow.from_bytes(BLOW[:-1] + b"\x6b")


def test_a_blow_at_an_impossible_time_has_no_time() -> None:
    blow = LungMonitorBlow.from_bytes(xored(BLOW[:41] + b"991301000000" + BLOW[53:-1]))
    assert blow.device_time is None


@given(st.binary(min_size=10, max_size=10), st.text("0123456789 -+_", min_size=39, max_size=39))
def test_only_digits_are_numbers(serial: bytes, middle: str) -> None:
    frame = xored(b"\x02FTD" + serial + middle.encode() + b"0923\x03")
    try:
        assert bytes(LungMonitorBlow.from_bytes(frame)) == frame
    except ProfileError:
        assert not middle.isdecimal() or any(not 32 <= byte < 127 for byte in serial)
