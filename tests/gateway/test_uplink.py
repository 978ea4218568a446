"""The uplink against a real broker: away, back, deaf to receipts; and what we rely on in paho."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from gateway.errors import BrokerUnavailableError, OutboxCorruptError
from gateway.keeping.outbox import Outbox
from gateway.link.delivery import DeliveryPolicy
from gateway.link.mqtt import Broker, Connection
from gateway.link.uplink import Uplink
from telekol import topics
from telekol.wire import encode
from tests.gateway.conftest import (
    GATEWAY,
    NOW,
    Server,
    make_link,
    observation,
    receipt,
)
from tests.support.processes import Broker as BrokerProcess
from tests.support.processes import free_port
from tests.support.proxy import Proxy


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox.open(tmp_path / "outbox.db", NOW)
    yield outbox
    outbox.close()


def uplink_to(port: int, outbox: Outbox, resend_first_s: float = 10) -> Uplink:
    policy = DeliveryPolicy(resend_first_s=resend_first_s)
    return make_link(Broker("127.0.0.1", port, GATEWAY), outbox, policy=policy).uplink


@asynccontextmanager
async def running(uplink: Uplink) -> AsyncIterator[None]:
    task = asyncio.create_task(uplink.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=3)
        assert task.done()


async def until(condition: Callable[[], object], within_s: float = 15) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, "it did not happen in time"
        await asyncio.sleep(0.02)


async def test_a_broker_that_is_away_at_the_start_is_said_once(
    broker: BrokerProcess, server: Server, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    outbox.put([observation(1)])
    async with running(uplink_to(broker.port, outbox)):
        await asyncio.sleep(1.2)
        assert [record.levelname for record in caplog.records].count("WARNING") == 1
        assert "nobody answers there; readings are kept" in caplog.text
        broker.start()
        server.start()
        await until(lambda: outbox.depth() == 0)


async def test_a_puback_releases_nothing_and_a_lost_receipt_costs_a_repetition(
    broker: BrokerProcess, server: Server, outbox: Outbox
) -> None:
    broker.start()
    server.answers = False
    server.start()
    outbox.put([observation(1), observation(2)])
    async with running(uplink_to(broker.port, outbox, resend_first_s=0.3)):
        await until(lambda: len(server.arrivals) >= 4)
        assert outbox.depth() == 2
        server.answers = True
        await until(lambda: outbox.depth() == 0)
    assert len(server.stored) == 2


async def test_a_backlog_of_thousands_drains_with_the_newest_among_the_first(
    broker: BrokerProcess, server: Server, outbox: Outbox
) -> None:
    broker.start()
    server.start()
    outbox.put([observation(number) for number in range(3000)])
    async with running(uplink_to(broker.port, outbox)):
        await until(lambda: outbox.depth() == 0)
    assert len(server.stored) == 3000
    assert observation(2999).id in server.arrivals[:800]


async def test_a_server_from_an_older_backup_gets_again_what_two_lives_released(
    broker: BrokerProcess, server: Server, outbox: Outbox
) -> None:
    broker.start()
    server.start()
    old = outbox.boot
    outbox.put([observation(number) for number in range(500)])
    uplink = uplink_to(broker.port, outbox)
    async with running(uplink):
        await until(lambda: outbox.depth() == 0)
        outbox.settle(receipt(old, through=999), NOW)  # a new life
        outbox.put([observation(1000)])
        uplink.wake()
        await until(lambda: outbox.depth() == 0)
        server.stored.clear()
        server.seqs.clear()
        assert outbox.send_again(old, 101, None, NOW) == 400
        assert outbox.send_again(outbox.boot, 1, None, NOW) == 1
        uplink.wake()
        await until(lambda: outbox.depth() == 0)
    assert server.seqs[old] == set(range(101, 501))
    assert {observation(number).id for number in (100, 499, 1000)} <= set(server.stored)


async def test_the_server_is_told_of_numbers_that_will_not_come(
    broker: BrokerProcess, server: Server, outbox: Outbox
) -> None:
    broker.start()
    server.start()
    outbox.put([observation(number) for number in range(6)])
    outbox._db.execute("UPDATE observation SET checksum = 0 WHERE seq = 3")
    async with running(uplink_to(broker.port, outbox)):
        await until(lambda: outbox.depth() == 0)
        outbox.put([observation(9)])  # a report travels with readings
        await until(lambda: outbox.depth() == 0 and outbox.state(NOW).abandoned == 0)
    assert {run for item in server.abandoned for run in item.runs} == {(3, 3)}


async def test_receipts_wait_in_the_broker_for_a_gateway_that_is_away(
    broker: BrokerProcess, server: Server, outbox: Outbox
) -> None:
    broker.start()
    server.answers = False
    server.start()
    outbox.put([observation(1)])
    async with running(uplink_to(broker.port, outbox)):
        await until(lambda: server.arrivals)
    outbox.put([observation(2)])
    server.send(encode(receipt(outbox.boot, through=2, first=1, last=2)))
    await asyncio.sleep(0.2)
    server.stop()
    async with running(uplink_to(broker.port, outbox)):
        await until(lambda: outbox.depth() == 1)
    # The second was never sent when that receipt was written, whatever it says.
    assert [row.seq for row in outbox.pending(9)] == [2]


async def test_a_receipt_for_another_gateway_is_left_alone(
    broker: BrokerProcess, server: Server, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    broker.start()
    server.answers = False
    server.start()
    outbox.put([observation(1)])
    other = receipt(outbox.boot, through=1).model_copy(update={"gateway": "gw-other"})
    async with running(uplink_to(broker.port, outbox)):
        await until(lambda: server.arrivals)
        server.send(encode(other))
        await until(lambda: "another gateway" in caplog.text)
    assert outbox.depth() == 1


async def test_a_damaged_outbox_ends_the_uplink(broker: BrokerProcess, outbox: Outbox) -> None:
    broker.start()
    uplink = uplink_to(broker.port, outbox)

    def damaged(_limit: int) -> None:
        raise OutboxCorruptError("the outbox is damaged")

    outbox.pending = damaged  # type: ignore[method-assign, assignment]
    with pytest.raises(OutboxCorruptError):
        async with asyncio.timeout(10):
            await uplink.run()


async def test_a_line_that_swallows_everything_is_given_up_and_opened_anew(
    broker: BrokerProcess,
    server: Server,
    outbox: Outbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("gateway.link.uplink.SILENCE_S", 0.3)
    monkeypatch.setattr("gateway.link.uplink._IDLE_S", 0.1)
    monkeypatch.setattr("gateway.link.mqtt.OPEN_WITHIN_S", 0.5)
    caplog.set_level("INFO")
    broker.start()
    server.start()
    with Proxy(("127.0.0.1", broker.port)) as line:
        async with running(uplink_to(line.port, outbox)):
            await until(lambda: "connected to the broker" in caplog.text)
            line.freeze()
            outbox.put([observation(1)])
            await until(lambda: "the broker is silent; connecting anew" in caplog.text)
            await until(lambda: "no answer in time" in caplog.text)
            line.cut()
            line.mend()
            await until(lambda: outbox.depth() == 0)
    assert len(server.stored) == 1


async def test_nobody_there_is_one_clear_error() -> None:
    port = free_port()
    connection = Connection(Broker("127.0.0.1", port, GATEWAY), {"t": lambda _: None})
    with pytest.raises(BrokerUnavailableError, match=f"127.0.0.1:{port}, found: nobody answers"):
        await connection.open()
    await connection.close()
    assert not connection.publish("t", b"")


async def test_a_connection_ends_when_its_broker_does(broker: BrokerProcess) -> None:
    broker.start()
    heard: list[bytes] = []
    topic = topics.receipts(GATEWAY)
    connection = Connection(Broker("127.0.0.1", broker.port, GATEWAY), {topic: heard.append})
    await connection.open()
    assert connection.publish(topic, b"to myself")
    await until(lambda: heard == [b"to myself"])
    await until(lambda: connection.silent_s() == 0)
    broker.kill()
    assert "the connection ended" in await asyncio.wait_for(connection.ended, 5)
    assert not connection.publish(topic, b"nobody")
    await connection.close()


def open_handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_an_absent_broker_costs_no_file_handles() -> None:
    port = free_port()
    before = open_handles()
    for _ in range(15):
        connection = Connection(Broker("127.0.0.1", port, GATEWAY), {"t": lambda _: None})
        with pytest.raises(BrokerUnavailableError):
            await connection.open()
        await connection.close()
        del connection
    await until(lambda: open_handles() <= before + 3)


def test_paho_still_queues_when_it_is_not_connected() -> None:
    """Why `Connection.publish` asks first: rc says no connection, yet the message is kept."""
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    assert client.publish("t", b"", qos=1).rc == MQTTErrorCode.MQTT_ERR_NO_CONN
    assert len(client._out_messages) == 1
    assert not client.suppress_exceptions
