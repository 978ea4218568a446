"""A gateway's wall clock that can jump while it runs. Touches a file that libfaketime reads.

The whole process sees the jump, as after a time service's step: nothing inside is replaced. The
clock that never jumps (since the boot) is left alone, as it is in a real kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

NOT_FOUND = "libfaketime is not installed (apt-get install faketime)"


def library() -> Path | None:
    """Give libfaketime's file, None where it is not installed."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return found[0] if found else None


class WallClock:
    """The clock of one gateway.

    Parameters
    ----------
    file
        Where the jump is written; each gateway has its own.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._library = library()
        self.set(0)

    @property
    def why_not(self) -> str:
        return "" if self._library else NOT_FOUND

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process needs to see this clock."""
        if self._library is None:
            return {}
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, ahead_s: float) -> None:
        """Let the clock be ahead by so much from now on."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{ahead_s:+.0f}\n", encoding="ascii")
        fresh.replace(self._file)
