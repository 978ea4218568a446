"""A home and the server as processes, both over mutual TLS: readings, health, the Last Will."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from psycopg import Connection
from psycopg.rows import TupleRow

from gateway.keeping.outbox import Outbox
from telekol import topics
from telekol.instructions import LongText, TextMessage, encode_instruction
from telekol.tls import TlsFiles
from tests.support.house import add_home
from tests.support.messages import observation
from tests.support.processes import Process, free_port, telekol, wait_until
from tests.support.secure_broker import Authority, SecureBroker

Db = Connection[TupleRow]
GATEWAY = "gw-test-1"

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates")


@pytest.fixture
def broker(tmp_path: Path, authority: Authority) -> Iterator[SecureBroker]:
    with SecureBroker(tmp_path, authority) as running:
        yield running


def over_tls(broker: SecureBroker, files: TlsFiles) -> dict[str, str]:
    return {
        "TELEKOL_BROKER_URL": f"mqtts://localhost:{broker.tls_port}",
        "TELEKOL_BROKER_TLS_CA": str(files.ca),
        "TELEKOL_BROKER_TLS_CERTIFICATE": str(files.certificate),
        "TELEKOL_BROKER_TLS_KEY": str(files.key),
    }


@pytest.fixture
def ingest(
    tmp_path: Path, broker: SecureBroker, authority: Authority, database_url: str
) -> Iterator[Process]:
    environment = over_tls(broker, authority.service("ingest.telekol"))
    process = telekol(tmp_path, "ingest", TELEKOL_DATABASE_URL=database_url, **environment)
    with process:
        yield process


@pytest.fixture
def gateway(tmp_path: Path, broker: SecureBroker, authority: Authority) -> Iterator[Process]:
    outbox = Outbox.open(tmp_path / "o.db", datetime.now(UTC))
    outbox.put([observation(91.0)])
    outbox.close()
    process = telekol(
        tmp_path,
        "gateway",
        *("--id", GATEWAY, "--outbox", str(tmp_path / "o.db")),
        # Nobody is there: the home has lost its radio, and says so.
        *("--radio", f"tcp-client:127.0.0.1:{free_port()}"),
        TELEKOL_GATEWAY_OFFLINE_AFTER_S="1",
        **over_tls(broker, authority.gateway(GATEWAY)),
    )
    yield process
    if process.is_running:
        process.kill()


def online(db: Db) -> list[bool]:
    query = b"select online from gateway_presence order by id"
    return [value for (value,) in db.execute(query).fetchall()]


def test_a_home_comes_is_killed_and_comes_back(
    connection: Db, ingest: Process, gateway: Process
) -> None:
    add_home(connection, GATEWAY)
    gateway.start()
    stored = b"select value from observation"
    wait_until(lambda: connection.execute(stored).fetchall() == [(91.0,)], "the reading", 60)
    wait_until(lambda: online(connection) == [True], "the home to be online", 60)
    gateway.kill()
    wait_until(lambda: online(connection) == [True, False], "the Last Will", 60)
    wrong = b"select code from technical_trouble"
    assert ("gateway-offline",) in connection.execute(wrong).fetchall()
    gateway.start()
    wait_until(lambda: online(connection) == [True, False, True], "the home to be back", 60)
    assert ("gateway-offline",) not in connection.execute(wrong).fetchall()


def test_a_stop_is_told_like_a_fall_but_later(
    connection: Db, ingest: Process, gateway: Process
) -> None:
    gateway.start()
    wait_until(lambda: online(connection) == [True], "the home to be online", 60)
    assert gateway.stop() == 0
    wait_until(lambda: online(connection) == [True, False], "the Last Will", 60)


def test_an_instruction_reaches_the_home_and_its_acknowledgement_the_database(
    connection: Db, broker: SecureBroker, ingest: Process, gateway: Process
) -> None:
    now = datetime.now(UTC)
    instruction = TextMessage(
        v=1,
        gateway=GATEWAY,
        id=uuid4(),
        issued_at=now,
        expires_at=now + timedelta(hours=1),
        text=LongText(da="Husk at drikke", en="Remember to drink"),
    )
    gateway.start()
    wait_until(lambda: online(connection) == [True], "the home to be online", 60)
    gateway.kill()  # the broker keeps the instruction in the home's session
    server = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    server.connect("127.0.0.1", broker.port)
    server.loop_start()
    payload = encode_instruction(instruction)
    server.publish(topics.instructions(GATEWAY), payload, qos=1).wait_for_publish(10)
    server.disconnect()
    server.loop_stop()
    gateway.start()
    query = b"select instruction, state from instruction_acknowledgement"
    wait_until(
        lambda: connection.execute(query).fetchall() == [(instruction.id, "received")],
        "the acknowledgement",
        60,
    )
    assert "Husk" not in gateway.output()
