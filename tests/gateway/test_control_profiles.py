"""Control points, clocks, batteries and device information: round trips, truncations, any bytes.

Goldens without another source are written down from the GATT Specification Supplement.
"""

from __future__ import annotations

import contextlib
import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ProfileError
from gateway.profiles import PROFILES, battery, user_data
from gateway.profiles import record_access as racp
from gateway.profiles.battery import BatteryLevel, BatteryLevelStatus, ChargeLevel, ChargeState
from gateway.profiles.current_time import CurrentTime
from gateway.profiles.device_information import InformationText, PnpId, SystemId
from gateway.profiles.elapsed_time import CurrentElapsedTime, ElapsedTime, TimeFlags, TimeSource
from gateway.profiles.generic_health_sensor import HealthObservation
from gateway.profiles.ieee11073 import DateTime, Float, Sfloat
from gateway.profiles.record_access import Filter, Operator, RecordAccess
from gateway.profiles.user_data import (
    ChangeIncrement,
    DateOfBirth,
    Height,
    Sex,
    UserControl,
    UserControlResponse,
    UserIndex,
)
from telekol.quantities import Quantity
from tests.gateway import test_profiles, test_sig_profiles, test_vendor_profiles


class Codec(Protocol):
    @classmethod
    def from_bytes(cls, payload: bytes) -> Self: ...

    def __bytes__(self) -> bytes: ...


# From the example bundle of STMicroelectronics' Generic Health Sensor: UTC, 20 November 2021.
STAMP = bytes.fromhex("22729d2b2900000600")

FIXED: dict[type[Codec], bytes] = {
    Sfloat: bytes.fromhex("cff3"),
    Float: bytes.fromhex("6e0100ff"),
    DateTime: bytes.fromhex("e907030e081e05"),
    CurrentTime: bytes.fromhex("e907030e081e05050001"),
    ElapsedTime: STAMP,
    CurrentElapsedTime: STAMP + b"\x01\x03",
    ChangeIncrement: bytes.fromhex("05000000"),
    UserIndex: b"\x02",
    DateOfBirth: bytes.fromhex("98070b1e"),
    Sex: b"\x01",
    Height: bytes.fromhex("af00"),
    BatteryLevel: b"\x5a",
    # The example in the SIG's description of System ID: 12:34:56 and 9A:BC:DE.
    SystemId: bytes.fromhex("debc9afeff563412"),
    PnpId: bytes.fromhex("010a004d000100"),
}
"""Layouts of one length."""

ANY: tuple[type[Codec], ...] = (
    *FIXED,
    RecordAccess,
    UserControl,
    UserControlResponse,
    BatteryLevelStatus,
    InformationText,
)


def test_every_profile_is_held_to_the_same() -> None:
    """Round trip, truncations, flags and any bytes are tested for each layout, in one of four."""
    held = {*test_profiles.KINDS, *test_sig_profiles.KINDS, *test_vendor_profiles.GOLDENS}
    assert {profile.kind for profile in PROFILES} == held | {HealthObservation}


@pytest.mark.parametrize("kind", FIXED)
def test_every_truncation_and_every_addition_is_refused(kind: type[Codec]) -> None:
    golden = FIXED[kind]
    assert bytes(kind.from_bytes(golden)) == golden
    for size in range(len(golden)):
        with pytest.raises(ProfileError, match=r"expected .* found"):
            kind.from_bytes(golden[:size])
    with pytest.raises(ProfileError, match=r"expected .* found"):
        kind.from_bytes(golden + b"\x00")


@pytest.mark.parametrize("kind", ANY)
@given(payload=st.binary(max_size=24))
def test_any_bytes_are_decoded_or_refused_with_the_one_error(
    kind: type[Codec], payload: bytes
) -> None:
    with contextlib.suppress(ProfileError):
        assert bytes(kind.from_bytes(payload)) == payload


# --------------------------------------------------------------------------- record access


