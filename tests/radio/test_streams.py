"""Oximeters that tell each moment: what one finger gives, heard or not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from device_sim.emission import EmissionLog
from device_sim.encoders import berry, nonin
from device_sim.faults import Readings
from device_sim.home import Home
from device_sim.peripherals.finger import Course, insertion
from device_sim.peripherals.stream import Stream
from gateway.radio import Radio

from .conftest import session, until, within
from .test_families import at_home

STREAMS = {
    "streaming-oximeter": "2a5f",
    "nonin-3230": "0aad7ea0-0d60-11e2-8e3c-0002a5d5c51b",
    "berry-bm1000": "49535343-1e4d-4bd9-ba61-23c647249616",
}
VALUES = {"spo2": Decimal(91), "pulse_rate": Decimal(140)}


def quick(home: Home, kind: str) -> Stream:
    device = home.device(kind)
    assert isinstance(device, Stream)
    device.moment_s = 0.03
    device.course = Course(searching=2, showing=8, off=2)
    return device


async def listened(radio: Radio, device: Stream, uuid: str) -> list[bytes]:
    async with session(radio, device) as link:
        await link.client.start_notify(uuid, link.on_value)
        await within(20, link.ended.wait())
    return link.received


@pytest.mark.parametrize("kind", STREAMS)
async def test_one_finger_is_one_measurement(kind: str) -> None:
    async with at_home(kind) as (home, radio):
        device = quick(home, kind)
        taken = await device.take_measurement(VALUES)
        received = await listened(radio, device, STREAMS[kind])
        assert b"".join(received) == b"".join(device.packets(taken))
        assert device.pending_count == 0
        assert home.log.counts().confirmed == 1
        expected = home.log.expected(taken)
        assert expected.readings is Readings.ALL
        assert expected.margins["spo2"] == 1


async def test_a_finger_that_nobody_heard_gives_no_reading() -> None:
    async with at_home("streaming-oximeter") as (home, _radio):
        device = quick(home, "streaming-oximeter")
        device.finger_waits_s = 0.05
        taken = await device.take_measurement(VALUES)
        await until(lambda: device.pending_count == 0)
        assert home.log.expected(taken).readings is Readings.NONE_WHILE_ON
        assert home.log.counts().indicated == 0


async def test_a_finger_that_slipped_out_shows_no_value() -> None:
    async with at_home("nonin-3230") as (home, radio):
        device = quick(home, "nonin-3230")
        await device.begin_fault("finger-off")
        taken = await device.take_measurement(VALUES)
        received = await listened(radio, device, STREAMS["nonin-3230"])
        assert {packet[7] for packet in received} == {127}
        assert not any(packet[1] & 0x10 for packet in received)
        assert home.log.expected(taken).readings is Readings.NONE_WHILE_ON


async def test_the_nonin_tells_the_spot_check_once_when_it_is_sure() -> None:
    async with at_home("nonin-3230") as (home, radio):
        device = quick(home, "nonin-3230")
        taken = await device.take_measurement(VALUES)
        received = await listened(radio, device, "2a5e")
        assert len(received) == 1
        assert received[0][:5].hex() == "035b008c00"
        assert taken.device_time is not None
        assert home.log.counts().confirmed == 1


def test_the_values_of_one_finger_stay_within_what_is_told() -> None:
    shown = list(insertion(Decimal(100), Decimal(60), Course()))
    values = [moment.spo2 for moment in shown if moment.spo2 is not None]
    assert (min(values), max(values)) == (99, 100)
    assert all(moment.spo2 == 100 for moment in shown if moment.settled)
    assert any(moment.settled for moment in shown)
    assert shown[0].spo2 is None
    assert shown[-1].finger_off


def test_nonin_3230_by_hand() -> None:
    """Big-endian: length, status, battery, perfusion, counter, SpO2, pulse."""
    good = nonin.Moment(91, 140, smart_point=True)
    assert nonin.record_3230(good, 258).hex() == "0a141c00f001025b008c"
    off = nonin.Moment(None, None, finger_off=True, low_battery=True)
    assert nonin.record_3230(off, 0).hex() == "0a201c00f000007f01ff"
    searching = nonin.Moment(None, None, weak=True)
    assert nonin.record_3230(searching, 0)[1] == 0x1A


def test_nonin_classic_by_hand() -> None:
    """Pulse 140 is 1 x 128 + 12; 511 is 3 x 128 + 127."""
    assert nonin.classic_frame(nonin.Moment(91, 140, smart_point=True)).hex() == "810c5b20"
    assert nonin.classic_frame(nonin.Moment(None, None, finger_off=True)).hex() == "a37f7f08"
    weak = nonin.Moment(88, 72, weak=True, low_battery=True)
    assert nonin.classic_frame(weak).hex() == "88485801"


def test_berry_by_hand() -> None:
    """Pulse 140 has its eighth bit in bit 6 of the third byte."""
    assert berry.frame(91, 140, pleth=40, beep=True).hex() == "c728460c5b"
    assert berry.frame(None, None).hex() == "9f00607f7f"
    assert berry.frame(None, None, finger_off=True)[2] & 0x10
    for packet in (berry.frame(100, 255), berry.frame(None, None)):
        assert packet[0] & 0x80
        assert not any(byte & 0x80 for byte in packet[1:])


async def test_the_berry_cuts_its_frames_across_notifications(log: EmissionLog) -> None:
    async with at_home("berry-bm1000") as (home, _radio):
        device = quick(home, "berry-bm1000")
        packets = device.encode_moment(next(insertion(Decimal(91), Decimal(70), Course())), 0)
        assert all(len(packet) <= 20 for packet in packets)
        assert any(not packet[0] & 0x80 for packet in packets)
