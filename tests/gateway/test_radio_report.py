"""The radio's condition in the health message's words, and causes in waits."""

from __future__ import annotations

from pathlib import Path

import pytest
from bleak.exc import BleakDBusError, BleakError, BleakGATTProtocolError

from gateway.condition import Condition
from gateway.errors import OutboxError, ProfileError
from gateway.listening.causes import cause_of
from gateway.listening.ladder import Fault, Proof
from gateway.listening.reader import UNREACHABLE_AFTER, _trouble_of
from gateway.listening.recovery import DeviceTrouble, Recovery
from gateway.listening.report import RadioReport
from gateway.listening.turns import WAITS, Cause, Turns
from gateway.radio import (
    BondLostError,
    BondRepairError,
    DeviceStuckError,
    LinkEndedError,
    PairingRefusedError,
    StrangerError,
)
from gateway.systemd_notify import Notifier
from telekol.health import RadioState, TroubleCode
from tests.gateway.conftest import NOW

DEVICE = "C0:FF:EE:00:00:01"


def codes(condition: Condition) -> set[str]:
    return {trouble.code for trouble in condition.troubles}


def test_a_radio_that_fails_is_first_unavailable_then_blind_then_fine() -> None:
    condition = Condition()
    now_s = 0.0
    recovery = Recovery(RadioReport(Notifier({}), condition, lambda: NOW), now_s=lambda: now_s)
    recovery.listening()
    seen = []
    for _ in range(9):
        now_s += 1
        recovery.met(Fault.HUNG, "no answer")
        radio = condition.snapshot().radio
        assert radio is not None
        seen.append((radio.state, *codes(condition)))
    assert seen[0] == (RadioState.UNAVAILABLE,)
    assert seen[3] == (RadioState.UNAVAILABLE, TroubleCode.RADIO_UNAVAILABLE)
    assert seen[-1] == (RadioState.BLIND, TroubleCode.RADIO_BLIND)
    assert "no answer" in condition.troubles[0].detail
    recovery.saw(Proof.HEARD)
    radio = condition.snapshot().radio
    assert radio is not None
    assert radio.state is RadioState.LISTENING
    assert codes(condition) == set()


@pytest.mark.parametrize("trouble", list(DeviceTrouble))
def test_a_devices_trouble_lasts_until_it_is_talked_to(trouble: DeviceTrouble) -> None:
    condition = Condition()
    report = RadioReport(Notifier({}), condition, lambda: NOW)
    report.device_fails(DEVICE, trouble, "why")
    ((found,), *_) = (condition.troubles,)
    assert found.device == DEVICE
    report.device_works(DEVICE)
    assert condition.troubles == ()
    assert condition.snapshot().devices[0].last_heard_at == NOW


@pytest.mark.parametrize(
    ("error", "connecting", "talking"),
    [
        (TimeoutError(), Cause.UNREACHABLE, Cause.LOST),
        (BleakError("no"), Cause.UNREACHABLE, Cause.LOST),
        (LinkEndedError("gone"), Cause.UNREACHABLE, Cause.LOST),
        (EOFError(), Cause.UNFORESEEN, Cause.UNFORESEEN),
        (OutboxError("full"), Cause.DISK, Cause.DISK),
        (ProfileError("short"), Cause.GARBAGE, Cause.GARBAGE),
        (BondLostError("gone"), Cause.BOND, Cause.BOND),
        (BondRepairError("gone"), Cause.BOND, Cause.BOND),
        (PairingRefusedError("no"), Cause.REFUSED, Cause.REFUSED),
        (StrangerError("no"), Cause.REFUSED, Cause.REFUSED),
        (DeviceStuckError("hangs"), Cause.STUCK, Cause.STUCK),
        (BleakGATTProtocolError(0x05), Cause.REFUSED, Cause.REFUSED),
        (BleakGATTProtocolError(0x80), Cause.UNREACHABLE, Cause.LOST),
        (BleakDBusError("org.bluez.Error.AuthenticationFailed", []), Cause.REFUSED, Cause.REFUSED),
        (BleakDBusError("org.bluez.Error.Failed", []), Cause.UNREACHABLE, Cause.LOST),
        (ZeroDivisionError(), Cause.UNFORESEEN, Cause.UNFORESEEN),
    ],
    ids=repr,
)
def test_each_error_has_its_cause(error: Exception, connecting: Cause, talking: Cause) -> None:
    assert cause_of(error, was_connected=False) is connecting
    assert cause_of(error, was_connected=True) is talking


def test_every_cause_has_waits_that_grow() -> None:
    assert set(WAITS) == set(Cause)
    for cause, waits in WAITS.items():
        turns = Turns()
        waited = [turns.failed(DEVICE, 0.0, 0.5, cause) for _ in range(20)]
        assert waited[0] == pytest.approx(waits.first_s * 0.75), cause
        assert waited[-1] == pytest.approx(waits.most_s * 0.75), cause
        assert waited == sorted(waited)


def test_a_failure_of_our_own_is_not_held_against_the_device() -> None:
    turns = Turns()
    for _ in range(5):
        turns.failed(DEVICE, 0.0, 0.5, Cause.DISK)
    assert turns.setbacks(DEVICE) == 0
    assert turns.failed(DEVICE, 0.0, 0.5, Cause.LOST) < 1


@pytest.mark.parametrize(
    ("error", "cause", "setbacks", "trouble"),
    [
        (BondLostError("x"), Cause.BOND, 1, DeviceTrouble.BOND_LOST),
        (BondRepairError("x"), Cause.BOND, 1, None),
        (PairingRefusedError("x"), Cause.REFUSED, 1, DeviceTrouble.REFUSED),
        (StrangerError("x"), Cause.REFUSED, 99, None),
        (TimeoutError(), Cause.UNREACHABLE, UNREACHABLE_AFTER - 1, None),
        (TimeoutError(), Cause.UNREACHABLE, UNREACHABLE_AFTER, DeviceTrouble.UNREACHABLE),
        (TimeoutError(), Cause.LOST, 99, None),
    ],
    ids=repr,
)
def test_a_person_hears_of_what_a_person_can_mend(
    error: Exception, cause: Cause, setbacks: int, trouble: DeviceTrouble | None
) -> None:
    assert _trouble_of(error, cause, setbacks) is trouble


DOCUMENTED = {
    "not reached": Cause.UNREACHABLE,
    "refused, or pairing failed": Cause.REFUSED,
    "lost our keys": Cause.BOND,
    "link lost in mid-conversation": Cause.LOST,
    "connected, and answers nothing": Cause.MUTE,
    "nothing new": Cause.SILENT,
    "sent what cannot be read": Cause.GARBAGE,
    "our own disk": Cause.DISK,
    "connecting hangs": Cause.STUCK,
    "unforeseen": Cause.UNFORESEEN,
}


def test_operating_states_the_waits_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")
    assert set(DOCUMENTED.values()) == set(Cause)
    for words, cause in DOCUMENTED.items():
        waits = WAITS[cause]
        most = f"{waits.most_s:g} s" if waits.most_s <= 60 else f"{waits.most_s / 60:g} min"
        assert f"| {words} | {waits.first_s:g} s | {most.replace('0.5 min', '30 s')} |" in page
