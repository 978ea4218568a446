"""A short campaign, and the proof that each of its counts can be other than nought."""

from __future__ import annotations

import json
import random
import secrets
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from psycopg import Connection
from psycopg.rows import TupleRow

from ingest import writer
from telekol import topics
from telekol.wire import Receipt, encode
from tests.chaos import __main__ as command
from tests.chaos import oracle
from tests.chaos.campaign import Order, is_sound, run
from tests.chaos.disk import SmallDisk
from tests.chaos.plan import Kind, draw, kinds_of, processes
from tests.chaos.spy import ReceiptSpy
from tests.support.house import add_home
from tests.support.messages import message, observation, sort
from tests.support.processes import Broker, wait_until
from tests.support.proxy import Proxy, Slowness

Db = Connection[TupleRow]
ROUNDS = 3


@pytest.mark.timeout(400)
def test_a_short_campaign_loses_nothing_and_doubles_nothing() -> None:
    seed = secrets.randbelow(2**31)
    with tempfile.TemporaryDirectory(prefix="telekol-chaos-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # as root, PostgreSQL runs as somebody else
        result = run(Order(seed, ROUNDS), Path(folder) / "house", lambda _number, _what: None)
    assert is_sound(result), f"make chaos ROUNDS={ROUNDS} SEED={seed}: {result}"
    assert result["rounds"] == ROUNDS
    assert result["emitted"] > 0
    assert result["receipts_seen"] > 0


def test_the_same_seed_is_the_same_plan_and_another_is_another() -> None:
    assert draw(4, 50, 2) == draw(4, 50, 2)
    assert draw(4, 50, 2) != draw(5, 50, 2)
    # A longer campaign begins like the shorter one: a failure is found again with fewer rounds.
    assert draw(4, 50, 2)[:20] == draw(4, 20, 2)


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_of_fault_and_every_process_comes_soon(seed: int) -> None:
    plan = draw(seed, 20, 2)
    assert kinds_of(plan) == set(Kind)
    killed = {fault.target for one in plan for fault in one.faults if fault.kind is Kind.KILL}
    assert killed == set(processes(2))


NOUGHT = (
    *("missing", "duplicates", "gaps_open", "receipts_before_commit"),
    *("other_values", "unjudged"),
)


@pytest.mark.parametrize("name", NOUGHT)
def test_one_of_anything_fails_a_campaign(name: str) -> None:
    sound = dict.fromkeys(NOUGHT, 0)
    assert not is_sound(sound | {"emitted": 0})
    sound |= {"emitted": 9}
    assert is_sound(sound)
    assert not is_sound(sound | {name: 1})


def _receipt(boot: UUID, first: int, last: int, through: int) -> bytes:
    return encode(
        Receipt(
            v=1, gateway="gw-test-1", boot=boot, through=through, first=first, last=last, refused=()
        )
    )


def test_the_spy_sees_a_receipt_that_came_before_its_commit(
    broker: Broker, database_url: str, connection: Db
) -> None:
    add_home(connection)
    boot = uuid4()
    payloads = [message(observation(), boot=boot, seq=n) for n in (1, 2, 3)]
    up, down = topics.observations("gw-test-1"), topics.receipts("gw-test-1")
    spy = ReceiptSpy(broker.port, database_url)
    spy.start()
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()

    def say(topic: str, payload: bytes) -> None:
        client.publish(topic, payload, qos=1).wait_for_publish(20)

    def seen(count: int) -> Callable[[], bool]:
        return lambda: spy.seen.receipts == count

    try:
        wait_until(spy.is_listening, "the spy")
        writer.store(connection, [sort(up, payloads[0])])
        say(up, payloads[0])
        say(down, _receipt(boot, 1, 1, 1))
        wait_until(seen(1), "the honest receipt")
        assert spy.seen.before_commit == []
        say(up, payloads[1])
        say(down, _receipt(boot, 2, 2, 2))
        wait_until(seen(2), "the receipt that came too soon")
        assert len(spy.seen.before_commit) == 1
        # Numbers noted, readings not there: a commit in two halves.
        connection.execute("update outbox set settled = settled + '{[3,3]}'")
        say(up, payloads[2])
        say(down, _receipt(boot, 3, 3, 1))
        wait_until(seen(3), "the half receipt")
        assert len(spy.seen.before_commit) == 2
    finally:
        client.disconnect()
        client.loop_stop()
        spy.close()


def test_the_oracle_counts_gaps_and_doubles(connection: Db) -> None:
    add_home(connection)
    boot = uuid4()
    up = topics.observations("gw-test-1")
    for seq in (1, 2, 4):
        writer.store(connection, [sort(up, message(observation(), boot=boot, seq=seq))])
    life = ("gw-test-1", boot)
    assert oracle.gaps_open({life: 4}, oracle.settled(connection)) == 1
    assert oracle.gaps_open({life: 6}, oracle.settled(connection)) == 3
    assert oracle.gaps_open({("gw-test-1", uuid4()): 2}, oracle.settled(connection)) == 2
    assert oracle.doubled_rows(connection) == 0
    connection.execute("insert into observation select * from observation where seq = 1")
    assert oracle.doubled_rows(connection) == 1


def test_the_oracle_sees_a_value_that_changed_on_the_way(tmp_path: Path, connection: Db) -> None:
    add_home(connection)
    reading = observation(93.0)
    up = topics.observations("gw-test-1")
    writer.store(connection, [sort(up, message(reading))])
    emissions = tmp_path / "emissions.jsonl"
    assert reading.device_time is not None
    event = {
        "event": "taken",
        "serial": reading.device.serial,
        "quantity": "spo2",
        "device_time": reading.device_time.isoformat(),
        "at": reading.measured_at.isoformat(),
    }
    for value, expected in ((93, 0), (92, 1)):
        emissions.write_text(json.dumps({**event, "value": value}) + "\n", encoding="utf-8")
        assert oracle.other_values(emissions, connection) == expected


def test_the_oracle_misses_what_never_left_its_device(tmp_path: Path, connection: Db) -> None:
    """As once, when no gateway was up before the end and a campaign without a reading passed."""
    line = (
        '{"event": "taken", "serial": "S", "quantity": "spo2", "value": 93, "unit": "%", '
        '"device_time": "2026-11-02T08:00:01", "at": "2026-11-02T08:00:01+00:00"}'
    )
    emissions = tmp_path / "emissions.jsonl"
    emissions.write_text(line + '\n{"event": "ta', encoding="utf-8")
    found = oracle.outcome(emissions, connection)
    assert (found.emitted, found.stored, found.missing, found.duplicates) == (1, 0, 1, 0)
    assert len(oracle.lost_keys(emissions, connection)) == 1


def test_a_small_disk_is_full_to_the_last_byte_or_says_why_not(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "small")
    try:
        if not disk.can_fill:
            assert disk.why_not
            return
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            (disk.folder / "more").write_bytes(bytes(5000))
        disk.empty()
        (disk.folder / "more").write_bytes(bytes(5000))
    finally:
        disk.close()


def test_a_slow_and_sliced_line_passes_every_byte_in_order() -> None:
    sent = random.Random(1).randbytes(300)
    with socket.create_server(("127.0.0.1", 0)) as far_end, Proxy(far_end.getsockname()) as line:
        line.slow(Slowness(latency_s=0.001, bytes_per_s=100_000, slice_bytes=7))
        with socket.create_connection(("127.0.0.1", line.port)) as near:
            far, _ = far_end.accept()
            with far:
                near.sendall(sent)
                got = b""
                while len(got) < len(sent):
                    got += far.recv(4096)
                assert got == sent
                line.reset()
                near.settimeout(20)
                with pytest.raises(ConnectionResetError):
                    near.recv(1)


@pytest.mark.parametrize("missing", [0, 1])
def test_a_failure_names_the_seed_that_repeats_it(
    missing: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    result = dict.fromkeys(NOUGHT, 0)
    result |= {"missing": missing, "emitted": 9}
    monkeypatch.setattr(command, "run", lambda *_: result | {"left_out": {"fill-disk": "no root"}})
    monkeypatch.setattr("sys.argv", ["chaos", "--rounds", "7", "--seed", "81"])
    assert command.main() == missing
    said = capsys.readouterr()
    assert json.loads(said.out)["missing"] == missing
    assert ("make chaos ROUNDS=7 SEED=81 HOMES=2" in " ".join(said.err.split())) is bool(missing)
    assert "left out: fill-disk, since no root" in said.err
