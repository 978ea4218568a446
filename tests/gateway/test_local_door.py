"""The door inside the home: over a real socket and port, with the commands as they are run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import NotRunningError, OutboxCorruptError, OutboxError
from gateway.local_client import ask
from gateway.local_http import LIMIT_BYTES, MOST_OPEN, LocalDoor, Port
from gateway.local_place import connected, listening, socket_of, token_of
from tests.gateway.test_local_intake import Home, form, session
from tests.support.processes import free_port


@dataclass
class Door:
    home: Home
    outbox: Path
    port: int
    door: LocalDoor
    task: asyncio.Task[None]

    @property
    def token(self) -> str:
        return token_of(self.outbox).read_text().strip()

    async def ask(self, method: str, path: str, body: bytes = b"") -> Any:
        return await asyncio.to_thread(ask, self.outbox, method, path, body)

    async def raw(self, request: bytes, *, to_port: bool = True) -> bytes:
        """Send bytes and read until the door hangs up."""
        if to_port:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        else:
            reader, writer = await asyncio.open_unix_connection(
                sock=connected(socket_of(self.outbox))
            )
        writer.write(request)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        try:
            async with asyncio.timeout(30):
                return await reader.read()
        finally:
            writer.close()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    # A folder deeper than the address of a Unix socket can say.
    folder = tmp_path / ("deep" * 25)
    folder.mkdir()
    home = Home(folder)
    outbox, port = folder / "outbox.db", free_port()
    door = LocalDoor(home.intake, socket_of(outbox), Port("127.0.0.1", port, token_of(outbox)))
    task = asyncio.create_task(door.run())
    await _until_open(outbox, port)
    yield Door(home, outbox, port, door, task)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, OutboxError):
        await task
    await asyncio.sleep(0.05)  # asyncio closes behind callers who were cut off a moment later
    home.outbox.close()


async def _until_open(outbox: Path, port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                connected(socket_of(outbox)).close()
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                await asyncio.sleep(0.01)
            else:
                return


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


JSON = "Content-Type: application/json"


def status(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


async def test_a_session_over_the_socket_is_committed_before_it_is_answered(door: Door) -> None:
    reply = await door.ask("POST", "/spirometry", session())
    assert (reply.status, len(reply.content["kept"])) == (HTTPStatus.CREATED, 3)
    assert door.home.outbox.last_seq == 3
    again = await door.ask("POST", "/spirometry", session())
    assert (again.status, again.content["known"]) == (HTTPStatus.OK, 3)


async def test_typed_readings_and_the_condition(door: Door) -> None:
    assert (await door.ask("POST", "/readings", form({"spo2": 91}))).status is HTTPStatus.CREATED
    reply = await door.ask("GET", "/condition")
    assert (reply.status, reply.content["waiting"]) == (HTTPStatus.OK, 1)


async def test_many_at_once_are_each_answered_and_doubles_are_one(door: Door) -> None:
    bodies = [form({"spo2": 91}, f"key-{number:04}") for number in range(6)] * 2
    replies = await asyncio.gather(*(_patiently(door, body) for body in bodies))
    assert sorted(replies) == [200] * 6 + [201] * 6
    assert door.home.outbox.last_seq == 6


async def _patiently(door: Door, body: bytes) -> int:
    for _ in range(50):
        reply = await door.ask("POST", "/readings", body)
        if reply.status is not HTTPStatus.SERVICE_UNAVAILABLE:
            return int(reply.status)
        await asyncio.sleep(0.05)
    raise AssertionError("never heard")


async def test_the_port_hears_only_who_has_the_token(door: Door) -> None:
    body = form({"spo2": 91})
    assert status(await door.raw(post("/readings", body, JSON))) == 401
    wrong = post("/readings", body, JSON, "Authorization: Bearer wrong")
    assert status(await door.raw(wrong)) == 401
    assert door.home.outbox.last_seq == 0
    right = post("/readings", body, JSON, f"Authorization: Bearer {door.token}")
    assert status(await door.raw(right)) == 201
    assert door.home.outbox.last_seq == 1


async def test_socket_and_token_are_for_this_user_alone(door: Door) -> None:
    assert len(str(socket_of(door.outbox))) > 108
    assert stat.S_IMODE(socket_of(door.outbox).stat().st_mode) == 0o600
    assert stat.S_IMODE(token_of(door.outbox).stat().st_mode) == 0o600
    assert len(door.token) >= 40


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"GET /spirometry HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (post("/condition", b"{}", JSON), 405),
        (post("/readings", b"{}"), 415),
        (post("/readings", b"{}", "Content-Type: text/plain"), 415),
        (post("/readings", b"{}", JSON), 422),
        (post("/readings", b"\xff", JSON), 422),
        (post("/spirometry", b" " * (LIMIT_BYTES + 1), JSON), 413),
        (b"no http at all\r\n\r\n", 400),
        (b"GET /condition HTTP/1.1\r\n\r\n", 400),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
async def test_what_is_no_good_request_is_answered_and_harms_nobody(
    door: Door, request_: bytes, expected: int
) -> None:
    assert status(await door.raw(request_, to_port=False)) == expected
    assert (await door.ask("GET", "/condition")).status is HTTPStatus.OK


async def test_a_caller_who_asks_first_is_told_to_go_on(door: Door) -> None:
    request = post("/readings", form({"spo2": 91}), JSON, "Expect: 100-continue")
    reader, writer = await asyncio.open_unix_connection(sock=connected(socket_of(door.outbox)))
    head, _, body = request.partition(b"\r\n\r\n")
    writer.write(head + b"\r\n\r\n")
    async with asyncio.timeout(30):
        assert (await reader.readline()).startswith(b"HTTP/1.1 100")
        writer.write(body)
        assert b"HTTP/1.1 201" in await reader.read()
    writer.close()


async def test_a_caller_who_hangs_up_half_way_leaves_nothing(door: Door) -> None:
    request = post("/readings", form({"spo2": 91}), JSON)
    for size in range(0, len(request), 17):
        _reader, writer = await asyncio.open_unix_connection(sock=connected(socket_of(door.outbox)))
        writer.write(request[:size])
        writer.close()
        await writer.wait_closed()
    for _ in range(100):
        if (await door.ask("GET", "/condition")).status is HTTPStatus.OK:
            break
        await asyncio.sleep(0.05)
    assert door.home.outbox.last_seq == 0


async def test_callers_who_say_nothing_do_not_lock_the_others_out_for_long(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.local_http.WITHIN_S", 0.5)
    silent = [connected(socket_of(door.outbox)) for _ in range(MOST_OPEN)]
    try:
        async with asyncio.timeout(30):
            while True:
                reply = await door.ask("GET", "/condition")
                if reply.status is HTTPStatus.OK:
                    break
                assert reply.status is HTTPStatus.SERVICE_UNAVAILABLE
                await asyncio.sleep(0.05)
    finally:
        for one in silent:
            one.close()


async def _come(door: Door, count: int) -> list[socket.socket]:
    """Callers of the port who begin a sentence and say no more."""

    def come() -> list[socket.socket]:
        many = [socket.create_connection(("127.0.0.1", door.port), 10) for _ in range(count)]
        for one in many:
            with contextlib.suppress(ConnectionError):
                one.sendall(b"POST /rea")
        return many

    return await asyncio.to_thread(come)


async def test_callers_of_the_port_do_not_lock_out_the_commands(door: Door) -> None:
    silent = await _come(door, MOST_OPEN + 1)
    try:
        assert (await door.ask("GET", "/condition")).status is HTTPStatus.OK
    finally:
        await _gone(door, silent)


def _handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_flood_of_callers_is_hung_up_on(door: Door) -> None:
    handles = _handles()
    many = await _come(door, 150)
    try:
        assert (await door.ask("GET", "/condition")).status is HTTPStatus.OK
        ours = _handles() - handles - len(many)
        assert ours < 5 * MOST_OPEN
    finally:
        await _gone(door, many)


async def _gone(door: Door, callers: list[socket.socket]) -> None:
    for one in callers:
        one.close()
    # Some are accepted only now; each has ended when asyncio has closed behind it.
    for _ in range(20):
        await asyncio.sleep(0.02)
        if door.door._of_port:
            await asyncio.wait(set(door.door._of_port), timeout=30)


async def test_a_name_that_no_text_can_hold_is_refused_with_an_answer(door: Door) -> None:
    body = b'{"key": "aaaaaaaa", "readings": {"\\ud800": "95"}}'
    answer = await door.ask("POST", "/readings", body)
    assert answer.status is HTTPStatus.UNPROCESSABLE_ENTITY


async def test_a_token_that_is_damaged_is_said_and_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home, outbox, port = Home(tmp_path), tmp_path / "outbox.db", free_port()
    token_of(outbox).write_bytes(b"\xff\xfe\x00")
    door = LocalDoor(home.intake, socket_of(outbox), Port("127.0.0.1", port, token_of(outbox)))
    task = asyncio.create_task(door.run())
    await _until_open(outbox, port)
    await asyncio.to_thread(ask, outbox, "GET", "/condition")  # after the callers before it
    await asyncio.sleep(0.05)
    assert "token" in caplog.text
    assert len(token_of(outbox).read_text(encoding="ascii").strip()) > 30
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.05)
    home.outbox.close()


async def test_an_outbox_that_cannot_write_is_said_and_nothing_is_promised(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_observations: object) -> None:
        raise OutboxError("database or disk is full")

    monkeypatch.setattr(door.home.outbox, "put", full)
    reply = await door.ask("POST", "/readings", form({"spo2": 91}))
    assert reply.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert not door.task.done()
    monkeypatch.undo()
    assert (await door.ask("POST", "/readings", form({"spo2": 91}))).status is HTTPStatus.CREATED


async def test_a_damaged_outbox_ends_the_part_so_that_a_new_start_heals_it(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(_observations: object) -> None:
        raise OutboxCorruptError("the outbox is damaged")

    monkeypatch.setattr(door.home.outbox, "put", damaged)
    reply = await door.ask("POST", "/readings", form({"spo2": 91}))
    assert reply.status is HTTPStatus.SERVICE_UNAVAILABLE
    with pytest.raises(OutboxCorruptError):
        await door.task


async def test_a_port_that_is_taken_is_tried_again_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.local_http.TRIED_AGAIN_S", 0.05)
    home, outbox = Home(tmp_path), tmp_path / "outbox.db"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        door = LocalDoor(home.intake, socket_of(outbox), Port("127.0.0.1", port, token_of(outbox)))
        task = asyncio.create_task(door.run())
        async with asyncio.timeout(30):
            while True:
                if "local port cannot be opened" in caplog.text:
                    break
                await asyncio.sleep(0.01)
        reply = await asyncio.to_thread(ask, outbox, "GET", "/condition")
        assert reply.status is HTTPStatus.OK
    await _until_open(outbox, port)
    await asyncio.to_thread(ask, outbox, "GET", "/condition")  # after the callers before it
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    home.outbox.close()


def test_what_a_killed_gateway_left_is_no_gateway(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.db"
    listening(socket_of(outbox)).close()
    assert socket_of(outbox).exists()
    with pytest.raises(NotRunningError, match="nothing was kept"):
        ask(outbox, "GET", "/condition")
    with listening(socket_of(outbox)):  # the next start takes its place
        connected(socket_of(outbox)).close()


# --------------------------------------------------------------------------------- commands


async def telekol(*arguments: str, **environment: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "telekol", "gateway", *arguments),
        env={**os.environ, "COLUMNS": "300", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_the_commands_hand_in_to_the_running_gateway(door: Door, tmp_path: Path) -> None:
    outbox = str(door.outbox)
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(session())
    bad.write_bytes(b"{}")
    code, out, err = await telekol("submit", str(good), "--outbox", outbox)
    assert (code, json.loads(out)["taken"], err) == (0, True, "")
    code, out, err = await telekol("submit", str(bad), str(good), "--outbox", outbox)
    assert (code, json.loads(out)["known"]) == (1, 3)
    assert json.loads(err)["errors"][0]["field"] == "version"
    entered = ("enter", "spo2=91", "body_weight=72,4", "--by", "nurse", "--key", "key-0001")
    code, out, err = await telekol(*entered, TELEKOL_GATEWAY_OUTBOX=outbox)
    assert (code, [one["value"] for one in json.loads(out)["kept"]]) == (0, [91, 72.4])
    code, out, _err = await telekol(*entered, TELEKOL_GATEWAY_OUTBOX=outbox)
    assert (code, json.loads(out)["known"]) == (0, 2)
    code, out, err = await telekol("enter", "pef=5,2", "--outbox", outbox)
    assert (code, out) == (1, "")
    danish, english = err.splitlines()
    assert "Er det aflæst i L/s? Det ville være 312" in danish
    assert "Was it read in L/s? That would be 312" in english
    code, out, _err = await telekol("condition", "--outbox", outbox)
    assert (code, json.loads(out)["waiting"]) == (0, 5)


async def test_a_command_without_a_gateway_says_so_with_status_2(tmp_path: Path) -> None:
    missing = str(tmp_path / "outbox.db")
    code, _out, err = await telekol("enter", "spo2=91", "--outbox", missing)
    assert code == 2
    assert "nothing was kept" in err
    code, _out, err = await telekol("condition", TELEKOL_GATEWAY_OUTBOX="")
    assert code == 2
    assert "TELEKOL_GATEWAY_OUTBOX is not set" in err
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - a path's own would block the loop


async def test_an_option_before_the_command_is_not_ignored(door: Door) -> None:
    code, out, err = await telekol("--outbox", str(door.outbox), "enter", "spo2=91")
    assert (code, err) == (0, "")
    assert json.loads(out)["kept"][0]["quantity"] == "spo2"


async def test_a_document_is_checked_and_the_schema_printed_without_a_gateway(
    tmp_path: Path,
) -> None:
    good = tmp_path / "good.json"
    good.write_bytes(session())
    code, out, _err = await telekol("submit", "--check", str(good))
    assert (code, json.loads(out)["taken"]) == (0, True)
    code, out, _err = await telekol("submit", "--schema")
    assert (code, json.loads(out)["title"]) == (0, "SpirometryDocument")
