"""What systemd is told, over a real socket."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.systemd_notify import LONGEST_STATUS, Notifier, Progress, feed_watchdog


@pytest.fixture(params=["file", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = f"telekol-{secrets.token_hex(8)}"
    file = request.param == "file"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "n") if file else f"\0{name}")
        sock.settimeout(5)
        yield sock, str(tmp_path / "n") if file else f"@{name}"


def test_what_is_said_arrives_as_systemd_reads_it(listener: tuple[socket.socket, str]) -> None:
    sock, address = listener
    notifier = Notifier({"NOTIFY_SOCKET": address})
    assert notifier.is_supervised
    notifier.ready()
    notifier.status("listening\nfor devices " + "x" * 1000)
    notifier.alive()
    notifier.stopping()
    said = [sock.recv(4096).decode() for _ in range(4)]
    assert said[0] == "READY=1"
    assert said[1].startswith("STATUS=listening for devices x")
    assert len(said[1]) == len("STATUS=") + LONGEST_STATUS
    assert said[2:] == ["WATCHDOG=1", "STOPPING=1"]


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all"])
def test_without_a_supervisor_nothing_fails(address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.ready()
    assert notifier.is_supervised == address.startswith("/")


@pytest.mark.parametrize(
    ("environment", "period_s"),
    [
        ({"WATCHDOG_USEC": "90000000"}, 90.0),
        ({"WATCHDOG_USEC": "90000000", "WATCHDOG_PID": str(os.getpid())}, 90.0),
        ({"WATCHDOG_USEC": "90000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_ours_or_it_is_none(
    environment: dict[str, str], period_s: float | None
) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/run/n", **environment}).watchdog_s == period_s
    assert Notifier(environment).watchdog_s is None


def test_a_part_without_progress_is_named() -> None:
    now_s = 0.0
    progress = Progress({"radio": 10.0, "outbox": 5.0}, lambda: now_s)
    assert progress.stalled() == ()
    now_s = 7.0
    assert progress.stalled() == ("outbox",)
    progress.beat("outbox")
    now_s = 11.0
    assert progress.stalled() == ("radio",)
    progress.beat("radio")
    assert progress.stalled() == ()


async def test_the_watchdog_is_fed_while_there_is_progress_and_no_longer(
    listener: tuple[socket.socket, str],
) -> None:
    sock, address = listener
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    now_s = 0.0
    progress = Progress({"radio": 10.0}, lambda: now_s)
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000"})
    checked = asyncio.Event()
    feeding = asyncio.create_task(feed_watchdog(notifier, progress, checked.set))
    async with asyncio.timeout(10):
        for _ in range(3):
            assert await loop.sock_recv(sock, 100) == b"WATCHDOG=1"
        now_s = 11.0
        while (said := await loop.sock_recv(sock, 200)) == b"WATCHDOG=1":
            pass
        assert said == b"STATUS=no progress in: radio"
        checked.clear()
        await checked.wait()
        with pytest.raises(BlockingIOError):
            sock.recv(100)
        progress.beat("radio")
        assert await loop.sock_recv(sock, 100) == b"WATCHDOG=1"
    feeding.cancel()
    await asyncio.wait({feeding})


async def test_without_a_watchdog_nothing_is_fed() -> None:
    progress = Progress({}, lambda: 0.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await feed_watchdog(Notifier({}), progress, lambda: pytest.fail("asked"))
