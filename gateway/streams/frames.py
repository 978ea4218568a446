"""Frames out of a stream of bytes that may be cut anywhere.

Owns two kinds of frame: one whose first byte alone has its highest bit set (BCI, Nonin classic),
and the lung monitor's, between STX and a checksum behind ETX. Pure. Must not know what a frame
says; a frame that came out may still be wrong.

Invariant: however the stream is cut, the same frames come out, and never more than one frame's
bytes are held.
"""

from __future__ import annotations

from typing import Final, Protocol

_SYNC: Final = 0x80
STX: Final = 0x02


class Frames(Protocol):
    """Cuts a stream into frames."""

    def fed(self, chunk: bytes) -> tuple[bytes, ...]:
        """Take bytes in; gives the frames that are now complete."""


class SyncFrames:
    """Frames of `size` bytes, of which the first alone has its highest bit set."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._pending = bytearray()

    def fed(self, chunk: bytes) -> tuple[bytes, ...]:
        """Take bytes in; gives the frames that are now complete."""
        frames: list[bytes] = []
        for byte in chunk:
            if byte & _SYNC:
                self._pending = bytearray((byte,))
            elif self._pending:
                self._pending.append(byte)
            if len(self._pending) == self._size:
                frames.append(bytes(self._pending))
                self._pending.clear()
        return tuple(frames)


class StxFrames:
    """Frames of `size` bytes that begin with STX, which stands nowhere else but in the checksum."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._pending = bytearray()

    @property
    def is_open(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._pending)

    def drop(self) -> None:
        """Give up the frame that has begun."""
        self._pending.clear()

    def fed(self, chunk: bytes) -> tuple[bytes, ...]:
        """Take bytes in; gives the frames that are now complete."""
        frames: list[bytes] = []
        for byte in chunk:
            is_checksum = len(self._pending) == self._size - 1
            if byte == STX and not is_checksum:
                self._pending = bytearray((byte,))
            elif self._pending:
                self._pending.append(byte)
            if len(self._pending) == self._size:
                frames.append(bytes(self._pending))
                self._pending.clear()
        return tuple(frames)
