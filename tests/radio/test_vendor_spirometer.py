"""A spirometer behind its maker's program, which hands in spirometry documents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from device_sim.control_server import ControlServer
from device_sim.emission import EmissionLog
from device_sim.encoders.spirometry_document import Session, document
from device_sim.errors import DeviceStateError
from device_sim.home import Home
from device_sim.peripherals.vendor_spirometer import Door, VendorSpirometer

from .conftest import until

TIME = datetime(2025, 3, 14, 8, 30, 5)  # noqa: DTZ001 - a device's clock has no zone


@pytest.fixture
async def spirometer() -> AsyncIterator[VendorSpirometer]:
    home = Home(1, EmissionLog(), devices=["vendor-spirometer"])
    await home.start()
    device = home.device("vendor-spirometer")
    assert isinstance(device, VendorSpirometer)
    yield device
    await home.close()


VALUES = {"fev1": Decimal("1.12"), "fvc": Decimal("2.45"), "pef": Decimal(190)}


def test_the_best_values_stand_in_different_blows() -> None:
    session = Session(VALUES["fev1"], VALUES["fvc"], VALUES["pef"])
    told = json.loads(document(session, TIME, serial="1", manufacturer="M", model="X"))
    usable = [blow for blow in told["blows"] if "flags" not in blow]
    assert max(blow["fev1_l"] for blow in usable) == 1.12
    assert max(blow["fvc_l"] for blow in usable) == 2.45
    assert max(usable, key=lambda blow: blow["fev1_l"])["fvc_l"] != 2.45
    assert {blow["pef"]["unit"] for blow in usable} == {"L/s"}
    assert max(blow["pef"]["value"] for blow in usable) == 3.17
    assert told["blows"][2]["fev1_l"] > 1.12
    assert told["blows"][2]["flags"] == ["bad-test"]
    assert told["device_time"] == "2025-03-14T08:30:05"
    bad = json.loads(
        document(
            replace(session, is_all_bad=True),
            TIME,
            serial="1",
            manufacturer="M",
            model="X",
        )
    )
    assert all("flags" in blow for blow in bad["blows"])


def files(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.suffix == ".json"]


async def test_a_document_appears_whole_in_the_folder(
    spirometer: VendorSpirometer, tmp_path: Path
) -> None:
    taken = await spirometer.take_measurement(VALUES)
    assert spirometer.pending_count == 1
    with pytest.raises(DeviceStateError, match="exists"):
        spirometer.hand_in_to(Door(tmp_path / "absent"))
    spirometer.hand_in_to(Door(tmp_path))
    await until(lambda: spirometer.pending_count == 0)
    (file,) = files(tmp_path)
    assert file.suffix == ".json"
    assert file.read_bytes() == spirometer.packets(taken)[0]
    await spirometer.begin_fault("repeats-memory")
    await until(lambda: len(files(tmp_path)) == 2)
    assert len({each.read_bytes() for each in files(tmp_path)}) == 1


async def test_a_document_is_posted_until_it_is_kept(spirometer: VendorSpirometer) -> None:
    answers = iter([b"503 Busy", b"201 Created"])
    asked: list[bytes] = []

    async def gateway(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        asked.append(head + await reader.readexactly(length))
        writer.write(b"HTTP/1.0 " + next(answers) + b"\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(gateway, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    taken = await spirometer.take_measurement(VALUES)
    spirometer.hand_in_to(Door(url=f"http://127.0.0.1:{port}/spirometry", token="word"))
    await until(lambda: spirometer.pending_count == 0, 10)
    server.close()
    await server.wait_closed()
    assert len(asked) == 2
    assert b"Authorization: Bearer word" in asked[0]
    assert asked[1].endswith(spirometer.packets(taken)[0])


async def test_where_documents_go_is_said_over_the_control_channel(tmp_path: Path) -> None:
    home = Home(1, EmissionLog(), devices=["vendor-spirometer", "scale"])
    server = ControlServer({home.gateway_id: home}, asyncio.Event())
    request = {"command": "hand-in", "home": home.gateway_id, "device": "vendor-spirometer"}

    async def ask(**more: str) -> dict[str, object]:
        return await server.answer(json.dumps(request | more).encode())

    assert (await ask(folder=str(tmp_path)))["where"] == str(tmp_path)
    assert "one of the two" in str((await ask())["error"])
    assert "no documents" in str((await ask(device="scale", folder="x"))["error"])
