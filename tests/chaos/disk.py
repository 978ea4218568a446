"""A small disk that can be filled. Touches mounts and files; needs root, and says so without.

A tmpfs of its own for each outbox: a quota would need a file system that has them, and a loop
device needs root as well. Without root the outbox lies on the ordinary disk and is never filled.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import Final

SIZE_MB: Final = 8
"""The outbox of a campaign is one or two megabytes with its journal; the rest is there to fill."""

_PIECE: Final = bytes(64 * 1024)


class SmallDisk:
    """A folder on a file system of its own, where that can be made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.why_not = self._mount()
        self._ballast = folder / "ballast"

    @property
    def can_fill(self) -> bool:
        return not self.why_not

    def fill(self) -> None:
        """Leave not one byte."""
        with contextlib.suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while True:
                # At the end by single bytes: a piece that does not fit is not written at all.
                with contextlib.suppress(OSError):
                    while file.write(_PIECE) == len(_PIECE):
                        pass
                while file.write(b"\0"):
                    pass

    def empty(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        if self.can_fill:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=False)

    def _mount(self) -> str:
        if os.geteuid() != 0:
            return "a small disk needs root"
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=0777", "tmpfs"]
        done = subprocess.run(
            [*command, str(self.folder)], check=False, capture_output=True, text=True
        )
        return done.stderr.strip() if done.returncode else ""