@pytest.mark.parametrize(
    ("message", "raw"),
    [
        (RecordAccess.request(racp.OpCode.REPORT_RECORDS), "0101"),
        (RecordAccess.request(racp.OpCode.DELETE_RECORDS), "0201"),
        (RecordAccess.request(racp.OpCode.REPORT_NUMBER), "0401"),
        (RecordAccess.request(racp.OpCode.REPORT_RECORDS, Operator.FIRST), "0105"),
        (RecordAccess.request(racp.OpCode.COMBINED_REPORT, Operator.LAST), "0706"),
        (RecordAccess.abort(), "0300"),
        (RecordAccess.counted(3), "05000300"),
        (RecordAccess.answered(1, racp.Outcome.SUCCESS), "06000101"),
        (RecordAccess.answered(1, racp.Outcome.NO_RECORDS_FOUND), "06000106"),
        (
            RecordAccess.compared(
                racp.OpCode.REPORT_RECORDS,
                Operator.GREATER_OR_EQUAL,
                Filter.RECORD_NUMBER,
                b"\x02\x00",
            ),
            "0103010200",
        ),
        (
            RecordAccess.between(
                racp.OpCode.DELETE_RECORDS, Filter.RECORD_NUMBER, b"\x02\0\0\0", b"\x09\0\0\0"
            ),
            "0204010200000009000000",
        ),
    ],
)
def test_record_access_goldens(message: RecordAccess, raw: str) -> None:
    assert bytes(message).hex() == raw
    assert RecordAccess.from_bytes(bytes.fromhex(raw)) == message


def test_an_answer_says_what_it_answers() -> None:
    answer = RecordAccess.from_bytes(bytes.fromhex("06000106"))
    assert (answer.request_opcode, answer.outcome) == (1, racp.Outcome.NO_RECORDS_FOUND)
    assert answer.number_of_records is None
    count = RecordAccess.from_bytes(bytes.fromhex("0500feff"))
    assert (count.number_of_records, count.request_opcode, count.outcome) == (65534, None, None)
    assert RecordAccess.from_bytes(bytes.fromhex("080003000000")).number_of_records == 3


@pytest.mark.parametrize("raw", ["0101", "0300", "05000300", "06000106", "010301ff", "02040102"])
def test_every_truncated_record_access_is_refused(raw: str) -> None:
    payload = bytes.fromhex(raw)
    for size in range(min(len(payload), 3)):
        with pytest.raises(ProfileError, match=r"expected .* found"):
            RecordAccess.from_bytes(payload[:size])


@pytest.mark.parametrize(
    "raw", ["010100", "030000", "0500030000", "060001", "0103", "010401aabbcc"]
)
def test_an_operand_of_another_length_is_refused(raw: str) -> None:
    with pytest.raises(ProfileError, match="bytes of operand"):
        RecordAccess.from_bytes(bytes.fromhex(raw))


def test_every_op_code_and_operator_survives() -> None:
    for opcode, operator in itertools.product(range(256), repeat=2):
        for operand in (b"", b"\x01\x02", b"\x01\x02\x03"):
            payload = bytes((opcode, operator)) + operand
            try:
                assert bytes(RecordAccess.from_bytes(payload)) == payload
            except ProfileError:
                assert opcode in set(racp.OpCode)


def test_a_request_that_makes_no_sense_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="compares with a value"):
        RecordAccess.request(racp.OpCode.REPORT_RECORDS, Operator.RANGE)
    with pytest.raises(ValueError, match="expected up to or from"):
        RecordAccess.compared(
            racp.OpCode.REPORT_RECORDS, Operator.ALL, Filter.RECORD_NUMBER, b"\x01"
        )
    with pytest.raises(ValueError, match="one width"):
        RecordAccess.between(racp.OpCode.REPORT_RECORDS, Filter.RECORD_NUMBER, b"\x01", b"\x02\0")


# ------------------------------------------------------------------------------- user data


@pytest.mark.parametrize(
    ("request_", "raw"),
    [
        (UserControl.register(4711), "016712"),
        (UserControl.consent(1, 4711), "02016712"),
        (UserControl.delete_user_data(), "03"),
        (UserControl.list_all_users(), "04"),
        (UserControl.delete_users(), "05ff"),
    ],
)
def test_user_control_goldens(request_: UserControl, raw: str) -> None:
    payload = bytes.fromhex(raw)
    assert bytes(request_) == payload
    assert UserControl.from_bytes(payload) == request_
    for size in range(len(payload)):
        with pytest.raises(ProfileError, match=r"expected .* found"):
            UserControl.from_bytes(payload[:size])
    with pytest.raises(ProfileError, match="no flag announces"):
        UserControl.from_bytes(payload + b"\x00")


def test_a_consent_code_is_in_no_log() -> None:
    assert "4711" not in repr(UserControl.consent(1, 4711))
    assert "6712" not in repr(UserControl.consent(1, 4711))


