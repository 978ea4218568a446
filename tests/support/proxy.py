"""A TCP proxy that a test can cut: every broker and database line of a fault test goes through one.

`cut` closes what is open and refuses what is new, `mend` lets it through again, `freeze` keeps
the line open and passes nothing on (a black hole), which is what a dead router looks like.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

Address = tuple[str, int] | str
"""(host, port), or the path of a Unix socket."""


class Proxy:
    """Listens on a free local port and passes bytes on to `target` until it is cut."""

    def __init__(self, target: Address) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._up = True
        self._flowing = threading.Event()
        self._flowing.set()
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

    def mend(self) -> None:
        """Let everything through again."""
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
            while data := source.recv(65536):
                self._flowing.wait()
                sink.sendall(data)
        _shut(source)
        _shut(sink)
        with self._lock:
            self._open -= {source, sink}


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
