"""Handed in at a real gateway process: through to the server, through kill -9, once."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.door.client import Reply, ask
from gateway.door.place import documents_of, token_of
from gateway.errors import GatewayError
from telekol.observation import Entry
from telekol.quantities import Quantity
from tests.gateway.conftest import GATEWAY, Server
from tests.gateway.test_local_intake import form, session
from tests.support.processes import Broker, Process, free_port, telekol, wait_until


class House:
    """A gateway without a radio, its outbox, its local port and its drop folder."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.outbox = folder / "outbox.db"
        self.drop = folder / "drop"
        self.port = free_port()
        self.process: Process = telekol(
            folder,
            "gateway",
            *("--id", GATEWAY, "--outbox", str(self.outbox), "--broker-url", broker.url),
            *("--radio", f"tcp-client:127.0.0.1:{free_port()}"),
            TELEKOL_GATEWAY_CLOCK="system",
            TELEKOL_GATEWAY_LOCAL_PORT=str(self.port),
            TELEKOL_GATEWAY_DROP_FOLDER=str(self.drop),
        )

    def start(self) -> None:
        self.process.start()
        wait_until(self.is_open, "the door to open", 60)

    def is_open(self) -> bool:
        try:
            return ask(self.outbox, "GET", "/condition").status == 200
        except GatewayError:
            assert self.process.is_running
            return False

    def enter(self, key: str) -> Reply:
        return ask(self.outbox, "POST", "/readings", form({"spo2": 91}, key, by="nurse"))

    def post(self, path: str, body: bytes) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        token = token_of(self.outbox).read_text().strip()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        connection.request("POST", path, body, headers)
        status = connection.getresponse().status
        connection.close()
        return status


@pytest.fixture
def house(tmp_path: Path, broker: Broker) -> Iterator[House]:
    house = House(tmp_path, broker)
    yield house
    if house.process.is_running:
        house.process.kill()
    sys.stdout.write(house.process.output())  # shown when the test fails


def test_what_is_handed_in_reaches_the_server_by_every_way(
    house: House, broker: Broker, server: Server
) -> None:
    broker.start()
    server.start()
    house.start()
    assert house.enter("key-0001").status == 201
    assert house.post("/spirometry", session()) == 201
    (house.drop / "again.json").write_bytes(session())
    wait_until((house.drop / "taken" / "again.json").exists, "the file to be taken", 60)
    assert json.loads((house.drop / "taken" / "again.answer.txt").read_text())["known"] == 3
    wait_until(lambda: len(server.stored) == 4, "four readings at the server", 60)
    by_quantity = {item.quantity: item for item in server.stored.values()}
    assert by_quantity[Quantity.SPO2].entered is Entry.TYPED_BY_NURSE
    assert by_quantity[Quantity.FEV1].value == 1.52
    assert "1.52" not in house.process.output()
    assert len(list(documents_of(house.outbox).iterdir())) == 1
    assert house.process.stop(10) == 0


def test_a_gateway_that_is_killed_has_what_it_confirmed_and_no_double(
    house: House, broker: Broker, server: Server
) -> None:
    confirmed = 0
    for round_ in range(3):
        house.start()
        for number in range(5):
            # The double click and the retry after a lost answer carry the key of the first.
            for _ in range(2):
                reply = house.enter(f"key-{round_}-{number:04}")
                assert reply.status in (200, 201)
            confirmed += 1
        house.process.kill()
    broker.start()
    server.start()
    house.start()
    assert house.enter("key-0-0000").content["known"] == 1
    wait_until(lambda: len(server.stored) == confirmed, "all that was confirmed", 60)
