"""A TCP proxy that a test can cut: every broker and database line of a fault test goes through one.

`cut` closes what is open and refuses what is new, `mend` lets it through again, `freeze` keeps
the line open and passes nothing on (a black hole), which is what a dead router looks like.
`reset` ends what is open by TCP's RST and takes new lines at once, as a firewall that forgot its
table. `slow` makes the line late, narrow and cut into slices, as a mobile network at its edge.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

Address = tuple[str, int] | str
"""(host, port), or the path of a Unix socket."""

_PIECE_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Slowness:
    """How a line is slow: every slice waits, and then takes the time its bytes need."""

    latency_s: float = 0.0
    bytes_per_s: float | None = None
    slice_bytes: int = _PIECE_BYTES

    def wait_s(self, size: int) -> float:
        return self.latency_s + (size / self.bytes_per_s if self.bytes_per_s else 0.0)


class Proxy:
    """Listens on a free local port and passes bytes on to `target` until it is cut."""

    def __init__(self, target: Address) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._up = True
        self._flowing = threading.Event()
        self._flowing.set()
        self._slowness = Slowness()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def cut(self) -> None:
        """Close every line and refuse new ones."""
        self._up = False
        with self._lock:
            for sock in self._open:
                _shut(sock)
            self._open.clear()

    def freeze(self) -> None:
        """Keep lines open but pass nothing on."""
        self._flowing.clear()

    def reset(self) -> None:
        """End every line with a reset; new ones are taken."""
        with self._lock:
            lines, self._open = self._open, set()
        for sock in lines:
            with contextlib.suppress(OSError):
                # No lingering: the kernel sends RST, and what was on its way is gone. A thread that
                # waits for this socket holds it open; this wakes it and says nothing to the peer.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RD)
            sock.close()

    def slow(self, slowness: Slowness) -> None:
        """Pass bytes on late, narrowly and in slices."""
        self._slowness = slowness

    def mend(self) -> None:
        """Let everything through again, as fast as it can."""
        self._slowness = Slowness()
        self._up = True
        self._flowing.set()

    def close(self) -> None:
        """Cut for good."""
        self.cut()
        self._flowing.set()
        _shut(self._listener)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = self._reach() if self._up else None
            if far is None:
                _shut(near)
                continue
            with self._lock:
                self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _reach(self) -> socket.socket | None:
        family = socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET
        far = socket.socket(family, socket.SOCK_STREAM)
        try:
            far.connect(self._target)
        except OSError:
            far.close()
            return None
        return far

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_PIECE_BYTES):
                self._pass_on(data, sink)
        with self._lock:
            # Not ours any more if it was cut or reset.
            ours = {source, sink} & self._open
            self._open -= ours
        for sock in ours:
            _shut(sock)

    def _pass_on(self, data: bytes, sink: socket.socket) -> None:
        while data:
            slowness = self._slowness
            piece, data = data[: slowness.slice_bytes], data[slowness.slice_bytes :]
            wait_s = slowness.wait_s(len(piece))
            if wait_s:
                time.sleep(wait_s)
            self._flowing.wait()
            sink.sendall(piece)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
