"""Scales that say their weighings in adverts: whose count, which, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bleak.backends.scanner import AdvertisementData
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import OutboxCorruptError, OutboxError
from gateway.intake import Intake
from gateway.keeping.outbox import Outbox
from gateway.kit import KitDevice, Medium, SerialSource, kit_devices, serial_sources
from gateway.listening import adverts
from gateway.listening.adverts import Adverts
from gateway.listening.overheard import Overheard
from gateway.profiles import SERVICES, sig_uuid
from tests.gateway.conftest import GATEWAY, NOW
from tests.gateway.test_conversations import CPH

OURS, NEIGHBOURS = "C8:47:8C:00:00:01", "C8:47:8C:00:00:02"
V1, V2 = sig_uuid(0x181D), sig_uuid(0x181B)
# Stable and on the scale: 72.35 kg (14470 steps), 2026-03-14 08:30:05.
STABLE_V1 = bytes.fromhex("22 8638 ea07 03 0e 08 1e 05")
REMOVED_V1 = bytes.fromhex("a2 8638 ea07 03 0e 08 1e 05")
MOVING_V1 = bytes.fromhex("02 8638 ea07 03 0e 08 1e 05")
STABLE_V2 = bytes.fromhex("02 20 ea07 03 0e 08 1e 05 0000 8638")
MEASURED_V2 = bytes.fromhex("02 22 ea07 03 0e 08 1e 05 f401 8638")
KIT = (KitDevice("xiaomi-scale-v1", OURS),)
KIT2 = (KitDevice("xiaomi-scale-v2", OURS),)


def heard(desk: Adverts, service: str, payload: bytes, at_s: float = 0, who: str = OURS) -> bool:
    sighting = desk.sorted(who, [service], {service: payload}, at_s)
    assert not sighting.is_welcome
    return sighting.heard is not None


def test_a_weighing_that_is_said_many_times_is_heard_once() -> None:
    desk = Adverts(KIT)
    found = [heard(desk, V1, STABLE_V1, at_s) for at_s in range(120)]
    assert found == [True] + [False] * 119


def test_what_comes_before_and_after_a_weighing_is_none() -> None:
    desk = Adverts(KIT)
    assert not heard(desk, V1, MOVING_V1)
    assert heard(desk, V1, STABLE_V1)
    assert not heard(desk, V1, REMOVED_V1)


def test_the_same_weight_with_and_without_impedance_is_one_weighing() -> None:
    desk = Adverts(KIT2)
    assert heard(desk, V2, STABLE_V2)
    assert not heard(desk, V2, MEASURED_V2)


def test_tomorrow_is_another_day_also_for_a_clock_that_stands_still() -> None:
    desk = Adverts(KIT)
    assert heard(desk, V1, STABLE_V1, 0)
    assert not heard(desk, V1, STABLE_V1, 599)
    assert not heard(desk, V1, STABLE_V1, 1198)
    assert heard(desk, V1, STABLE_V1, 1198 + 601)


@pytest.mark.parametrize("kit", [(), KIT2, (KitDevice("weight-scale", OURS),)])
def test_a_scale_that_the_settings_do_not_name_is_neither_heard_nor_connected_to(
    kit: tuple[KitDevice, ...], caplog: pytest.LogCaptureFixture
) -> None:
    desk = Adverts(kit)
    with caplog.at_level("INFO"):
        for _ in range(3):
            assert not heard(desk, V1, STABLE_V1)
            assert not heard(desk, V1, STABLE_V1, who=NEIGHBOURS)
    assert caplog.text.count("TELEKOL_GATEWAY_DEVICES") == 2


def test_our_scale_is_never_connected_to_whatever_it_advertises() -> None:
    assert not Adverts(KIT).sorted(OURS, [V1], {}, 0).is_welcome
    assert not Adverts(KIT).sorted(OURS.lower(), [V1], {V1: b"x"}, 0).is_welcome


def test_other_devices_are_connected_to_if_they_say_a_service_or_are_named() -> None:
    po60 = KitDevice("beurer-po60", OURS)
    assert Adverts().sorted(OURS, [SERVICES[0]], {}, 0).is_welcome
    assert not Adverts().sorted(OURS, [sig_uuid(0x180D)], {}, 0).is_welcome
    assert Adverts([po60]).sorted(OURS, [], {}, 0).is_welcome
    assert Adverts([po60]).sorted(NEIGHBOURS, [SERVICES[0]], {}, 0).is_welcome
    only = Adverts([po60], only_kit=True)
    assert only.sorted(OURS, [], {}, 0).is_welcome
    assert not only.sorted(NEIGHBOURS, [SERVICES[0]], {}, 0).is_welcome


def test_everything_is_scanned_for_only_if_a_named_device_needs_it() -> None:
    assert Adverts(KIT).services == list(SERVICES)
    assert Adverts([KitDevice("beurer-po60", OURS)]).services is None


@given(st.lists(st.tuples(st.binary(min_size=10, max_size=10), st.integers(0, 3)), max_size=400))
def test_any_adverts_are_sorted_and_little_is_remembered(said: list[tuple[bytes, int]]) -> None:
    desk = Adverts(KIT)
    for payload, who in said:
        desk.sorted(f"C8:47:8C:00:00:0{who}", [], {V1: payload}, 0)
    assert len(desk._weighings) <= adverts._REMEMBERED_MOST
    for number in range(1000):
        desk.sorted(f"stranger {number}", [], {V1: STABLE_V1}, 0)
        desk.sorted(OURS, [], {V1: STABLE_V1[:1] + number.to_bytes(2, "little") + STABLE_V1[3:]}, 0)
    assert len(desk._strangers) <= adverts._REMEMBERED_MOST
    assert len(desk._weighings) <= adverts._REMEMBERED_MOST


# -- on their way to the disk --------------------------------------------------------------------


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox.open(tmp_path / "outbox.db", NOW)
    yield outbox
    outbox.close()


def advert(service: str, payload: bytes) -> AdvertisementData:
    return AdvertisementData(None, {}, {service: payload}, [service], None, -60, ())


async def test_a_weighing_waits_for_a_disk_that_fails_and_is_kept_then(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Overheard(Adverts(KIT), Intake(GATEWAY, outbox, CPH, lambda: None), lambda: NOW)
    assert not desk.admits(OURS, advert(V1, STABLE_V1))
    errors: list[Any] = [OutboxError("the disk is full"), OutboxCorruptError("damaged")]
    for error in errors:

        def fail(_observations: object, error: OutboxError = error) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(outbox, "put", fail)
            if isinstance(error, OutboxCorruptError):
                with pytest.raises(OutboxCorruptError):
                    desk.keep()
            else:
                desk.keep()
    desk.keep()
    desk.keep()
    (kept,) = outbox.read(1, 9, NOW)
    assert (kept.value, kept.device.address, kept.device.model) == (72.35, OURS, "xiaomi-scale-v1")
    assert kept.device_time is not None


# -- the settings --------------------------------------------------------------------------------


def test_a_kit_is_read_from_its_setting() -> None:
    assert kit_devices("") == ()
    assert kit_devices(" xiaomi-scale-v2@c8:47:8c:00:00:01 , weight-scale@C8:47:8C:00:00:02,") == (
        KitDevice("xiaomi-scale-v2", OURS),
        KitDevice("weight-scale", NEIGHBOURS),
    )
    assert kit_devices(OURS.lower()) == (KitDevice("", OURS),)


@pytest.mark.parametrize(
    "text",
    ["x", "weight-scale", "weight-scale@", "scale@" + OURS, "vitalograph@" + OURS, "@" + OURS],
)
def test_what_is_no_device_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected addresses like"):
        kit_devices(text)


def test_serial_sources_are_read_from_their_setting() -> None:
    text = (
        f"vitalograph@rfcomm:{OURS}, vitalograph@rfcomm:{OURS.lower()}/3, "
        "nonin-classic@/dev/rfcomm0, nonin-classic@tcp:bridge.local:4001, vitalograph@tcp:[::1]:7"
    )
    assert serial_sources(text) == (
        SerialSource("vitalograph", Medium.RFCOMM, OURS, 1),
        SerialSource("vitalograph", Medium.RFCOMM, OURS, 3),
        SerialSource("nonin-classic", Medium.FILE, "/dev/rfcomm0"),
        SerialSource("nonin-classic", Medium.TCP, "bridge.local", 4001),
        SerialSource("vitalograph", Medium.TCP, "::1", 7),
    )
    assert [item.address for item in serial_sources(text)[1:4]] == [
        OURS,
        "file:/dev/rfcomm0",
        "tcp:bridge.local:4001",
    ]


@pytest.mark.parametrize(
    "source",
    ["", "rfcomm:", f"rfcomm:{OURS}/0", f"rfcomm:{OURS}/31", f"rfcomm:{OURS}/x", "tcp:host",
     "tcp::1", "tcp:host:0", "tcp:host:65536", "dev/ttyS0", "usb:0"],
)  # fmt: skip
def test_what_is_no_serial_source_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="expected FAMILY@rfcomm"):
        serial_sources(f"vitalograph@{source}")
    with pytest.raises(ValueError, match="expected FAMILY@rfcomm"):
        serial_sources("weight-scale@/dev/ttyS0")
