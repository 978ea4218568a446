"""Where a gateway listens at home: a socket beside its outbox, and its files.

Owns names and the opening of Unix sockets. Must not know what is said over them.

A Unix socket's address holds 108 bytes, and a path may be longer; so the socket is named through
an open handle of its folder, which is short wherever the folder lies (Linux, proc(5)).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def socket_of(outbox: Path) -> Path:
    """Give the socket over which commands reach the gateway with this outbox."""
    return outbox.with_name(outbox.name + ".socket")


def token_of(outbox: Path) -> Path:
    """Give the file with the word that callers of the local port must know."""
    return outbox.with_name(outbox.name + ".local-token")


def documents_of(outbox: Path) -> Path:
    """Give the folder of spirometry documents."""
    return outbox.with_name(outbox.name + ".spirometry")


def listening(path: Path) -> socket.socket:
    """Listen at `path`, for this user alone; what a killed gateway left there goes.

    Only for the holder of the outbox's lock: nobody else listens there then.
    """
    path.unlink(missing_ok=True)
    return _opened(path, _listen)


def connected(path: Path) -> socket.socket:
    """Connect to `path`; raises OSError if nobody listens there."""
    return _opened(path, lambda sock, address: sock.connect(address))


def _listen(sock: socket.socket, address: str) -> None:
    sock.bind(address)
    os.chmod(address, 0o600)  # noqa: PTH101 - through the open handle
    sock.listen(16)
    sock.setblocking(False)


def _opened(path: Path, use: Callable[[socket.socket, str], None]) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(path) as address:
            use(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


@contextmanager
def _short(path: Path) -> Iterator[str]:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