@pytest.mark.parametrize("code", [-1, 10000])
def test_a_consent_code_has_four_digits(code: int) -> None:
    with pytest.raises(ValueError, match="0 to 9999"):
        UserControl.register(code)


def test_the_answer_to_a_registration_holds_the_new_user() -> None:
    answer = UserControlResponse.from_bytes(bytes.fromhex("20010103"))
    assert (answer.is_success, answer.user) == (True, 3)
    for size in range(4):
        with pytest.raises(ProfileError, match=r"expected .* found"):
            UserControlResponse.from_bytes(bytes.fromhex("20010103")[:size])


def test_a_refused_consent_is_no_success() -> None:
    answer = UserControlResponse.from_bytes(bytes.fromhex("200205"))
    assert (answer.is_success, answer.user) == (False, None)
    assert answer.outcome == user_data.Outcome.USER_NOT_AUTHORISED


def test_a_request_is_no_answer_and_an_answer_no_request() -> None:
    with pytest.raises(ProfileError, match="found a response"):
        UserControl.from_bytes(bytes.fromhex("200101"))
    with pytest.raises(ProfileError, match="expected op code 0x20, found 0x02"):
        UserControlResponse.from_bytes(bytes.fromhex("02016712"))


def test_user_data_goldens() -> None:
    assert ChangeIncrement.from_bytes(FIXED[ChangeIncrement]).number == 5
    assert UserIndex.from_bytes(b"\x02").is_known
    assert not UserIndex.from_bytes(b"\xff").is_known
    born = DateOfBirth.from_bytes(FIXED[DateOfBirth]).date
    assert born is not None
    assert born.isoformat() == "1944-11-30"
    assert DateOfBirth.from_bytes(bytes.fromhex("98070b1f")).date is None
    assert Height.from_bytes(FIXED[Height]).metres == Decimal("1.75")


# ----------------------------------------------------------------------------- elapsed time


def test_elapsed_time_golden() -> None:
    stamp = ElapsedTime.from_bytes(STAMP)
    assert stamp.utc == datetime(2021, 11, 20, 11, 50, 10, tzinfo=UTC)
    assert (stamp.source, stamp.is_current, stamp.offset) == (TimeSource.CELLULAR, True, None)


@pytest.mark.parametrize(
    ("flags", "step"), [(0, "1s"), (4, "100ms"), (8, "1ms"), (12, "100us")], ids=str
)
def test_resolutions(flags: int, step: str) -> None:
    steps = {"1s": 1, "100ms": 0.1, "1ms": 0.001, "100us": 0.0001}
    moment = ElapsedTime(TimeFlags(flags), 20_000, 0, 0).moment
    assert moment == datetime(2000, 1, 1) + timedelta(seconds=20_000 * steps[step])  # noqa: DTZ001


@given(st.integers(0, 255), st.integers(0, 2**48 - 1), st.integers(0, 255), st.integers(-128, 127))
def test_every_flag_combination_is_written_back(
    flags: int, count: int, source: int, offset: int
) -> None:
    stamp = ElapsedTime(TimeFlags(flags), count, source, offset)
    assert ElapsedTime.from_bytes(bytes(stamp)) == stamp
    assert stamp.moment is None or stamp.moment.tzinfo is None
    assert stamp.utc is None or stamp.utc.tzinfo is UTC
    assert stamp.moment is None or not flags & 1


def test_local_time_with_its_offset_is_a_moment() -> None:
    # 14 March 2025, 08:30:05, one hour ahead of UTC.
    count = int((datetime(2025, 3, 14, 8, 30, 5) - datetime(2000, 1, 1)).total_seconds())  # noqa: DTZ001
    stamp = ElapsedTime(TimeFlags.OFFSET_USED, count, TimeSource.MANUAL, 4)
    assert stamp.utc == datetime(2025, 3, 14, 7, 30, 5, tzinfo=UTC)
    unknown = ElapsedTime(TimeFlags.OFFSET_USED, count, TimeSource.MANUAL, -128)
    assert (unknown.offset, unknown.utc) == (None, None)


