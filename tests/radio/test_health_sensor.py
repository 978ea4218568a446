"""The Generic Health Sensor spirometer: live, stored, in segments, with its own clock."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from device_sim.encoders import health_sensor
from device_sim.errors import NotEncodableError

from .conftest import session, until, within
from .test_families import ask, at_home, hexes

TIME = datetime(2025, 3, 14, 8, 30, 5)  # noqa: DTZ001 - a device's clock has no zone
# 2025-03-14 08:30:05 is 795256205 s after 2000: 2f66a58d.
STAMP = "20" + "8da5662f0000" + "0400"


def test_an_observation_by_hand() -> None:
    """Class, length, flags (type and time), code, Elapsed Time, unit, FLOAT."""
    fev1 = health_sensor.numeric("fev1", Decimal("1.12"), TIME)
    assert fev1.hex() == "01" + "1500" + "0300" + "0a540200" + STAMP + "4006" + "700000fe"
    fvc = health_sensor.numeric("fvc", Decimal("2.45"), TIME)
    fev6 = health_sensor.numeric("fev6", Decimal("2.45"), TIME)
    assert fvc[5:9].hex() == "00e20200"
    assert fev6[5:9].hex() == "0b540200"
    assert health_sensor.numeric("pef", Decimal(190), TIME)[-6:].hex() == "000c" + "be000000"
    assert health_sensor.stored(3, fev1)[:5].hex() == "0300000001"


def test_a_clock_that_was_never_set_counts_ticks() -> None:
    assert health_sensor.elapsed_time(None).hex() == "01" + "00" * 8
    assert health_sensor.elapsed_time(datetime(1970, 1, 1)).hex()[:2] == "01"  # noqa: DTZ001
    assert health_sensor.read_elapsed_time(bytes.fromhex(STAMP)) == TIME
    tenths = bytes([0x24]) + (795256205 * 10).to_bytes(6, "little") + b"\x04\x00"
    assert health_sensor.read_elapsed_time(tenths) == TIME
    with pytest.raises(NotEncodableError, match="time of day"):
        health_sensor.read_elapsed_time(bytes(9)[:8])


def test_segments_wrap_their_sequence() -> None:
    parts = health_sensor.segments(bytes(range(50)), 20, 62)
    assert [part[0] for part in parts] == [62 << 2 | 1, 63 << 2, 0 << 2 | 2]
    assert b"".join(part[1:] for part in parts) == bytes(range(50))
    assert health_sensor.segments(b"ab", 20, 0) == (b"\x03ab",)


@pytest.mark.parametrize(("kind", "third"), [("spirometer", "fvc"), ("spirometer-fev6", "fev6")])
async def test_a_test_is_a_record_until_it_is_deleted(kind: str, third: str) -> None:
    async with at_home(kind) as (home, radio):
        device = home.device(kind)
        taken = await home.measure(kind)
        assert {quantity for quantity, _ in taken.values} == {"fev1", third, "pef"}
        answers: list[str] = []
        async with session(radio, device) as link:
            assert len(await link.client.read_gatt_char("2bf2")) == 11
            await link.client.start_notify("2bdd", link.on_value)
            await link.client.start_notify("2a52", hexes(answers))
            for request in ("0401", "0701", "0201", "0701", "0101"):
                await ask(link, "2a52", request, answers)
        assert answers == ["050003000000", "080003000000", "06000201", "06000706", "06000102"]
        records = [part[5:] for part in link.received]
        assert records == list(device.packets(taken))
        assert [part[0] & 3 for part in link.received] == [3, 3, 3]


async def test_a_test_is_told_live_to_whom_listens() -> None:
    async with at_home("spirometer") as (home, radio):
        device = home.device("spirometer")
        await home.measure("spirometer")
        async with session(radio, device) as link:
            await link.client.start_notify("2b8b", link.on_value)
            await until(lambda: len(link.received) == 3)
            taken = await home.measure("spirometer")
            await until(lambda: len(link.received) == 6)
            await within(20, link.ended.wait())
        assert [part[1:] for part in link.received[3:]] == list(device.packets(taken))
        assert home.log.counts().confirmed == 2