@pytest.mark.parametrize("flags", [0, TimeFlags.UTC, TimeFlags.OFFSET_USED, 0x1A])
def test_a_clock_is_set_in_its_own_form(flags: int) -> None:
    now = datetime(2025, 7, 14, 6, 30, 5, tzinfo=UTC)
    before = ElapsedTime(TimeFlags(flags), 7, TimeSource.NOT_SYNCHRONISED, 0)
    after = before.set_to(now, timedelta(hours=2), TimeSource.NETWORK)
    assert after.resolution == before.resolution
    assert (after.is_current, after.source) == (True, TimeSource.NETWORK)
    assert after.flags & ~TimeFlags.CURRENT_TIMELINE == before.flags
    shown = 6 if TimeFlags.UTC in before.flags else 8
    assert after.moment == datetime(2025, 7, 14, shown, 30, 5)  # noqa: DTZ001
    if after.utc is not None:
        assert after.utc == now


def test_a_tick_counter_is_no_clock() -> None:
    ticks = ElapsedTime(TimeFlags.TICK_COUNTER, 7, 0, 0)
    assert (ticks.moment, ticks.utc) == (None, None)
    with pytest.raises(ValueError, match="tick counter"):
        ticks.set_to(datetime(2025, 1, 1, tzinfo=UTC), timedelta(), TimeSource.NETWORK)
    with pytest.raises(ValueError, match="from 2000 on"):
        ElapsedTime(TimeFlags(0), 7, 0, 0).set_to(
            datetime(1999, 1, 1, tzinfo=UTC), timedelta(), TimeSource.NETWORK
        )


def test_a_clock_that_asks_to_be_set() -> None:
    clock = CurrentElapsedTime.from_bytes(STAMP + b"\x01\x03")
    assert clock.needs_setting
    assert clock.moment == clock.time.moment
    assert not CurrentElapsedTime.from_bytes(STAMP + b"\x00\x03").needs_setting


# ---------------------------------------------------------------------------------- battery


def level_statuses() -> list[bytes]:
    """Every flags byte with the fields it announces; reserved ones announce one byte."""
    return [
        bytes((flags,))
        + bytes.fromhex("a100")
        + b"\x34\x12" * bool(flags & 1)
        + b"\x5a" * bool(flags & 2)
        + b"\x01" * bool(flags & 4)
        + b"\xaa" * bool(flags & 0xF8)
        for flags in range(256)
    ]


def test_every_flag_combination_and_truncation_of_a_level_status() -> None:
    for payload in level_statuses():
        assert bytes(BatteryLevelStatus.from_bytes(payload)) == payload
        known = not payload[0] & 0xF8
        for size in range(len(payload) - (not known)):
            with pytest.raises(ProfileError, match=r"expected .* found"):
                BatteryLevelStatus.from_bytes(payload[:size])
        if known:
            with pytest.raises(ProfileError, match="no flag announces"):
                BatteryLevelStatus.from_bytes(payload + b"\x00")


def test_a_level_status_says_how_the_battery_is() -> None:
    status = BatteryLevelStatus.from_bytes(bytes.fromhex("07 2101 0000 0a 01".replace(" ", "")))
    assert (status.is_present, status.charge_state) == (True, ChargeState.CHARGING)
    assert (status.charge_level, status.needs_service) == (ChargeLevel.LOW, True)
    assert status.level == 10
    assert not BatteryLevelStatus.from_bytes(bytes.fromhex("000000")).needs_service
    assert battery.BatteryLevelStatus.from_bytes(bytes.fromhex("02000065")).level is None


def test_a_battery_level_is_a_reading_up_to_a_hundred() -> None:
    assert [(one.quantity, one.value) for one in BatteryLevel.from_bytes(b"\x5a").readings] == [
        (Quantity.BATTERY, Decimal(90))
    ]
    for level in (101, 255):
        assert BatteryLevel.from_bytes(bytes((level,))).readings == ()


# ----------------------------------------------------------------------- device information


def test_device_information_goldens() -> None:
    system = SystemId.from_bytes(FIXED[SystemId])
    assert (system.organisation, system.manufacturer) == (0x123456, 0xFFFE9ABCDE)
    pnp = PnpId.from_bytes(FIXED[PnpId])
    assert (pnp.vendor_source, pnp.vendor, pnp.product, pnp.version) == (1, 10, 77, 1)


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"UC-352BLE", "UC-352BLE"), (b" A&D \0\0", "A&D"), (b"\xff\xfe", "\ufffd\ufffd"), (b"", "")],
)
def test_a_text_is_kept_as_sent_and_shown_readably(raw: bytes, text: str) -> None:
    assert InformationText.from_bytes(raw).text == text
    assert bytes(InformationText.from_bytes(raw)) == raw
    assert len(InformationText.from_bytes(b"x" * 500).text) == 120
